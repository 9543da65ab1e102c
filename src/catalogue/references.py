"""Whether the names in a document lead to something.

The checks read the data as it was sent, not the validated document, so that a document with a misspelled field *and* a
misspelled name hears of both at once. What has the wrong type is passed over here: catalogue.reading reports it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Self

from catalogue.limits import MAX_LANES
from catalogue.model import Catalogue
from kernel.errors import FieldError

# Comparing names letter by letter is slow, and this is only a hint.
_LONGEST_NAME: Final = 64
_MOST_GUESSES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a document may refer to."""

    locations: Mapping[str, str]
    """Each id and key of a location, with the key."""
    resources: Mapping[str, str]
    """Each id and key of a resource, with the key."""
    by_kind: Mapping[str, tuple[str, ...]]
    """Each kind, with the keys of its resources."""

    @classmethod
    def of(cls, catalogue: Catalogue) -> Self:
        """The live objects of a business."""
        locations = [location for location in catalogue.locations if not location.archived]
        resources = [resource for resource in catalogue.resources if not resource.archived]
        return cls(
            locations={name: location.key for location in locations for name in (location.key, location.id)},
            resources={name: resource.key for resource in resources for name in (resource.key, resource.id)},
            by_kind=_by_kind({resource.key: resource.kind for resource in resources}),
        )

    @classmethod
    def within(cls, document: Mapping[str, object], stored: Catalogue) -> Self:
        """The objects a document sets up: by the keys it gives them, or by the ids they are stored under."""
        locations = [key for entry in mappings(document, "locations") if (key := text(entry, "key"))]
        kinds = {key: text(entry, "kind") for entry in mappings(document, "resources") if (key := text(entry, "key"))}
        location_ids = {location.id: location.key for location in stored.locations if location.key in locations}
        resource_ids = {resource.id: resource.key for resource in stored.resources if resource.key in kinds}
        return cls(
            locations={key: key for key in locations} | location_ids,
            resources={key: key for key in kinds} | resource_ids,
            by_kind=_by_kind(kinds),
        )


def faults_in_references(document: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    """Every key given twice, and every name in a whole document that leads nowhere."""
    for section in ("locations", "resources", "services"):
        yield from _repeated_keys(document, section)
    lanes = 0
    for index, resource in _entries(document, "resources"):
        yield from within(f"resources[{index}]", faults_in_resource(resource, names))
        capacity = resource.get("capacity", 1)
        lanes += capacity if isinstance(capacity, int) else 1
    if lanes > MAX_LANES:
        yield FieldError("resources", f"have {lanes} places together; a business may have {MAX_LANES}")
    for index, service in _entries(document, "services"):
        yield from within(f"services[{index}]", faults_in_service(service, names))


def faults_in_resource(resource: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    """What a resource refers to in vain."""
    location = resource.get("location")
    keys = sorted(set(names.locations.values()))
    if location is None and not keys:
        yield FieldError("location", "required, and the business has no location yet")
    elif location is None and len(keys) > 1:
        yield FieldError("location", f"required, because there are several: {', '.join(keys)}")
    elif isinstance(location, str) and location not in names.locations:
        yield FieldError("location", unknown("location", location, keys))


def faults_in_service(service: Mapping[str, object], names: Names) -> Iterator[FieldError]:
    """What a service refers to in vain, and the parts of one role that could not be met by the same resources."""
    pools: dict[str, tuple[object, ...]] = {}
    for index, requirement in _entries(service, "requires"):
        pointer = f"requires[{index}]"
        yield from within(pointer, _faults_in_requirement(requirement, names))
        role = text(requirement, "role")
        pool = (*_pool(requirement, names), requirement.get("kind"), requirement.get("count", 1))
        if role and pools.setdefault(role, pool) != pool:
            detail = f'the entries of role "{role}" are met by the same resources: name the same pool and count'
            yield FieldError(pointer, detail)


def within(pointer: str, errors: Iterable[FieldError]) -> Iterator[FieldError]:
    """The faults of a part as faults of the whole."""
    for error in errors:
        separator = "." if pointer and error.pointer else ""
        yield FieldError(f"{pointer}{separator}{error.pointer}", error.detail)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that nothing has that name, and which name may have been meant."""
    close = get_close_matches(name[:_LONGEST_NAME], list(known)[:_MOST_GUESSES], n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'no {what} "{name}"{hint}'


def mappings(parent: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """The entries of a list that are objects, where there is such a list."""
    return [entry for _, entry in _entries(parent, name)]


def text(parent: Mapping[str, object], name: str) -> str:
    """A string member, or "" where it is none."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


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
    kind, pool = text(requirement, "kind"), _pool(requirement, names)
    if kind and not pool:
        yield FieldError("kind", unknown("resource of kind", kind, sorted(names.by_kind)))
    seen: set[str] = set()
    for index, name in _named_pool(requirement):
        key = names.resources.get(name)
        if key is None:
            yield FieldError(f"any_of[{index}]", unknown("resource", name, sorted(set(names.resources.values()))))
        elif key in seen:
            yield FieldError(f"any_of[{index}]", f'"{name}" is in the pool already')
        seen.add(key or name)
    overrides = requirement.get("overrides")
    for name in overrides if isinstance(overrides, Mapping) else ():
        if not isinstance(name, str) or names.resources.get(name) in pool:
            continue
        in_vain = name not in names.resources
        detail = unknown("resource", name, pool) if in_vain else f'"{name}" is not in the pool'
        yield FieldError(f"overrides.{name}", detail)
    count = requirement.get("count", 1)
    if isinstance(count, int) and pool and count > len(pool):
        yield FieldError("count", f"the pool has only {len(pool)}")
