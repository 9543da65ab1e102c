"""The use cases of setting up a business."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.diff import Action, Change, Difference, Kind, difference
from catalogue.document import OverrideDocument, TimeOffDocument, read_date
from catalogue.editing import ObjectKind, Thing, archived, created, patched, thing_document, things, with_overrides
from catalogue.limits import MAX_TIME_OFF
from catalogue.model import Catalogue, TimeOff, WallSpan
from catalogue.ports import CommitSettler
from catalogue.reading import read_business, read_document
from catalogue.rendering import JsonObject, business_document, spans_document, time_off_document
from catalogue.repositories.catalogue import CatalogueRepository
from catalogue.repositories.time_off import TimeOffRepository
from catalogue.wanted import Wanted, wanted_spans, wanted_time_off
from kernel.errors import FieldError, NotFound, ValidationFailed, VersionConflict
from kernel.events import Event
from kernel.ids import CommitId, ResourceId, TenantId
from kernel.operation import Operation
from kernel.pages import MAX_PAGE_SIZE, Page
from kernel.spans import Span, to_datetime, to_minute
from persistence.unit_of_work import Transaction, UnitOfWork

_TIME_OFF_CURSOR: Final = re.compile(r"(\d{1,9})-(tof_\w{26})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object of the catalogue as clients see it."""

    id: str
    version: int
    archived: bool
    document: JsonObject
    """Its part of the business document; of a resource without the time off, which is a list of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """The whole document, and a tag that changes with it."""

    document: JsonObject
    etag: str


class CatalogueLoader:
    """Reads whole catalogues for the process that remembers them."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def load(self, tenant_id: TenantId) -> Catalogue:
        """The catalogue in one snapshot. Raises NotFound, or StoreUnavailable."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await CatalogueRepository(connection, tenant_id).load()


class CatalogueService:
    """Use cases on what a business has set up. Every method is one transaction and safe to repeat.

    A change never touches existing appointments. Writers of one business take turns.
    """

    def __init__(self, *, unit_of_work: UnitOfWork, settler: CommitSettler) -> None:
        self._unit_of_work = unit_of_work
        self._settler = settler

    async def apply(
        self,
        operation: Operation,
        document: Mapping[str, object],
        *,
        dry_run: bool = False,
        expected_etag: str | None = None,
    ) -> tuple[Change, ...]:
        """Make the business what the document says, all or nothing; what had, or with `dry_run` would have, to change.

        Raises ValidationFailed with every fault, VersionConflict when the document is not the expected one any more.
        """
        if dry_run:
            async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
                _, todo = await _compare(connection, operation.tenant_id, document, expected_etag)
            return todo.changes
        async with self._unit_of_work.begin(operation) as tx:
            await CatalogueRepository(tx.connection, operation.tenant_id).lock()
            wanted, todo = await _compare(tx.connection, operation.tenant_id, document, expected_etag)
            await _write(tx, todo, wanted)
        await self._settle(operation, tx.commit_id, todo)
        return todo.changes

    async def document(self, operation: Operation) -> DocumentView:
        """The whole set-up; applied, it changes nothing."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            catalogue = await CatalogueRepository(connection, operation.tenant_id).load()
            time_off = await TimeOffRepository(connection, operation.tenant_id).find_of()
        document = business_document(catalogue, time_off)
        return DocumentView(document=document, etag=_etag(document))

    async def list_objects(
        self, operation: Operation, kind: ObjectKind, *, limit: int = MAX_PAGE_SIZE, cursor: str | None = None
    ) -> Page[Entry]:
        """The live objects of a kind, in order. Raises ValidationFailed for a cursor that was never handed out."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            catalogue = await CatalogueRepository(connection, operation.tenant_id).load()
        first = 0
        everything = things(kind, catalogue)
        if cursor is not None:
            # Archived objects keep their place, so a cursor stays good when its object is archived.
            first = next((place + 1 for place, thing in enumerate(everything) if thing.id == cursor), 0)
            if first == 0:
                raise _no_such_cursor()
        live = [thing for thing in everything[first:] if not thing.archived]
        return Page(
            data=tuple(_entry(thing, catalogue) for thing in live[:limit]),
            next_cursor=live[limit - 1].id if len(live) > limit else None,
        )

    async def get(self, operation: Operation, kind: ObjectKind, name: str) -> Entry:
        """One object by its id or key, archived ones too. Raises NotFound."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            catalogue = await CatalogueRepository(connection, operation.tenant_id).load()
        return _entry(_find(kind, name, catalogue), catalogue)

    async def create(self, operation: Operation, kind: ObjectKind, data: Mapping[str, object]) -> Entry:
        """A new object; one that was archived under that key comes back, with its id. Raises ValidationFailed."""
        async with self._unit_of_work.begin(operation) as tx:
            stored = await _locked(tx)
            wanted = created(kind, data, stored)
            todo = await _write_edit(tx, stored, wanted)
        await self._settle(operation, tx.commit_id, todo)
        return _written(kind, todo.changes[0].id, todo, wanted, stored)

    async def patch(
        self,
        operation: Operation,
        kind: ObjectKind,
        name: str,
        patch: Mapping[str, object],
        *,
        expected_version: int | None = None,
    ) -> Entry:
        """One live object changed by a JSON merge patch of its document.

        As null removes a member there, a rule cannot be set to "no limit" this way; the whole document can do it.

        Raises NotFound, ValidationFailed, or VersionConflict when it is not of the expected version any more.
        """
        async with self._unit_of_work.begin(operation) as tx:
            stored = await _locked(tx)
            thing = _find_live(kind, name, stored)
            _check_version(thing, expected_version)
            wanted = patched(thing, patch, stored)
            todo = await _write_edit(tx, stored, wanted)
        await self._settle(operation, tx.commit_id, todo)
        return _written(kind, thing.id, todo, wanted, stored)

    async def archive(
        self, operation: Operation, kind: ObjectKind, name: str, *, expected_version: int | None = None
    ) -> None:
        """Take one object out of use; nothing happens if it is already.

        Raises NotFound, VersionConflict, or ValidationFailed where live objects need it.
        """
        async with self._unit_of_work.begin(operation) as tx:
            stored = await _locked(tx)
            thing = _find(kind, name, stored)
            if thing.archived:
                return
            _check_version(thing, expected_version)
            todo = await _write_edit(tx, stored, archived(thing, stored))
        await self._settle(operation, tx.commit_id, todo)

    async def list_time_off(
        self,
        operation: Operation,
        resource: str,
        *,
        ending_after: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str | None = None,
    ) -> Page[TimeOff]:
        """The time off of a resource in order of time. Raises NotFound, or ValidationFailed for the cursor."""
        after = None if cursor is None else _read_time_off_cursor(cursor)
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            resource_id = await CatalogueRepository(connection, operation.tenant_id).find_resource_id(resource)
            found = await TimeOffRepository(connection, operation.tenant_id).find_ending_after(
                resource_id, ending_after, after=after, limit=limit + 1
            )
        page = found[:limit]
        more = len(found) > limit
        return Page(data=page, next_cursor=f"{to_minute(page[-1].start)}-{page[-1].id}" if more else None)

    async def add_time_off(self, operation: Operation, resource: str, data: Mapping[str, object]) -> TimeOff:
        """One more time off. Appointments in it stay. Raises NotFound or ValidationFailed."""
        (entry,) = wanted_time_off([read_document(TimeOffDocument, data)])
        async with self._unit_of_work.begin(operation) as tx:
            catalogue = CatalogueRepository(tx.connection, operation.tenant_id)
            await catalogue.lock()
            resource_id = await catalogue.find_resource_id(resource)
            time_off = TimeOffRepository(tx.connection, operation.tenant_id)
            if await time_off.count(resource_id) >= MAX_TIME_OFF:
                detail = f"a resource may have {MAX_TIME_OFF} entries of time off; delete past ones"
                raise ValidationFailed([FieldError("time_off", detail)])
            await time_off.add(resource_id, [entry])
            await tx.outbox.add(_time_off_event("time_off.added.v1", resource_id, entry))
        await self._settler.settle(
            operation.tenant_id, tx.commit_id, catalogue=False, time_off=[(resource_id, _span(entry))]
        )
        return entry

    async def delete_time_off(self, operation: Operation, resource: str, time_off_id: str) -> None:
        """End a time off. Raises NotFound."""
        async with self._unit_of_work.begin(operation) as tx:
            catalogue = CatalogueRepository(tx.connection, operation.tenant_id)
            await catalogue.lock()
            resource_id = await catalogue.find_resource_id(resource)
            time_off = TimeOffRepository(tx.connection, operation.tenant_id)
            entry = await time_off.find(resource_id, time_off_id)
            if entry is None:
                detail = f'There is no time off "{time_off_id}" of that resource.'
                raise NotFound(detail)
            await time_off.delete([entry.id])
            await tx.outbox.add(_time_off_event("time_off.removed.v1", resource_id, entry))
        await self._settler.settle(
            operation.tenant_id, tx.commit_id, catalogue=False, time_off=[(resource_id, _span(entry))]
        )

    async def put_override(
        self,
        operation: Operation,
        resource: str,
        day: str,
        data: Mapping[str, object],
        *,
        expected_version: int | None = None,
    ) -> JsonObject:
        """The hours of one date in place of its weekly hours; `data` has the spans.

        Raises NotFound, ValidationFailed, or VersionConflict when the resource is not of the expected version.
        """
        on_date = _read_day(day)
        entry = read_document(OverrideDocument, {"date": day, **data})
        if entry.date != on_date:
            raise ValidationFailed([FieldError("date", f"must be {on_date}, as in the path, or absent")])
        spans = wanted_spans(entry.spans)
        await self._edit_overrides(operation, resource, {on_date: spans}, expected_version)
        return {"date": on_date.isoformat(), "spans": spans_document(spans)}

    async def delete_override(
        self, operation: Operation, resource: str, day: str, *, expected_version: int | None = None
    ) -> None:
        """Weekly hours again on that date; nothing happens if it has them. Raises as put_override does."""
        await self._edit_overrides(operation, resource, {_read_day(day): None}, expected_version)

    async def _edit_overrides(
        self,
        operation: Operation,
        name: str,
        edits: Mapping[date, tuple[WallSpan, ...] | None],
        expected_version: int | None,
    ) -> None:
        async with self._unit_of_work.begin(operation) as tx:
            stored = await _locked(tx)
            resource = _find_live(Kind.RESOURCE, name, stored)
            _check_version(resource, expected_version)
            todo = await _write_edit(tx, stored, with_overrides(resource, edits, stored))
        await self._settle(operation, tx.commit_id, todo)

    async def _settle(self, operation: Operation, commit_id: CommitId, done: Difference) -> None:
        time_off = [
            (change.resource_id, _span(entry)) for change in done.time_off for entry in (*change.added, *change.removed)
        ]
        if done.touches_catalogue or time_off:
            await self._settler.settle(
                operation.tenant_id, commit_id, catalogue=done.touches_catalogue, time_off=time_off
            )


