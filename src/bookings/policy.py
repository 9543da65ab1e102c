"""What cancelling, not coming and rescheduling cost, by the rules in force when the appointment was booked."""

from datetime import datetime, timedelta

from bookings.lifecycle import has_expired
from bookings.model import Appointment, CutoffPassed, LimitReached
from kernel.money import Money
from kernel.spans import to_datetime, to_rfc3339


def cancellation_fee(appointment: Appointment, now: datetime) -> Money:
    """Nothing up to `free_until_minutes` before the start, the boundary included; then `fee_percent` of the price.

    And nothing for what the business did not approve in time.
    """
    cancellation = appointment.policy.cancellation
    free_until = to_datetime(appointment.span.start) - timedelta(minutes=cancellation.free_until_minutes)
    free = now <= free_until or has_expired(appointment, now)
    return appointment.price.percent(0 if free else cancellation.fee_percent)


def no_show_fee(appointment: Appointment) -> Money:
    """`no_show_fee_percent` of the price."""
    return appointment.price.percent(appointment.policy.cancellation.no_show_fee_percent)


def check_cancellable(appointment: Appointment, now: datetime, *, by_customer: bool) -> None:
    """Raise CutoffPassed when a customer wants to cancel what has begun; the business may always."""
    if by_customer and now >= to_datetime(appointment.span.start):
        raise CutoffPassed("The appointment has begun; ask the business to cancel it.")


def check_reschedulable(appointment: Appointment, now: datetime) -> None:
    """Raise CutoffPassed or LimitReached when the rules leave no more moves.

    A move is allowed up to `until_minutes` before the start, the boundary included, and `max_times` in all.
    """
    reschedule = appointment.policy.reschedule
    cutoff = to_datetime(appointment.span.start) - timedelta(minutes=reschedule.until_minutes)
    if now > cutoff:
        raise CutoffPassed(
            f"The appointment could be rescheduled up to {reschedule.until_minutes} minutes before its start.",
            cutoff=to_rfc3339(cutoff),
        )
    if reschedule.max_times is not None and appointment.times_rescheduled >= reschedule.max_times:
        raise LimitReached(
            f"The appointment was rescheduled {appointment.times_rescheduled} times, which is the most allowed.",
            rule="reschedule",
            limit=reschedule.max_times,
        )
