"""Whatever is broken by hand is told in a sentence, and mended where Redis has it wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from availability.state.bitmap_cache import BitmapCache, CachedDays, StaffDay
from bookings.model import Appointment
from bootstrap.loops import build_invalidator
from holds.answer_seal import client_name
from holds.model import Hold, HoldStatus, SlotHeld, SlotTaken
from holds.store import HoldStore, ObservedRecord
from kernel.errors import DomainError
from kernel.ids import HoldId, ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, to_datetime, to_minute, utc_day
from persistence import keys
from persistence.errors import RedisUnavailable
from reconciliation.bitmaps import BitmapReconciliation
from reconciliation.holds import HoldReconciliation
from reconciliation.report import Discrepancy, DiscrepancyKind, ReconciliationReport, ReportDraft
from reconciliation.service import Reconciliation
from tests.support.documents import example, small_document
from tests.support.engine import MONDAY, Engine, FixedClock, running_engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import book, confirm, hold, slots

pytestmark = pytest.mark.own_database

# Longer than a hold is pinned, shorter than it lives.
_GRACE_MS: Final = 150_000
_NINE: Final = to_minute(datetime(2026, 12, 1, 7, 0, tzinfo=UTC))
"""When the shop opens on Tuesday."""
_STRANGER: Final = TenantId(UUID(int=7))


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody who writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"
    reconciliation: Reconciliation

    async def run(self, *, repair: bool = False) -> ReconciliationReport:
        return await self.reconciliation.run_once(repair=repair)

    async def only(self, *, repair: bool = False) -> Discrepancy:
        """The one discrepancy there is."""
        (discrepancy,) = (await self.run(repair=repair)).discrepancies
        return discrepancy

    async def drain(self) -> None:
        await build_invalidator(self.engine.context).drain()

    async def noa(self) -> ResourceId:
        catalogue = await self.engine.services.snapshots.catalogue(self.engine.tenant_id)
        found = catalogue.find_resource("noa")
        assert found is not None
        return found.id

    async def clear_key(self, start: Minute = _NINE) -> str:
        return keys.clear(self.engine.tenant_id, await self.noa(), utc_day(start))

    async def held_key(self, start: Minute = _NINE) -> str:
        return keys.held(self.engine.tenant_id, await self.noa(), utc_day(start))

    async def hold_noa(self, start: Minute = _NINE, **more: Any) -> Hold:
        return await hold(self.engine, start, resource="noa", **more)

    async def book_noa(self, start: Minute = _NINE, number: int = 0) -> Appointment:
        return (await book(self.engine, start, number, resource="noa")).appointment

    async def offers(self, start: Minute = _NINE) -> bool:
        return start in [slot.start for slot in await slots(self.engine, resource="noa")]

    async def corrupt(self, statement: str, *arguments: object) -> None:
        """Write what no trigger and no foreign key sees."""
        async with self.outside.transaction():
            await self.outside.execute("SET LOCAL session_replication_role = replica")
            await self.outside.execute(statement, *arguments)


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        reconciliation = Reconciliation(
            engine=engine.context.engine,
            redis=engine.context.redis,
            clock=FixedClock(MONDAY),
            metrics=engine.context.metrics,
        )
        shop = Shop(engine, outside, reconciliation)
        await shop.drain()
        yield shop
    await outside.close()


def _bit(minute: Minute, lane: int = 1) -> int:
    return lane * MINUTES_PER_DAY + minute % MINUTES_PER_DAY


class TestNothingWrong:
    async def test_reconciliation_finds_nothing_where_nothing_is(self, shop: Shop) -> None:
        report = await shop.run()

        assert (report.total, report.businesses, report.lanes) == (0, 1, 4)

    async def test_reconciliation_finds_nothing_after_a_day_at_the_shop(self, shop: Shop) -> None:
        engine, tenant_id = shop.engine, shop.engine.tenant_id
        starts = [slot.start for slot in await slots(engine, resource="noa")]
        kept = await shop.hold_noa(starts[0], client="ann")
        await confirm(engine, await shop.hold_noa(starts[3], client="ann"))
        cancelled = await shop.book_noa(starts[6], 1)
        moved = await shop.book_noa(starts[9], 2)
        replaced = await shop.hold_noa(starts[12], client="bob")
        released = await shop.hold_noa(starts[15])
        expired = await shop.hold_noa(starts[18], client="eve")
        changes = engine.services.appointments
        await changes.cancel(by_business(tenant_id), cancelled.id, reason=None, expected_version=None)
        onto = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
        await changes.reschedule(
            by_business(tenant_id), moved.id, start=onto, resource=None, hold_id=None, expected_version=None
        )
        await shop.hold_noa(starts[21], client="bob", replaces=replaced.id)
        await engine.services.holds.extend(by_business(tenant_id), kept.id, 600)
        await engine.services.holds.release(by_business(tenant_id), released.id)
        await let_pass(engine.context.redis, tenant_id, expired.id, 3_000_000)
        with suppress(SlotTaken):
            await shop.book_noa(starts[3], 3)
        time_off = {"start": "2026-12-01T16:00:00+02:00", "end": "2026-12-01T17:00:00+02:00"}
        await engine.services.time_off.add(by_business(tenant_id), "noa", time_off)
        await slots(engine)

        before = await shop.run()
        await shop.drain()
        after = await shop.run()

        assert [one.sentence for one in (*before.discrepancies, *after.discrepancies)] == []
        assert (after.staff_days > 3, after.holds, after.appointments, after.unsettled) == (True, 6, 2, 0)
        assert after.cached_bytes == {tenant_id: await BitmapCache(engine.context.redis).cached_bytes(tenant_id)}
        assert after.cached_bytes[tenant_id] > 0

    async def test_reconciliation_takes_no_booking_that_happens_meanwhile_for_a_difference(self, shop: Shop) -> None:
        starts = [slot.start for slot in await slots(shop.engine, "haircut")]
        done = asyncio.Event()

        async def visit(number: int, start: Minute) -> None:
            with suppress(DomainError):
                placed = await hold(shop.engine, start, client=f"client-{number}")
                booked = await confirm(shop.engine, placed, number)
                await slots(shop.engine)
                if number % 2:
                    await shop.engine.services.appointments.cancel(
                        by_business(shop.engine.tenant_id),
                        booked.appointment.id,
                        reason=None,
                        expected_version=None,
                    )

        async def visits() -> None:
            async with asyncio.TaskGroup() as visitors:
                for number, start in enumerate(starts * 2):
                    visitors.create_task(visit(number, start))
            done.set()

        async def comparisons() -> list[ReconciliationReport]:
            reports = []
            while not done.is_set():
                reports.append(await shop.run())
                await shop.drain()
            return reports

        async with asyncio.TaskGroup() as everybody:
            everybody.create_task(visits())
            comparing = everybody.create_task(comparisons())

        assert [one.sentence for report in comparing.result() for one in report.discrepancies] == []
        assert (await shop.run()).total == 0

    async def test_reconciliation_passes_over_keys_of_a_business_that_postgres_does_not_know(self, shop: Shop) -> None:
        redis = shop.engine.context.redis
        await redis.set(keys.clear(_STRANGER, ResourceId("res_1"), 1), b"?")
        await redis.set(keys.held(_STRANGER, ResourceId("res_1"), 1), b"hld_1:1:0:1:99999999999999")

        assert (await shop.run(repair=True)).total == 0
        assert await redis.exists(keys.clear(_STRANGER, ResourceId("res_1"), 1))


class TestBitmaps:
    @pytest.mark.parametrize("shown", ["clear", "taken"])
    async def test_wrong_minutes_are_told_and_dropped(self, shop: Shop, shown: str) -> None:
        appointment = await shop.book_noa()
        if shown == "taken":
            await shop.engine.services.appointments.cancel(
                by_business(shop.engine.tenant_id),
                appointment.id,
                reason=None,
                expected_version=None,
            )
        await shop.drain()
        was_offered = await shop.offers()
        for minute in range(_NINE, _NINE + 35):
            await shop.engine.context.redis.setbit(await shop.clear_key(), _bit(minute), int(shown == "clear"))

        told, mended = await shop.only(), await shop.only(repair=True)

        assert told.sentence == (
            f"Business {shop.engine.tenant_id}: noa on 2026-12-01 is cached with "
            f"2026-12-01 07:00 to 07:35 UTC as {shown} on lane 1."
        )
        assert (told.kind, told.repaired, mended.repaired) == (DiscrepancyKind.BITMAP, False, True)
        assert mended.sentence == f"{told.sentence} Repaired."
        assert await shop.offers() is was_offered is (shown == "taken")
        assert (await shop.run()).total == 0

    async def test_time_off_that_is_not_cached_is_told(self, shop: Shop) -> None:
        await shop.offers()
        await shop.corrupt(
            "INSERT INTO time_off (tenant_id, id, resource_id, during)"
            " VALUES ($1, 'tof_1', $2, '[2026-12-01T08:00Z,2026-12-01T09:00Z)')",
            shop.engine.tenant_id,
            await shop.noa(),
        )

        discrepancy = await shop.only(repair=True)

        span = "2026-12-01 08:00 to 09:00 UTC"
        assert f"is cached with {span} as no time off, {span} as clear on lane 1." in discrepancy.sentence
        assert not await shop.offers(_NINE + 60)

    async def test_session_that_is_not_cached_is_told(self, shop: Shop) -> None:
        booked = await shop.book_noa()
        await shop.drain()
        await shop.offers()
        await shop.corrupt("UPDATE resources SET exclusive = 'service' WHERE id = $1", await shop.noa())
        # A value from before the resource was exclusive counts as absent.
        before = await shop.run()
        await shop.engine.context.redis.append(await shop.clear_key(), "[")

        discrepancy = await shop.only(repair=True)

        assert before.total == 0
        span = "2026-12-01 07:00 to 07:35 UTC"
        assert f"is cached with {span} without the session {booked.service_id}@{_NINE}." in discrepancy.sentence
        assert not await shop.engine.context.redis.exists(await shop.clear_key())

    async def test_value_that_is_no_bitmap_is_told_and_dropped(self, shop: Shop) -> None:
        await shop.engine.context.redis.set(await shop.clear_key(), b"?", px=60_000)

        discrepancy = await shop.only(repair=True)

        assert "noa on 2026-12-01 is cached as 1 bytes, which are no bitmaps of 1 lanes." in discrepancy.sentence
        assert (await shop.run()).staff_days == 0

    async def test_day_of_an_unknown_resource_is_told_and_dropped(self, shop: Shop) -> None:
        key = keys.clear(shop.engine.tenant_id, ResourceId("res_unknown"), utc_day(_NINE))
        await shop.engine.context.redis.set(key, bytes(360), px=60_000)

        discrepancy = await shop.only(repair=True)

        assert "2026-12-01 is cached for the resource res_unknown, which does not exist." in discrepancy.sentence
        assert not await shop.engine.context.redis.exists(key)

    async def test_days_from_before_a_resource_had_more_lanes_are_no_difference(self, shop: Shop) -> None:
        await shop.offers()
        document = example("barbershop")
        next(one for one in document["resources"] if one["key"] == "noa")["capacity"] = 2
        await shop.engine.services.catalogue.apply(by_business(shop.engine.tenant_id), document)

        assert (await shop.run()).total == 0

    async def test_change_that_the_cache_has_not_heard_of_is_no_difference(self, shop: Shop) -> None:
        await shop.offers()
        await shop.outside.execute(
            "INSERT INTO time_off (tenant_id, id, resource_id, during)"
            " SELECT tenant_id, 'tof_1', id, '[2026-12-01T08:00Z,2026-12-01T10:00Z)'"
            " FROM resources WHERE key = 'noa'"
        )
        engine = shop.engine
        bitmaps = BitmapReconciliation(engine.services.unit_of_work, BitmapCache(engine.context.redis), pause_seconds=0)
        draft = ReportDraft()

        await bitmaps.check(engine.tenant_id, [(await shop.noa(), utc_day(_NINE))], draft, repair=True)
        waiting = draft.finish()
        await shop.drain()
        after = await shop.run()

        assert (waiting.total, waiting.unsettled) == (0, 1)
        assert (after.total, after.unsettled) == (0, 0)

    async def test_booking_between_the_cache_and_postgres_is_no_difference(self, shop: Shop) -> None:
        await shop.offers()
        draft = ReportDraft()
        cache = _InterruptedCache(shop)
        bitmaps = BitmapReconciliation(shop.engine.services.unit_of_work, cache, pause_seconds=0)

        await bitmaps.check(shop.engine.tenant_id, [(await shop.noa(), utc_day(_NINE))], draft, repair=True)

        report = draft.finish()
        assert (report.total, report.unsettled, cache.reads) == (0, 0, 2)


class _InterruptedCache(BitmapCache):
    """After what is cached was read for the first time, somebody books, and Redis and the invalidator are told."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.engine.context.redis)
        self._shop = shop
        self.reads = 0

    async def read(self, tenant_id: TenantId, staff_days: Sequence[StaffDay]) -> CachedDays:
        cached = await super().read(tenant_id, staff_days)
        self.reads += 1
        if self.reads == 1:
            await self._shop.book_noa()
            await self._shop.drain()
        return cached