async def _compare(
    connection: AsyncConnection, tenant_id: TenantId, document: Mapping[str, object], expected_etag: str | None
) -> tuple[Wanted, Difference]:
    """What the document asks for, and what that takes."""
    stored = await CatalogueRepository(connection, tenant_id).load()
    time_off = await TimeOffRepository(connection, tenant_id).find_of()
    if expected_etag is not None and expected_etag != _etag(business_document(stored, time_off)):
        detail = "The set-up changed since you read it. Read it again, and apply your changes to that."
        raise VersionConflict(detail)
    wanted = Wanted.by_document(read_business(document, stored), stored)
    return wanted, difference(stored, time_off, wanted)


async def _locked(tx: Transaction) -> Catalogue:
    repository = CatalogueRepository(tx.connection, tx.tenant_id)
    await repository.lock()
    return await repository.load()


async def _write_edit(tx: Transaction, stored: Catalogue, wanted: Wanted) -> Difference:
    """Write what an edit of one object takes."""
    time_off = await TimeOffRepository(tx.connection, tx.tenant_id).find_of(wanted.time_off) if wanted.time_off else {}
    todo = difference(stored, time_off, wanted)
    await _write(tx, todo, wanted)
    return todo


async def _write(tx: Transaction, todo: Difference, wanted: Wanted) -> None:
    if todo.changes:
        await CatalogueRepository(tx.connection, tx.tenant_id).write(todo, wanted)
        await tx.outbox.add(_changed_event(tx.tenant_id, todo.changes))


