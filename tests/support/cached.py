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
_TIME_OFF = 0

_Taken = defaultdict[tuple[str, int], set[Minute]]
"""The minutes of each lane of a resource; lane 0 is time off, which takes all of them."""


async def differences(engine: Engine, outside: "asyncpg.Connection[Any]") -> list[str]:
    """A sentence for each lane of a cached staff-day that is not what Postgres has. Nobody else may be at work."""
    taken: _Taken = defaultdict(set)
    for row in await outside.fetch(_TAKEN, engine.tenant_id):
        taken[row["resource_id"], row["lane"]].update(range(to_minute(row["start"]), to_minute(row["end"])))
    prefix = f"{keys.prefix(engine.tenant_id)}clear:"
    redis = engine.context.redis
    found: list[str] = []
    async for key in redis.scan_iter(f"{prefix}*"):
        resource_id, day = key.decode().removeprefix(prefix).split(":")
        value = await redis.get(key)
        if isinstance(value, bytes):
            found += _compare(resource_id, int(day), value, taken)
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
