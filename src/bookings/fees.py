"""Fees of cancellations by customers, also after moves."""

from datetime import datetime, timedelta
from typing import NamedTuple

from bookings.model import Appointment, Status
from catalogue.model.rules.reschedule import FeeAfterMove
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import Minute, to_datetime


class FeeClock(NamedTuple):
    """Part of a cancellation fee that depends on the moves of an appointment."""

    kept: Money | None
    """The least that a cancellation costs; None: nothing."""
    start: Minute | None
    """The start from which the policy counts back; None: that of the visit."""


def cancellation_fee(appointment: Appointment, now: datetime) -> Money:
    """Cost of a cancellation by the customer: what the policy in force at the booking says, and never less than kept.

    An appointment that is pending costs what was kept, or nothing. What was kept is owed for the visit as it was
    then, and may be more than the price by now.
    """
    is_late = appointment.status is not Status.PENDING
    by_policy = _by_policy(appointment, now) if is_late else appointment.price.percent(0)
    kept = appointment.kept_fee
    return by_policy if kept is None or kept.amount_minor < by_policy.amount_minor else kept


def clock_after_move(appointment: Appointment, now: datetime, *, actor: Actor, start: Minute) -> FeeClock:
    """Decide what a move to another start means for the fee of a later cancellation.

    A customer who moves it when a cancellation would cost something goes on to owe that much for one, unless the policy
    says that the fee is new; the policy counts back from the start that the customer chose. A move by the business
    keeps nothing, and never makes a cancellation dearer: the policy counts back from the later of the two starts.
    """
    if actor.kind is ActorKind.CUSTOMER:
        keeps = appointment.policy.reschedule.fee is FeeAfterMove.KEEP
        cost = cancellation_fee(appointment, now)
        return FeeClock(cost if keeps and cost.amount_minor else appointment.kept_fee, None)
    latest = max(_fee_start(appointment), start)
    return FeeClock(appointment.kept_fee, None if latest == start else latest)


def kept_while_approved(appointment: Appointment, now: datetime) -> Money | None:
    """The fee to keep when a customer's amendment has to be approved: what a cancellation costs now, at the same start.

    Otherwise a customer could withdraw it for nothing while it is pending.
    """
    cost = cancellation_fee(appointment, now)
    return cost if cost.amount_minor else appointment.kept_fee


def _by_policy(appointment: Appointment, now: datetime) -> Money:
    """Nothing in the time of grace after the booking; then what the first step costs that is not over."""
    cancellation = appointment.policy.cancellation
    grace = timedelta(minutes=cancellation.grace_minutes)
    if grace and now <= appointment.created_at + grace:
        return appointment.price.percent(0)
    start = to_datetime(_fee_start(appointment))
    *earlier, last = cancellation.steps
    open_steps = (step for step in earlier if now <= start - timedelta(minutes=step.until_minutes))
    return next(open_steps, last).fee(appointment.price)


def _fee_start(appointment: Appointment) -> Minute:
    return appointment.span.start if appointment.fee_start is None else appointment.fee_start
