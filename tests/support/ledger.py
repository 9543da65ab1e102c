"""What is written in Postgres, read past the engine."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from kernel.ids import TenantId
from tests.support.engine import Engine

_COUNTS = """
    SELECT
        (SELECT count(*) FROM appointments WHERE tenant_id = $1 AND status IN ('pending', 'confirmed')) AS live,
        (SELECT count(*) FROM claims WHERE tenant_id = $1) AS claims,
        (SELECT count(*) FROM appointment_resources WHERE tenant_id = $1) AS parts,
        (SELECT count(*) FROM outbox WHERE tenant_id = $1 AND name LIKE 'appointment.%')
            + (SELECT count(*) FROM events WHERE tenant_id = $1 AND type LIKE 'appointment.%') AS events,
        (SELECT count(*) FROM customers WHERE tenant_id = $1) AS customers,
        (
            SELECT count(*) FROM claims AS one JOIN claims AS other
            ON one.lane_id = other.lane_id AND one.during && other.during
            AND (one.appointment_id, one.during) < (other.appointment_id, other.during)
            WHERE one.tenant_id = $1 AND other.tenant_id = $1
        ) AS overlaps
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Numbers of rows, and of pairs of claims that overlap on one lane."""

    live: int
    """Appointments that are pending or confirmed."""
    claims: int
    parts: int
    events: int
    customers: int
    overlaps: int


async def ledger(engine: Engine) -> Ledger:
    """Count everything of the engine's business, past row-level security."""
    connection = await asyncpg.connect(engine.context.settings.database_url)
    try:
        return await read_ledger(connection, engine.tenant_id)
    finally:
        await connection.close()


async def read_ledger(outside: "asyncpg.Connection[Any]", tenant_id: TenantId) -> Ledger:
    """Count everything of a business on a connection that row-level security does not bind."""
    (counts,) = await outside.fetch(_COUNTS, tenant_id)
    return Ledger(**counts)
