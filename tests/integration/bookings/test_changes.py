"""Moving, cancelling and finishing appointments."""

from datetime import timedelta
from typing import Any

import pytest

from availability.model import NotOffered
from bookings.model import Appointment, AppointmentFilter, CutoffPassed, InvalidTransition, LimitReached, Status
from catalogue.model.rules.rule import UNSET
from holds.model import Hold, HoldExpired, HoldNotFound, SlotHeld, SlotTaken
from kernel.errors import NotFound, ValidationFailed, VersionConflict
from kernel.ids import AppointmentId
from kernel.operation import Operation
from kernel.spans import to_datetime
from tests.support.engine import MONDAY, Engine, MovingClock
from tests.support.ledger import ledger
from tests.support.operations import by_business, by_customer
from tests.support.redis_time import let_pass
from tests.support.visits import book, confirm, hold, slots

# Everything here holds with Redis and without.
pytestmark = pytest.mark.redis("default", "away")


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


async def change(
    engine: Engine, what: str, appointment: Appointment, *, operation: Operation | None = None, **more: Any
) -> Appointment:
    method = getattr(engine.services.appointments, what)
    operation = operation or by_business(engine.tenant_id)
    changed: Appointment = await method(operation, appointment.id, **{"expected_version": None} | more)
    return changed


async def move(engine: Engine, appointment: Appointment, start: int | None, **more: Any) -> Appointment:
    """As its customer does, unless told otherwise."""
    operation = more.pop("operation", by_customer(engine.tenant_id))
    arguments: dict[str, Any] = {"resource": None, "hold_id": None, "expected_version": None} | more
    to = None if start is None else to_datetime(start)
    return (await engine.services.appointments.reschedule(operation, appointment.id, start=to, **arguments)).appointment


async def cancel(engine: Engine, appointment: Appointment, **more: Any) -> Appointment:
    """As its customer does."""
    by = {"operation": by_customer(engine.tenant_id)}
    return await change(engine, "cancel", appointment, **by | {"reason": None} | more)


async def booked(engine: Engine, number: int = 0, place: int = 0) -> Appointment:
    """An appointment of Noa's on Tuesday."""
    start = (await slots(engine, resource="noa"))[place].start
    return (await book(engine, start, number, resource="noa")).appointment


async def starts(engine: Engine) -> list[int]:
    return [slot.start for slot in await slots(engine, resource="noa")]


async def test_reschedule_frees_the_old_time_and_takes_the_new(engine: Engine) -> None:
    before = await starts(engine)
    appointment = await booked(engine)

    moved = await move(engine, appointment, before[8])

    assert (moved.span.start, moved.times_rescheduled, moved.version) == (before[8], 1, 2)
    after = await starts(engine)
    assert before[0] in after
    assert before[8] not in after
    written = await ledger(engine)
    assert (written.live, written.claims, written.parts, written.events) == (1, 1, 1, 2)


async def test_reschedule_into_time_off_over_the_own_visit_is_refused(engine: Engine) -> None:
    appointment = await booked(engine, place=4)
    off = {"start": to_datetime(appointment.span.start), "end": to_datetime(appointment.span.end)}
    await engine.services.time_off.add(
        by_business(engine.tenant_id), "noa", {side: instant.isoformat() for side, instant in off.items()}
    )

    with pytest.raises(NotOffered) as refusal:
        await move(engine, appointment, appointment.span.start + 15, resource="noa")

    assert refusal.value.facts["reason"] == "time_off"


async def test_reschedule_by_less_than_its_length_is_not_in_its_own_way(engine: Engine) -> None:
    appointment = await booked(engine)

    moved = await move(engine, appointment, appointment.span.start + 15)

    assert moved.span.start == appointment.span.start + 15
    assert moved.parts[0].resource_id == appointment.parts[0].resource_id
    assert (await ledger(engine)).overlaps == 0


async def test_reschedule_leaves_it_as_it_was_when_the_new_time_is_taken(engine: Engine) -> None:
    appointment, other = await booked(engine), await booked(engine, 1)

    with pytest.raises(SlotTaken):
        await move(engine, appointment, other.span.start, resource="noa")

    assert await engine.services.appointments.get(by_business(engine.tenant_id), appointment.id) == appointment
    assert (await ledger(engine)).claims == 2


async def test_reschedule_goes_to_somebody_else_when_whoever_serves_is_taken(engine: Engine) -> None:
    noa_is_not_alone = [slot.start for slot in await slots(engine) if {"noa"} < set(slot.resources)]
    appointment = (await book(engine, noa_is_not_alone[0], resource="noa")).appointment
    await book(engine, noa_is_not_alone[-1], 1, resource="noa")

    moved = await move(engine, appointment, noa_is_not_alone[-1])

    assert moved.parts[0].resource_id != appointment.parts[0].resource_id


