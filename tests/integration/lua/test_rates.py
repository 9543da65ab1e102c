"""Counts of several processes add up in Redis, by windows."""

from uuid import UUID

import pytest
from redis.asyncio import Redis

from kernel.ids import TenantId
from persistence import keys
from persistence.rate_counts import RateAmount, RateCountStore

_TENANT = TenantId(UUID(int=7))
_HOUR = 3600


def _field(amount: int, field: str = "address:12:hold", seconds: int = _HOUR) -> RateAmount:
    return RateAmount(seconds, field, amount)


async def test_counts_of_all_processes_add_up(redis: Redis) -> None:
    one, other = RateCountStore(redis), RateCountStore(redis)
    await one.count(_TENANT, [_field(3), _field(2, "business::list")])

    totals = await other.count(_TENANT, [_field(4), _field(-1, "business::list")])

    assert [current for _, current, _ in totals.windows] == [7, 1]
    assert {window for window, _, _ in totals.windows} == {totals.now_ms // 1000 // _HOUR}


async def test_window_before_is_told(redis: Redis) -> None:
    store = RateCountStore(redis)
    totals = await store.count(_TENANT, [_field(1)])
    window = totals.windows[0][0]
    await redis.hset(f"{keys.rates(_TENANT)}:{_HOUR}:{window - 1}", "address:12:hold", 5)
    await redis.pexpire(f"{keys.rates(_TENANT)}:{_HOUR}:{window - 1}", 60_000)

    again = await store.count(_TENANT, [_field(0)])

    assert again.windows in ([(window, 1, 5)], [(window + 1, 0, 1)])


@pytest.mark.parametrize("seconds", [60, _HOUR])
async def test_counts_expire_after_two_windows(redis: Redis, seconds: int) -> None:
    await RateCountStore(redis).count(_TENANT, [_field(1, seconds=seconds)])

    left = [await redis.pttl(key) async for key in redis.scan_iter(f"{keys.rates(_TENANT)}:*")]

    assert len(left) == 1
    assert 0 < left[0] <= 2000 * seconds


async def test_businesses_count_apart(redis: Redis) -> None:
    store = RateCountStore(redis)
    await store.count(_TENANT, [_field(3)])

    totals = await store.count(TenantId(UUID(int=8)), [_field(1)])

    assert [current for _, current, _ in totals.windows] == [1]
