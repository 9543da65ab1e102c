"""Old and new values of the fields that a change of the catalogue sets, in the form of the document."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard

from catalogue.desired import DesiredCatalogue
from catalogue.diff import POSITION, TIME_OFF, CatalogueDiff, Change, ChangedValue, TimeOffChange
from catalogue.model.business import business_section, sections_beside
from catalogue.model.catalogue import Catalogue
from catalogue.model.documents import JsonObject
from catalogue.model.objects import CatalogueObject, ObjectKind, object_document
from catalogue.model.rules.rule import UNSET
from catalogue.model.time_off import TimeOff, time_off_document


def with_values(difference: CatalogueDiff, stored: Catalogue, desired: DesiredCatalogue) -> tuple[Change, ...]:
    """The changes, those of fields with the old and new values of these."""
    before = _CatalogueSide.of(stored)
    after = _CatalogueSide.of(desired.over(stored))
    time_off: dict[str, TimeOffChange] = {change.resource_id: change for change in difference.time_off}
    return tuple(
        replace(change, values=tuple(_values(change, before, after, time_off.get(change.id))))
        for change in difference.changes
    )


@dataclass(frozen=True, slots=True)
class _CatalogueSide:
    """A catalogue before or after a change, with each object and its place among the live ones of its kind."""

    catalogue: Catalogue
    objects: Mapping[str, CatalogueObject]
    places: Mapping[str, int]

    @classmethod
    def of(cls, catalogue: Catalogue) -> "_CatalogueSide":
        objects: dict[str, CatalogueObject] = {}
        places: dict[str, int] = {}
        for items in (catalogue.locations, catalogue.resources, catalogue.services):
            objects |= {item.id: item for item in items}
            places |= {item.id: place for place, item in enumerate(item for item in items if not item.archived)}
        return cls(catalogue, objects, places)

    def document(self, change: Change) -> JsonObject:
        """The part of the document that is about what changes."""
        if change.kind is ObjectKind.BUSINESS:
            business = self.catalogue.business
            return business_section(business, self.catalogue.resource_by_id) | sections_beside(business)
        return object_document(self.objects[change.id], self.catalogue)


def _values(
    change: Change, before: _CatalogueSide, after: _CatalogueSide, time_off: TimeOffChange | None
) -> Iterator[ChangedValue]:
    if not change.fields:
        return
    old, new = before.document(change), after.document(change)
    for field in change.fields:
        if field == POSITION:
            yield ChangedValue(field, before.places[change.id], after.places[change.id])
        elif field == TIME_OFF:
            assert time_off is not None, "it is among the fields"
            yield ChangedValue(field, _spans(time_off.removed), _spans(time_off.added))
        else:
            yield from _differences(field, old.get(field, UNSET), new.get(field, UNSET))


def _differences(pointer: str, old: object, new: object) -> Iterator[ChangedValue]:
    """The smallest parts of two values that differ; lists of as many entries are compared one by one."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            yield from _differences(f"{pointer}.{name}", old.get(name, UNSET), new.get(name, UNSET))
    elif _are_entries(old) and _are_entries(new) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{pointer}[{place}]", one, other)
    else:
        yield ChangedValue(pointer, old, new)


def _are_entries(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    return isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)


def _spans(entries: Iterable[TimeOff]) -> list[JsonObject]:
    """Time off without its reason, which may say something of a person: what is printed of a dry run is read widely."""
    return [time_off_document(replace(entry, reason=None)) for entry in entries]
