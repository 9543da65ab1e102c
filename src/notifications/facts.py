"""Facts that a message about a visit tells, from the appointment and the set-up of the business."""

from collections.abc import Mapping
from datetime import datetime

from bookings.model import Appointment
from catalogue.model.catalogue import Catalogue
from catalogue.model.locations import Location
from kernel.spans import to_datetime
from messages.content.model import Audience, BusinessFacts, Links, MessageFacts, MessageKind, VisitFacts
from notifications.model import Notification
from notifications.planning.reminders import minutes_of


def facts_of(
    notification: Notification,
    appointment: Appointment,
    catalogue: Catalogue,
    *,
    links: Links,
    event: Mapping[str, object] | None,
) -> MessageFacts:
    """All that the message may tell. `event`: the data of the event that it tells of, if it is kept."""
    location = _location(appointment, catalogue)
    return MessageFacts(
        kind=notification.kind,
        audience=notification.recipient.audience,
        business=BusinessFacts(name=catalogue.business.name, phone=None if location is None else location.phone),
        visit=visit_facts(appointment, catalogue, notification, event),
        links=links,
        minutes_before=None if notification.rule is None else minutes_of(notification.rule),
    )


def visit_facts(
    appointment: Appointment,
    catalogue: Catalogue,
    notification: Notification,
    event: Mapping[str, object] | None,
) -> VisitFacts:
    """The visit as it is now."""
    service = catalogue.service_by_id.get(appointment.service_id)
    location = _location(appointment, catalogue)
    named = (catalogue.resource_by_id.get(part.resource_id) for part in appointment.parts)
    is_move = notification.kind is MessageKind.RESCHEDULED
    return VisitFacts(
        appointment_id=appointment.id,
        version=appointment.version,
        service="" if service is None else service.name,
        resources=tuple(dict.fromkeys(resource.name for resource in named if resource is not None)),
        location=None if location is None else location.name,
        address=None if location is None or location.address is None else _in_one_line(location.address),
        start=to_datetime(appointment.span.start),
        end=to_datetime(appointment.span.end),
        timezone=appointment.timezone,
        price=appointment.price,
        party=appointment.party,
        add_ons=tuple(add_on.name for add_on in appointment.choices.add_ons),
        customer_name=None if notification.recipient.audience is Audience.CUSTOMER else appointment.customer.name,
        previous_start=_previous_start(event) if is_move else None,
        fee=appointment.fee,
        cancelled_by=None if appointment.cancelled_by is None else appointment.cancelled_by.value,
        approve_by=appointment.approve_by,
    )


def _in_one_line(address: str) -> str:
    return ", ".join(line.strip() for line in address.splitlines() if line.strip())


def _location(appointment: Appointment, catalogue: Catalogue) -> Location | None:
    """The place of the visit: its own, else that of its first resource."""
    if appointment.location_id is not None:
        return catalogue.location_by_id.get(appointment.location_id)
    lead = catalogue.resource_by_id.get(appointment.parts[0].resource_id) if appointment.parts else None
    return None if lead is None else catalogue.location_by_id.get(lead.location_id)


def _previous_start(event: Mapping[str, object] | None) -> datetime | None:
    previous = None if event is None else event.get("previous")
    if not isinstance(previous, Mapping):
        return None
    try:
        return datetime.fromisoformat(str(previous.get("start")))
    except ValueError:
        return None
