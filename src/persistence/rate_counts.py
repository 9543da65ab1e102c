"""The counts of all processes in Redis, by windows of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from redis.asyncio import Redis

from kernel.ids import TenantId
from persistence import keys, lua
from persistence.errors import redis_errors

MOST_AT_ONCE: Final = 500
"""Counts that one script is given: it takes a millisecond or so, in which Redis does nothing else."""
_WORDS: Final = 3


class RateAmount(NamedTuple):
    """The count of one process under a name."""

    seconds: int
    """The length of its window."""
    field: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTotals:
    """The counts of all processes, in the order of the question."""

    now_ms: int
    """By the clock of Redis."""
    windows: Sequence[tuple[int, int, int]]
    """Of each: the number of the window since 1970, its count, and that of the window before."""


class RateCountStore:
    """Counts of a business."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def count(self, tenant_id: TenantId, amounts: Sequence[RateAmount]) -> RateTotals:
        """Add them. Raises RedisUnavailable: then they may have been added, and are not to be added again."""
        words: list[lua.Argument] = [word for amount in amounts for word in amount]
        with redis_errors():
            reply = await lua.call(self._redis, "rate_count", [keys.rates(tenant_id)], [keys.prefix(tenant_id), *words])
        now_ms, *numbers = map(int, reply[1:])
        windows = [
            (numbers[position], numbers[position + 1], numbers[position + 2])
            for position in range(0, len(numbers), _WORDS)
        ]
        return RateTotals(now_ms=now_ms, windows=windows)
