"""Check of the names in a document.

It reads the data as sent, not the validated document, so that one answer reports a misspelled field *and* a misspelled
name. It passes over data of the wrong type, which catalogue.reading reports.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Final, Self, TypeVar

from catalogue.limits import MAX_LANES
from catalogue.model.catalogue import Catalogue
from kernel.errors import FieldError

_IdT = TypeVar("_IdT", bound=str)

# Comparing names letter by letter is slow, and this is only a hint.
_LONGEST_NAME: Final = 64
_MOST_GUESSES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names that a document may refer to."""

    locations: Mapping[str, str]
    """Each id and key of a location, with the key."""
    resources: Mapping[str, str]
    """Each id and key of a resource, with the key."""
    by_kind: Mapping[str, tuple[str, ...]]
    """Each kind, with the keys of its resources."""
    services: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Each key of a service, with the lengths that it offers."""

    @classmethod
    def of(cls, catalogue: Catalogue) -> Self:
        """The live objects of a business."""
        locations = {location.id: location.key for location in catalogue.locations if not location.archived}
        resources = {resource.id: resource for resource in catalogue.resources if not resource.archived}
        return cls(
            locations=_by_key_and_id(locations),
            resources=_by_key_and_id({resource.id: resource.key for resource in resources.values()}),
            by_kind=_by_kind({resource.key: resource.kind for resource in resources.values()}),
            services={
                service.key: [option.minutes for option in service.durations]
                for service in catalogue.services
                if not service.archived
            },
        )

    @classmethod
    def within(cls, document: Mapping[str, object], stored: Catalogue) -> Self:
        """The objects in a document, by their keys there or by the ids under which they are stored."""
        location_keys = _keys(document, "locations")
        kinds = {key: text(entry, "kind") for key, entry in _keys(document, "resources").items()}
        location_ids = {location.id: location.key for location in stored.locations if location.key in location_keys}
        resource_ids = {resource.id: resource.key for resource in stored.resources if resource.key in kinds}
        return cls(
            locations=dict(zip(location_keys, location_keys, strict=True)) | location_ids,
            resources=dict(zip(kinds, kinds, strict=True)) | resource_ids,
            by_kind=_by_kind(kinds),
            services={key: _lengths(entry) for key, entry in _keys(document, "services").items()},
        )


def names_in(document: Mapping[str, object]) -> list[str]:
    """The keys of the objects in a document: archived objects return under them."""
    return [key for section in ("locations", "resources", "services") for key in _keys(document, section)]


def faults_in_references(document: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    """Every repeated key, and every unknown name in a whole document."""
    for section in ("locations", "resources", "services"):
        yield from _repeated_keys(document, section)
    lanes = 0
    for index, resource in _entries(document, "resources"):
        yield from within(f"resources[{index}]", faults_in_resource(resource, names))
        capacity = resource.get("capacity", 1)
        lanes += capacity if isinstance(capacity, int) else 1
    if lanes > MAX_LANES:
        yield FieldError("resources", f"have a total capacity of {lanes}; a business may have at most {MAX_LANES}")
    for index, service in _entries(document, "services"):
        yield from within(f"services[{index}]", faults_in_service(service, names))
    business = document.get("business")
    for index, route in _entries(business, "routes") if isinstance(business, Mapping) else ():
        yield from within(f"business.routes[{index}].then", _faults_in_choice(route.get("then"), None, names))


def faults_in_resource(resource: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    """The unknown location of a resource, or the missing one."""
    located = _entries(resource, "located")
    location = resource.get("location")
    keys = sorted(set(names.locations.values()))
    if location is None and not keys:
        yield FieldError("location", "required, but the business has no location yet")
    elif location is None and len(keys) > 1 and not located:
        yield FieldError("location", f"required, because the business has several: {', '.join(keys)}")
    elif isinstance(location, str) and location not in names.locations:
        yield FieldError("location", unknown("location", location, keys))
    for index, entry in located:
        place = text(entry, "location")
        if place and place not in names.locations:
            yield FieldError(f"located[{index}].location", unknown("location", place, keys))


def faults_in_service(service: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    """The unknown names in a service, and the parts of one role that the same resources cannot meet."""
    pools: dict[str, tuple[object, ...]] = {}
    for index, requirement in _entries(service, "requires"):
        pointer = f"requires[{index}]"
        yield from within(pointer, _faults_in_requirement(requirement, names))
        role = text(requirement, "role")
        pool = (
            *_pool(requirement, names),
            requirement.get("kind"),
            requirement.get("count", 1),
            requirement.get("uses", 1),
        )
        if role and pools.setdefault(role, pool) != pool:
            detail = f'all entries of role "{role}" must name the same pool, count and uses'
            yield FieldError(pointer, detail)
    for index, route in _entries(service, "routes"):
        yield from within(f"routes[{index}].then", _faults_in_choice(route.get("then"), service, names))


def within(pointer: str, errors: Iterable[FieldError]) -> Iterator[FieldError]:
    """The faults of a part as faults of the whole."""
    for error in errors:
        separator = "." if pointer and error.pointer else ""
        yield FieldError(f"{pointer}{separator}{error.pointer}", error.detail)


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """Report an unknown name, with the known one that is closest to it."""
    return f'no {noun} "{name}"{hint(name, known)}'


def hint(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the known one that is closest to it, or nothing."""
    close = get_close_matches(name[:_LONGEST_NAME], list(islice(known, _MOST_GUESSES)), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def text(parent: Mapping[str, object], name: str) -> str:
    """A string member, or "" if it is no string."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def _keys(document: Mapping[str, object], section: str) -> dict[str, Mapping[str, object]]:
    """The entries of a section that have a key, by it."""
    return {key: entry for _, entry in _entries(document, section) if (key := text(entry, "key"))}


def _by_key_and_id(keys: Mapping[_IdT, str]) -> dict[str, str]:
    """The key of each object, by its key and by its id."""
    return {name: key for object_id, key in keys.items() for name in (key, object_id)}


def _by_kind(kinds: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    keys: dict[str, list[str]] = {}
    for key, kind in kinds.items():
        keys.setdefault(kind, []).append(key)
    return {kind: tuple(members) for kind, members in keys.items()}


def _entries(parent: Mapping[str, object], name: str) -> list[tuple[int, Mapping[str, object]]]:
    entries = parent.get(name)
    if not isinstance(entries, Sequence):
        return []
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def _repeated_keys(document: Mapping[str, object], section: str) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    for index, entry in _entries(document, section):
        key = text(entry, "key")
        if key and first.setdefault(key, index) != index:
            yield FieldError(f"{section}[{index}].key", f'"{key}" is already the key of {section}[{first[key]}]')


def _named_pool(requirement: Mapping[str, object]) -> list[tuple[int, str]]:
    names = requirement.get("any_of")
    if not isinstance(names, Sequence) or isinstance(names, str):
        return []
    return [(index, name) for index, name in enumerate(names) if isinstance(name, str)]


def _pool(requirement: Mapping[str, object], names: Names) -> tuple[str, ...]:
    """The keys of the resources that may meet an entry."""
    kind = text(requirement, "kind")
    if kind:
        return names.by_kind.get(kind, ())
    return tuple(names.resources.get(name, name) for _, name in _named_pool(requirement))


def _faults_in_requirement(requirement: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    pool = _pool(requirement, names)
    kind = text(requirement, "kind")
    if kind and not pool:
        yield FieldError("kind", unknown("resource of kind", kind, sorted(names.by_kind)))
    yield from _faults_in_named_pool(requirement, names)
    yield from _faults_in_terms(requirement, names, pool)
    count = requirement.get("count", 1)
    if isinstance(count, int) and pool and count > len(pool):
        yield FieldError("count", f"must be at most {len(pool)}, the size of the pool")


def _faults_in_choice(choice: object, own: Mapping[str, object] | None, names: Names) -> Iterator[FieldError]:
    """The unknown names in what a route leads to, and a length that is not offered; `own` is the service that asks."""
    if not isinstance(choice, Mapping):
        return
    service = text(choice, "service")
    if service and service not in names.services:
        yield FieldError("service", unknown("service", service, sorted(names.services)))
    elif service and own is not None and service == text(own, "key"):
        yield FieldError("service", "is this service: leave it out to choose resources or a length alone")
    else:
        lengths = names.services.get(service, ()) if service or own is None else _lengths(own)
        yield from _faults_in_length(choice.get("duration_minutes"), lengths)
    for index, name in _named_pool({"any_of": choice.get("resources")}):
        if name not in names.resources:
            yield FieldError(f"resources[{index}]", unknown("resource", name, sorted(set(names.resources.values()))))


def _faults_in_length(minutes: object, offered: Sequence[int]) -> Iterator[FieldError]:
    if isinstance(minutes, int) and minutes not in offered:
        known = ", ".join(map(str, offered))
        detail = f"must be one of the durations of the service: {known}" if known else "the service has no durations"
        yield FieldError("duration_minutes", detail)


def _lengths(service: Mapping[str, object]) -> Sequence[int]:
    """The lengths that a service offers, by its document."""
    entries = service.get("durations")
    if not isinstance(entries, Sequence):
        return ()
    found = (entry.get("minutes") if isinstance(entry, Mapping) else entry for entry in entries)
    return [minutes for minutes in found if isinstance(minutes, int)]


def _faults_in_named_pool(requirement: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, name in _named_pool(requirement):
        key = names.resources.get(name)
        if key is None:
            yield FieldError(f"any_of[{index}]", unknown("resource", name, sorted(set(names.resources.values()))))
        elif key in seen:
            yield FieldError(f"any_of[{index}]", f'"{name}" is already in the pool')
        seen.add(key or name)


def _faults_in_terms(requirement: Mapping[str, object], names: Names, pool: tuple[str, ...]) -> Iterator[FieldError]:
    overrides = requirement.get("overrides")
    for name in overrides if isinstance(overrides, Mapping) else ():
        if not isinstance(name, str) or names.resources.get(name) in pool:
            continue
        is_known = name in names.resources
        known = [key for key in pool if key in names.resources]
        detail = f'"{name}" is not in the pool' if is_known else unknown("resource", name, known)
        yield FieldError(f"overrides.{name}", detail)
