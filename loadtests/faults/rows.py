"""What Postgres has in the end, read past the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

LIVE: Final = frozenset({"pending", "confirmed"})
"""The statuses of an appointment that keeps its time."""

_APPOINTMENTS: Final = """
    SELECT appointments.id, hold_id, metadata->>'attempt' AS attempt, status, starts_at, ends_at, party,
        appointments.version, services.buffer_before_minutes, services.buffer_after_minutes,
        (SELECT count(*) FROM outbox WHERE outbox.tenant_id = appointments.tenant_id
            AND outbox.subject = appointments.id)
            + (SELECT count(*) FROM events WHERE events.tenant_id = appointments.tenant_id
                AND events.subject = appointments.id) AS events
    FROM appointments
        JOIN services ON services.tenant_id = appointments.tenant_id AND services.id = appointments.service_id
    WHERE $1::uuid IS NULL OR appointments.tenant_id = $1
"""
_PARTS: Final = """
    SELECT parts.appointment_id, resources.key AS resource, parts.starts_at, parts.ends_at
    FROM appointment_resources AS parts
        JOIN resources ON resources.tenant_id = parts.tenant_id AND resources.id = parts.resource_id
    WHERE $1::uuid IS NULL OR parts.tenant_id = $1
    ORDER BY appointment_id, parts.position
"""
_CLAIMS: Final = """
    SELECT claims.appointment_id, resources.key AS resource, claims.lane_id,
        lower(during) AS starts_at, upper(during) AS ends_at
    FROM claims
        JOIN lanes ON lanes.id = claims.lane_id
        JOIN resources ON resources.tenant_id = lanes.tenant_id AND resources.id = lanes.resource_id
    WHERE $1::uuid IS NULL OR claims.tenant_id = $1
"""
# Without any index: what the constraint keeps may not be asked whether the constraint holds.
_WITHOUT_INDEXES: Final = "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off"
_OVERLAPS: Final = """
    SELECT one.lane_id, one.appointment_id, other.appointment_id
    FROM claims AS one JOIN claims AS other
        ON one.lane_id = other.lane_id
        AND lower(one.during) < upper(other.during) AND lower(other.during) < upper(one.during)
        AND (one.appointment_id, lower(one.during)) < (other.appointment_id, lower(other.during))
    WHERE $1::uuid IS NULL OR one.tenant_id = $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A resource that serves, without buffers."""

    resource: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An appointment with what it needs."""

    id: str
    hold_id: str
    attempt: str | None
    """As its client had it written into the metadata."""
    status: str
    starts_at: datetime
    ends_at: datetime
    party: int
    version: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    events: int
    """Number of its events in the outbox or in the feed."""
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A stretch of one lane, with buffers."""

    appointment_id: str
    resource: str
    lane_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """An event as the feed has it, in its order."""

    id: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Everything the checks look at."""

    appointments: Mapping[str, Appointment]
    claims: Sequence[Claim]
    overlaps: Sequence[tuple[int, str, str]] = ()
    """Lane and both appointments, as a self join in Postgres has found them."""


async def read_rows(database_url: str, tenant_id: UUID | None = None) -> Rows:
    """All of it, or all of one business, in one snapshot. Of several only a superuser can read."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_WITHOUT_INDEXES)
            # For an account that row-level security does bind.
            await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id or ""))
            appointments = await connection.fetch(_APPOINTMENTS, tenant_id)
            parts: dict[str, list[Part]] = {}
            for row in await connection.fetch(_PARTS, tenant_id):
                part = Part(resource=row["resource"], starts_at=row["starts_at"], ends_at=row["ends_at"])
                parts.setdefault(row["appointment_id"], []).append(part)
            claims = await connection.fetch(_CLAIMS, tenant_id)
            overlaps = await connection.fetch(_OVERLAPS, tenant_id)
    finally:
        await connection.close()
    return Rows(
        appointments={row["id"]: Appointment(**dict(row), parts=parts.get(row["id"], ())) for row in appointments},
        claims=[Claim(**dict(row)) for row in claims],
        overlaps=[tuple(row) for row in overlaps],
    )


async def count_invalidations(database_url: str, tenant_id: UUID | None = None) -> int:
    """How many changes, of all or of one business, Redis has not been told of yet."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    try:
        count = "SELECT count(*) FROM invalidations WHERE $1::uuid IS NULL OR tenant_id = $1"
        return int(await connection.fetchval(count, tenant_id))
    finally:
        await connection.close()


async def read_feed(database_url: str) -> tuple[list[FeedEvent], int]:
    """Read the feed in its order, and the number of events that no relay has moved yet."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT id, subject FROM events ORDER BY seq")
        waiting = await connection.fetchval("SELECT count(*) FROM outbox")
    finally:
        await connection.close()
    return [FeedEvent(id=row["id"], subject=row["subject"]) for row in rows], int(waiting)
