"""What differs between the stored catalogue and the one that is wanted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from catalogue.model import Business, Catalogue, Location, Resource, Service, TimeOff
from catalogue.wanted import Wanted
from kernel.ids import ResourceId


class Action(StrEnum):
    """What happens to an object."""

    CREATE = "create"
    CHANGE = "change"
    ARCHIVE = "archive"
    REVIVE = "revive"


class Kind(StrEnum):
    """What sort of object it is."""

    BUSINESS = "business"
    LOCATION = "location"
    RESOURCE = "resource"
    SERVICE = "service"


TIME_OFF: Final = "time_off"
POSITION: Final = "position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object that is or would be changed."""

    action: Action
    kind: Kind
    id: str
    key: str
    """Of the business: its name."""
    fields: tuple[str, ...] = ()
    """As the document spells them, with `position` for a place in the document; of what changes or is revived."""

    @property
    def touches_row(self) -> bool:
        """Whether a new version of the object itself comes of it: time off and order are kept beside it."""
        return self.action is not Action.CHANGE or bool(set(self.fields) - {TIME_OFF, POSITION})


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOffChange:
    """Time off of one resource that comes and goes."""

    resource_id: ResourceId
    added: tuple[TimeOff, ...]
    removed: tuple[TimeOff, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything to do, in the order of the document, the archived last."""

    changes: tuple[Change, ...]
    time_off: tuple[TimeOffChange, ...]

    @property
    def touches_catalogue(self) -> bool:
        """Whether the Catalogue differs afterwards; time off is no part of it."""
        return any(change.touches_row or POSITION in change.fields for change in self.changes)


def difference(
    stored: Catalogue, stored_time_off: Mapping[ResourceId, Sequence[TimeOff]], wanted: Wanted
) -> Difference:
    """What to do so that the stored catalogue becomes the wanted one.

    `stored_time_off` need hold only the resources whose time off is wanted otherwise.
    """
    time_off = {
        resource_id: _time_off_change(resource_id, stored_time_off.get(resource_id, ()), entries)
        for resource_id, entries in wanted.time_off.items()
    }
    time_off = {resource_id: change for resource_id, change in time_off.items() if change.added or change.removed}
    changes = (
        *_business_changes(stored.business, wanted.business),
        *_changes(Kind.LOCATION, stored.locations, wanted.locations),
        *_changes(Kind.RESOURCE, stored.resources, wanted.resources, also=time_off),
        *_changes(Kind.SERVICE, stored.services, wanted.services),
    )
    return Difference(changes=changes, time_off=tuple(time_off.values()))


_Thing = TypeVar("_Thing", Location, Resource, Service)


def _business_changes(stored: Business, wanted: Business) -> Iterator[Change]:
    fields = _differing(_business_fields(stored), _business_fields(wanted))
    if fields:
        yield Change(action=Action.CHANGE, kind=Kind.BUSINESS, id=str(stored.id), key=wanted.name, fields=fields)


def _changes(
    kind: Kind, stored: Sequence[_Thing], wanted: Sequence[_Thing], also: Iterable[ResourceId] = ()
) -> Iterator[Change]:
    stored_by_id = {str(thing.id): thing for thing in stored}
    wanted_ids = {thing.id for thing in wanted}
    moved = _moved([thing.id for thing in stored if not thing.archived], [thing.id for thing in wanted])
    with_time_off = set(also)
    for thing in wanted:
        before = stored_by_id.get(thing.id)
        if before is None:
            yield Change(action=Action.CREATE, kind=kind, id=thing.id, key=thing.key)
            continue
        fields = _differing(_fields(before), _fields(thing))
        fields += (TIME_OFF,) if thing.id in with_time_off else ()
        if before.archived:
            yield Change(action=Action.REVIVE, kind=kind, id=thing.id, key=thing.key, fields=fields)
            continue
        fields += (POSITION,) if thing.id in moved else ()
        if fields:
            yield Change(action=Action.CHANGE, kind=kind, id=thing.id, key=thing.key, fields=fields)
    for thing in stored:
        if not thing.archived and thing.id not in wanted_ids:
            yield Change(action=Action.ARCHIVE, kind=kind, id=thing.id, key=thing.key)


def _moved(stored: Sequence[str], wanted: Sequence[str]) -> set[str]:
    """Those in both whose place among those in both differs."""
    both = set(stored) & set(wanted)
    before = [one for one in stored if one in both]
    after = [one for one in wanted if one in both]
    return {now for was, now in zip(before, after, strict=True) if was != now}


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name, value in after.items() if before[name] != value)


def _fields(thing: Location | Resource | Service) -> Mapping[str, object]:
    """The fields of the document that the thing was made of, and what each became."""
    match thing:
        case Location():
            return {"key": thing.key, "name": thing.name, "timezone": thing.timezone}
        case Resource():
            return {
                "key": thing.key,
                "kind": thing.kind,
                "name": thing.name,
                "location": thing.location_id,
                "capacity": thing.capacity,
                # The zone is the location's: a location that changes its zone changes none of its resources.
                "hours": thing.schedule.hours,
                "breaks": thing.schedule.breaks,
                "overrides": thing.schedule.overrides,
                "rules": thing.rules,
            }
        case Service():
            return {
                "key": thing.key,
                "name": thing.name,
                "duration_minutes": thing.duration_minutes,
                "buffer_before_minutes": thing.buffer_before_minutes,
                "buffer_after_minutes": thing.buffer_after_minutes,
                "buffers_inside_hours": thing.buffers_inside_hours,
                "price": thing.price,
                "grid": thing.grid,
                "requires": thing.requires,
                "assign": thing.assign,
                "rules": thing.rules,
            }


def _business_fields(business: Business) -> Mapping[str, object]:
    return {
        "name": business.name,
        "timezone": business.timezone,
        "currency": business.currency,
        "rules": business.rules,
    }


def _time_off_change(resource_id: ResourceId, stored: Sequence[TimeOff], wanted: Sequence[TimeOff]) -> TimeOffChange:
    """Entries that say the same are the same: they keep their ids."""
    surplus: dict[tuple[object, ...], list[TimeOff]] = {}
    for entry in stored:
        surplus.setdefault((entry.start, entry.end, entry.reason), []).append(entry)
    added = []
    for entry in wanted:
        same = surplus.get((entry.start, entry.end, entry.reason))
        if same:
            same.pop()
        else:
            added.append(entry)
    removed = tuple(entry for entries in surplus.values() for entry in entries)
    return TimeOffChange(resource_id=resource_id, added=tuple(added), removed=removed)
