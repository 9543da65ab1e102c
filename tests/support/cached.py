"""What is cached of a business, compared with Postgres by a reading of its own: minute by minute."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import asyncpg

from kernel.spans import MINUTES_PER_DAY, Minute, day_date, to_minute
from persistence import keys
from tests.support.engine import Engine

_TAKEN = """
    SELECT lanes.resource_id, lanes.number AS lane, lower(during) AS start, upper(during) AS end
    FROM claims JOIN lanes ON lanes.id = lane_id WHERE claims.tenant_id = $1
    UNION ALL
    SELECT resource_id, 0, lower(during), upper(during) FROM time_off WHERE tenant_id = $1
"""
_SESSIONS = """
    SELECT lanes.resource_id, service_id, starts_at, lower(during) AS start, upper(during) AS end
    FROM claims JOIN lanes ON lanes.id = lane_id JOIN appointments ON appointments.id = appointment_id
        JOIN resources ON resources.id = lanes.resource_id
    WHERE claims.tenant_id = $1 AND resources.exclusive IS NOT NULL
"""
_TIME_OFF = 0
_DAY_BYTES = MINUTES_PER_DAY // 8

_Taken = defaultdict[tuple[str, int], set[Minute]]
"""The minutes of each lane of a resource; lane 0 is time off, which takes all of them."""
_Sessions = defaultdict[str, set[tuple[Minute, Minute, str]]]
"""Of an exclusive resource: minutes that are claimed, and what for."""


async def differences(engine: Engine, outside: "asyncpg.Connection[Any]") -> list[str]:
    """A sentence for each lane of a cached staff-day that is not what Postgres has. Nobody else may be at work."""
    taken: _Taken = defaultdict(set)
    for row in await outside.fetch(_TAKEN, engine.tenant_id):
        taken[row["resource_id"], row["lane"]].update(range(to_minute(row["start"]), to_minute(row["end"])))
    sessions: _Sessions = defaultdict(set)
    for row in await outside.fetch(_SESSIONS, engine.tenant_id):
        session = f"{row['service_id']}@{to_minute(row['starts_at'])}"
        sessions[row["resource_id"]].add((to_minute(row["start"]), to_minute(row["end"]), session))
    prefix = f"{keys.prefix(engine.tenant_id)}clear:"
    redis = engine.context.redis
    found: list[str] = []
    async for key in redis.scan_iter(f"{prefix}*"):
        resource_id, day = key.decode().removeprefix(prefix).split(":")
        value = await redis.get(key)
        if isinstance(value, bytes):
            bitmaps, bracket, text = value.rpartition(b"[") if len(value) % _DAY_BYTES else (value, b"", b"")
            found += _compare(resource_id, int(day), bitmaps, taken)
            if bracket:
                found += _compare_sessions(resource_id, int(day), text.decode(), sessions)
    return sorted(found)


async def count_cached(engine: Engine) -> int:
    """How many staff-days are cached: where there are none, no difference means nothing."""
    return len([key async for key in engine.context.redis.scan_iter(f"{keys.prefix(engine.tenant_id)}clear:*")])


def _compare(resource_id: str, day: int, value: bytes, taken: _Taken) -> Iterator[str]:
    cached = "".join(f"{byte:08b}" for byte in value)
    for lane in range(len(cached) // MINUTES_PER_DAY):
        expected = ["1"] * MINUTES_PER_DAY
        for minute in taken[resource_id, _TIME_OFF] | taken[resource_id, lane]:
            if minute // MINUTES_PER_DAY == day:
                expected[minute % MINUTES_PER_DAY] = "0"
        found = cached[lane * MINUTES_PER_DAY :][:MINUTES_PER_DAY]
        if found != "".join(expected):
            wrong = [number for number, bit in enumerate(expected) if found[number] != bit]
            says = "clear" if found[wrong[0]] == "1" else "taken"
            yield (
                f"{resource_id} on {day_date(day)}, lane {lane}: minutes {wrong[0]} to {wrong[-1]} are cached as {says}"
                " and are not"
            )


def _compare_sessions(resource_id: str, day: int, text: str, sessions: _Sessions) -> Iterator[str]:
    midnight = day * MINUTES_PER_DAY
    expected = {
        f"{session}:{start}:{end}"
        for start, end, session in sessions[resource_id]
        if start < midnight + MINUTES_PER_DAY and midnight < end
    }
    for entry in sorted(expected.symmetric_difference(text.split())):
        says = "is not" if entry in expected else "is wrongly"
        yield f"{resource_id} on {day_date(day)}: the session {entry} {says} cached"
