"""The two stores: Postgres, which is the authority, and Redis, which is not."""
