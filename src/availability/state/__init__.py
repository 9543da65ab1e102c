"""The stored state that the rules are applied to: Redis where it is cached, Postgres where it is not."""