async def test_reschedule_is_refused_after_the_cutoff_or_too_often(engine: Engine, clock: MovingClock) -> None:
    appointment = await booked(engine, place=4)
    begin = to_datetime(appointment.span.start)

    clock.instant = begin - timedelta(minutes=120)
    appointment = await move(engine, appointment, appointment.span.start + 15)
    clock.instant = to_datetime(appointment.span.start) - timedelta(minutes=119)
    with pytest.raises(CutoffPassed):
        await move(engine, appointment, appointment.span.start + 15)

    clock.instant = MONDAY
    for _ in range(2):
        appointment = await move(engine, appointment, appointment.span.start + 15)
    with pytest.raises(LimitReached):
        await move(engine, appointment, appointment.span.start + 15)


async def test_business_moves_after_the_cutoff_and_uses_up_no_move(engine: Engine, clock: MovingClock) -> None:
    appointment = await booked(engine, place=4)
    clock.instant = to_datetime(appointment.span.start) - timedelta(minutes=61)

    for _ in range(4):
        appointment = await move(
            engine, appointment, appointment.span.start + 15, operation=by_business(engine.tenant_id)
        )

    assert (appointment.times_rescheduled, appointment.version) == (0, 5)


async def test_reschedule_needs_a_start_or_a_hold(engine: Engine) -> None:
    appointment = await booked(engine)

    with pytest.raises(ValidationFailed):
        await move(engine, appointment, None)


async def test_cancelling_frees_the_time_and_keeps_the_appointment(engine: Engine) -> None:
    before = await starts(engine)
    appointment = await booked(engine)

    ended = await cancel(engine, appointment, reason="ill")

    assert (ended.status, ended.cancel_reason, ended.cancelled_at) == (Status.CANCELLED, "ill", MONDAY)
    assert await starts(engine) == before
    stored = await engine.services.appointments.get(by_business(engine.tenant_id), appointment.id)
    assert stored == ended
    assert stored.parts == appointment.parts


@pytest.mark.parametrize(("minutes_before", "percent"), [(1440, 0), (1439, 50), (1, 50)])
async def test_cancelling_costs_what_the_policy_says(
    engine: Engine, clock: MovingClock, minutes_before: int, percent: int
) -> None:
    appointment = await booked(engine, place=4)
    clock.instant = to_datetime(appointment.span.start) - timedelta(minutes=minutes_before)

    ended = await cancel(engine, appointment)

    assert ended.fee is not None
    assert ended.fee.amount_minor == appointment.price.amount_minor * percent // 100


async def test_customer_cannot_cancel_what_has_begun_but_the_business_can(engine: Engine, clock: MovingClock) -> None:
    appointment = await booked(engine)
    clock.instant = to_datetime(appointment.span.start)

    with pytest.raises(CutoffPassed):
        await cancel(engine, appointment)
    assert (await cancel(engine, appointment, operation=by_business(engine.tenant_id))).status is Status.CANCELLED


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("cancel", "cancel"),
        ("cancel", "complete"),
        ("complete", "no_show"),
        ("complete", "cancel"),
        ("no_show", "complete"),
        ("no_show", "reschedule"),
        ("cancel", "reschedule"),
        ("complete", "approve"),
        ("complete", "decline"),
    ],
)
async def test_finished_appointment_does_not_change_any_more(
    engine: Engine, clock: MovingClock, first: str, then: str
) -> None:
    more: dict[str, dict[str, Any]] = {
        "cancel": {"reason": None},
        "reschedule": {"start": MONDAY, "resource": None, "hold_id": None},
    }
    appointment = await booked(engine)
    clock.instant = to_datetime(appointment.span.start)
    appointment = await change(engine, first, appointment, **more.get(first, {}))

    with pytest.raises(InvalidTransition) as refusal:
        await change(engine, then, appointment, **more.get(then, {}))

    assert refusal.value.facts["from"] == appointment.status.value
    assert await engine.services.appointments.get(by_business(engine.tenant_id), appointment.id) == appointment


async def test_no_show_costs_what_the_policy_says(engine: Engine, clock: MovingClock) -> None:
    appointment = await booked(engine)
    clock.instant = to_datetime(appointment.span.start)
    appointment = await change(engine, "no_show", appointment)

    assert appointment.fee == appointment.price


async def test_change_is_refused_when_the_appointment_changed_since_it_was_read(engine: Engine) -> None:
    appointment = await booked(engine)
    await change(engine, "annotate", appointment, notes="window seat", metadata=UNSET, expected_version=1)

    for what in ("complete", "no_show", "cancel"):
        more = {"reason": None} if what == "cancel" else {}
        with pytest.raises(VersionConflict):
            await change(engine, what, appointment, expected_version=1, **more)
    with pytest.raises(VersionConflict):
        await move(engine, appointment, appointment.span.start + 15, expected_version=1)


