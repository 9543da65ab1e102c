"""The visits that a change of the catalogue affects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from availability.rules.visit_locations import roles_at_visit
from availability.rules.working_time import dates_touching, working_spans
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Resource
from catalogue.model.schedules import Schedule
from kernel.ids import AppointmentId, LocationId, ResourceId, ServiceId
from kernel.spans import Span, without


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingPart:
    """The minutes of a live appointment in which one resource is busy, without buffers."""

    appointment_id: AppointmentId
    service_id: ServiceId
    role: str
    resource_id: ResourceId
    location_id: LocationId | None
    """Of the visit; None: it is not known."""
    span: Span


class CatalogueLoss:
    """Objects and working time that a change takes away, and time off that it adds."""

    def __init__(self, stored: Catalogue, desired: DesiredCatalogue, difference: CatalogueDiff) -> None:
        after = {resource.id: resource for resource in desired.resources}
        before = {resource.id: resource for resource in stored.resources if not resource.archived}
        self._archived = {resource_id for resource_id in before if resource_id not in after}
        self._time_off = {change.resource_id: change.added for change in difference.time_off if change.added}
        self._changed = {
            resource_id: (resource, after[resource_id])
            for resource_id, resource in before.items()
            if resource_id in after and _works_otherwise(resource, after[resource_id])
        }
        services = {service.id for service in desired.services}
        self.service_ids = {
            service.id for service in stored.services if not service.archived and service.id not in services
        }
        """The services that are archived."""
        self._stays = {service.id for service in stored.services if service.duration is not None}
        self._roles_at_visit = {service.id: roles_at_visit(service) for service in stored.services}
        self.resource_ids = {*self._archived, *self._time_off, *self._changed}
        """The resources of which something may be taken."""

    def affected(self, parts: Iterable[UpcomingPart]) -> Sequence[AppointmentId]:
        """The appointments of those parts that fitted before and do not fit afterwards, in the order given."""
        worked = _WorkingTime()
        affected: dict[AppointmentId, None] = {}
        for part in parts:
            if part.appointment_id not in affected and self._takes(part, worked):
                affected[part.appointment_id] = None
        return tuple(affected)

    def _takes(self, part: UpcomingPart, worked: "_WorkingTime") -> bool:
        if part.service_id in self.service_ids or part.resource_id in self._archived:
            return True
        if any(entry.span.overlaps(part.span) for entry in self._time_off.get(part.resource_id, ())):
            return True
        if part.resource_id not in self._changed:
            return False
        is_at_visit = part.role in self._roles_at_visit.get(part.service_id, ())
        location_id = part.location_id if is_at_visit else None
        before, after = (resource.schedules_at(location_id) for resource in self._changed[part.resource_id])
        # Minutes outside of the hours before are no loss: somebody had booked past them.
        missing = without(self._worked_minutes(part), worked.near(after, part.span))
        return any(spans.overlaps(gap) for gap in missing for spans in worked.near(before, part.span))

    def _worked_minutes(self, part: UpcomingPart) -> list[Span]:
        """The minutes of a part that must be worked: of a stay, those of check-in and check-out."""
        if part.service_id not in self._stays:
            return [part.span]
        start, end = part.span.start, part.span.end
        return [Span(start, start + 1), Span(end - 1, end)]


def _works_otherwise(before: Resource, after: Resource) -> bool:
    return before.schedule != after.schedule or before.location_id != after.location_id


class _WorkingTime:
    """Working time of schedules, each date worked out once."""

    def __init__(self) -> None:
        self._schedules: dict[int, Schedule] = {}
        self._of_date = cache(self._compute)

    def near(self, schedules: Sequence[Schedule], span: Span) -> list[Span]:
        """The working time of the dates that may reach into the span."""
        self._schedules |= {id(schedule): schedule for schedule in schedules}
        return [
            worked
            for schedule in schedules
            for day in dates_touching(schedule.timezone, span)
            for worked in self._of_date(id(schedule), day)
        ]

    def _compute(self, key: int, day: date) -> tuple[Span, ...]:
        return working_spans(self._schedules[key], day)
