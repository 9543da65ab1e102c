"""How a set-up is written as rows: the columns of each with their values as JSON spells them."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from catalogue.model import Location, Resource, Service, WallSpan, WeeklySpan
from catalogue.rendering import rules_document
from kernel.ids import ResourceId

Values = dict[str, Any]


def location_values(location: Location) -> Values:
    """The row of a location."""
    return {"id": location.id, "key": location.key, "name": location.name, "timezone": location.timezone}


def resource_values(resource: Resource) -> Values:
    """The row of a resource; its lanes and hours have rows of their own."""
    return {
        "id": resource.id,
        "key": resource.key,
        "kind": resource.kind,
        "name": resource.name,
        "location_id": resource.location_id,
        "capacity": resource.capacity,
        "rules": rules_document(resource.rules),
    }


def service_values(service: Service) -> Values:
    """The row of a service; what it requires has rows of its own."""
    return {
        "id": service.id,
        "key": service.key,
        "name": service.name,
        "duration_minutes": service.duration_minutes,
        "buffer_before_minutes": service.buffer_before_minutes,
        "buffer_after_minutes": service.buffer_after_minutes,
        "buffers_inside_hours": service.buffers_inside_hours,
        "price_minor": service.price.amount_minor,
        "price_currency": service.price.currency,
        "grid_align": service.grid.align.value,
        "grid_step_minutes": service.grid.step_minutes,
        "grid_offset_minutes": service.grid.offset_minutes,
        "assign": service.assign.value,
        "rules": rules_document(service.rules),
    }


def new_lanes(resource: Resource) -> Iterable[Values]:
    """The lanes up to the capacity that are not there; those beyond it stay."""
    there = {lane.number for lane in resource.lanes}
    return (
        {"resource_id": resource.id, "number": number}
        for number in range(1, resource.capacity + 1)
        if number not in there
    )


def weekly_values(resource: Resource, spans: Iterable[WeeklySpan]) -> Iterable[Values]:
    """The rows of hours, or of breaks."""
    return (
        {
            "resource_id": resource.id,
            "position": position,
            "days": ",".join(day.value for day in span.days),
            "start_minute": span.span.start,
            "end_minute": span.span.end,
            "valid_from": span.valid_from.isoformat() if span.valid_from else None,
            "valid_until": span.valid_until.isoformat() if span.valid_until else None,
        }
        for position, span in enumerate(spans)
    )


def override_values(resource_id: ResourceId, day: date, spans: Iterable[WallSpan]) -> Values:
    """The row of a day that is not like other weeks."""
    return {"resource_id": resource_id, "on_date": day.isoformat(), "spans": [[span.start, span.end] for span in spans]}


def requirement_values(service: Service) -> Iterable[Values]:
    """The rows of what a service requires."""
    return (
        {
            "service_id": service.id,
            "position": position,
            "role": requirement.role,
            "kind": requirement.kind,
            "count": requirement.count,
            "offset_minutes": requirement.offset_minutes,
            "duration_minutes": requirement.duration_minutes,
        }
        for position, requirement in enumerate(service.requires)
    )


def pool_values(service: Service) -> Iterable[Values]:
    """A row for each resource that is named, be it as a member of the pool or for its terms."""
    for requirement_position, requirement in enumerate(service.requires):
        members = {resource_id: position for position, resource_id in enumerate(requirement.any_of)}
        for resource_id in dict.fromkeys((*requirement.any_of, *requirement.terms)):
            terms = requirement.terms.get(resource_id)
            price = terms.price if terms else None
            yield {
                "service_id": service.id,
                "requirement_position": requirement_position,
                "resource_id": resource_id,
                "position": members.get(resource_id),
                "duration_minutes": terms.duration_minutes if terms else None,
                "price_minor": price.amount_minor if price else None,
                "price_currency": price.currency if price else None,
            }