async def test_annotating_changes_only_what_is_given(engine: Engine) -> None:
    appointment = await booked(engine)

    await change(engine, "annotate", appointment, notes="loud", metadata={"crm": "7"})
    changed = await change(engine, "annotate", appointment, notes=None, metadata=UNSET)

    assert (changed.notes, changed.metadata, changed.version) == (None, {"crm": "7"}, 3)


async def test_list_goes_by_start_in_pages_and_by_what_is_asked(engine: Engine) -> None:
    noa = [await booked(engine, number, place=2) for number in range(3)]
    dans_first = (await slots(engine, resource="dan"))[0].start
    dan = (await book(engine, dans_first, 9, resource="dan")).appointment
    await cancel(engine, noa[1])

    async def found(limit: int = 50, **wanted: Any) -> list[AppointmentId]:
        ids: list[AppointmentId] = []
        after = None
        while True:
            page, after = await engine.services.appointments.find(
                by_business(engine.tenant_id), AppointmentFilter(**wanted), after=after, limit=limit
            )
            ids += [one.id for one in page]
            if after is None:
                return ids

    everything = sorted([*noa, dan], key=lambda one: (one.span.start, one.id))
    assert await found() == await found(limit=1) == await found(limit=2) == [one.id for one in everything]
    assert await found(resource_id=dan.parts[0].resource_id) == [dan.id]
    assert await found(status=Status.CANCELLED) == [noa[1].id]
    assert await found(customer_id=noa[2].customer_id) == [noa[2].id]
    middle = to_datetime(noa[1].span.start)
    assert noa[0].id not in await found(starts_from=middle)
    assert noa[1].id not in await found(starts_before=middle)


@pytest.mark.parametrize("cursor", ["", "x", "bm9uZQ", "MjAyNi0xMi0wMVQwODowMDowMHxhcHQ"])
async def test_list_refuses_a_cursor_it_never_gave(engine: Engine, cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        await engine.services.appointments.find(
            by_business(engine.tenant_id), AppointmentFilter(), after=cursor, limit=1
        )


async def test_unknown_appointment_is_not_found(engine: Engine) -> None:
    unknown = AppointmentId("apt_00000000000000000000000000")

    with pytest.raises(NotFound):
        await engine.services.appointments.get(by_business(engine.tenant_id), unknown)


@pytest.mark.redis("default")
class TestWithHolds:
    """What needs Redis."""

    async def test_reschedule_moves_onto_a_hold(self, engine: Engine) -> None:
        appointment = await booked(engine)
        held = await hold(engine, (await starts(engine))[8], resource="noa")

        moved = await move(engine, appointment, None, hold_id=held.id)

        assert moved.span == held.span
        with pytest.raises(HoldNotFound):
            await engine.services.holds.get(by_business(engine.tenant_id), held.id)
        assert appointment.span.start in await starts(engine)

    async def test_reschedule_honours_the_holds_of_others(self, engine: Engine) -> None:
        appointment = await booked(engine)
        held = await hold(engine, (await starts(engine))[8], resource="noa")

        with pytest.raises(SlotHeld):
            await move(engine, appointment, held.span.start, resource="noa")

    async def test_reschedule_refuses_a_hold_for_another_service(self, engine: Engine) -> None:
        appointment = await booked(engine)
        other = (await slots(engine, "beard-trim", resource="noa"))[3]
        held = await hold(engine, other.start, "beard-trim", resource="noa")

        with pytest.raises(ValidationFailed):
            await move(engine, appointment, None, hold_id=held.id)

    async def test_confirming_an_expired_hold_is_an_attempt_when_asked_for(self, engine: Engine) -> None:
        start = (await starts(engine))[0]
        held = await expired(engine, start)

        with pytest.raises(HoldExpired):
            await confirm(engine, held)
        first = await confirm(engine, held, if_free=True)
        again = await confirm(engine, held, if_free=True)

        assert (first.created, again.created) == (True, False)
        assert first.appointment.id == again.appointment.id
        assert first.token == again.token
        assert first.appointment.span.start == start

    async def test_confirming_an_expired_hold_loses_to_who_came_meanwhile(self, engine: Engine) -> None:
        held = await expired(engine, (await starts(engine))[0])
        await book(engine, held.span.start, 1, resource="noa")

        with pytest.raises(SlotTaken):
            await confirm(engine, held, if_free=True)

        assert (await ledger(engine)).live == 1

    async def test_confirmation_is_found_again_when_redis_has_lost_everything(self, engine: Engine) -> None:
        held = await hold(engine, (await starts(engine))[0])
        first = await confirm(engine, held)
        await engine.context.redis.flushdb()

        again = await confirm(engine, held)

        assert (again.created, again.appointment.id, again.token) == (False, first.appointment.id, first.token)


async def expired(engine: Engine, start: int) -> Hold:
    """A hold of Noa whose time is up."""
    held = await hold(engine, start, resource="noa")
    await let_pass(engine.context.redis, engine.tenant_id, held.id, 300_000)
    return held