class TestHoldLists:
    async def test_hold_that_its_list_has_lost_is_told_and_put_back(self, shop: Shop) -> None:
        placed = await shop.hold_noa()
        await shop.engine.context.redis.delete(await shop.held_key())
        was_offered = await shop.offers()

        told, mended = await shop.only(), await shop.only(repair=True)

        assert told.detail == (
            f"the hold {placed.id} is missing from the list of noa on 2026-12-01 "
            "(lane 1, 2026-12-01 07:00 to 07:35 UTC)."
        )
        assert (was_offered, told.repaired, mended.repaired) == (True, False, True)
        assert not await shop.offers()
        with pytest.raises(SlotHeld):
            await shop.hold_noa()
        assert (await shop.run()).total == 0

    async def test_hold_whose_minutes_somebody_else_holds_by_now_is_told_only(self, shop: Shop) -> None:
        first = await shop.hold_noa()
        await shop.engine.context.redis.delete(await shop.held_key())
        second = await shop.hold_noa(client="bob")

        discrepancy = await shop.only(repair=True)

        assert (discrepancy.subject, discrepancy.repaired) == (first.id, False)
        assert (await confirm(shop.engine, second)).created

    async def test_two_holds_of_the_same_minutes_are_told(self, shop: Shop) -> None:
        placed = await shop.hold_noa()
        redis, key = shop.engine.context.redis, await shop.held_key()
        entry = await redis.get(key)
        assert isinstance(entry, bytes)
        await redis.delete(key)
        second = await shop.hold_noa(client="bob")
        await redis.append(key, b" " + entry)

        discrepancy = await shop.only(repair=True)

        assert discrepancy.kind is DiscrepancyKind.HOLDS_OVERLAP
        assert {placed.id, second.id} <= set(discrepancy.detail.split())
        assert discrepancy.detail.endswith("share minutes of noa, lane 1, 2026-12-01 07:00 to 07:35 UTC.")

    async def test_entry_of_a_hold_without_a_record_is_told_and_removed(self, shop: Shop) -> None:
        placed = await shop.hold_noa(client="ann")
        await shop.engine.context.redis.delete(keys.hold(shop.engine.tenant_id, placed.id))

        told = await shop.run()
        mended = await shop.run(repair=True)

        noas = "the list of noa on 2026-12-01 (lane 1, 2026-12-01 07:00 to 07:35 UTC)"
        assert {one.detail for one in told.discrepancies} == {
            f"the list of its client has the hold {placed.id}, which has no record.",
            f"the list of live holds has the hold {placed.id}, which has no record.",
            f"{noas} has the hold {placed.id}, which has no record.",
        }
        assert (mended.total, mended.repaired) == (3, 3)
        assert await shop.offers()
        assert (await shop.run()).total == 0

    async def test_hold_that_nobody_would_count_as_expired_is_told_and_noted_again(self, shop: Shop) -> None:
        placed = await shop.hold_noa()
        live, redis = keys.live(shop.engine.tenant_id), shop.engine.context.redis
        deadline = await redis.zscore(live, placed.id)
        await redis.delete(live)

        discrepancy = await shop.only(repair=True)

        assert discrepancy.detail == f"the hold {placed.id} is missing from the list of live holds."
        assert await redis.zscore(live, placed.id) == deadline

    async def test_client_that_has_lost_its_hold_is_told_and_given_it_back(self, shop: Shop) -> None:
        placed = await shop.hold_noa(client="ann")
        business = (await shop.engine.services.snapshots.catalogue(shop.engine.tenant_id)).business
        name = client_name("ann", business.token_secret) or ""
        client = f"{keys.prefix(shop.engine.tenant_id)}client:{keys.client_digest(name)}"
        await shop.engine.context.redis.delete(client)

        discrepancy = await shop.only(repair=True)
        again = await shop.hold_noa(client="ann")

        assert discrepancy.detail == f"the hold {placed.id} is missing from the list of its client."
        assert again.id == placed.id

    async def test_entry_of_a_hold_that_has_expired_is_told_and_removed(self, shop: Shop) -> None:
        placed = await shop.hold_noa()
        await shop.engine.context.redis.hset(keys.hold(shop.engine.tenant_id, placed.id), "deadline", "1")

        report = await shop.run(repair=True)

        assert report.total == report.repaired == 2
        assert all(one.detail.endswith(f"has the hold {placed.id}, which has expired.") for one in report.discrepancies)
        assert (await shop.run()).total == 0
        assert await shop.offers()


