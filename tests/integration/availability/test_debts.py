"""What Redis has not heard of, and who may trust it meanwhile."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from availability import debts as module
from availability.cache import AvailabilityCache
from availability.debts import Debts, Parts
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.invalidations import InvalidationRepository
from tests.support.engine import Engine, running_engine
from tests.support.visits import book, slots


class Distrust:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
async def engine(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    async with running_engine(database_url, redis_url) as running:
        yield running


@pytest.fixture
def cache(engine: Engine) -> AvailabilityCache:
    return AvailabilityCache(engine.context.redis)


@pytest.fixture
def distrust() -> Distrust:
    return Distrust()


@pytest.fixture
def debts(engine: Engine, distrust: Distrust) -> Debts:
    return Debts(InvalidationRepository(engine.context.engine), distrust)


async def bitmaps(engine: Engine) -> int:
    return len([key async for key in engine.context.redis.scan_iter("*:clear:*")])


@pytest.fixture
async def booked(engine: Engine) -> int:
    """How many bitmaps there are after a listing and a booking, whose rows nobody has worked off."""
    await book(engine, (await slots(engine, resource="noa"))[0].start, resource="noa")
    await slots(engine)
    return await bitmaps(engine)


@pytest.mark.usefixtures("booked")
async def test_what_is_owed_to_a_business_is_paid_once(engine: Engine, debts: Debts, cache: AvailabilityCache) -> None:
    before = await bitmaps(engine)
    debts.owe(engine.tenant_id)

    await debts.pay(engine.tenant_id, cache)
    paid = await bitmaps(engine)
    await slots(engine)
    await debts.pay(engine.tenant_id, cache)

    assert paid < before
    assert await bitmaps(engine) == before


async def test_nothing_is_dropped_when_nothing_is_owed(
    engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int
) -> None:
    debts.owe(TenantId(uuid4()))

    await debts.pay(engine.tenant_id, cache)

    assert await bitmaps(engine) == booked


async def test_nobody_trusts_the_cache_until_everything_is_paid(
    engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int
) -> None:
    debts.owe_everything()
    with pytest.raises(RedisUnavailable):
        await debts.pay(engine.tenant_id, cache)

    await debts.pay_everything(cache)
    await debts.pay(engine.tenant_id, cache)

    assert await bitmaps(engine) < booked


async def test_everything_is_paid_in_pieces(
    engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    debts.owe_everything()

    await debts.pay_everything(cache)

    assert await bitmaps(engine) < booked


async def test_redis_is_distrusted_as_a_whole_when_it_is_owed_to_too_many(
    debts: Debts, distrust: Distrust, monkeypatch: pytest.MonkeyPatch, cache: AvailabilityCache
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    owed = [TenantId(uuid4()) for _ in range(3)]

    for tenant_id in owed:
        debts.owe(tenant_id)

    assert distrust.times == 1
    with pytest.raises(RedisUnavailable):
        await debts.pay(owed[0], cache)


class TestParts:
    """A cluster is lost and back part by part."""

    @pytest.fixture
    def debts(self, engine: Engine) -> Debts:
        parts = Parts(everywhere=range(2), of=lambda tenant_id: int(tenant_id != engine.tenant_id))
        return Debts(InvalidationRepository(engine.context.engine), parts=parts)

    async def test_business_of_a_lost_part_is_paid_once(
        self, engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int
    ) -> None:
        debts.owe_parts([0])

        await debts.pay(engine.tenant_id, cache)
        paid = await bitmaps(engine)
        await slots(engine)
        await debts.pay(engine.tenant_id, cache)

        assert paid < booked
        assert await bitmaps(engine) == booked

    async def test_business_of_another_part_is_owed_nothing(
        self, engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int
    ) -> None:
        debts.owe_parts([1])

        await debts.pay(engine.tenant_id, cache)

        assert await bitmaps(engine) == booked

    async def test_part_that_is_lost_again_is_owed_again(
        self, engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int
    ) -> None:
        debts.owe_parts([0])
        await debts.pay(engine.tenant_id, cache)
        await slots(engine)

        debts.owe_parts([0])
        await debts.pay(engine.tenant_id, cache)

        assert await bitmaps(engine) < booked

    async def test_every_part_is_owed_when_it_is_owed_to_too_many(
        self, engine: Engine, debts: Debts, cache: AvailabilityCache, booked: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "REMEMBERED", 2)

        for _ in range(3):
            debts.owe(TenantId(uuid4()))
        await debts.pay(engine.tenant_id, cache)

        assert await bitmaps(engine) < booked
