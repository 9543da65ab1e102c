"""What Postgres says of a run on stores of its own: what was written, and whether anything was sold twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import asyncpg

# Postgres' processes tell what they have done at the latest this long after it, when they are idle.
_STATISTICS_SECONDS: Final = 11.0
_CONNECT_SECONDS: Final = 10.0
# Filling millions of rows takes minutes.
_STATEMENT_SECONDS: Final = 3600.0
_LANE_BATCH: Final = 250_000
_SQL_INSERTS: Final = "SELECT relname, n_tup_ins FROM pg_stat_user_tables WHERE relname IN ('appointments', 'claims')"
_SQL_SOLD: Final = """
    SELECT count(*) FROM appointments a JOIN services s ON s.tenant_id = a.tenant_id AND s.id = a.service_id
    WHERE s.key = $1 AND a.status = 'confirmed'"""
_SQL_SOLD_TWICE: Final = """
    SELECT count(*) FROM claims a JOIN claims b ON a.lane_id = b.lane_id AND a.during && b.during
    AND (a.appointment_id, a.during) < (b.appointment_id, b.during)
    WHERE upper(a.during) > now()"""
# Sorted by lane and time, as they would have come to be; each claim ends where the next begins.
_SQL_FILL: Final = """
    INSERT INTO claims (tenant_id, appointment_id, lane_id, during)
    SELECT lane.tenant_id, 'apt_past' || lane.id || '-' || turn, lane.id,
           tstzrange(instant - make_interval(mins => 15), instant)
    FROM lanes lane
    JOIN resources resource ON resource.tenant_id = lane.tenant_id AND resource.id = lane.resource_id,
    generate_series($1::bigint, $2::bigint - 1) turn,
    LATERAL (SELECT $3::timestamptz - make_interval(mins => (15 * turn)::int) AS instant) past
    WHERE resource.kind = 'desk'"""


async def server_version(database_url: str) -> str:
    """The version of Postgres."""
    async with _connected(database_url) as connection:
        version: str = await connection.fetchval("SHOW server_version")
        return version


async def inserts(database_url: str) -> dict[str, int]:
    """Rows ever inserted into the tables of bookings, rolled back or not."""
    await asyncio.sleep(_STATISTICS_SECONDS)
    async with _connected(database_url) as connection:
        return {row["relname"]: row["n_tup_ins"] for row in await connection.fetch(_SQL_INSERTS)}


async def sold(database_url: str, service: str) -> int:
    """Confirmed appointments of a service."""
    async with _connected(database_url) as connection:
        number: int = await connection.fetchval(_SQL_SOLD, service)
        return number


async def sold_twice(database_url: str) -> int:
    """Pairs of coming claims that overlap. The constraint is not asked: the rows are compared."""
    async with _connected(database_url) as connection:
        number: int = await connection.fetchval(_SQL_SOLD_TWICE)
        return number


async def fill_past(database_url: str, *, claims: int, desks: int) -> None:
    """Give the desks so many past claims, with triggers and foreign keys off."""
    latest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    async with _connected(database_url) as connection:
        await connection.execute("SET session_replication_role = replica")
        step = max(1, _LANE_BATCH // desks)
        for turn in range(0, claims // desks, step):
            await connection.execute(_SQL_FILL, turn, min(turn + step, claims // desks), latest)
    async with _connected(database_url) as connection:
        await connection.execute("VACUUM (ANALYZE) claims")


async def create_database(database_url: str, name: str) -> str:
    """The URL of a new, empty database on the same server."""
    async with _connected(database_url) as connection:
        await connection.execute(f'CREATE DATABASE "{name}"')
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(
        database_url, timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS, statement_cache_size=0
    )
    try:
        yield connection
    finally:
        await connection.close()
