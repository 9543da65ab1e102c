"""The loops that run together: the elected process runs all of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import text

from bookings.model import Status
from bootstrap.loops import running_loops
from bootstrap.metrics_reporting import reporting
from kernel.errors import StoreUnavailable
from kernel.ids import AppointmentId, ResourceId
from kernel.spans import day_number
from persistence import keys
from persistence.metrics import MetricsStore
from telemetry.measures import OF_THE_ELECTED
from tests.support.engine import Engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import TUESDAY, book, hold, slots
from tests.support.waiting import eventually
from workers.schedule import ScheduledLoop, run_scheduled

pytestmark = pytest.mark.own_database


@pytest.fixture
async def wrong_key(engine: Engine) -> str:
    """A cached value that no bitmap can be."""
    key = keys.clear(engine.tenant_id, ResourceId("res_unknown"), day_number(TUESDAY))
    await engine.context.redis.set(key, b"?", px=60_000)
    return key


async def test_loops_mend_what_redis_has_wrong(engine: Engine, wrong_key: str) -> None:
    async def is_mended() -> bool:
        return not await engine.context.redis.exists(wrong_key)

    async with running_loops(engine.context):
        await eventually(is_mended)


async def test_loops_notice_expired_holds(engine: Engine) -> None:
    placed = await hold(engine, (await slots(engine))[0].start)
    await let_pass(engine.context.redis, engine.tenant_id, placed.id, 300_000)

    async def is_noticed() -> bool:
        return bool(await engine.context.redis.hexists(keys.hold(engine.tenant_id, placed.id), "reported"))

    async with running_loops(engine.context):
        await eventually(is_noticed)


async def test_loops_count_what_expires_and_what_reconciliations_find(engine: Engine, wrong_key: str) -> None:
    placed = await hold(engine, (await slots(engine))[0].start)
    await let_pass(engine.context.redis, engine.tenant_id, placed.id, 300_000)
    store = MetricsStore(engine.context.redis)

    async def is_counted() -> bool:
        counts = (await store.read()).counts
        return (counts.get("holds_expired"), counts.get("drift:bitmap")) == (1, 1)

    async def shows_all() -> bool:
        (shown,) = (await store.read()).processes.values()
        names = {name.partition(":")[0] for name in shown}
        return {gauge.name for gauge in OF_THE_ELECTED} <= names and shown["elected"] == "1"

    async with reporting(engine.context, "worker"), running_loops(engine.context):
        await eventually(is_counted)
        await eventually(shows_all)
    assert not await engine.context.redis.exists(wrong_key)
    assert (await store.read()).processes == {}


async def test_loops_end_what_nobody_approved(engine: Engine) -> None:
    booked = await book(engine, (await slots(engine, "father-and-son"))[0].start, service="father-and-son")
    await _long_ago(engine, booked.appointment.id)

    async def is_ended() -> bool:
        found = await engine.services.appointments.get(by_business(engine.tenant_id), booked.appointment.id)
        return found.status is Status.CANCELLED

    async with running_loops(engine.context):
        await eventually(is_ended)


async def test_loops_compare_nothing_when_reconciliation_is_off(engine: Engine, wrong_key: str) -> None:
    settings = engine.context.settings.model_copy(update={"audit_seconds": 0})
    placed = await hold(engine, (await slots(engine))[0].start)
    await let_pass(engine.context.redis, engine.tenant_id, placed.id, 300_000)

    async def is_noticed() -> bool:
        return bool(await engine.context.redis.hexists(keys.hold(engine.tenant_id, placed.id), "reported"))

    async with running_loops(replace(engine.context, settings=settings)):
        await eventually(is_noticed)

    assert await engine.context.redis.exists(wrong_key)


async def _long_ago(engine: Engine, appointment_id: AppointmentId) -> None:
    """The loops go by the real time, whatever that is."""
    async with engine.services.unit_of_work.begin(by_business(engine.tenant_id)) as transaction:
        await transaction.connection.execute(
            text("UPDATE appointments SET approve_by = '2020-01-01T00:00Z' WHERE id = :id"), {"id": appointment_id}
        )


@dataclass(slots=True)
class _Loop:
    """A loop that does what it is told."""

    action: Callable[[asyncio.Event], None]
    runs: int = 0

    async def run_once(self, stop: asyncio.Event) -> None:
        self.runs += 1
        self.action(stop)


def _scheduled(loop: _Loop, seconds: float, *, needs_election: bool = True) -> ScheduledLoop:
    return ScheduledLoop(name="test", seconds=seconds, needs_election=needs_election, loop=loop)


class TestRunScheduled:
    async def test_loop_waits_for_the_election(self) -> None:
        elected, stop = asyncio.Event(), asyncio.Event()

        def action(stop: asyncio.Event) -> None:
            assert elected.is_set()
            stop.set()

        async with asyncio.timeout(10), asyncio.TaskGroup() as loops:
            loops.create_task(run_scheduled(_scheduled(_Loop(action), 60), elected, stop))
            await asyncio.sleep(0)
            elected.set()

    async def test_loop_that_needs_no_election_does_not_wait_for_it(self) -> None:
        loop = _Loop(lambda stop: stop.set())

        async with asyncio.timeout(10):
            await run_scheduled(_scheduled(loop, 60, needs_election=False), asyncio.Event(), asyncio.Event())

        assert loop.runs == 1

    async def test_loop_is_repeated_after_a_store_was_lost(self) -> None:
        elected = asyncio.Event()
        elected.set()

        def action(stop: asyncio.Event) -> None:
            if loop.runs == 2:
                stop.set()
            raise StoreUnavailable("away")

        loop = _Loop(action)
        async with asyncio.timeout(10):
            await run_scheduled(_scheduled(loop, 0.01), elected, asyncio.Event())

        assert loop.runs == 2
