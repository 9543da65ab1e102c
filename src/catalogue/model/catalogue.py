"""The whole catalogue of a business."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from catalogue.model.business import Business
from catalogue.model.locations import Location
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Resource
from catalogue.model.rules.effective import EffectiveRules, effective_rules
from catalogue.model.rules.level import Rules, overlay
from catalogue.model.rules.rule import UNSET
from catalogue.model.services import Service, Visibility
from kernel.ids import LocationId, ResourceId, ServiceId
from kernel.spans import Span

_ObjectT = TypeVar("_ObjectT", Location, Resource, Service)


@dataclass(frozen=True)
class Catalogue:
    """Everything live that a business has set up, read in one database snapshot.

    Archived objects are in it, and marked, only as far as they were asked for.
    """

    business: Business
    locations: tuple[Location, ...]
    resources: tuple[Resource, ...]
    """In the order of the document, which is the order of a pool given by kind."""
    services: tuple[Service, ...]
    time_off: Mapping[ResourceId, tuple[Span, ...]] = field(default_factory=dict)
    """Of each resource that has any to come, in order of time; only where a booking window counts business days."""

    @cached_property
    def location_by_id(self) -> Mapping[LocationId, Location]:
        """Every location, archived ones too if they were asked for."""
        return {location.id: location for location in self.locations}

    @cached_property
    def resource_by_id(self) -> Mapping[ResourceId, Resource]:
        """Every resource, archived ones too if they were asked for."""
        return {resource.id: resource for resource in self.resources}

    @cached_property
    def service_by_id(self) -> Mapping[ServiceId, Service]:
        """Every service, archived ones too if they were asked for."""
        return {service.id: service for service in self.services}

    @cached_property
    def has_several_locations(self) -> bool:
        """True if answers say at which location a visit is."""
        return sum(not location.archived for location in self.locations) > 1

    def timezone_at(self, location_id: LocationId | None, lead: Resource) -> str:
        """The zone of a visit: that of its location; where that is not known, of the first resource's own."""
        location = None if location_id is None else self.location_by_id.get(location_id)
        return lead.schedule.timezone if location is None else location.timezone

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of all these services, resources and locations."""
        return frozenset({*self.service_by_id, *self.resource_by_id, *self.location_by_id})

    @property
    def archived_count(self) -> int:
        """The number of archived services, resources and locations in it."""
        objects: tuple[Location | Resource | Service, ...] = (*self.services, *self.resources, *self.locations)
        return sum(one.archived for one in objects)

    def lacks_live_of(self, other: "Catalogue") -> bool:
        """True if the other one has a live object that this one does not have: it was read later."""
        live = [
            *(location.id for location in other.locations if not location.archived),
            *(resource.id for resource in other.resources if not resource.archived),
            *(service.id for service in other.services if not service.archived),
        ]
        return not self.ids.issuperset(live)

    def with_archived_of(self, other: "Catalogue") -> "Catalogue":
        """This catalogue, with what is archived in the other one."""
        return replace(
            self,
            locations=_with_archived(self.locations, other.locations),
            resources=_with_archived(self.resources, other.resources),
            services=_with_archived(self.services, other.services),
            time_off={**other.time_off, **self.time_off},
        )

    @cached_property
    def _live_resources(self) -> Mapping[str, Resource]:
        live = [resource for resource in self.resources if not resource.archived]
        return {resource.key: resource for resource in live} | {resource.id: resource for resource in live}

    @cached_property
    def _live_services(self) -> Mapping[str, Service]:
        live = [service for service in self.services if not service.archived]
        return {service.key: service for service in live} | {service.id: service for service in live}

    def find_location(self, name: str) -> Location | None:
        """The live location with that id or key."""
        live = (location for location in self.locations if not location.archived)
        return next((location for location in live if name in {location.id, location.key}), None)

    def find_resource(self, name: str) -> Resource | None:
        """The live resource with that id or key."""
        return self._live_resources.get(name)

    def find_service(self, name: str) -> Service | None:
        """The live service with that id or key."""
        return self._live_services.get(name)

    def find_service_or_archived(self, name: str) -> Service | None:
        """The service with that id or key, a live one first; archived ones are there if they were asked for."""
        named = (service for service in self.services if name in {service.id, service.key})
        return self.find_service(name) or next(named, None)

    def find_service_for(self, name: str, *, visitor: bool) -> Service | None:
        """The live service with that id or key, as far as a visitor may know it."""
        service = self.find_service(name)
        is_hidden = visitor and service is not None and service.visibility is Visibility.STAFF
        return None if is_hidden else service

    def pool(self, requirement: Requirement) -> tuple[Resource, ...]:
        """The live resources that may meet an entry, in pool order."""
        if requirement.kind is not None:
            return tuple(r for r in self.resources if not r.archived and r.kind == requirement.kind)
        members = (self.resource_by_id[resource_id] for resource_id in requirement.any_of)
        return tuple(resource for resource in members if not resource.archived)

    def timezone_of(self, service: Service) -> str:
        """The zone a service is shown in unless the query names one: that of the first resource it may use."""
        for requirement in service.requires:
            for resource in self.pool(requirement):
                return resource.schedule.timezone
        return self.business.timezone

    def rules_for(self, service: Service, resource: Resource | None = None) -> EffectiveRules:
        """The rules in force for a service; with a resource, for visits that it leads."""
        # The field of the service is the older spelling of its rule of that name.
        buffers = Rules(buffers_inside_hours=service.buffers_inside_hours or UNSET)
        return effective_rules(
            resource=resource.rules if resource else Rules(),
            service=overlay(service.rules, buffers),
            business=self.business.rules,
        )


def _with_archived(objects: Iterable[_ObjectT], others: Iterable[_ObjectT]) -> tuple[_ObjectT, ...]:
    by_id = {item.id: item for item in objects}
    return tuple((by_id | {item.id: item for item in others if item.archived and item.id not in by_id}).values())
