"""What others write into the database is seen by the next listing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy import text

from availability.model import ListingQuery
from availability.state.bitmap_cache import BitmapCache
from bookings.model import CustomerDetails, Details
from bootstrap.loops import build_election_loop, build_invalidator
from holds.model import PlaceRequest
from kernel.errors import NotFound
from kernel.ids import CommitId, TenantId
from kernel.spans import to_datetime
from persistence.election import ELECTION_LOCK
from persistence.errors import RedisUnavailable
from persistence.invalidations import Invalidation, InvalidationQueue
from persistence.redis import RedisLimits, create_redis
from telemetry.metrics import Metrics
from tests.support.engine import Engine, running_engine
from tests.support.operations import by_business
from tests.support.waiting import eventually
from workers import invalidator as module
from workers.election import STANDBY_SECONDS
from workers.invalidator import BATCH, InvalidationReport, Invalidator
from workers.schedule import ScheduledLoop, run_scheduled

pytestmark = pytest.mark.own_database

_TUESDAY: Final = date(2026, 12, 1)
# Each takes away the start at half past ten at the shop, 08:30 in UTC.
_INSERT_TIME_OFF: Final = """
    INSERT INTO time_off (tenant_id, id, resource_id, during)
    SELECT tenant_id, 'tof_outside', id, '[2026-12-01T08:00Z,2026-12-01T10:00Z)' FROM resources WHERE key = 'noa'
"""
_MOVE_CLAIM: Final = "UPDATE claims SET during = '[2026-12-01T08:30Z,2026-12-01T09:05Z)'"
_SHORTEN_HOURS: Final = """
    UPDATE hours SET start_minute = 720
    WHERE resource_id = (SELECT id FROM resources WHERE key = 'noa')
"""
_OVERRIDE: Final = """
    INSERT INTO overrides (tenant_id, resource_id, on_date, spans)
    SELECT tenant_id, id, '2026-12-01', '[]' FROM resources WHERE key = 'noa'
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop with Noa booked at nine on Tuesday, and somebody who writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"
    invalidator: Invalidator

    async def starts(self) -> list[str]:
        """When a haircut with Noa may start on that day, in UTC."""
        query = ListingQuery(service="haircut", first=_TUESDAY, last=_TUESDAY, resources=("noa",))
        listing = await self.engine.services.listing.list_slots(self.engine.tenant_id, query)
        return [f"{to_datetime(slot.start):%H:%M}" for slot in listing.days[0].slots]

    async def offers(self, start: str) -> bool:
        """Whether Noa may be had at that time, as the next visitor sees it."""
        return start in await self.starts()

    async def rows(self) -> int:
        """How many changes wait to be worked off."""
        count = await self.outside.fetchval("SELECT count(*) FROM invalidations")
        assert isinstance(count, int)
        return count


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        request = PlaceRequest(service="haircut", start=to_datetime(_nine()), resource="noa")
        details = Details(customer=CustomerDetails(name="Ada"))
        await engine.services.bookings.book(by_business(engine.tenant_id), request, details, idempotency_key=None)
        shop = Shop(engine, outside, build_invalidator(engine.context))
        await shop.invalidator.drain()
        await shop.starts()
        yield shop
    await outside.close()


def _nine() -> int:
    """The minute at which the shop opens on Tuesday: seven in UTC."""
    return (_TUESDAY.toordinal() - date(1970, 1, 1).toordinal()) * 1440 + 7 * 60


