"""State of a catalogue that a document or an edit asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from catalogue.document import BusinessDocument
from catalogue.model.business import Business, desired_business, with_routes
from catalogue.model.catalogue import Catalogue
from catalogue.model.locations import Location, desired_location
from catalogue.model.notifications.rules import desired_notifications
from catalogue.model.resources import Resource, desired_resource
from catalogue.model.services import Service, desired_service
from catalogue.model.sites import placed
from catalogue.model.time_off import TimeOff, desired_time_off
from kernel.ids import ResourceId

_ObjectT = TypeVar("_ObjectT", Location, Resource, Service)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredCatalogue:
    """The live objects that a business is to have, in order. An object with the key of a stored one has its id."""

    business: Business
    locations: tuple[Location, ...]
    resources: tuple[Resource, ...]
    services: tuple[Service, ...]
    time_off: Mapping[ResourceId, tuple[TimeOff, ...]]
    """Exactly these, for the resources whose document gives any; a resource that is absent keeps its own."""

    @classmethod
    def unchanged(cls, stored: Catalogue) -> Self:
        """The live objects that are stored."""
        return cls(
            business=stored.business,
            locations=tuple(location for location in stored.locations if not location.archived),
            resources=tuple(resource for resource in stored.resources if not resource.archived),
            services=tuple(service for service in stored.services if not service.archived),
            time_off={},
        )

    @classmethod
    def by_document(cls, document: BusinessDocument, stored: Catalogue) -> Self:
        """The objects in a document that was read against the stored catalogue (catalogue.reading)."""
        business = replace(
            desired_business(document.business, stored.business),
            notifications=desired_notifications(document.notifications),
        )
        stored_locations = {location.key: location for location in stored.locations}
        locations = tuple(
            desired_location(entry, stored_locations.get(entry.key), timezone=business.timezone)
            for entry in document.locations
        )
        location_by_name = by_name(locations)
        stored_resources = {resource.key: resource for resource in stored.resources}
        resources = tuple(
            desired_resource(entry, stored_resources.get(entry.key), location_by_name, business)
            for entry in document.resources
        )
        resource_by_name = by_name(resources)
        stored_services = {service.key: service for service in stored.services}
        return cls(
            business=with_routes(business, document.business, resource_by_name),
            locations=locations,
            resources=resources,
            services=tuple(
                desired_service(entry, stored_services.get(entry.key), resource_by_name, currency=business.currency)
                for entry in document.services
            ),
            time_off={
                resource.id: desired_time_off(entry.time_off)
                for entry, resource in zip(document.resources, resources, strict=True)
                if entry.time_off is not None
            },
        )

    def over(self, stored: Catalogue) -> Catalogue:
        """The catalogue that the stored one becomes: the live objects alone."""
        return replace(
            stored,
            business=self.business,
            locations=self.locations,
            resources=self.resources,
            services=self.services,
        )

    def with_location(self, location: Location) -> Self:
        """With that location in its place, or at the end. Its resources follow its zone and its closures."""
        locations = _with_object(self.locations, location)
        by_id = {one.id: one for one in locations}
        resources = tuple(
            replace(resource, schedule=placed(resource.schedule, by_id[resource.location_id], by_id, self.business))
            if location.id in resource.location_ids
            else resource
            for resource in self.resources
        )
        return replace(self, locations=locations, resources=resources)

    def with_resource(self, resource: Resource) -> Self:
        """With that resource in its place, or at the end."""
        return replace(self, resources=_with_object(self.resources, resource))

    def with_service(self, service: Service) -> Self:
        """With that service in its place, or at the end."""
        return replace(self, services=_with_object(self.services, service))

    def without(self, object_id: str) -> Self:
        """Without the location, resource or service of that id."""
        return replace(
            self,
            locations=_without_object(self.locations, object_id),
            resources=_without_object(self.resources, object_id),
            services=_without_object(self.services, object_id),
        )


def by_name(objects: Iterable[_ObjectT]) -> dict[str, _ObjectT]:
    """The objects by their keys and by their ids."""
    return {name: item for item in objects for name in (item.key, item.id)}


def _with_object(objects: tuple[_ObjectT, ...], item: _ObjectT) -> tuple[_ObjectT, ...]:
    if any(other.id == item.id for other in objects):
        return tuple(item if other.id == item.id else other for other in objects)
    return objects + (item,)  # noqa: RUF005 - mypy infers the unpacked form wrongly


def _without_object(objects: tuple[_ObjectT, ...], object_id: str) -> tuple[_ObjectT, ...]:
    return tuple(other for other in objects if other.id != object_id)
