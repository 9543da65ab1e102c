"""An exclusive resource has one session at a time, whoever asks."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest

from tests.support.rows import NOON, Rows, claim
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

_CLAIM: Final = (
    "INSERT INTO claims (tenant_id, appointment_id, lane_id, during, session_lane_id, session)"
    " VALUES ($1, $2, $3, tstzrange($4, $5), $6, $7::text::inet) ON CONFLICT DO NOTHING"
)


async def _claim(
    connection: "asyncpg.Connection[Any]", rows: Rows, session: str, *, lane: int = 2, minutes_later: int = 0
) -> bool:
    start = NOON + timedelta(minutes=minutes_later)
    outcome = await connection.execute(
        _CLAIM,
        rows.tenant_id,
        rows.appointment_id,
        rows.lanes[lane - 1],
        start,
        start + timedelta(minutes=30),
        rows.lanes[0],
        session,
    )
    return outcome == "INSERT 0 1"


@pytest.fixture
async def session(outside: "asyncpg.Connection[Any]", ours: Rows) -> Rows:
    """A business whose first lane has a claim of session ::1 at noon."""
    await outside.execute("DELETE FROM claims")
    assert await _claim(outside, ours, "::1", lane=1)
    return ours


@pytest.mark.parametrize(
    ("token", "minutes_later", "claimed"),
    [
        ("::1", 0, True),
        ("::2", 0, False),
        ("::2", 29, False),
        ("::2", -29, False),
        ("::2", 30, True),
        ("::2", -30, True),
    ],
)
async def test_place_is_claimed_only_by_the_session_that_is_there(
    outside: "asyncpg.Connection[Any]", session: Rows, token: str, minutes_later: int, *, claimed: bool
) -> None:
    assert await _claim(outside, session, token, minutes_later=minutes_later) is claimed


async def test_lane_of_a_session_takes_one_claim_of_it(outside: "asyncpg.Connection[Any]", session: Rows) -> None:
    assert not await _claim(outside, session, "::1", lane=1)


async def test_claim_without_a_session_is_in_no_ones_way(outside: "asyncpg.Connection[Any]", session: Rows) -> None:
    await claim(outside, session, lane=2)

    assert await outside.fetchval("SELECT count(*) FROM claims") == 2


async def test_one_of_two_first_claims_of_different_sessions_wins(
    outside: "asyncpg.Connection[Any]", ours: Rows, database_url: str
) -> None:
    await outside.execute("DELETE FROM claims")
    rival = await asyncpg.connect(database_url)

    async def waits() -> bool:
        return bool(await rival.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    try:
        async with rival.transaction():
            first = await _claim(rival, ours, "::1", lane=1)
            waiting = asyncio.create_task(_claim(outside, ours, "::2", minutes_later=10))
            await eventually(waits)
        second = await waiting
    finally:
        await rival.close()

    assert (first, second) == (True, False)
    assert await outside.fetchval("SELECT array_agg(session::text) FROM claims") == ["::1/128"]
