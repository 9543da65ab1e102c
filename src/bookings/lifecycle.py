"""Which change of an appointment's status is allowed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bookings.model import Appointment, InvalidTransition, Status
from kernel.spans import to_rfc3339

_ALLOWED: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW}),
    Status.CANCELLED: frozenset(),
    Status.COMPLETED: frozenset(),
    Status.NO_SHOW: frozenset(),
}


def check_transition(appointment: Appointment, to: Status) -> None:
    """Raise InvalidTransition unless the appointment may go from its status to `to`."""
    if to not in _ALLOWED[appointment.status]:
        raise InvalidTransition(
            f"The appointment is {appointment.status}; it cannot become {to}.",
            **{"from": appointment.status.value, "to": to.value},
        )


def check_declinable(appointment: Appointment) -> None:
    """Raise InvalidTransition unless the appointment waits for approval."""
    if appointment.status is not Status.PENDING:
        raise InvalidTransition(
            f"The appointment is {appointment.status}; only a pending one can be declined.",
            **{"from": appointment.status.value, "to": Status.CANCELLED.value},
        )


def has_expired(appointment: Appointment, now: datetime) -> bool:
    """Whether it waited for an approval that did not come in time. It may be cancelled for that only a little later."""
    return appointment.approve_by is not None and now > appointment.approve_by


def check_approvable(appointment: Appointment, now: datetime) -> None:
    """Raise InvalidTransition unless the appointment waits for approval, and not in vain."""
    check_transition(appointment, Status.CONFIRMED)
    _check_not_expired(appointment, Status.CONFIRMED, now)


def check_movable(appointment: Appointment, now: datetime) -> None:
    """Raise InvalidTransition unless the appointment is still to come about, so that its time may change."""
    if appointment.status not in {Status.PENDING, Status.CONFIRMED}:
        raise InvalidTransition(
            f"The appointment is {appointment.status}; only a pending or confirmed one can be rescheduled.",
            **{"from": appointment.status.value, "to": appointment.status.value},
        )
    _check_not_expired(appointment, appointment.status, now)


def _check_not_expired(appointment: Appointment, to: Status, now: datetime) -> None:
    if has_expired(appointment, now):
        assert appointment.approve_by is not None, "only what has an end can be past it"
        raise InvalidTransition(
            f"The appointment waited for its approval until {to_rfc3339(appointment.approve_by)} and has expired. "
            "Book the time anew.",
            **{"from": appointment.status.value, "to": to.value},
        )
