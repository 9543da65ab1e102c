"""The catalogue in Postgres: each repository has one kind of rows."""