def _find(kind: ObjectKind, name: str, catalogue: Catalogue) -> Thing:
    """The object with that id or key, archived or not. Raises NotFound."""
    for thing in things(kind, catalogue):
        if name in (thing.id, thing.key):
            return thing
    detail = f'There is no {kind} "{name}".'
    raise NotFound(detail)


def _find_live(kind: ObjectKind, name: str, catalogue: Catalogue) -> Thing:
    """The live object with that id or key. Raises NotFound."""
    thing = _find(kind, name, catalogue)
    if thing.archived:
        detail = f'The {kind} "{name}" is archived. Create it again under its key to revive it.'
        raise NotFound(detail)
    return thing


def _check_version(thing: Thing, expected: int | None) -> None:
    if expected is not None and thing.version != expected:
        detail = f'"{thing.key}" changed since you read it. Read it again, and apply your changes to that.'
        raise VersionConflict(detail, version=thing.version)


def _entry(thing: Thing, catalogue: Catalogue) -> Entry:
    return Entry(id=thing.id, version=thing.version, archived=thing.archived, document=thing_document(thing, catalogue))


def _written(kind: ObjectKind, thing_id: str, done: Difference, wanted: Wanted, stored: Catalogue) -> Entry:
    """The object as it is after the write, without reading it again."""
    after = replace(stored, locations=wanted.locations, resources=wanted.resources, services=wanted.services)
    thing = _find(kind, thing_id, after)
    newer = any(
        change.id == thing_id and change.touches_row and change.action is not Action.CREATE for change in done.changes
    )
    return _entry(replace(thing, version=thing.version + newer), after)


