"""What a new appointment is, and the events it and its changes cause."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bookings.model import Appointment, Details, Policy, Status
from catalogue.model import EffectiveRules
from holds.model import Hold, Part
from kernel.events import Event
from kernel.ids import AppointmentId, CustomerId
from kernel.money import Money
from kernel.spans import Span, to_datetime, to_rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The time and the resources an appointment has, or is moved to."""

    span: Span
    parts: tuple[Part, ...]


def new_appointment(
    appointment_id: AppointmentId,
    *,
    hold: Hold,
    details: Details,
    customer_id: CustomerId,
    rules: EffectiveRules,
    timezone: str,
    now: datetime,
) -> Appointment:
    """The appointment a hold becomes: pending where the service asks for approval, else confirmed."""
    return Appointment(
        id=appointment_id,
        hold_id=hold.id,
        status=Status.PENDING if rules.approval else Status.CONFIRMED,
        service_id=hold.service_id,
        span=hold.span,
        timezone=timezone,
        parts=hold.parts,
        party=hold.party,
        price=hold.price,
        customer_id=customer_id,
        customer=details.customer,
        policy=Policy(cancellation=rules.cancellation, reschedule=rules.reschedule),
        notes=details.notes,
        metadata=details.metadata,
        times_rescheduled=0,
        cancelled_at=None,
        cancel_reason=None,
        fee=None,
        version=1,
        created_at=now,
        updated_at=now,
    )


def with_status(appointment: Appointment, status: Status, now: datetime) -> Appointment:
    """The appointment with another status."""
    return replace(appointment, status=status, version=appointment.version + 1, updated_at=now)


def cancelled(appointment: Appointment, *, reason: str | None, fee: Money, now: datetime) -> Appointment:
    """The appointment, cancelled."""
    return replace(with_status(appointment, Status.CANCELLED, now), cancelled_at=now, cancel_reason=reason, fee=fee)


def moved(appointment: Appointment, place: Place, now: datetime) -> Appointment:
    """The appointment at another time, perhaps with others to serve. Its price stays."""
    return replace(
        appointment,
        span=place.span,
        parts=place.parts,
        times_rescheduled=appointment.times_rescheduled + 1,
        version=appointment.version + 1,
        updated_at=now,
    )


def event(name: str, appointment: Appointment, **more: object) -> Event:
    """Something that happened to an appointment, with all that others need to react to it."""
    data: Mapping[str, object] = {
        "id": appointment.id,
        "status": appointment.status.value,
        "service_id": appointment.service_id,
        "start": to_rfc3339(to_datetime(appointment.span.start)),
        "end": to_rfc3339(to_datetime(appointment.span.end)),
        "timezone": appointment.timezone,
        "resources": [{"role": part.role, "resource_id": part.resource_id} for part in appointment.parts],
        "party": appointment.party,
        "price": {"amount_minor": appointment.price.amount_minor, "currency": appointment.price.currency},
        "customer_id": appointment.customer_id,
        "version": appointment.version,
        **more,
    }
    return Event(name=f"appointment.{name}.v1", subject=appointment.id, data=data)
