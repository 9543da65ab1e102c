"""Difference between the stored catalogue and the desired one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from catalogue.desired import DesiredCatalogue
from catalogue.model.business import Business
from catalogue.model.business_days import count_business_days
from catalogue.model.catalogue import Catalogue
from catalogue.model.comparison import differing_fields
from catalogue.model.locations import Location
from catalogue.model.objects import CollectionKind, ObjectKind
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from catalogue.model.time_off import TimeOff
from kernel.ids import ResourceId


class Action(StrEnum):
    """Action on an object."""

    CREATE = "create"
    CHANGE = "change"
    ARCHIVE = "archive"
    REVIVE = "revive"


TIME_OFF: Final = "time_off"
POSITION: Final = "position"


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One part of an object that is set anew; UNSET stands for a part that the object has not before, or not after."""

    pointer: str
    """A path in the object as a document, such as `grid.step_minutes`."""
    old: object
    new: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object that is or would be changed."""

    action: Action
    kind: ObjectKind
    id: str
    key: str
    """The key of the object; for the business, its name."""
    fields: tuple[str, ...] = ()
    """As the document spells them, with `position` for a place in the document; of what changes or is revived."""
    values: tuple[ChangedValue, ...] = ()
    """Of the fields, where it is only planned (see catalogue.changed_values)."""

    @property
    def touches_row(self) -> bool:
        """True if the object itself has a new version: its time off and its position are not part of it."""
        return self.action is not Action.CHANGE or bool(set(self.fields) - {TIME_OFF, POSITION})

    @property
    def updates_row(self) -> bool:
        """True if the columns of a row that is there already are set anew."""
        return self.action in {Action.CHANGE, Action.REVIVE} and self.touches_row

    def sets(self, field: str) -> bool:
        """True if the object has another value in that field afterwards."""
        return self.action is Action.CREATE or field in self.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOffChange:
    """Time off of one resource that is added and removed."""

    resource_id: ResourceId
    added: tuple[TimeOff, ...]
    removed: tuple[TimeOff, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueDiff:
    """All changes, in the order of the document, archived objects last."""

    changes: tuple[Change, ...]
    time_off: tuple[TimeOffChange, ...]
    counts_business_days: bool = False
    """True if a booking window of the desired catalogue counts business days."""

    @property
    def touches_catalogue(self) -> bool:
        """True if the Catalogue differs afterwards; time off is no part of it."""
        return any(change.touches_row or POSITION in change.fields for change in self.changes)

    @property
    def touches_snapshots(self) -> bool:
        """True if what was loaded of the catalogue is out of date: time off decides which days are business days."""
        return self.touches_catalogue or (bool(self.time_off) and self.counts_business_days)

    @property
    def archivals(self) -> int:
        """The number of objects that are archived."""
        return sum(change.action is Action.ARCHIVE for change in self.changes)

    def of_kind(self, kind: ObjectKind) -> tuple[Change, ...]:
        """The changes of one kind of object."""
        return tuple(change for change in self.changes if change.kind is kind)


def diff(
    stored: Catalogue, stored_time_off: Mapping[ResourceId, Sequence[TimeOff]], desired: DesiredCatalogue
) -> CatalogueDiff:
    """The changes that turn the stored catalogue into the desired one.

    `stored_time_off` may leave out the resources of which the desired catalogue gives no time off.
    """
    time_off = {
        resource_id: _time_off_change(resource_id, stored_time_off.get(resource_id, ()), entries)
        for resource_id, entries in desired.time_off.items()
    }
    time_off = {resource_id: change for resource_id, change in time_off.items() if change.added or change.removed}
    changes = (
        *_business_changes(stored.business, desired.business),
        *_object_changes(ObjectKind.LOCATION, stored.locations, desired.locations),
        *_object_changes(ObjectKind.RESOURCE, stored.resources, desired.resources, with_time_off=time_off),
        *_object_changes(ObjectKind.SERVICE, stored.services, desired.services),
    )
    return CatalogueDiff(
        changes=changes,
        time_off=tuple(time_off.values()),
        counts_business_days=count_business_days(desired.business, desired.resources, desired.services),
    )


_ObjectT = TypeVar("_ObjectT", Location, Resource, Service)


def _business_changes(stored: Business, desired: Business) -> Iterator[Change]:
    fields = differing_fields(stored, desired)
    if fields:
        yield Change(action=Action.CHANGE, kind=ObjectKind.BUSINESS, id=str(stored.id), key=desired.name, fields=fields)


def _object_changes(
    kind: CollectionKind,
    stored: Sequence[_ObjectT],
    desired: Sequence[_ObjectT],
    with_time_off: Collection[str] = (),
) -> Iterator[Change]:
    stored_by_id: dict[str, _ObjectT] = {item.id: item for item in stored}
    moved = _moved(stored, desired)
    for item in desired:
        beside = ((TIME_OFF,) if item.id in with_time_off else ()) + ((POSITION,) if item.id in moved else ())
        change = _object_change(kind, stored_by_id.get(item.id), item, beside)
        if change is not None:
            yield change
    yield from _archivals(kind, stored, desired)


def _object_change(
    kind: CollectionKind, before: _ObjectT | None, after: _ObjectT, beside: tuple[str, ...]
) -> Change | None:
    """The change of one desired object; `beside` has the differences that lie beside the object itself."""
    if before is None:
        return Change(action=Action.CREATE, kind=kind, id=after.id, key=after.key)
    fields = (*differing_fields(before, after), *beside)
    if before.archived:
        return Change(action=Action.REVIVE, kind=kind, id=after.id, key=after.key, fields=fields)
    if fields:
        return Change(action=Action.CHANGE, kind=kind, id=after.id, key=after.key, fields=fields)
    return None


def _archivals(kind: CollectionKind, stored: Sequence[_ObjectT], desired: Sequence[_ObjectT]) -> Iterator[Change]:
    """The archival of each live object that is not desired any more."""
    desired_ids = {item.id for item in desired}
    for item in stored:
        if not item.archived and item.id not in desired_ids:
            yield Change(action=Action.ARCHIVE, kind=kind, id=item.id, key=item.key)


def _moved(stored: Sequence[_ObjectT], desired: Sequence[_ObjectT]) -> set[str]:
    """The ids of the objects in both sequences whose place among these differs."""
    live = {item.id for item in stored if not item.archived}
    both = live & {item.id for item in desired}
    before = [item.id for item in stored if item.id in both]
    after = [item.id for item in desired if item.id in both]
    return {now for was, now in zip(before, after, strict=True) if was != now}


def _time_off_change(resource_id: ResourceId, stored: Sequence[TimeOff], desired: Sequence[TimeOff]) -> TimeOffChange:
    """The change of a resource's time off; equal entries stay, with their ids."""
    surplus: dict[tuple[object, ...], list[TimeOff]] = {}
    for entry in stored:
        surplus.setdefault((entry.start, entry.end, entry.reason), []).append(entry)
    added = []
    for entry in desired:
        equal = surplus.get((entry.start, entry.end, entry.reason))
        if equal:
            equal.pop()
        else:
            added.append(entry)
    removed = tuple(entry for entries in surplus.values() for entry in entries)
    return TimeOffChange(resource_id=resource_id, added=tuple(added), removed=removed)
