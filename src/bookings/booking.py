"""What a new appointment is, and the events it and its changes cause."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bookings.model import Appointment, Details, Policy, Status
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.effective import EffectiveRules
from holds.model import Hold, Part
from kernel.events import Event
from kernel.ids import AppointmentId, CustomerId
from kernel.money import Money
from kernel.spans import Span, to_datetime, to_rfc3339

EXPIRED_REASON: Final = "approval_expired"
"""Why an appointment was cancelled that nobody approved in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The time and the resources an appointment has, or is moved to."""

    span: Span
    parts: tuple[Part, ...]
    timezone: str
    """Of the location, IANA name."""


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
        status=Status.CONFIRMED if rules.approval is None else Status.PENDING,
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
        approve_by=None if rules.approval is None else _approve_by(rules.approval, hold.span, now),
        cancelled_at=None,
        cancel_reason=None,
        fee=None,
        version=1,
        created_at=now,
        updated_at=now,
    )


def with_status(appointment: Appointment, status: Status, now: datetime) -> Appointment:
    """The appointment with another status, which is never pending: nothing waits for approval again."""
    return replace(appointment, status=status, approve_by=None, version=appointment.version + 1, updated_at=now)


def cancelled(appointment: Appointment, *, reason: str | None, fee: Money, now: datetime) -> Appointment:
    """The appointment, cancelled."""
    return replace(with_status(appointment, Status.CANCELLED, now), cancelled_at=now, cancel_reason=reason, fee=fee)


def expired(appointment: Appointment, now: datetime) -> Appointment:
    """The appointment, cancelled because nobody approved it in time. It costs nothing."""
    return cancelled(appointment, reason=EXPIRED_REASON, fee=appointment.price.percent(0), now=now)


def moved(appointment: Appointment, place: Place, now: datetime) -> Appointment:
    """The appointment at another time, perhaps with others to serve.

    Its price stays, and so does the instant by which it must be approved, unless it begins before that.
    """
    approve_by = appointment.approve_by
    return replace(
        appointment,
        span=place.span,
        parts=place.parts,
        timezone=place.timezone,
        approve_by=None if approve_by is None else min(approve_by, to_datetime(place.span.start)),
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
        "approve_by": None if appointment.approve_by is None else to_rfc3339(appointment.approve_by),
        "version": appointment.version,
        **more,
    }
    return Event(name=f"appointment.{name}.v1", subject=appointment.id, data=data)


def _approve_by(approval: Approval, span: Span, now: datetime) -> datetime:
    return min(now + timedelta(minutes=approval.minutes), to_datetime(span.start))
