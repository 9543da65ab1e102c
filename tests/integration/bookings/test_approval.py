"""Appointments that wait for approval keep their time, and not for ever."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import asyncpg
import httpx
import pytest

from bookings.model import Appointment, InvalidTransition, Status
from catalogue.model.business import Mode
from catalogue.tenants import KeyKind
from holds.model import SlotTaken
from kernel.ids import AppointmentId
from kernel.spans import to_datetime
from persistence.due_work import DueWorkRepository
from tests.support.documents import example
from tests.support.engine import MONDAY, Engine, MovingClock, running_engine
from tests.support.ledger import ledger
from tests.support.operations import by_business, by_customer
from tests.support.shared_routes import app_with_shared_routes
from tests.support.visits import book, slots
from workers.approvals import ApprovalLoop

_WITHIN: Final = timedelta(minutes=90)
_MOMENT: Final = timedelta(microseconds=1)


def shop_document() -> dict[str, Any]:
    """The barbershop, where somebody looks at each haircut within 90 minutes, and cancelling costs from the start."""
    document = example("barbershop")
    document["services"][0]["rules"] = {
        "approval": {"within_minutes": 90},
        "cancellation": {"free_until_minutes": 50_000, "fee_percent": 50},
    }
    return document


# Everything here holds with Redis and without.
pytestmark = pytest.mark.redis("default", "away")


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def document() -> Mapping[str, Any]:
    return shop_document()


async def starts(engine: Engine) -> list[int]:
    return [slot.start for slot in await slots(engine, resource="noa")]


async def requested(engine: Engine, place: int = 0, number: int = 0) -> Appointment:
    """Noa is asked for on Tuesday."""
    return (await book(engine, (await starts(engine))[place], number, resource="noa")).appointment


async def approve(engine: Engine, appointment: Appointment) -> Appointment:
    return await engine.services.appointments.approve(
        by_business(engine.tenant_id), appointment.id, expected_version=None
    )


async def current(engine: Engine, appointment_id: AppointmentId) -> Appointment:
    return await engine.services.appointments.get(by_business(engine.tenant_id), appointment_id)


async def expire(engine: Engine) -> int:
    return await engine.services.appointments.expire(by_business(engine.tenant_id), 50)


async def test_pending_appointment_keeps_its_time_until_the_wait_is_over(engine: Engine, clock: MovingClock) -> None:
    before = await starts(engine)
    appointment = await requested(engine)
    clock.instant = MONDAY + _WITHIN

    assert (appointment.status, appointment.approve_by) == (Status.PENDING, MONDAY + _WITHIN)
    assert await expire(engine) == 0
    assert before[0] not in await starts(engine)
    assert (await approve(engine, appointment)).status is Status.CONFIRMED
    clock.instant += timedelta(days=1)
    assert await expire(engine) == 0


async def test_expired_appointment_is_cancelled_and_frees_its_time(
    engine: Engine, clock: MovingClock, outside: "asyncpg.Connection[Any]"
) -> None:
    before = await starts(engine)
    appointment = await requested(engine)
    await requested(engine, place=8)
    clock.instant = MONDAY + _WITHIN + _MOMENT

    assert (await expire(engine), await expire(engine)) == (2, 0)

    ended = await current(engine, appointment.id)
    assert (ended.status, ended.cancel_reason, ended.cancelled_at) == (
        Status.CANCELLED, "approval_expired", clock.instant,
    )  # fmt: skip
    assert ended.fee is not None
    assert (ended.fee.amount_minor, ended.approve_by, ended.version) == (0, None, 2)
    assert ended.parts == appointment.parts
    assert await starts(engine) == before
    assert (await ledger(engine)).claims == 0
    events = await outside.fetch(
        "SELECT data FROM outbox WHERE name = 'appointment.expired.v1' AND subject = $1", appointment.id
    )
    assert [json.loads(event["data"])["status"] for event in events] == ["cancelled"]


async def test_expired_appointment_is_neither_approved_nor_moved_though_nobody_ended_it(
    engine: Engine, clock: MovingClock
) -> None:
    appointment = await requested(engine)
    clock.instant = MONDAY + _WITHIN + _MOMENT

    with pytest.raises(InvalidTransition, match="has expired"):
        await approve(engine, appointment)
    with pytest.raises(InvalidTransition, match="has expired"):
        await engine.services.appointments.reschedule(
            by_business(engine.tenant_id),
            appointment.id,
            start=to_datetime(appointment.span.start + 60),
            resource=None,
            hold_id=None,
            expected_version=None,
        )
    cancelled = await engine.services.appointments.cancel(
        by_customer(engine.tenant_id), appointment.id, reason="Too slow", expected_version=None
    )

    assert cancelled.fee is not None
    assert (cancelled.status, cancelled.fee.amount_minor) == (Status.CANCELLED, 0)
    assert await expire(engine) == 0


async def test_moving_to_an_earlier_time_ends_the_wait_with_its_start(engine: Engine, clock: MovingClock) -> None:
    first = (await starts(engine))[0]
    clock.instant = to_datetime(first) - timedelta(minutes=70)
    appointment = await requested(engine, place=8)

    rescheduled = await engine.services.appointments.reschedule(
        by_business(engine.tenant_id),
        appointment.id,
        start=to_datetime(first),
        resource="noa",
        hold_id=None,
        expected_version=None,
    )

    moved = rescheduled.appointment
    assert appointment.approve_by == clock.instant + _WITHIN
    assert moved.approve_by == (await current(engine, moved.id)).approve_by == to_datetime(first)


async def test_second_request_for_the_same_slot_is_never_accepted(engine: Engine, clock: MovingClock) -> None:
    start = (await starts(engine))[0]
    outcomes = await asyncio.gather(
        *(book(engine, start, number, resource="noa") for number in range(6)), return_exceptions=True
    )
    first, *more = [outcome.appointment for outcome in outcomes if not isinstance(outcome, BaseException)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]

    assert (first.status, more, len(refused)) == (Status.PENDING, [], 5)
    clock.instant = MONDAY + _WITHIN + _MOMENT
    with pytest.raises(SlotTaken):
        # Nobody has ended the first one, so it has its time.
        await book(engine, start, 7, resource="noa")
    await expire(engine)
    second = (await book(engine, start, 8, resource="noa")).appointment
    with pytest.raises(InvalidTransition):
        await approve(engine, first)
    assert (await approve(engine, second)).status is Status.CONFIRMED
    written = await ledger(engine)
    assert (written.live, written.claims, written.overlaps) == (1, 1, 0)


def _loop(engine: Engine, clock: MovingClock) -> ApprovalLoop:
    due_work = DueWorkRepository(engine.context.engine)
    return ApprovalLoop(
        due_work=due_work, appointments=engine.services.appointments, clock=clock, metrics=engine.context.metrics
    )


@pytest.mark.own_database
@pytest.mark.redis("default")
class TestWorker:
    """What the loop does, once with Redis."""

    async def test_several_workers_end_each_once(
        self, engine: Engine, clock: MovingClock, outside: "asyncpg.Connection[Any]"
    ) -> None:
        for number in range(4):
            await requested(engine, number=number)
        clock.instant = MONDAY + _WITHIN + _MOMENT

        counts = await asyncio.gather(
            *(engine.services.appointments.expire(by_business(engine.tenant_id), 2) for _ in range(4))
        )
        rest = await expire(engine)

        assert sum(counts) + rest == 4
        events = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND name = 'appointment.expired.v1'"
        assert await outside.fetchval(events, engine.tenant_id) == 4
        versions = "SELECT array_agg(DISTINCT version) FROM appointments WHERE tenant_id = $1"
        assert await outside.fetchval(versions, engine.tenant_id) == [2]

    async def test_one_that_is_just_being_changed_is_left(
        self, engine: Engine, clock: MovingClock, outside: "asyncpg.Connection[Any]"
    ) -> None:
        locked, other = await requested(engine), await requested(engine)
        clock.instant = MONDAY + _WITHIN + _MOMENT

        async with outside.transaction():
            await outside.execute("SELECT FROM appointments WHERE id = $1 FOR UPDATE", locked.id)
            assert await expire(engine) == 1

        assert (await current(engine, other.id)).status is Status.CANCELLED
        assert (await current(engine, locked.id)).status is Status.PENDING

    async def test_one_that_an_older_program_booked_waits_until_its_start(
        self, engine: Engine, clock: MovingClock, outside: "asyncpg.Connection[Any]"
    ) -> None:
        appointment = await requested(engine)
        await outside.execute("UPDATE appointments SET approve_by = NULL WHERE id = $1", appointment.id)
        begin = to_datetime(appointment.span.start)

        assert (await current(engine, appointment.id)).approve_by == begin
        clock.instant = begin
        assert await expire(engine) == 0
        clock.instant = begin + _MOMENT
        assert await expire(engine) == 1

    @pytest.mark.own_database
    async def test_sandbox_goes_by_its_own_clock_and_others_by_the_real_one(
        self, engine: Engine, clock: MovingClock, database_url: str, redis_url: str
    ) -> None:
        live = await requested(engine)
        approvals = _loop(engine, clock)
        async with running_engine(database_url, redis_url, document=shop_document(), mode=Mode.SANDBOX) as sandbox:
            await sandbox.services.sandbox.set_clock(by_business(sandbox.tenant_id), MONDAY)
            tried = await requested(sandbox)

            clock.instant = MONDAY + timedelta(days=2)
            assert (await approvals.run_once(asyncio.Event())).expired == 1
            assert (await current(engine, live.id)).status is Status.CANCELLED
            assert (await current(sandbox, tried.id)).status is Status.PENDING
            late = MONDAY + _WITHIN + timedelta(minutes=1)
            await sandbox.services.sandbox.set_clock(by_business(sandbox.tenant_id), late)
            assert (await approvals.run_once(asyncio.Event())).expired == 1

            ended = await current(sandbox, tried.id)
            assert (ended.status, ended.cancelled_at) == (Status.CANCELLED, late)

    @pytest.mark.own_database
    async def test_stop_ends_the_round(self, engine: Engine, clock: MovingClock) -> None:
        await requested(engine)
        clock.instant = MONDAY + _WITHIN + _MOMENT
        approvals = _loop(engine, clock)
        stop = asyncio.Event()
        stop.set()

        assert (await approvals.run_once(stop)).expired == 0
        assert (await approvals.run_once(asyncio.Event())).expired == 1


@pytest.mark.redis("default")
async def test_http_tells_until_when_and_that_it_is_too_late(
    database_url: str, redis_url: str, clock: MovingClock
) -> None:
    async with running_engine(database_url, redis_url, clock=clock, document=shop_document()) as engine:
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key
        appointment, other = await requested(engine), await requested(engine)
        transport = httpx.ASGITransport(app_with_shared_routes(engine.context, engine.services))
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as http:
            path = f"/v1/appointments/{appointment.id}"
            pending = (await http.get(path)).json()
            approved = (await http.post(f"/v1/appointments/{other.id}/approve")).json()
            clock.instant = MONDAY + _WITHIN + _MOMENT
            refused = await http.post(f"{path}/approve")
            await expire(engine)
            ended = (await http.get(path)).json()
            rules = (await http.get("/v1/services/haircut")).json()["rules"]

    assert pending["approve_by"] == "2026-11-30T07:30:00Z"
    assert (approved["status"], approved["approve_by"]) == ("confirmed", None)
    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["from"], refused.json()["to"]) == (
        "invalid_transition", "pending", "confirmed",
    )  # fmt: skip
    assert "has expired" in refused.json()["detail"]
    assert (ended["cancel_reason"], ended["fee"]["amount_minor"], ended["approve_by"]) == ("approval_expired", 0, None)
    assert rules["approval"] == {"within_minutes": 90}
