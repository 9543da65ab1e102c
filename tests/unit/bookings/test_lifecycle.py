"""The decisions on an appointment: what it becomes, the event that says so, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

import pytest

from bookings import lifecycle
from bookings.lifecycle import AppointmentChange
from bookings.model import Appointment, CustomerDetails, CutoffPassed, Details, InvalidTransition, LimitReached, Status
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.reschedule import ReschedulePolicy
from catalogue.model.rules.rule import UNSET
from holds.model import Hold, HoldStatus, Part
from kernel.errors import DomainError, VersionConflict
from kernel.ids import AppointmentId, CustomerId, HoldId, ResourceId, ServiceId
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import Span, to_minute, to_rfc3339

_NOW: Final = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
_START: Final = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
_BUSINESS: Final = Actor(ActorKind.BUSINESS, "key_1")
_SYSTEM: Final = Actor(ActorKind.SYSTEM, "loop")
_CUSTOMER: Final = Actor(ActorKind.CUSTOMER, "apt_1")
_DETAILS: Final = Details(customer=CustomerDetails(name="Dana"), notes="Short", metadata={"campaign": "winter"})

_Decide: TypeAlias = Callable[[Appointment, datetime], AppointmentChange]


def _hold(start: datetime = _START) -> Hold:
    span = Span(to_minute(start), to_minute(start) + 30)
    return Hold(
        id=HoldId("hld_1"),
        status=HoldStatus.PINNED,
        service_id=ServiceId("svc_1"),
        span=span,
        parts=(Part(role="barber", resource_id=ResourceId("res_1"), span=span),),
        claims=(),
        resource=None,
        party=1,
        price=Money(amount_minor=9000, currency="ILS"),
        placed_at=_NOW,
        expires_at=_NOW,
        extendable_until=_NOW,
        appointment_id=None,
        catalogue_version=None,
    )


def _book(*, approval: bool = False) -> AppointmentChange:
    return lifecycle.book(
        _hold(),
        _NOW,
        appointment_id=AppointmentId("apt_1"),
        customer_id=CustomerId("cus_1"),
        details=_DETAILS,
        rules=EffectiveRules(
            approval=Approval() if approval else None,
            cancellation=CancellationPolicy(free_until_minutes=60, fee_percent=50, no_show_fee_percent=100),
            reschedule=ReschedulePolicy(until_minutes=120, max_times=2),
        ),
        timezone="Asia/Jerusalem",
    )


_MOVE: Final = partial(
    lifecycle.move, actor=_CUSTOMER, hold=_hold(_START + timedelta(days=1)), timezone="Europe/Berlin"
)
_CANCEL: Final = partial(lifecycle.cancel, actor=_CUSTOMER, reason="Flu")
_ANNOTATE: Final = partial(lifecycle.annotate, notes=None, metadata=UNSET)


@pytest.mark.parametrize(
    ("actor", "details", "after", "expected"),
    [
        (_CUSTOMER, _DETAILS, timedelta(0), True),
        (_CUSTOMER, _DETAILS, timedelta(minutes=15), True),
        (_CUSTOMER, _DETAILS, timedelta(minutes=15, seconds=1), False),
        (_CUSTOMER, _DETAILS, timedelta(minutes=-16), False),
        (_CUSTOMER, replace(_DETAILS, notes=None), timedelta(0), False),
        (_CUSTOMER, replace(_DETAILS, metadata={}), timedelta(0), False),
        (_CUSTOMER, replace(_DETAILS, customer=CustomerDetails(name="dana")), timedelta(0), False),
        (_BUSINESS, replace(_DETAILS, notes=None), timedelta(days=9), True),
    ],
)
def test_booking_is_answered_in_full_again_to_the_sender_of_the_same_details_for_a_while(
    actor: Actor,
    details: Details,
    after: timedelta,
    expected: bool,  # noqa: FBT001 - a column
) -> None:
    booked = _book().appointment

    assert lifecycle.is_answered_in_full(booked, _NOW + after, details=details, actor=actor) is expected


def test_notes_of_the_business_do_not_part_customers_from_their_answer() -> None:
    annotated = _ANNOTATE(_book().appointment, _NOW).appointment

    assert lifecycle.is_answered_in_full(annotated, _NOW, details=_DETAILS, actor=_CUSTOMER)


def test_booking_of_an_older_program_is_not_answered_in_full_again() -> None:
    older = replace(_book().appointment, details_digest=None)

    assert not lifecycle.is_answered_in_full(older, _NOW, details=_DETAILS, actor=_CUSTOMER)


def test_digest_of_details_does_not_depend_on_the_order_of_metadata() -> None:
    one, other = replace(_DETAILS, metadata={"a": "1", "b": "2"}), replace(_DETAILS, metadata={"b": "2", "a": "1"})

    assert one.digest == other.digest


def test_booking_is_reported_with_all_that_subscribers_need() -> None:
    change = _book()

    assert (change.event.name, change.event.subject) == ("appointment.confirmed.v1", "apt_1")
    assert change.event.data == {
        "id": "apt_1",
        "status": "confirmed",
        "service_id": "svc_1",
        "start": "2026-12-02T06:00:00Z",
        "end": "2026-12-02T06:30:00Z",
        "timezone": "Asia/Jerusalem",
        "resources": [{"role": "barber", "resource_id": "res_1"}],
        "party": 1,
        "price": {"amount_minor": 9000, "currency": "ILS"},
        "customer_id": "cus_1",
        "approve_by": None,
        "version": 1,
    }


@pytest.mark.parametrize(
    ("decide", "pending", "name", "status", "fee"),
    [
        (_MOVE, False, "rescheduled", Status.CONFIRMED, None),
        (_CANCEL, False, "cancelled", Status.CANCELLED, 0),
        (lifecycle.approve, True, "approved", Status.CONFIRMED, None),
        (lifecycle.decline, True, "declined", Status.CANCELLED, 0),
        (lifecycle.expire, True, "expired", Status.CANCELLED, 0),
        (lifecycle.complete, False, "completed", Status.COMPLETED, None),
        (lifecycle.no_show, False, "no_show", Status.NO_SHOW, 9000),
        (_ANNOTATE, False, "annotated", Status.CONFIRMED, None),
    ],
)
def test_operation_makes_a_new_version_and_its_event(
    decide: _Decide, *, pending: bool, name: str, status: Status, fee: int | None
) -> None:
    before = _book(approval=pending).appointment
    later = _START if status in {Status.COMPLETED, Status.NO_SHOW} else _NOW + timedelta(hours=1)

    change = decide(before, later)

    after = change.appointment
    assert (after.version, after.updated_at, after.status) == (2, later, status)
    assert (after.fee.amount_minor if after.fee else None) == fee
    assert (after.cancelled_at == later) == (status is Status.CANCELLED)
    assert change.event.name == f"appointment.{name}.v1"
    assert (change.event.data["version"], change.event.data["status"]) == (2, status.value)


def test_move_is_reported_with_the_start_before_it() -> None:
    change = _MOVE(_book().appointment, _NOW)

    assert change.event.data["moved_from"] == "2026-12-02T06:00:00Z"
    assert change.event.data["start"] == "2026-12-03T06:00:00Z"
    assert (change.appointment.timezone, change.appointment.times_rescheduled) == ("Europe/Berlin", 1)


@pytest.mark.parametrize(
    ("decide", "pending", "by", "code"),
    [
        (_CANCEL, False, ActorKind.CUSTOMER, "requested"),
        (_CANCEL, True, ActorKind.CUSTOMER, "withdrawn"),
        (partial(_CANCEL, actor=_BUSINESS), False, ActorKind.BUSINESS, "requested"),
        (partial(_CANCEL, actor=_BUSINESS), True, ActorKind.BUSINESS, "requested"),
        (partial(_CANCEL, actor=_SYSTEM), False, ActorKind.SYSTEM, "requested"),
        (lifecycle.decline, True, ActorKind.BUSINESS, "declined"),
        (lifecycle.expire, True, ActorKind.SYSTEM, "approval_expired"),
    ],
)
def test_end_of_an_appointment_tells_who_brought_it_about_and_why(
    decide: _Decide, *, pending: bool, by: ActorKind, code: str
) -> None:
    before = _book(approval=pending).appointment

    change = decide(before, _NOW)

    assert (before.cancelled_by, change.appointment.cancelled_by) == (None, by)
    assert (change.event.data["by"], change.event.data["reason_code"]) == (by.value, code)


@pytest.mark.parametrize(("late", "fee"), [(timedelta(0), 0), (timedelta(seconds=1), 4500)])
def test_cancellation_is_free_up_to_the_boundary(late: timedelta, fee: int) -> None:
    cancelled = _CANCEL(_book().appointment, _START - timedelta(hours=1) + late).appointment

    assert cancelled.fee == Money(amount_minor=fee, currency="ILS")
    assert cancelled.cancel_reason == "Flu"


@pytest.mark.parametrize("actor", [_BUSINESS, _SYSTEM])
@pytest.mark.parametrize("after", [timedelta(seconds=-1), timedelta(0), timedelta(days=9)])
def test_cancellation_by_anybody_but_the_customer_costs_nothing(actor: Actor, after: timedelta) -> None:
    cancelled = lifecycle.cancel(_book().appointment, _START + after, actor=actor, reason=None).appointment

    assert cancelled.fee == Money(amount_minor=0, currency="ILS")


@pytest.mark.parametrize("actor", [_CUSTOMER, _BUSINESS, _SYSTEM])
@pytest.mark.parametrize("after", [timedelta(seconds=-1), timedelta(0), timedelta(days=9)])
def test_pending_appointment_is_withdrawn_free_of_charge(actor: Actor, after: timedelta) -> None:
    withdrawn = lifecycle.cancel(_book(approval=True).appointment, _START + after, actor=actor, reason=None).appointment

    assert (withdrawn.status, withdrawn.fee) == (Status.CANCELLED, Money(amount_minor=0, currency="ILS"))


def test_customer_cannot_cancel_what_has_begun_and_the_business_can() -> None:
    appointment = _book().appointment

    with pytest.raises(CutoffPassed, match=f"began at {to_rfc3339(_START)}"):
        lifecycle.cancel(appointment, _START, actor=_CUSTOMER, reason=None)

    assert lifecycle.cancel(appointment, _START, actor=_BUSINESS, reason=None).appointment.status is Status.CANCELLED


@pytest.mark.parametrize(
    ("decide", "pending"),
    [(lifecycle.approve, False), (lifecycle.decline, False), (lifecycle.complete, True), (lifecycle.no_show, True)],
)
def test_operation_is_refused_when_the_status_does_not_allow_it(decide: _Decide, *, pending: bool) -> None:
    with pytest.raises(InvalidTransition, match="The appointment is"):
        decide(_book(approval=pending).appointment, _START)


@pytest.mark.parametrize(("decide", "to"), [(lifecycle.complete, "completed"), (lifecycle.no_show, "no_show")])
def test_visit_is_neither_completed_nor_missed_before_it_begins(decide: _Decide, to: str) -> None:
    appointment = _book().appointment

    with pytest.raises(InvalidTransition, match="begins at 2026-12-02T06:00:00Z") as refusal:
        decide(appointment, _START - timedelta(microseconds=1))

    assert refusal.value.facts == {"from": "confirmed", "to": to}
    assert decide(appointment, _START).appointment.status.value == to


@pytest.mark.parametrize("decide", [_MOVE, _CANCEL, lifecycle.approve, lifecycle.decline, lifecycle.complete])
def test_nothing_becomes_of_a_cancelled_appointment(decide: _Decide) -> None:
    cancelled = _CANCEL(_book().appointment, _NOW).appointment

    with pytest.raises(InvalidTransition):
        decide(cancelled, _NOW)


@pytest.mark.parametrize(
    ("moves", "now", "refusal"),
    [
        (0, _START - timedelta(hours=2), None),
        (0, _START - timedelta(hours=2) + timedelta(seconds=1), CutoffPassed),
        (1, _NOW, None),
        (2, _NOW, LimitReached),
    ],
)
def test_moves_by_customers_are_limited_in_time_and_number(
    moves: int, now: datetime, refusal: type[DomainError] | None
) -> None:
    appointment = _book().appointment
    for _ in range(moves):
        appointment = _MOVE(appointment, _NOW, hold=_hold()).appointment

    lifecycle.check_movable(appointment, now, actor=_BUSINESS)
    if refusal is None:
        lifecycle.check_movable(appointment, now, actor=_CUSTOMER)
    else:
        with pytest.raises(refusal):
            lifecycle.check_movable(appointment, now, actor=_CUSTOMER)


def test_move_by_the_business_does_not_use_up_one_of_the_customer() -> None:
    appointment = _book().appointment
    for _ in range(3):
        appointment = _MOVE(appointment, _START + timedelta(days=1), actor=_BUSINESS, hold=_hold()).appointment

    assert appointment.times_rescheduled == 0
    lifecycle.check_movable(appointment, _NOW, actor=_CUSTOMER)


@pytest.mark.parametrize(
    ("moves", "detail"),
    [
        (0, "The appointment may not be rescheduled: its policy allows no moves."),
        (1, "The appointment has been rescheduled 1 time, the most allowed."),
        (2, "The appointment has been rescheduled 2 times, the most allowed."),
    ],
)
def test_refusal_of_one_more_move_counts_those_before_it(moves: int, detail: str) -> None:
    booked = _book().appointment
    policy = replace(booked.policy, reschedule=replace(booked.policy.reschedule, max_times=moves))
    appointment = replace(booked, policy=policy, times_rescheduled=moves)

    with pytest.raises(LimitReached) as caught:
        lifecycle.check_movable(appointment, _NOW, actor=_CUSTOMER)

    assert str(caught.value) == detail


@pytest.mark.parametrize("expected", [None, 1])
def test_version_is_compared_only_where_one_is_expected(expected: int | None) -> None:
    lifecycle.check_version(_book().appointment, expected)


def test_other_version_is_a_conflict() -> None:
    with pytest.raises(VersionConflict) as conflict:
        lifecycle.check_version(_book().appointment, 2)

    assert conflict.value.facts == {"version": 1}


def test_unset_notes_or_metadata_stay() -> None:
    appointment = _book().appointment

    annotated = lifecycle.annotate(appointment, _NOW, notes="Long", metadata=UNSET).appointment

    assert (annotated.notes, annotated.metadata) == ("Long", {"campaign": "winter"})
