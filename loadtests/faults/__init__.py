"""Faults under load: every answer that clients were given is compared with Postgres afterwards."""
