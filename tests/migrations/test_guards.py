"""What the database refuses, whoever asks."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.support.rows import NOON, Rows, claim

pytestmark = pytest.mark.own_database


@pytest.mark.parametrize(
    ("minutes_later", "minutes"),
    [
        pytest.param(0, 29, id="starts with it"),
        pytest.param(1, 29, id="ends with it"),
        pytest.param(29, 30, id="starts in its last minute"),
        pytest.param(-29, 30, id="ends in its first minute"),
        pytest.param(10, 5, id="lies inside"),
        pytest.param(-60, 180, id="contains it"),
    ],
)
async def test_lane_takes_no_second_claim_that_overlaps(
    outside: "asyncpg.Connection[Any]", ours: Rows, minutes_later: int, minutes: int
) -> None:
    with pytest.raises(asyncpg.ExclusionViolationError):
        await claim(outside, ours, start=NOON + timedelta(minutes=minutes_later), minutes=minutes)


@pytest.mark.parametrize("minutes_later", [-30, 30])
async def test_lane_takes_claims_that_touch(outside: "asyncpg.Connection[Any]", ours: Rows, minutes_later: int) -> None:
    await claim(outside, ours, start=NOON + timedelta(minutes=minutes_later))

    assert await outside.fetchval("SELECT count(*) FROM claims") == 2


@pytest.mark.parametrize("minutes_later", [0, 10])
async def test_claim_that_overlaps_may_be_left_out_instead(
    outside: "asyncpg.Connection[Any]", ours: Rows, minutes_later: int
) -> None:
    outcome = await outside.execute(
        "INSERT INTO claims (tenant_id, appointment_id, lane_id, during)"
        " SELECT tenant_id, appointment_id, lane_id, tstzrange($1, $2) FROM claims ON CONFLICT DO NOTHING",
        NOON + timedelta(minutes=minutes_later),
        NOON + timedelta(minutes=minutes_later + 30),
    )

    assert outcome == "INSERT 0 0"


async def test_other_lane_takes_the_same_time(outside: "asyncpg.Connection[Any]", ours: Rows, theirs: Rows) -> None:
    await claim(outside, ours, lane=2)
    await claim(outside, theirs, lane=2)

    assert await outside.fetchval("SELECT count(DISTINCT lane_id) FROM claims") == 4


async def test_lane_takes_a_claim_where_one_was_deleted(outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
    await outside.execute("DELETE FROM claims")

    await claim(outside, ours)

    assert await outside.fetchval("SELECT count(*) FROM claims") == 1


async def test_claim_may_last_as_long_as_a_stay(outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
    await claim(outside, ours, lane=2, minutes=62 * 1440)

    assert await outside.fetchval("SELECT count(*) FROM claims") == 2


@pytest.mark.parametrize(
    ("start", "minutes", "bounds"),
    [
        pytest.param(NOON, 62 * 1440 + 1, "[)", id="longer than a stay"),
        pytest.param(NOON, 0, "[)", id="empty"),
        pytest.param(NOON, 30, "[]", id="end inclusive"),
        pytest.param(NOON, 30, "()", id="start exclusive"),
        pytest.param(NOON + timedelta(seconds=1), 30, "[)", id="start inside a minute"),
        pytest.param(NOON, 30.5, "[)", id="end inside a minute"),
    ],
)
async def test_claim_is_whole_minutes_and_no_longer_than_a_stay(
    outside: "asyncpg.Connection[Any]", ours: Rows, start: datetime, minutes: float, bounds: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await claim(outside, ours, lane=2, start=start, minutes=minutes, bounds=bounds)


@pytest.mark.parametrize("table", ["claims", "time_off"])
@pytest.mark.parametrize("during", ["empty", "[2026-12-01T12:00Z,)", "(,2026-12-01T12:00Z)", "(,)"])
async def test_span_without_both_ends_is_refused(
    outside: "asyncpg.Connection[Any]", ours: Rows, table: str, during: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await outside.execute(f"UPDATE {table} SET during = '{during}'")  # noqa: S608 - both are ours


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("api_keys", "kind = 'public'"),
        ("appointments", "status = 'lost'"),
        ("appointments", "ends_at = starts_at"),
        ("appointments", "party = 0"),
        ("breaks", "end_minute = start_minute"),
        ("businesses", "mode = 'test'"),
        ("hours", "end_minute = start_minute + 1441"),
        ("hours", "start_minute = 1440, end_minute = 1500"),
        ("hours", "start_minute = -1"),
        ("lanes", "number = 0"),
        ("overrides", "spans = '{}'"),
        ("requirements", "count = 0"),
        ("requirements", "offset_minutes = -1"),
        ("resources", "capacity = 0"),
        ("services", "assign = 'random'"),
        ("services", "buffer_after_minutes = -1"),
        ("services", "buffer_before_minutes = -1"),
        ("services", "duration_minutes = 0"),
        ("services", "grid_align = 'day'"),
        ("services", "grid_offset_minutes = -1"),
        ("services", "grid_step_minutes = 0"),
    ],
)
async def test_value_that_makes_no_sense_is_refused(
    outside: "asyncpg.Connection[Any]", ours: Rows, table: str, change: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await outside.execute(f"UPDATE {table} SET {change}")  # noqa: S608 - both are ours


@pytest.mark.parametrize("data", ["null", "[]", "1"])
async def test_outbox_takes_objects_alone(outside: "asyncpg.Connection[Any]", ours: Rows, data: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await outside.execute(
            "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, 'tested.v1', 'apt_1', $2)",
            ours.tenant_id,
            data,
        )
