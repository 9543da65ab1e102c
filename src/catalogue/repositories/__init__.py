"""The catalogue in Postgres: one repository for each thing that is asked about it."""