class TestHoldsAndPostgres:
    async def test_live_hold_on_minutes_that_somebody_else_booked_is_told_only(self, shop: Shop) -> None:
        other = await shop.book_noa(_NINE + 120)
        placed = await shop.hold_noa()
        await shop.outside.execute("UPDATE claims SET during = '[2026-12-01T07:20Z,2026-12-01T07:55Z)'")
        await shop.drain()

        report = await shop.run(repair=True)

        (discrepancy,) = [one for one in report.discrepancies if one.kind is DiscrepancyKind.HOLD_ON_CLAIM]
        place = "noa, lane 1, 2026-12-01 07:20 to 07:55 UTC"
        assert discrepancy.detail == f"the hold {placed.id} is on {place}, booked by the appointment {other.id}."
        assert not discrepancy.repaired

    async def test_hold_that_became_an_appointment_is_settled_after_its_grace(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        placed = await shop.hold_noa()
        with monkeypatch.context() as patched:
            patched.setattr(HoldStore, "settle", _never)
            booked = (await confirm(shop.engine, placed)).appointment
        await shop.drain()
        meanwhile = await shop.run(repair=True)
        await let_pass(shop.engine.context.redis, shop.engine.tenant_id, placed.id, _GRACE_MS)

        discrepancy = await shop.only(repair=True)

        # While it is pinned its confirmation may still be at it.
        assert meanwhile.total == 0
        assert (
            discrepancy.detail
            == f"the hold {placed.id} became the appointment {booked.id}, and still keeps its minutes."
        )
        assert discrepancy.repaired
        settled = await shop.engine.services.holds.get(by_business(shop.engine.tenant_id), placed.id)
        assert (settled.status, settled.appointment_id) == (HoldStatus.CONFIRMED, booked.id)
        assert (await shop.run()).total == 0
        assert not await shop.offers()

    async def test_confirmation_between_redis_and_postgres_is_no_difference(self, shop: Shop) -> None:
        placed = await shop.hold_noa()
        draft = ReportDraft()
        store = _InterruptedStore(shop, placed)

        metrics = shop.engine.context.metrics
        await HoldReconciliation(shop.engine.services.unit_of_work, store, metrics).check(
            shop.engine.tenant_id, [placed.id], [], draft, repair=True
        )

        assert (draft.finish().total, store.observations) == (0, 2)

    async def test_confirmed_hold_whose_appointment_is_not_there_is_told_only(self, shop: Shop) -> None:
        placed = await shop.hold_noa()
        booked = (await confirm(shop.engine, placed)).appointment
        await shop.drain()
        for table in ("claims", "appointment_resources", "outbox", "appointments"):
            await shop.corrupt(f"DELETE FROM {table}")  # noqa: S608 - ours

        report = await shop.run(repair=True)

        told = {one.kind: one for one in report.discrepancies}
        assert told[DiscrepancyKind.APPOINTMENT_LOST].detail == (
            f"the hold {placed.id} is said to have become the appointment {booked.id}, which does not exist."
        )
        assert not told[DiscrepancyKind.APPOINTMENT_LOST].repaired
        # Its minutes are for sale again.
        assert set(told) == {DiscrepancyKind.APPOINTMENT_LOST, DiscrepancyKind.BITMAP}
        assert told[DiscrepancyKind.BITMAP].repaired


class _InterruptedStore(HoldStore):
    """After the holds were observed for the first time, one is confirmed."""

    def __init__(self, shop: Shop, placed: Hold) -> None:
        super().__init__(shop.engine.context.redis)
        self._shop = shop
        self._placed = placed
        self.observations = 0

    async def observe(self, tenant_id: TenantId, holds: Mapping[HoldId, Iterable[str]]) -> list[ObservedRecord]:
        observed = await super().observe(tenant_id, holds)
        self.observations += 1
        if self.observations == 1:
            await confirm(self._shop.engine, self._placed)
        return observed


class TestClaims:
    async def test_visit_in_pieces_has_all_its_minutes(self, shop: Shop) -> None:
        every_day = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "11:00"}
        document = small_document(
            resources=[{"key": "sauna", "kind": "room", "name": "Sauna", "capacity": 2, "hours": [every_day]}],
            services=[
                {"key": key, "name": key, "duration_minutes": minutes, "requires": [{"role": "room", "kind": "room"}]}
                for key, minutes in {"haircut": 60, "long": 120}.items()
            ],
        )
        operation = by_business(shop.engine.tenant_id)
        await shop.engine.services.catalogue.apply(operation, document)
        await shop.drain()
        nine, ten = [slot.start for slot in await slots(shop.engine)]
        early = (await book(shop.engine, nine, 1)).appointment
        await book(shop.engine, nine, 2)
        await shop.engine.services.appointments.cancel(operation, early.id, reason=None, expected_version=None)
        await book(shop.engine, ten, 3)

        whole = (await book(shop.engine, nine, 4, service="long")).appointment
        nothing_wrong = await shop.run()
        one_piece = "DELETE FROM claims WHERE appointment_id = $1 AND lower(during) = $2"
        await shop.corrupt(one_piece, whole.id, to_datetime(ten))
        amiss = await shop.run()

        assert nothing_wrong.total == 0
        assert [one.kind for one in amiss.discrepancies if one.subject == whole.id] == [
            DiscrepancyKind.APPOINTMENT_UNCLAIMED
        ]

    async def test_appointment_without_its_claim_is_told(self, shop: Shop) -> None:
        appointment = await shop.book_noa()
        await shop.corrupt("DELETE FROM claims")

        report = await shop.run(repair=True)

        told = {one.kind: one for one in report.discrepancies}
        assert told[DiscrepancyKind.APPOINTMENT_UNCLAIMED].detail == (
            f"the appointment {appointment.id}, 2026-12-01 07:00 to 07:30 UTC, does not have noa for it."
        )
        assert not told[DiscrepancyKind.APPOINTMENT_UNCLAIMED].repaired

    async def test_appointment_without_parts_is_told(self, shop: Shop) -> None:
        appointment = await shop.book_noa()
        await shop.corrupt("DELETE FROM appointment_resources")

        discrepancy = await shop.only()

        assert discrepancy.detail == (
            f"the appointment {appointment.id}, 2026-12-01 07:00 to 07:30 UTC, has nobody to serve it."
        )

    async def test_claim_of_a_cancelled_appointment_is_told(self, shop: Shop) -> None:
        appointment = await shop.book_noa()
        await shop.corrupt("UPDATE appointments SET status = 'cancelled'")

        discrepancy = await shop.only()

        assert discrepancy.kind is DiscrepancyKind.CLAIM_ORPHANED
        assert discrepancy.detail == (
            "noa, lane 1, 2026-12-01 07:00 to 07:35 UTC, is claimed for the appointment "
            f"{appointment.id}, which is cancelled or does not exist."
        )

    async def test_claims_that_overlap_are_told(self, shop: Shop) -> None:
        await shop.book_noa(_NINE)
        second = await shop.book_noa(_NINE + 120, 1)
        await shop.outside.execute("ALTER TABLE claims DROP CONSTRAINT claims_lane_overlap")
        await shop.outside.execute(
            "UPDATE claims SET during = '[2026-12-01T07:30Z,2026-12-01T09:35Z)' WHERE appointment_id = $1", second.id
        )
        await shop.drain()

        discrepancy = await shop.only()

        assert discrepancy.detail == (
            "noa, lane 1, 2026-12-01 07:30 to 09:35 UTC, is claimed for the appointment "
            f"{second.id}, although the lane was taken already."
        )

    async def test_what_has_ended_is_not_looked_at(self, shop: Shop) -> None:
        await shop.book_noa()
        await shop.corrupt("DELETE FROM appointment_resources")
        later = FixedClock(MONDAY + timedelta(days=2))
        context = shop.engine.context

        reconciliation = Reconciliation(
            engine=context.engine, redis=context.redis, clock=later, metrics=context.metrics
        )
        report = await reconciliation.run_once(repair=False)

        assert (report.total, report.appointments) == (0, 0)


async def test_reconciliation_ends_when_told_to(shop: Shop) -> None:
    await shop.offers()
    stop = asyncio.Event()
    stop.set()

    report = await shop.reconciliation.run_once(repair=False, stop=stop)

    assert (report.staff_days, report.businesses) == (0, 0)


async def _never(*_: object, **__: object) -> None:
    raise RedisUnavailable
