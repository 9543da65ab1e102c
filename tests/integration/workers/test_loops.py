"""The loops that run together: whoever is elected also audits and keeps house."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from bookings.model import Status
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
from workers.elected_loop import run_every
from workers.supervisor import running_loops

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


async def test_loops_count_what_expires_and_what_audits_find(engine: Engine, wrong_key: str) -> None:
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


async def test_loops_audit_nothing_when_audits_are_off(engine: Engine, wrong_key: str) -> None:
    settings = engine.context.settings.model_copy(update={"audit_seconds": 0})
    placed = await hold(engine, (await slots(engine))[0].start)
    await let_pass(engine.context.redis, engine.tenant_id, placed.id, 300_000)

    async def house_is_kept() -> bool:
        return bool(await engine.context.redis.hexists(keys.hold(engine.tenant_id, placed.id), "reported"))

    async with running_loops(replace(engine.context, settings=settings)):
        await eventually(house_is_kept)

    assert await engine.context.redis.exists(wrong_key)


async def _long_ago(engine: Engine, appointment_id: AppointmentId) -> None:
    """The loops go by the real time, whatever that is."""
    async with engine.services.unit_of_work.begin(by_business(engine.tenant_id)) as transaction:
        await transaction.connection.execute(
            text("UPDATE appointments SET approve_by = '2020-01-01T00:00Z' WHERE id = :id"), {"id": appointment_id}
        )


class TestRunEvery:
    async def test_action_waits_for_the_election(self) -> None:
        elected, stop, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def action() -> None:
            assert elected.is_set()
            done.set()

        async with asyncio.TaskGroup() as loops, asyncio.timeout(10):
            loops.create_task(run_every(60, action, name="test", elected=elected, stop=stop))
            elected.set()
            await done.wait()
            stop.set()

    async def test_action_is_repeated_after_a_store_was_lost(self) -> None:
        elected, stop, attempts = asyncio.Event(), asyncio.Event(), 0
        elected.set()

        async def action() -> None:
            nonlocal attempts
            attempts += 1
            if attempts == 2:
                stop.set()
            raise StoreUnavailable("away")

        async with asyncio.timeout(10):
            await run_every(0.01, action, name="test", elected=elected, stop=stop)

        assert attempts == 2
