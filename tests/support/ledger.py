"""What is written in Postgres, read past the engine."""

from dataclasses import dataclass

import asyncpg

from tests.support.engine import Engine

_OVERLAPS = """
    SELECT count(*) FROM claims AS one JOIN claims AS other
    ON one.lane_id = other.lane_id AND one.during && other.during
    AND (one.appointment_id, one.during) < (other.appointment_id, other.during)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """How many rows there are of each, and how many pairs of claims overlap on one lane."""

    live: int
    """Appointments that are pending or confirmed."""
    claims: int
    parts: int
    events: int
    customers: int
    overlaps: int


async def ledger(engine: Engine) -> Ledger:
    """Count everything of all businesses; row-level security does not bind the superuser who counts."""
    url = engine.context.settings.database_url
    connection = await asyncpg.connect(url)
    try:
        return Ledger(
            live=await connection.fetchval(
                "SELECT count(*) FROM appointments WHERE status IN ('pending', 'confirmed')"
            ),
            claims=await connection.fetchval("SELECT count(*) FROM claims"),
            parts=await connection.fetchval("SELECT count(*) FROM appointment_resources"),
            events=await connection.fetchval("SELECT count(*) FROM outbox WHERE name LIKE 'appointment.%'"),
            customers=await connection.fetchval("SELECT count(*) FROM customers"),
            overlaps=await connection.fetchval(_OVERLAPS),
        )
    finally:
        await connection.close()
