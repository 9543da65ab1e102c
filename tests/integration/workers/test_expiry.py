"""Every hold that expires is noticed once, soon, with an event."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from availability.model import Override
from bootstrap.loops import build_expiry_loop, build_hold_sweep_loop, build_schedule
from events.feed import FeedService
from holds.model import Hold, HoldStatus
from holds.store import HoldStore
from kernel.errors import StoreUnavailable
from kernel.ids import HoldId, TenantId
from kernel.spans import to_minute
from persistence import keys
from persistence.errors import RedisUnavailable
from persistence.outbox import Outbox
from telemetry.measures import HOLDS_EXPIRED, HOLDS_OVERRIDDEN
from tests.support.engine import Engine, running_engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import confirm, hold
from workers.expiry import ExpiryLoop, ExpiryReport
from workers.hold_sweep import SweepReport

# Loops serve all businesses of a database.
pytestmark = pytest.mark.own_database

_LIFE_MS: Final = 300_000
_LONG_MS: Final = 3_000_000
_NINE: Final = to_minute(datetime(2026, 12, 1, 7, 0, tzinfo=UTC))
_STRANGER: Final = TenantId(UUID(int=7))


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody who reads and writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"
    expiry: ExpiryLoop

    async def run(self, loop: ExpiryLoop | None = None) -> ExpiryReport:
        await self.engine.context.hold_register.flush()
        return await (loop or self.expiry).run_once(asyncio.Event())

    async def sweep(self) -> SweepReport:
        return await build_hold_sweep_loop(self.engine.context).run_once(asyncio.Event())

    async def expired(self, start: int = _NINE, **more: Any) -> Hold:
        placed = await hold(self.engine, start, resource="noa", **more)
        await self.let_pass(placed.id, _LIFE_MS)
        return placed

    async def let_pass(self, hold_id: HoldId, milliseconds: int) -> None:
        await let_pass(self.engine.context.redis, self.engine.tenant_id, hold_id, milliseconds)

    async def events(self) -> list[dict[str, Any]]:
        rows = await self.outside.fetch("SELECT data FROM outbox WHERE name = 'hold.expired.v1' ORDER BY id")
        return [json.loads(row["data"]) for row in rows]

    @property
    def counted(self) -> int:
        """How many expired holds this process has counted, and not told yet."""
        return self.engine.context.metrics.take_counts().get(HOLDS_EXPIRED.name, 0)

    async def registered(self) -> list[TenantId]:
        return await self.engine.context.hold_register.businesses()


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside, build_expiry_loop(engine.context))
    await outside.close()


class TestExpiredHolds:
    async def test_expired_hold_is_noticed_once_with_an_event(self, shop: Shop) -> None:
        expired = await shop.expired(client="ann")

        first, second = await shop.run(), await shop.run()

        assert (first.expired, second.expired, shop.counted) == (1, 0, 1)
        (event,) = await shop.events()
        found = await shop.engine.services.holds.get(by_business(shop.engine.tenant_id), expired.id)
        assert found.status is HoldStatus.EXPIRED
        assert event == {
            "id": expired.id,
            "service_id": expired.service_id,
            "start": "2026-12-01T07:00:00Z",
            "end": "2026-12-01T07:30:00Z",
            "resources": [{"role": part.role, "resource_id": part.resource_id} for part in expired.parts],
            "party": 1,
            "expired_at": found.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    async def test_holds_that_did_not_expire_are_passed_over(self, shop: Shop) -> None:
        await hold(shop.engine, _NINE, resource="noa")
        confirmed = await hold(shop.engine, _NINE + 60, resource="noa")
        await confirm(shop.engine, confirmed)
        released = await hold(shop.engine, _NINE + 120, resource="noa")
        await shop.engine.services.holds.release(by_business(shop.engine.tenant_id), released.id)

        report = await shop.run()

        assert report == ExpiryReport(businesses=1, expired=0, live=1)
        assert await shop.events() == []

    async def test_hold_that_became_an_appointment_did_not_expire(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        placed = await hold(shop.engine, _NINE, resource="noa")
        with monkeypatch.context() as patched:
            patched.setattr(HoldStore, "settle", _never)
            await confirm(shop.engine, placed)
        await shop.let_pass(placed.id, _LIFE_MS)

        report = await shop.run()

        assert (report.expired, shop.counted, await shop.events()) == (0, 0, [])

    async def test_hold_that_was_settled_after_its_deadline_did_not_expire(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        placed = await hold(shop.engine, _NINE, resource="noa")
        store = HoldStore(shop.engine.context.redis)
        settle = store.settle

        async def late(*arguments: Any, **more: Any) -> None:
            await shop.let_pass(placed.id, _LIFE_MS)
            await settle(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(HoldStore, "settle", lambda _, *arguments, **more: late(*arguments, **more))
            await confirm(shop.engine, placed)

        assert ((await shop.run()).expired, shop.counted, await shop.events()) == (0, 0, [])
        assert not await shop.engine.context.redis.exists(keys.live(shop.engine.tenant_id))

    async def test_event_is_written_again_when_the_process_died_before_it_could_note_it(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _report_without_noting(shop, monkeypatch)
        another = build_expiry_loop(shop.engine.context)

        during_the_lease = await shop.run(another)
        await shop.engine.context.redis.delete(f"{keys.prefix(shop.engine.tenant_id)}lease:expiry")
        report = await shop.run(another)

        assert (during_the_lease.expired, report.expired, len(await shop.events())) == (0, 1, 2)

    async def test_event_that_version_0_1_has_written_is_not_written_again(self, shop: Shop) -> None:
        placed = await shop.expired()
        record = keys.hold(shop.engine.tenant_id, placed.id)
        await shop.engine.context.redis.hset(record, "reported", "1")

        report = await shop.run()

        assert (report.expired, len(await shop.events())) == (1, 0)

    async def test_event_is_written_once_when_redis_failed_before_it_could_be_noted(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _report_without_noting(shop, monkeypatch)

        report = await shop.run()

        assert (report.expired, shop.counted, len(await shop.events())) == (0, 1, 1)

    async def test_event_is_written_later_when_postgres_failed(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shop.expired()
        with monkeypatch.context() as patched:
            patched.setattr(Outbox, "add", _unavailable)
            with pytest.raises(StoreUnavailable):
                await shop.run()

        assert ((await shop.run()).expired, shop.counted, len(await shop.events())) == (1, 1, 1)

    async def test_two_processes_notice_each_hold_once(self, shop: Shop) -> None:
        for number in range(3):
            await shop.expired(_NINE + 60 * number)
        loops = [build_expiry_loop(shop.engine.context) for _ in range(4)]

        reports = await asyncio.gather(*map(shop.run, loops))

        assert sum(report.expired for report in reports) == shop.counted == len(await shop.events()) == 3

    async def test_expired_hold_may_still_be_confirmed_when_it_was_noticed(self, shop: Shop) -> None:
        expired = await shop.expired()
        await shop.run()

        booked = await confirm(shop.engine, expired, if_free=True)

        assert booked.created

    async def test_hold_given_up_after_its_end_is_counted_with_an_event(self, shop: Shop) -> None:
        expired = await shop.expired()
        await shop.engine.services.holds.release(by_business(shop.engine.tenant_id), expired.id)

        assert ((await shop.run()).expired, shop.counted) == (1, 1)
        assert [event["id"] for event in await shop.events()] == [expired.id]

    async def test_hold_that_the_business_overrides_is_counted_with_an_event(self, shop: Shop) -> None:
        visitors = await hold(shop.engine, _NINE, resource="noa")

        await hold(shop.engine, _NINE, resource="noa", overrides=(Override.HELD,))

        assert ((await shop.run()).expired, [event["id"] for event in await shop.events()]) == (1, [visitors.id])
        assert shop.engine.context.metrics.take_counts()[HOLDS_OVERRIDDEN.name] == 1

    async def test_hold_of_a_business_that_postgres_does_not_know_gives_no_event(self, shop: Shop) -> None:
        expired = await shop.expired()
        redis = shop.engine.context.redis
        record: dict[Any, Any] = {**await redis.hgetall(keys.hold(shop.engine.tenant_id, expired.id))}
        await redis.hset(keys.hold(_STRANGER, expired.id), mapping=record)
        await redis.zadd(keys.live(_STRANGER), {expired.id: 1})
        shop.engine.context.hold_register.note(_STRANGER, 1)

        report = await shop.run()

        assert (report.businesses, report.expired, len(await shop.events())) == (2, 1, 1)

    async def test_loop_ends_when_told_to(self, shop: Shop) -> None:
        await shop.expired()
        await shop.engine.context.hold_register.flush()
        stop = asyncio.Event()
        stop.set()

        report = await shop.expiry.run_once(stop)

        assert report == ExpiryReport(businesses=0, expired=0, live=0)


class TestRegister:
    async def test_business_is_forgotten_after_its_last_hold_was_noticed(self, shop: Shop) -> None:
        placed = await hold(shop.engine, _NINE, resource="noa")
        await shop.run()
        lives = await shop.registered()
        await shop.let_pass(placed.id, _LONG_MS)
        await shop.engine.context.redis.zincrby(keys.HOLDERS, -_LONG_MS, shop.engine.tenant_id.hex)

        noticed, after = await shop.run(), await shop.run()

        assert lives == [shop.engine.tenant_id]
        assert (noticed.expired, after.businesses, await shop.registered()) == (1, 0, [])

    async def test_register_keeps_the_latest_deadline(self, shop: Shop) -> None:
        register, redis = shop.engine.context.hold_register, shop.engine.context.redis
        for deadline_ms in (5, 9, 7):
            register.note(shop.engine.tenant_id, deadline_ms)
            await register.flush()

        assert await redis.zscore(keys.HOLDERS, shop.engine.tenant_id.hex) == 9

    async def test_notes_are_kept_while_redis_is_away(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        register = shop.engine.context.hold_register
        await hold(shop.engine, _NINE, resource="noa")
        with monkeypatch.context() as patched:
            patched.setattr(type(shop.engine.context.redis), "zadd", _never)
            with pytest.raises(RedisUnavailable):
                await register.flush()

        await register.flush()

        assert await shop.registered() == [shop.engine.tenant_id]


class TestSweep:
    async def test_hold_whose_process_died_is_found(self, shop: Shop) -> None:
        await shop.expired()
        await shop.engine.context.hold_register.flush()
        # Neither the note nor the place in the list has survived.
        await shop.engine.context.redis.delete(keys.HOLDERS, keys.live(shop.engine.tenant_id))
        lost = await shop.run()

        swept = await shop.sweep()
        found = await shop.run()

        assert (lost.businesses, swept.holds, swept.missing) == (0, 1, 1)
        assert (found.expired, len(await shop.events())) == (1, 1)

    async def test_hold_that_was_noticed_is_not_found_again(self, shop: Shop) -> None:
        await shop.expired()
        await shop.run()

        swept = await shop.sweep()
        after = await shop.run()

        assert (swept.holds, swept.missing, after.expired, len(await shop.events())) == (1, 0, 0, 1)

    async def test_sweep_ends_when_told_to(self, shop: Shop) -> None:
        await shop.expired()
        stop = asyncio.Event()
        stop.set()

        swept = await build_hold_sweep_loop(shop.engine.context).run_once(stop)

        assert swept == SweepReport(holds=0, missing=0)


async def _unavailable(*_: object) -> None:
    raise StoreUnavailable("away")


async def _report_without_noting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the event of an expired hold, and fail before Redis notes that it is written."""
    await shop.expired()
    with monkeypatch.context() as patched:
        patched.setattr(HoldStore, "note_reported", _never)
        with pytest.raises(RedisUnavailable):
            await shop.run()


async def _never(*_: object, **__: object) -> None:
    raise RedisUnavailable


async def test_expired_hold_is_in_the_feed_after_a_round_of_two_loops_that_rest_shortly(shop: Shop) -> None:
    held = await shop.expired()
    await shop.engine.context.hold_register.flush()
    schedule = {one.name: one for one in build_schedule(shop.engine.context, asyncio.Event())}

    for name in ("expiry", "relay"):
        await schedule[name].loop.run_once(asyncio.Event())

    events = await FeedService(shop.engine.services.unit_of_work).read(
        shop.engine.tenant_id, after=None, patterns=["hold.expired"], limit=10
    )
    assert [event.subject for event in events.data] == [held.id]
    # Each waits at most for one pause: the rest of two seconds is for the work.
    assert schedule["expiry"].seconds + schedule["relay"].seconds <= 1.25
