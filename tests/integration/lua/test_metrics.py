"""Counts are added once, and gauges shown for a while."""

from typing import Any, Final

from redis.asyncio import Redis

from persistence import keys, lua
from persistence.metrics import Batch, MetricsStore

_COUNTS: Final = keys.metrics_minute(29_000_000)
_KEPT_MS: Final = 60_000


async def _add(redis: Redis, process: str, number: int, **counts: int) -> str:
    words = [word for pair in counts.items() for word in pair]
    (reply,) = await lua.call(redis, "metrics_add", [_COUNTS], [process, number, _KEPT_MS, _KEPT_MS, *words])
    return reply


async def _counts(redis: Redis) -> dict[Any, Any]:
    return dict(await redis.hgetall(_COUNTS))


class TestAdd:
    async def test_counts_of_all_processes_add_up(self, redis: Redis) -> None:
        replies = [await _add(redis, process, 1, holds_placed=2, drift=1) for process in ("one", "other")]

        assert replies == ["ADDED", "ADDED"]
        assert await _counts(redis) == {b"holds_placed": b"4", b"drift": b"2"}

    async def test_what_is_said_again_is_not_added_again(self, redis: Redis) -> None:
        await _add(redis, "one", 1, holds_placed=2)
        await _add(redis, "one", 2, holds_placed=3)

        again = [await _add(redis, "one", number, holds_placed=3) for number in (2, 1)]

        assert again == ["REPEATED", "REPEATED"]
        assert await _counts(redis) == {b"holds_placed": b"5"}

    async def test_counts_of_a_minute_expire(self, redis: Redis) -> None:
        await _add(redis, "one", 1, holds_placed=2)

        assert 0 < await redis.pttl(_COUNTS) <= _KEPT_MS

    async def test_total_stays_and_its_marks_go(self, redis: Redis) -> None:
        batch = Batch(process="one", number=1, minute=29_000_000, counts={"holds_placed": 2})

        await MetricsStore(redis).add(batch)
        lasting = [key async for key in redis.scan_iter("*") if await redis.pttl(key) == -1]
        stored = await MetricsStore(redis).read()
        await redis.delete(keys.METRICS_TOTAL)

        assert lasting == [keys.METRICS_TOTAL.encode()]
        assert stored.counts == {"holds_placed": 2}
        assert await _counts(redis) == {b"holds_placed": b"2"}


class TestShow:
    async def test_gauges_replace_those_before_and_go(self, redis: Redis) -> None:
        name = keys.metrics_process("host:1")
        await lua.call(redis, "metrics_show", [name], [_KEPT_MS, "role", "server", "pool_used:redis", "3"])

        await lua.call(redis, "metrics_show", [name], [_KEPT_MS, "role", "server"])

        assert await redis.hgetall(name) == {b"role": b"server"}
        assert 0 < await redis.pttl(name) <= _KEPT_MS
