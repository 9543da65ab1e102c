"""Desired catalogue after an edit of one object."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from catalogue.desired import DesiredCatalogue, by_name
from catalogue.limits import MAX_LANES, MAX_LOCATIONS, MAX_OVERRIDES, MAX_RESOURCES, MAX_SERVICES
from catalogue.model.catalogue import Catalogue
from catalogue.model.documents import JsonObject
from catalogue.model.locations import Location, desired_location
from catalogue.model.objects import CatalogueObject, CollectionKind, ObjectKind, kind_of, object_document, objects_of
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Resource, ResourceDocument, desired_resource
from catalogue.model.services import Service, desired_service
from catalogue.model.sites import placed
from catalogue.model.time_off import desired_time_off
from catalogue.model.wall_clock import WallSpan
from catalogue.reading import read_location, read_resource, read_service
from catalogue.service_cost import newly_costly
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import ResourceId

_DEEPEST: Final = 20
_MOST_KEYS: Final = 5
"""As many as one reads at a glance."""


def add_object(kind: CollectionKind, data: Mapping[str, object], stored: Catalogue) -> DesiredCatalogue:
    """The catalogue with a new object at the end of its kind; an archived one with that key is revived.

    Raises ValidationFailed.
    """
    same = next((item for item in objects_of(kind, stored) if item.key == data.get("key")), None)
    if same is not None and not same.archived:
        raise ValidationFailed([FieldError("key", f'"{same.key}" is already the key of a {kind}')])
    return _check(_with_object(kind, data, same, stored), stored)


def patch_object(item: CatalogueObject, patch: Mapping[str, object], stored: Catalogue) -> DesiredCatalogue:
    """The catalogue with one live object changed by a JSON merge patch (RFC 7396) of its document.

    Raises ValidationFailed.
    """
    document = object_document(item, stored)
    # A resource keeps what its document leaves out, so these change only if the patch gives them.
    document.pop("overrides", None)
    kind = kind_of(item)
    data = merge_patch(document, patch)
    others = [other for other in objects_of(kind, stored) if other.id != item.id and other.key == data.get("key")]
    if others:
        state = "an archived" if others[0].archived else "another"
        raise ValidationFailed([FieldError("key", f'"{others[0].key}" is already the key of {state} {kind}')])
    return _check(_with_object(kind, data, item, stored), stored)


def archive_object(item: CatalogueObject, stored: Catalogue) -> DesiredCatalogue:
    """The catalogue without one live object. Raises ValidationFailed if others still need it."""
    if isinstance(item, Location):
        live = [resource for resource in stored.resources if not resource.archived]
        keys = [resource.key for resource in live if item.id in resource.location_ids]
        if keys:
            raise ValidationFailed.of(item.key, f"still has resources: {_listed(keys)}; move or archive them first")
    return _check(DesiredCatalogue.unchanged(stored).without(item.id), stored)


def replace_override(
    item: CatalogueObject, day: date, spans: tuple[WallSpan, ...] | None, stored: Catalogue, *, despite_closures: bool
) -> DesiredCatalogue:
    """The catalogue with other hours on one date of a resource; None removes its override.

    Raises ValidationFailed if there are too many.
    """
    assert isinstance(item, Resource), "only resources have hours"
    edited = {**item.schedule.overrides, day: spans}
    overrides = {date: spans for date, spans in edited.items() if spans is not None}
    despite = item.schedule.despite_closures - {day} | ({day} if despite_closures else set())
    if len(overrides) > MAX_OVERRIDES:
        raise ValidationFailed(
            [FieldError("overrides", f"a resource may have at most {MAX_OVERRIDES}; delete past ones")]
        )
    schedule = replace(item.schedule, overrides=overrides, despite_closures=despite)
    location_by_id = stored.location_by_id
    return DesiredCatalogue.unchanged(stored).with_resource(
        replace(item, schedule=placed(schedule, location_by_id[item.location_id], location_by_id, stored.business))
    )


def merge_patch(target: Mapping[str, object], patch: Mapping[str, object], depth: int = 0) -> JsonObject:
    """RFC 7396: members of the patch replace those of the target, null removes them, objects are merged.

    Objects nested deeper than any document stay as they came, for the validation to refuse.
    """
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and depth < _DEEPEST:
            before = result.get(name)
            result[name] = merge_patch(before if isinstance(before, Mapping) else {}, value, depth + 1)
        else:
            result[name] = value
    return result


def _with_object(
    kind: CollectionKind, data: Mapping[str, object], same: CatalogueObject | None, stored: Catalogue
) -> DesiredCatalogue:
    """The stored catalogue with the object in the data, in the place of `same` if that is live."""
    desired = DesiredCatalogue.unchanged(stored)
    match kind:
        case ObjectKind.LOCATION:
            assert same is None or isinstance(same, Location)
            return desired.with_location(desired_location(read_location(data), same, timezone=stored.business.timezone))
        case ObjectKind.RESOURCE:
            assert same is None or isinstance(same, Resource)
            entry = read_resource(data, stored)
            resource = desired_resource(entry, same, by_name(desired.locations), stored.business)
            return _with_time_off(desired.with_resource(resource), entry, resource)
        case ObjectKind.SERVICE:
            assert same is None or isinstance(same, Service)
            resources, currency = by_name(desired.resources), stored.business.currency
            service = desired_service(read_service(data, stored), same, resources, currency=currency)
            return desired.with_service(service)


def _with_time_off(desired: DesiredCatalogue, entry: ResourceDocument, resource: Resource) -> DesiredCatalogue:
    if entry.time_off is None:
        return desired
    return replace(desired, time_off={resource.id: desired_time_off(entry.time_off)})


def _check(desired: DesiredCatalogue, stored: Catalogue) -> DesiredCatalogue:
    """The desired catalogue, if it still meets every live service and keeps the limits. Raises ValidationFailed."""
    before = DesiredCatalogue.unchanged(stored)
    broken = [key for key in _unmet_services(desired) if key not in set(_unmet_services(before))]
    if broken:
        detail = f"needed by {_listed(broken)}; change or archive these services first"
        raise ValidationFailed([FieldError("services", detail)])
    costly = newly_costly(desired, stored)
    if costly:
        raise ValidationFailed([FieldError("services", f"{one.service.key}: {one.detail}") for one in costly])
    lanes = sum(resource.capacity for resource in desired.resources)
    for name, count, most in (
        ("locations", len(desired.locations), MAX_LOCATIONS),
        ("resources", len(desired.resources), MAX_RESOURCES),
        ("services", len(desired.services), MAX_SERVICES),
        ("capacity", lanes, MAX_LANES),
    ):
        if count > most:
            raise ValidationFailed.of(name, f"a business may have at most {most} in total")
    return desired


def _unmet_services(desired: DesiredCatalogue) -> list[str]:
    """The keys of the services that ask for resources that are absent."""
    kinds = {resource.id: resource.kind for resource in desired.resources}
    return [
        service.key
        for service in desired.services
        if not all(_is_met(requirement, kinds) for requirement in service.requires)
    ]


def _is_met(requirement: Requirement, kinds: Mapping[ResourceId, str]) -> bool:
    """True if all resources that the requirement names are there, and enough of them in its pool."""
    pool = set(requirement.any_of)
    if requirement.kind is not None:
        pool = {resource_id for resource_id, kind in kinds.items() if kind == requirement.kind}
    with_terms = set(requirement.terms)
    return pool | with_terms <= kinds.keys() and with_terms <= pool and len(pool) >= requirement.count


def _listed(keys: Iterable[str]) -> str:
    """A few keys, and the number of the others."""
    keys = list(keys)
    first = ", ".join(keys[:_MOST_KEYS])
    return first if len(keys) <= _MOST_KEYS else f"{first} and {len(keys) - _MOST_KEYS} more"