def _changed_event(tenant_id: TenantId, changes: Iterable[Change]) -> Event:
    return Event(
        name="catalogue.changed.v1",
        subject=str(tenant_id),
        data={
            "changes": [
                {
                    "action": change.action.value,
                    "kind": change.kind.value,
                    "id": change.id,
                    "key": change.key,
                    "fields": list(change.fields),
                }
                for change in changes
            ]
        },
    )


def _time_off_event(name: str, resource_id: ResourceId, entry: TimeOff) -> Event:
    return Event(name=name, subject=entry.id, data={"resource": resource_id, **time_off_document(entry)})


def _span(entry: TimeOff) -> Span:
    return Span(to_minute(entry.start), to_minute(entry.end))


def _read_day(day: str) -> date:
    try:
        return read_date(day)
    except ValueError as error:
        raise ValidationFailed([FieldError("date", str(error))]) from None


def _etag(document: JsonObject) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


def _read_time_off_cursor(cursor: str) -> tuple[datetime, str]:
    found = _TIME_OFF_CURSOR.fullmatch(cursor)
    if found is None:
        raise _no_such_cursor()
    return to_datetime(int(found[1])), found[2]


def _no_such_cursor() -> ValidationFailed:
    return ValidationFailed.of("cursor", "is not one that was handed out; begin again without it")
