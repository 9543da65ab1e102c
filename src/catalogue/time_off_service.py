"""Use cases on the time off of a resource."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from catalogue.affected import AffectedAppointments
from catalogue.desired import DesiredCatalogue
from catalogue.diff import TIME_OFF, Action, CatalogueDiff, TimeOffChange
from catalogue.limits import MAX_TIME_OFF
from catalogue.model.objects import ObjectKind
from catalogue.model.time_off import TimeOff, TimeOffDocument, desired_time_off
from catalogue.ports import AffectedFinder, CacheUpdater
from catalogue.reading import read_document
from catalogue.repositories.catalogue import CatalogueRepository
from catalogue.repositories.time_off import TimeOffRepository
from kernel.errors import FieldError, NotFound, ValidationFailed
from kernel.events import Event
from kernel.ids import ResourceId, TenantId
from kernel.operation import Operation
from kernel.pages import MAX_PAGE_SIZE, Page
from kernel.spans import to_datetime, to_minute
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork

_CURSOR: Final = re.compile(r"(\d{1,9})-(tof_\w{26})")


class TimeOffService:
    """Use cases on time off. Every method is one transaction and safe to repeat.

    A change never touches existing appointments. Writers of one business take turns.
    """

    def __init__(
        self, *, unit_of_work: UnitOfWork, cache_updater: CacheUpdater, affected_finder: AffectedFinder
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache_updater = cache_updater
        self._affected_finder = affected_finder

    async def list_entries(
        self,
        operation: Operation,
        resource: str,
        *,
        ending_after: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str | None = None,
    ) -> Page[TimeOff]:
        """The time off of a resource in order of time. Raises NotFound, or ValidationFailed for an unknown cursor."""
        after = None if cursor is None else _read_cursor(cursor)
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            resource_id = await CatalogueRepository(connection, operation.tenant_id).find_resource_id(
                resource, own=operation.own
            )
            entries = await TimeOffRepository(connection, operation.tenant_id).find_ending_after(
                resource_id, ending_after, after=after, limit=limit + 1
            )
        page = entries[:limit]
        more = len(entries) > limit
        return Page(data=page, next_cursor=f"{to_minute(page[-1].start)}-{page[-1].id}" if more else None)

    async def add(
        self, operation: Operation, resource: str, data: Mapping[str, object], *, refuse_if_affected: bool = False
    ) -> tuple[TimeOff, AffectedAppointments]:
        """One more time off, and the appointments in it, which stay.

        Raises NotFound, ValidationFailed, or with `refuse_if_affected` AppointmentsAffected.
        """
        (entry,) = desired_time_off([read_document(TimeOffDocument, data)])
        async with self._unit_of_work.begin(operation) as tx:
            catalogue = CatalogueRepository(tx.connection, operation.tenant_id)
            await catalogue.lock()
            resource_id = await catalogue.find_resource_id(resource, own=operation.own)
            time_off = TimeOffRepository(tx.connection, operation.tenant_id)
            if await time_off.count(resource_id) >= MAX_TIME_OFF:
                detail = f"a resource may have at most {MAX_TIME_OFF} entries of time off; delete past ones"
                raise ValidationFailed([FieldError("time_off", detail)])
            stored = await catalogue.load_named([resource_id])
            added = TimeOffChange(resource_id=resource_id, added=(entry,), removed=())
            affected = await self._affected_finder.find(
                tx.connection, stored, DesiredCatalogue.unchanged(stored), CatalogueDiff(changes=(), time_off=(added,))
            )
            affected.check(refuse=refuse_if_affected)
            await time_off.add(resource_id, [entry])
            await tx.outbox.add(_changed_event(tx.tenant_id, resource_id))
            await tx.audit.add(AuditNote(subject=resource_id, fields=[TIME_OFF]))
            counts = await catalogue.counts_business_days()
        await self._cache_updater.drop_changed(
            operation.tenant_id, tx.commit_id, catalogue=counts, time_off=[(resource_id, entry.span)]
        )
        return entry, affected

    async def delete(self, operation: Operation, resource: str, time_off_id: str) -> None:
        """Remove a time off. Raises NotFound."""
        async with self._unit_of_work.begin(operation) as tx:
            catalogue = CatalogueRepository(tx.connection, operation.tenant_id)
            await catalogue.lock()
            resource_id = await catalogue.find_resource_id(resource, own=operation.own)
            time_off = TimeOffRepository(tx.connection, operation.tenant_id)
            entry = await time_off.find(resource_id, time_off_id)
            if entry is None:
                detail = f'The resource has no time off "{time_off_id}".'
                raise NotFound(detail)
            await time_off.delete([entry.id])
            await tx.outbox.add(_changed_event(tx.tenant_id, resource_id))
            await tx.audit.add(AuditNote(subject=resource_id, fields=[TIME_OFF]))
            counts = await catalogue.counts_business_days()
        await self._cache_updater.drop_changed(
            operation.tenant_id, tx.commit_id, catalogue=counts, time_off=[(resource_id, entry.span)]
        )


def _changed_event(tenant_id: TenantId, resource_id: ResourceId) -> Event:
    """Report a change as the writer of documents does; when the time off is and why, only the business may read."""
    change = {
        "action": Action.CHANGE.value,
        "kind": ObjectKind.RESOURCE.value,
        "id": resource_id,
        "key": None,
        "fields": [TIME_OFF],
    }
    return Event(name="catalogue.changed.v1", subject=str(tenant_id), data={"changes": [change]})


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ValidationFailed.of("cursor", "is unknown; start again without a cursor")
    return to_datetime(int(match[1])), match[2]
