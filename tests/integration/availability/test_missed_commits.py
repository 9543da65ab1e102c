"""Commits that Redis has missed, and the readers that may trust it meanwhile."""

from uuid import uuid4

import pytest

from availability.state import missed_commits as module
from availability.state.bitmap_cache import BitmapCache
from availability.state.missed_commits import MissedCommits, Partitions
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.invalidations import InvalidationQueue
from tests.support.engine import Engine
from tests.support.visits import book, slots

pytestmark = pytest.mark.redis("single", "cluster")


class Distrust:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def cache(engine: Engine) -> BitmapCache:
    return BitmapCache(engine.context.redis)


@pytest.fixture
def distrust() -> Distrust:
    return Distrust()


@pytest.fixture
def missed_commits(engine: Engine, distrust: Distrust) -> MissedCommits:
    return MissedCommits(InvalidationQueue(engine.context.engine), distrust)


async def bitmaps(engine: Engine) -> int:
    return len([key async for key in engine.context.redis.scan_iter("*:clear:*")])


@pytest.fixture
async def booked(engine: Engine) -> int:
    """How many bitmaps there are after a listing and a booking, whose rows nobody has worked off."""
    await book(engine, (await slots(engine, resource="noa"))[0].start, resource="noa")
    await slots(engine)
    return await bitmaps(engine)


@pytest.mark.usefixtures("booked")
async def test_what_is_owed_to_a_business_is_paid_once(
    engine: Engine, missed_commits: MissedCommits, cache: BitmapCache
) -> None:
    before = await bitmaps(engine)
    missed_commits.note_missed(engine.tenant_id)

    await missed_commits.catch_up(engine.tenant_id, cache)
    paid = await bitmaps(engine)
    await slots(engine)
    await missed_commits.catch_up(engine.tenant_id, cache)

    assert paid < before
    assert await bitmaps(engine) == before


async def test_nothing_is_dropped_when_nothing_is_owed(
    engine: Engine, missed_commits: MissedCommits, cache: BitmapCache, booked: int
) -> None:
    missed_commits.note_missed(TenantId(uuid4()))

    await missed_commits.catch_up(engine.tenant_id, cache)

    assert await bitmaps(engine) == booked


async def test_nobody_trusts_the_cache_until_everything_is_paid(
    engine: Engine, missed_commits: MissedCommits, cache: BitmapCache, booked: int
) -> None:
    missed_commits.note_all_missed()
    with pytest.raises(RedisUnavailable):
        await missed_commits.catch_up(engine.tenant_id, cache)

    await missed_commits.catch_up_all(cache)
    await missed_commits.catch_up(engine.tenant_id, cache)

    assert await bitmaps(engine) < booked


async def test_everything_is_paid_in_pieces(
    engine: Engine, missed_commits: MissedCommits, cache: BitmapCache, booked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    missed_commits.note_all_missed()

    await missed_commits.catch_up_all(cache)

    assert await bitmaps(engine) < booked


async def test_redis_is_distrusted_as_a_whole_when_it_is_owed_to_too_many(
    missed_commits: MissedCommits, distrust: Distrust, monkeypatch: pytest.MonkeyPatch, cache: BitmapCache
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    owed = [TenantId(uuid4()) for _ in range(3)]

    for tenant_id in owed:
        missed_commits.note_missed(tenant_id)

    assert distrust.times == 1
    with pytest.raises(RedisUnavailable):
        await missed_commits.catch_up(owed[0], cache)


class TestParts:
    """A cluster is lost and back part by part."""

    @pytest.fixture
    def missed_commits(self, engine: Engine) -> MissedCommits:
        parts = Partitions(everywhere=range(2), of=lambda tenant_id: int(tenant_id != engine.tenant_id))
        return MissedCommits(InvalidationQueue(engine.context.engine), partitions=parts)

    async def test_business_of_a_lost_part_is_paid_once(
        self, engine: Engine, missed_commits: MissedCommits, cache: BitmapCache, booked: int
    ) -> None:
        missed_commits.note_partitions_missed([0])

        await missed_commits.catch_up(engine.tenant_id, cache)
        paid = await bitmaps(engine)
        await slots(engine)
        await missed_commits.catch_up(engine.tenant_id, cache)

        assert paid < booked
        assert await bitmaps(engine) == booked

    async def test_business_of_another_part_is_owed_nothing(
        self, engine: Engine, missed_commits: MissedCommits, cache: BitmapCache, booked: int
    ) -> None:
        missed_commits.note_partitions_missed([1])

        await missed_commits.catch_up(engine.tenant_id, cache)

        assert await bitmaps(engine) == booked

    async def test_part_that_is_lost_again_is_owed_again(
        self, engine: Engine, missed_commits: MissedCommits, cache: BitmapCache, booked: int
    ) -> None:
        missed_commits.note_partitions_missed([0])
        await missed_commits.catch_up(engine.tenant_id, cache)
        await slots(engine)

        missed_commits.note_partitions_missed([0])
        await missed_commits.catch_up(engine.tenant_id, cache)

        assert await bitmaps(engine) < booked

    async def test_every_part_is_owed_when_it_is_owed_to_too_many(
        self,
        engine: Engine,
        missed_commits: MissedCommits,
        cache: BitmapCache,
        booked: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(module, "REMEMBERED", 2)

        for _ in range(3):
            missed_commits.note_missed(TenantId(uuid4()))
        await missed_commits.catch_up(engine.tenant_id, cache)

        assert await bitmaps(engine) < booked
