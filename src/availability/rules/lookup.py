"""Lookup of the services, resources and zones that a request names."""

from collections.abc import Iterable, Iterator

from catalogue.lookup import unknown_object
from catalogue.model.catalogue import Catalogue
from catalogue.model.services import Service
from kernel.errors import ValidationFailed
from kernel.ids import LocationId, ResourceId
from kernel.zones import UnknownZoneError, zone


def service_named(catalogue: Catalogue, name: str, *, with_archived: bool = False, visitor: bool = False) -> Service:
    """The service with that id or key: a live one, unless archived ones may be meant too. Raises NotFound.

    To a visitor, one for staff is unknown.
    """
    if with_archived:
        service = catalogue.find_service_or_archived(name)
    else:
        service = catalogue.find_service_for(name, visitor=visitor)
    if service is None:
        raise unknown_object("service", name, shown_services(catalogue))
    return service


def resources_named(catalogue: Catalogue, names: Iterable[str]) -> frozenset[ResourceId]:
    """The live resources with those ids or keys. Raises NotFound."""
    resource_ids = set()
    for name in names:
        resource = catalogue.find_resource(name)
        if resource is None:
            raise unknown_object("resource", name, shown_resources(catalogue))
        resource_ids.add(resource.id)
    return frozenset(resource_ids)


def location_named(catalogue: Catalogue, name: str | None) -> LocationId | None:
    """The live location with that id or key; None for no name. Raises NotFound."""
    if name is None:
        return None
    location = catalogue.find_location(name)
    if location is None:
        raise unknown_object("location", name, shown_locations(catalogue))
    return location.id


def shown_locations(catalogue: Catalogue) -> Iterator[str]:
    """Keys of the live locations."""
    return (location.key for location in catalogue.locations if not location.archived)


def shown_services(catalogue: Catalogue) -> Iterator[str]:
    """Keys of the live services that every credential may see."""
    return (service.key for service in _public_services(catalogue))


def shown_resources(catalogue: Catalogue) -> Iterator[str]:
    """Keys of the live resources that some public service needs: as visitors see them, so no others are suggested."""
    needed = (entry for service in _public_services(catalogue) for entry in service.requires)
    return iter(dict.fromkeys(resource.key for entry in needed for resource in catalogue.pool(entry)))


def _public_services(catalogue: Catalogue) -> Iterator[Service]:
    named = (catalogue.find_service_for(service.id, visitor=True) for service in catalogue.services)
    return (service for service in named if service is not None)


def answer_zone(
    catalogue: Catalogue, service: Service, requested: str | None, location_id: LocationId | None = None
) -> str:
    """The zone of an answer: the requested one, else that of the location. Raises ValidationFailed."""
    if requested is None:
        return catalogue.timezone_of(service) if location_id is None else catalogue.location_by_id[location_id].timezone
    try:
        zone(requested)
    except UnknownZoneError:
        raise ValidationFailed.of("timezone", "must be an IANA name such as Europe/Berlin") from None
    return requested