class TestRunOnce:
    async def test_run_reports_what_the_engine_had_settled(self, shop: Shop) -> None:
        time_off = {"start": "2026-12-01T10:00:00+02:00", "end": "2026-12-01T12:00:00+02:00"}
        await shop.engine.services.time_off.add(by_business(shop.engine.tenant_id), "noa", time_off)

        report = await shop.invalidator.run_once()

        assert report == InvalidationReport(rows=1, settled_before=1)
        assert await shop.rows() == 0

    async def test_run_reports_what_others_changed(self, shop: Shop) -> None:
        await shop.outside.execute(_INSERT_TIME_OFF)
        await shop.outside.execute(_MOVE_CLAIM)

        report = await shop.invalidator.run_once()

        assert report == InvalidationReport(rows=3, settled_before=0)
        assert await shop.rows() == 0

    async def test_run_reports_nothing_when_nothing_changed(self, shop: Shop) -> None:
        report = await shop.invalidator.run_once()

        assert report == InvalidationReport(rows=0, settled_before=0)

    async def test_run_works_off_a_batch_and_drain_all_of_it(self, shop: Shop) -> None:
        await shop.outside.execute(
            "INSERT INTO invalidations (tenant_id) SELECT $1 FROM generate_series(1, $2)",
            shop.engine.tenant_id,
            2 * BATCH + 1,
        )

        report = await shop.invalidator.run_once()
        left = await shop.rows()
        await shop.invalidator.drain()

        assert report.rows == BATCH
        assert (left, await shop.rows()) == (BATCH + 1, 0)


@pytest.mark.parametrize("statement", [_INSERT_TIME_OFF, _MOVE_CLAIM, _SHORTEN_HOURS, _OVERRIDE])
async def test_next_listing_lacks_what_others_took(shop: Shop, statement: str) -> None:
    await shop.outside.execute(statement)
    before = await shop.offers("08:30")

    await shop.invalidator.drain()

    # Before, the answer came from the cache, or this test would show nothing.
    assert (before, await shop.offers("08:30")) == (True, False)


async def test_next_listing_knows_no_resource_that_others_archived(shop: Shop) -> None:
    await shop.outside.execute("UPDATE resources SET archived_at = now() WHERE key = 'noa'")

    await shop.invalidator.drain()

    with pytest.raises(NotFound):
        await shop.starts()


@pytest.mark.parametrize("statement", ["DELETE FROM claims", _MOVE_CLAIM])
async def test_next_listing_has_what_others_freed(shop: Shop, statement: str) -> None:
    await shop.outside.execute(statement)
    before = await shop.offers("07:00")

    await shop.invalidator.drain()

    assert (before, await shop.offers("07:00")) == (False, True)


async def test_next_listing_has_what_an_engine_wrote_that_died_before_it_could_settle(shop: Shop) -> None:
    async with shop.engine.services.unit_of_work.begin(by_business(shop.engine.tenant_id)) as tx:
        await tx.connection.execute(text("DELETE FROM claims"))
    before = await shop.offers("07:00")

    report = await shop.invalidator.run_once()

    assert report == InvalidationReport(rows=1, settled_before=0)
    assert (before, await shop.offers("07:00")) == (False, True)


async def test_other_business_keeps_its_cache_and_its_catalogue(shop: Shop, database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url) as other:
        cache = BitmapCache(other.context.redis)
        await shop.invalidator.drain()
        before = await cache.versions(other.tenant_id)
        await shop.outside.execute("UPDATE businesses SET name = 'Renamed' WHERE tenant_id = $1", shop.engine.tenant_id)

        await shop.invalidator.drain()

        assert (await cache.versions(other.tenant_id)).catalogue == before.catalogue


async def test_rows_stay_until_redis_has_answered(shop: Shop) -> None:
    await shop.outside.execute(_INSERT_TIME_OFF)
    nowhere = create_redis("redis://127.0.0.1:9/0", RedisLimits())
    cut_off = Invalidator(InvalidationQueue(shop.engine.context.engine), BitmapCache(nowhere), Metrics())

    with pytest.raises(RedisUnavailable):
        await cut_off.drain()
    await nowhere.aclose()

    assert await shop.rows() == 1
    await shop.invalidator.drain()
    assert not await shop.offers("08:30")


