"""Metrics of all processes in Redis (docs/reference/metrics.md)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from persistence import keys, lua
from persistence.errors import redis_errors

MINUTE_MS: Final = 48 * 3_600_000
"""Retention of the counts of a minute."""
SAID_MS: Final = 3_600_000
"""Retention of the number of the last batch of a process: a process without an answer repeats it within seconds."""
SHOWN_MS: Final = 10_000
"""A process that has not shown its gauges for so long is taken for ended."""
# Each takes a connection of the pool, of which requests want some meanwhile.
_AT_ONCE: Final = 8
# Processes whose gauges are read; more would be many machines, each better asked for itself.
_MOST_PROCESSES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Counts of one process, to be added to the totals."""

    process: str
    """A name that no other process ever has."""
    number: int
    minute: int
    """Since 1970: the hash of that minute is added to as well."""
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The counts and gauges in Redis."""

    counts: Mapping[str, int]
    processes: Mapping[str, Mapping[str, str]]
    """The gauges of each living process."""


class MetricsStore:
    """Every method raises RedisUnavailable when Redis does not answer; all of them may be repeated."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, batch: Batch) -> None:
        """Add what was counted to the total and to its minute: to each once, however often the batch is sent."""
        if not batch.counts:
            return
        counts = [word for field, amount in batch.counts.items() for word in (field, amount)]
        hashes = ((keys.METRICS_TOTAL, 0), (keys.metrics_minute(batch.minute), MINUTE_MS))
        said = [(key, [batch.process, batch.number, kept_ms, SAID_MS, *counts]) for key, kept_ms in hashes]
        with redis_errors():
            # Asked in one turn, they are sent together.
            await asyncio.gather(*(lua.call(self._redis, "metrics_add", [key], words) for key, words in said))

    async def show(self, name: str, gauges: Mapping[str, object], now_ms: int) -> None:
        """Show the gauges of a process for a while."""
        words: list[lua.Argument] = [str(word) for pair in gauges.items() for word in pair]
        with redis_errors():
            await asyncio.gather(
                lua.call(self._redis, "metrics_show", [keys.metrics_process(name)], [SHOWN_MS, *words]),
                self._redis.zadd(keys.METRICS_PROCESSES, {name: now_ms}),
            )
            # Only after that: a Redis whose memory is full would forget the processes that it cannot note anew.
            await self._redis.zremrangebyscore(keys.METRICS_PROCESSES, "-inf", now_ms - 6 * SHOWN_MS)

    async def end(self, name: str) -> None:
        """Show nothing of a process any more."""
        with redis_errors():
            await asyncio.gather(
                self._redis.delete(keys.metrics_process(name)), self._redis.zrem(keys.METRICS_PROCESSES, name)
            )

    async def read(self) -> Stored:
        """The totals of all processes, and the gauges of the live ones."""
        with redis_errors():
            counts, found = await asyncio.gather(
                self._redis.hgetall(keys.METRICS_TOTAL),
                self._redis.zrevrange(keys.METRICS_PROCESSES, 0, _MOST_PROCESSES - 1),
            )
            names = _texts(found)
            gauge_hashes = await asyncio.gather(*(self._redis.hgetall(keys.metrics_process(name)) for name in names))
        return Stored(
            counts={field: int(amount) for field, amount in _text_hash(counts).items()},
            processes={name: _text_hash(gauges) for name, gauges in zip(names, gauge_hashes, strict=True) if gauges},
        )

    async def minutes(self, minutes: Sequence[int], fields: Sequence[str] | None = None) -> list[Mapping[str, int]]:
        """The totals of all processes in each of these minutes since 1970: all fields, or these."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def read(minute: int) -> Mapping[str, int]:
            key = keys.metrics_minute(minute)
            async with few:
                if fields is None:
                    return {field: int(amount) for field, amount in _text_hash(await self._redis.hgetall(key)).items()}
                amounts = await self._redis.hmget(key, list(fields))
            return {field: int(amount) for field, amount in zip(fields, amounts, strict=True) if amount is not None}

        if fields is not None and not fields:
            return [{} for _ in minutes]
        with redis_errors():
            return await asyncio.gather(*map(read, minutes))


def _texts(found: Iterable[Any]) -> list[str]:
    return [member.decode() for member in found]


def _text_hash(found: Mapping[Any, Any]) -> dict[str, str]:
    return {field.decode(): value.decode() for field, value in found.items()}
