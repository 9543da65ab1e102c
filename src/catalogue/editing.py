"""One object of the catalogue created, changed or archived."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final, Literal, TypeAlias

from catalogue.diff import Kind
from catalogue.document import ResourceDocument
from catalogue.limits import MAX_LANES, MAX_LOCATIONS, MAX_OVERRIDES, MAX_RESOURCES, MAX_SERVICES
from catalogue.model import Catalogue, Location, Resource, Service, WallSpan
from catalogue.reading import read_location, read_resource, read_service
from catalogue.rendering import JsonObject, location_document, resource_document, service_document
from catalogue.wanted import Wanted, by_name, wanted_location, wanted_resource, wanted_service, wanted_time_off
from kernel.errors import FieldError, ValidationFailed

_DEEPEST: Final = 20

ObjectKind: TypeAlias = Literal[Kind.LOCATION, Kind.RESOURCE, Kind.SERVICE]
Thing: TypeAlias = Location | Resource | Service


def things(kind: ObjectKind, catalogue: Catalogue) -> tuple[Thing, ...]:
    """All objects of a kind, archived ones too, in order."""
    match kind:
        case Kind.LOCATION:
            return catalogue.locations
        case Kind.RESOURCE:
            return catalogue.resources
        case Kind.SERVICE:
            return catalogue.services


def thing_document(thing: Thing, catalogue: Catalogue) -> JsonObject:
    """The object as its part of the business document; a resource without its time off."""
    match thing:
        case Location():
            return location_document(thing)
        case Resource():
            return resource_document(thing, catalogue)
        case Service():
            return service_document(thing, catalogue)


def created(kind: ObjectKind, data: Mapping[str, object], stored: Catalogue) -> Wanted:
    """The catalogue with a new object at the end of its kind; an archived one with that key is revived.

    Raises ValidationFailed.
    """
    same = next((thing for thing in things(kind, stored) if thing.key == data.get("key")), None)
    if same is not None and not same.archived:
        raise ValidationFailed([FieldError("key", f'"{same.key}" is already the key of a {kind}')])
    return _checked(_with_thing(kind, data, same, stored), stored)


def patched(thing: Thing, patch: Mapping[str, object], stored: Catalogue) -> Wanted:
    """The catalogue with one live object changed by a JSON merge patch (RFC 7396) of its document.

    Raises ValidationFailed.
    """
    document = thing_document(thing, stored)
    # What a document of a resource leaves out stays as it is, so these change only if the patch gives them.
    document.pop("overrides", None)
    kind = _kind(thing)
    data = merge_patch(document, patch)
    others = [other for other in things(kind, stored) if other.id != thing.id and other.key == data.get("key")]
    if others:
        state = "an archived" if others[0].archived else "another"
        raise ValidationFailed([FieldError("key", f'"{others[0].key}" is already the key of {state} {kind}')])
    return _checked(_with_thing(kind, data, thing, stored), stored)


def archived(thing: Thing, stored: Catalogue) -> Wanted:
    """The catalogue without one live object. Raises ValidationFailed where others still need it."""
    if isinstance(thing, Location):
        there = [one.key for one in stored.resources if one.location_id == thing.id and not one.archived]
        if there:
            raise ValidationFailed.of(thing.key, f"resources are there: {_listed(there)}; move or archive them first")
    return _checked(Wanted.unchanged(stored).without(thing.id), stored)


def with_overrides(thing: Thing, edits: Mapping[date, tuple[WallSpan, ...] | None], stored: Catalogue) -> Wanted:
    """The catalogue with other hours on some dates of a resource; None takes a date's override away.

    Raises ValidationFailed where there would be too many.
    """
    assert isinstance(thing, Resource), "only resources have hours"
    edited = {**thing.schedule.overrides, **edits}
    overrides = {day: spans for day, spans in edited.items() if spans is not None}
    if len(overrides) > MAX_OVERRIDES:
        raise ValidationFailed([FieldError("overrides", f"a resource may have {MAX_OVERRIDES}; delete past ones")])
    return Wanted.unchanged(stored).with_resource(replace(thing, schedule=replace(thing.schedule, overrides=overrides)))


def merge_patch(target: Mapping[str, object], patch: Mapping[str, object], depth: int = 0) -> JsonObject:
    """RFC 7396: members of the patch replace those of the target, null removes them, objects are merged.

    Objects nested deeper than any document are left as they came, for the validation to refuse.
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


def _kind(thing: Thing) -> ObjectKind:
    match thing:
        case Location():
            return Kind.LOCATION
        case Resource():
            return Kind.RESOURCE
        case Service():
            return Kind.SERVICE


def _with_thing(kind: ObjectKind, data: Mapping[str, object], same: Thing | None, stored: Catalogue) -> Wanted:
    """The stored catalogue with the object of that data, in the place of `same` if that is live."""
    wanted = Wanted.unchanged(stored)
    match kind:
        case Kind.LOCATION:
            assert same is None or isinstance(same, Location)
            return wanted.with_location(wanted_location(read_location(data), same, stored.business))
        case Kind.RESOURCE:
            assert same is None or isinstance(same, Resource)
            entry = read_resource(data, stored)
            resource = wanted_resource(entry, same, by_name(wanted.locations))
            return _with_time_off(wanted.with_resource(resource), entry, resource)
        case Kind.SERVICE:
            assert same is None or isinstance(same, Service)
            service = wanted_service(read_service(data, stored), same, by_name(wanted.resources), stored.business)
            return wanted.with_service(service)


def _with_time_off(wanted: Wanted, entry: ResourceDocument, resource: Resource) -> Wanted:
    if entry.time_off is None:
        return wanted
    return replace(wanted, time_off={resource.id: wanted_time_off(entry.time_off)})


def _checked(wanted: Wanted, stored: Catalogue) -> Wanted:
    """The same, if every live service can still be met and the limits are kept. Raises ValidationFailed."""
    before = Wanted.unchanged(stored)
    broken = [key for key in _unmet_services(wanted) if key not in set(_unmet_services(before))]
    if broken:
        detail = f"needed by {_listed(broken)}; change or archive these services first"
        raise ValidationFailed([FieldError("services", detail)])
    lanes = sum(resource.capacity for resource in wanted.resources)
    for name, count, most in (
        ("locations", len(wanted.locations), MAX_LOCATIONS),
        ("resources", len(wanted.resources), MAX_RESOURCES),
        ("services", len(wanted.services), MAX_SERVICES),
        ("capacity", lanes, MAX_LANES),
    ):
        if count > most:
            raise ValidationFailed.of(name, f"a business may have {most} in all")
    return wanted


def _unmet_services(wanted: Wanted) -> list[str]:
    """The services that ask for resources that are not there."""
    kinds = {resource.id: resource.kind for resource in wanted.resources}
    unmet = []
    for service in wanted.services:
        for requirement in service.requires:
            pool = set(requirement.any_of)
            if requirement.kind is not None:
                pool = {resource_id for resource_id, kind in kinds.items() if kind == requirement.kind}
            named = pool | set(requirement.terms)
            if not named <= kinds.keys() or not set(requirement.terms) <= pool or len(pool) < requirement.count:
                unmet.append(service.key)
                break
    return unmet


def _listed(keys: Iterable[str]) -> str:
    """A few keys, and how many more there are."""
    keys = list(keys)
    shown = ", ".join(keys[:5])
    return shown if len(keys) <= 5 else f"{shown} and {len(keys) - 5} more"  # noqa: PLR2004 - what one reads at a glance
