"""Until when an appointment waits for its approval, and what is left of it after that."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from bookings import lifecycle
from bookings.model import Appointment, CustomerDetails, Details, InvalidTransition, Status
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.effective import EffectiveRules
from holds.model import Hold, HoldStatus
from kernel.clock import business_now
from kernel.ids import AppointmentId, CustomerId, HoldId, ServiceId
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import Span, to_minute
from tests.support.engine import FixedClock

_NOW: Final = datetime(2026, 11, 30, 6, 0, 30, tzinfo=UTC)
_START: Final = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
_MOMENT: Final = timedelta(microseconds=1)
_CUSTOMER: Final = Actor(ActorKind.CUSTOMER, "apt_1")


def _span(start: datetime) -> Span:
    return Span(to_minute(start), to_minute(start) + 30)


def _hold(start: datetime = _START) -> Hold:
    return Hold(
        id=HoldId("hld_1"),
        status=HoldStatus.PINNED,
        service_id=ServiceId("svc_1"),
        span=_span(start),
        parts=(),
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


def _booked(approval: Approval | None, start: datetime = _START) -> Appointment:
    return lifecycle.book(
        _hold(start),
        _NOW,
        appointment_id=AppointmentId("apt_1"),
        details=Details(customer=CustomerDetails(name="Dana")),
        customer_id=CustomerId("cus_1"),
        rules=EffectiveRules(
            approval=approval, cancellation=CancellationPolicy(free_until_minutes=10_000, fee_percent=50)
        ),
        timezone="Asia/Jerusalem",
    ).appointment


def _moved(appointment: Appointment, start: datetime) -> Appointment:
    return lifecycle.move(
        appointment, _NOW, actor=_CUSTOMER, hold=_hold(start), timezone=appointment.timezone
    ).appointment


def _fee(appointment: Appointment, now: datetime) -> Money:
    """Fee that its customer pays for cancelling."""
    fee = lifecycle.cancel(appointment, now, actor=_CUSTOMER, reason=None).appointment.fee
    assert fee is not None
    return fee


@pytest.mark.parametrize(
    ("approval", "start", "approve_by"),
    [
        (Approval(), _START, _NOW + timedelta(days=1)),
        (Approval(within_minutes=30), _START, _NOW + timedelta(minutes=30)),
        (Approval(within_minutes=10_000), _START, _START),
        (Approval(), _NOW.replace(hour=8, second=0), _NOW.replace(hour=8, second=0)),
        (None, _START, None),
    ],
)
def test_approval_is_awaited_for_its_minutes_but_not_past_the_start(
    approval: Approval | None, start: datetime, approve_by: datetime | None
) -> None:
    appointment = _booked(approval, start)

    assert appointment.approve_by == approve_by
    assert (appointment.status is Status.PENDING) == (approval is not None)


def test_moving_keeps_the_end_of_the_wait_unless_the_visit_begins_before() -> None:
    appointment = _booked(Approval())

    later = _moved(appointment, _START + timedelta(days=7))
    sooner = _moved(later, _NOW.replace(hour=9, second=0))
    later_again = _moved(sooner, _START)

    assert later.approve_by == appointment.approve_by
    assert sooner.approve_by == later_again.approve_by == _NOW.replace(hour=9, second=0)


def test_confirmed_appointment_waits_for_nothing_wherever_it_is_moved() -> None:
    assert _moved(_booked(None), _NOW).approve_by is None


def test_wait_includes_its_last_instant() -> None:
    appointment = _booked(Approval())
    assert appointment.approve_by is not None

    lifecycle.approve(appointment, appointment.approve_by)
    lifecycle.check_movable(appointment, appointment.approve_by, actor=_CUSTOMER)
    with pytest.raises(InvalidTransition) as refusal:
        lifecycle.approve(appointment, appointment.approve_by + _MOMENT)
    with pytest.raises(InvalidTransition):
        lifecycle.check_movable(appointment, appointment.approve_by + _MOMENT, actor=_CUSTOMER)

    assert "has expired" in refusal.value.detail
    assert refusal.value.facts == {"from": "pending", "to": "confirmed"}


def test_cancelling_costs_nothing_until_it_is_approved() -> None:
    appointment = _booked(Approval())
    assert appointment.approve_by is not None

    pending = [_fee(appointment, appointment.approve_by + late).amount_minor for late in (_MOMENT * 0, _MOMENT)]
    approved = _fee(lifecycle.approve(appointment, _NOW).appointment, _NOW).amount_minor

    assert (pending, approved) == ([0, 0], 4500)


@pytest.mark.parametrize(
    "ended",
    [
        lifecycle.approve(_booked(Approval()), _NOW).appointment,
        lifecycle.expire(_booked(Approval()), _NOW).appointment,
    ],
    ids=["approved", "expired"],
)
def test_nothing_is_waited_for_after_the_decision(ended: Appointment) -> None:
    assert ended.approve_by is None


def test_expired_appointment_is_cancelled_for_that_reason_and_costs_nothing() -> None:
    ended = lifecycle.expire(_booked(Approval()), _NOW + timedelta(days=2)).appointment

    assert (ended.status, ended.cancel_reason, ended.version) == (Status.CANCELLED, "approval_expired", 2)
    assert ended.fee == Money(amount_minor=0, currency="ILS")
    assert ended.cancelled_at == _NOW + timedelta(days=2)


@pytest.mark.parametrize(("sandbox_now", "expected"), [(None, _NOW), (_START, _START)])
def test_business_has_the_time_of_its_own_clock_if_it_has_one(sandbox_now: datetime | None, expected: datetime) -> None:
    assert business_now(sandbox_now, FixedClock(_NOW)) == expected