class _PartlyLost(BitmapCache):
    """The cache in a cluster one of whose masters is lost: that of one business."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.engine.context.redis)
        self._lost = shop.engine.tenant_id

    async def invalidate(self, tenant_id: TenantId, commit_id: CommitId | None, **changed: Any) -> bool:
        if tenant_id == self._lost:
            raise RedisUnavailable
        return await super().invalidate(tenant_id, commit_id, **changed)


async def test_changes_of_others_do_not_wait_for_a_business_whose_master_is_lost(
    shop: Shop, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    async with running_engine(database_url, redis_url) as other:
        await shop.invalidator.drain()
        cache = BitmapCache(other.context.redis)
        before = await cache.versions(other.tenant_id)
        await shop.outside.execute("UPDATE businesses SET name = 'First' WHERE tenant_id = $1", shop.engine.tenant_id)
        await shop.outside.execute("UPDATE businesses SET name = 'Second' WHERE tenant_id = $1", other.tenant_id)

        await Invalidator(InvalidationQueue(shop.engine.context.engine), _PartlyLost(shop), Metrics()).drain()

        left = {row["tenant_id"] for row in await shop.outside.fetch("SELECT tenant_id FROM invalidations")}
        assert (await cache.versions(other.tenant_id)).catalogue != before.catalogue
        assert left == {shop.engine.tenant_id}


class _Counted(InvalidationQueue):
    """Counts how often rows are read."""

    reads = 0

    async def find_oldest(self, limit: int, **which: Any) -> list[Invalidation]:
        self.reads += 1
        return await super().find_oldest(limit, **which)


async def test_backlog_that_cannot_be_told_is_not_read_to_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    await shop.invalidator.drain()
    for number in range(20):
        await shop.outside.execute(
            "UPDATE businesses SET name = $2 WHERE tenant_id = $1", shop.engine.tenant_id, f"Name {number}"
        )
    rows = _Counted(shop.engine.context.engine)

    with pytest.raises(RedisUnavailable):
        await Invalidator(rows, _PartlyLost(shop), Metrics()).drain()

    assert rows.reads == 2


@asynccontextmanager
async def _running(shop: Shop, count: int = 1) -> AsyncIterator[None]:
    """So many processes' loops."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as loops:
        for _ in range(count):
            elected = asyncio.Event()
            loop = build_election_loop(shop.engine.context, elected)
            scheduled = ScheduledLoop(name="election", seconds=STANDBY_SECONDS, needs_election=False, loop=loop)
            loops.create_task(run_scheduled(scheduled, elected, stop))
        try:
            yield
        finally:
            stop.set()


class TestRun:
    async def elected(self, shop: Shop) -> int | None:
        """The session that holds the lock by which one process is elected."""
        pid = await shop.outside.fetchval(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            ELECTION_LOCK,
        )
        assert pid is None or isinstance(pid, int)
        return pid

    async def sessions(self, shop: Shop) -> int:
        """How many listeners are connected."""
        count = await shop.outside.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'holdfast listener' AND datname = current_database()"
        )
        assert isinstance(count, int)
        return count

    async def test_listing_soon_shows_what_others_changed(self, shop: Shop) -> None:
        async def is_gone() -> bool:
            return not await shop.offers("08:30")

        async with _running(shop):
            await shop.outside.execute(_INSERT_TIME_OFF)
            await eventually(is_gone)

        assert await shop.rows() == 0

    async def test_rows_are_worked_off_without_a_notification(self, shop: Shop) -> None:
        async def is_empty() -> bool:
            return await shop.rows() == 0

        async with _running(shop):
            await eventually(lambda: self._is_elected(shop))
            # The engine's own writes do not notify.
            async with shop.engine.services.unit_of_work.begin(by_business(shop.engine.tenant_id)) as tx:
                await tx.connection.execute(text("DELETE FROM claims"))
            await eventually(is_empty)

        assert await shop.offers("07:00")

    async def test_one_of_two_is_elected_and_another_takes_over(self, shop: Shop) -> None:
        async def both_are_connected() -> bool:
            return await self.sessions(shop) == 2 and await self.elected(shop) is not None

        async with _running(shop, count=2):
            await eventually(both_are_connected)
            first = await self.elected(shop)
            assert await shop.outside.fetchval("SELECT pg_terminate_backend($1, 5000)", first)
            await eventually(lambda: self._is_elected(shop))
            second = await self.elected(shop)
            await shop.outside.execute(_INSERT_TIME_OFF)

            async def is_gone() -> bool:
                return not await shop.offers("08:30")

            await eventually(is_gone)

        assert first != second

    async def test_loop_ends_when_told_to(self, shop: Shop) -> None:
        async with asyncio.timeout(10), _running(shop, count=2):
            await eventually(lambda: self._is_elected(shop))

        assert await self.sessions(shop) == 0

    async def _is_elected(self, shop: Shop) -> bool:
        return await self.elected(shop) is not None
