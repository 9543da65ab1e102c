"""Which change of an appointment's status is allowed."""

from collections.abc import Mapping
from typing import Final

from bookings.model import Appointment, InvalidTransition, Status

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


def check_movable(appointment: Appointment) -> None:
    """Raise InvalidTransition unless the appointment is still to come about, so that its time may change."""
    if appointment.status not in {Status.PENDING, Status.CONFIRMED}:
        raise InvalidTransition(
            f"The appointment is {appointment.status}; only a pending or confirmed one can be rescheduled.",
            **{"from": appointment.status.value, "to": appointment.status.value},
        )
