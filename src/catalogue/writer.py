"""Writing of a changed catalogue."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.affected import AffectedAppointments
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff, Change, diff
from catalogue.limits import MAX_ARCHIVED_A_DAY
from catalogue.model.catalogue import Catalogue
from catalogue.ports import AffectedFinder, CacheUpdater
from catalogue.quotas import check_resources
from catalogue.repositories.archived_objects import ArchivedObjectRepository
from catalogue.repositories.catalogue import CatalogueRepository
from catalogue.repositories.time_off import TimeOffRepository
from kernel.errors import FieldError, ValidationFailed
from kernel.events import Event
from kernel.ids import CommitId, TenantId
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.unit_of_work import Transaction, UnitOfWork

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOutcome:
    """The catalogue before an edit and after it, with the difference that was written."""

    stored: Catalogue
    desired: DesiredCatalogue
    difference: CatalogueDiff
    affected: AffectedAppointments
    """Live appointments that no longer fit."""


class CatalogueWriter:
    """Writes catalogues. Writers of one business take turns."""

    def __init__(
        self, *, unit_of_work: UnitOfWork, cache_updater: CacheUpdater, affected_finder: AffectedFinder
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache_updater = cache_updater
        self.affected_finder = affected_finder

    async def edit(
        self,
        operation: Operation,
        decide: Callable[[Catalogue], DesiredCatalogue],
        *,
        naming: Collection[str],
        dry_run: bool = False,
        refuse_if_affected: bool = False,
    ) -> EditOutcome:
        """Write what `decide` makes of the stored catalogue, in one transaction; with `dry_run` nothing is written.

        `naming`: the ids and keys that the edit is about; archived objects are loaded if they are named here.
        Raises what `decide` does, and with `refuse_if_affected` AppointmentsAffected.
        """
        if dry_run:
            async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
                outcome = await self._outcome(connection, operation.tenant_id, decide, naming)
                await check_archivals(connection, operation.tenant_id, outcome.difference)
                await check_resources(connection, operation.tenant_id, outcome.difference, outcome.desired)
            outcome.affected.check(refuse=refuse_if_affected)
            return outcome
        async with self._unit_of_work.begin(operation) as tx:
            await CatalogueRepository(tx.connection, tx.tenant_id).lock()
            outcome = await self._outcome(tx.connection, tx.tenant_id, decide, naming)
            outcome.affected.check(refuse=refuse_if_affected)
            await self.write(tx, outcome.difference, outcome.desired)
        await self.report(operation.tenant_id, tx.commit_id, outcome.difference)
        return outcome

    async def _outcome(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        decide: Callable[[Catalogue], DesiredCatalogue],
        naming: Collection[str],
    ) -> EditOutcome:
        stored = await CatalogueRepository(connection, tenant_id).load(also=naming)
        # Whatever looks at all objects takes long where there are thousands: others are answered meanwhile.
        desired = await asyncio.to_thread(decide, stored)
        time_off = TimeOffRepository(connection, tenant_id)
        former_time_off = await time_off.find_of(desired.time_off) if desired.time_off else {}
        difference = await asyncio.to_thread(diff, stored, former_time_off, desired)
        affected = await self.affected_finder.find(connection, stored, desired, difference)
        return EditOutcome(stored=stored, desired=desired, difference=difference, affected=affected)

    async def write(self, tx: Transaction, difference: CatalogueDiff, desired: DesiredCatalogue) -> None:
        """Write the difference, with its event, in a transaction that holds the lock.

        Raises ValidationFailed when it archives more than may be archived in a day, and QuotaExceeded.
        """
        await check_archivals(tx.connection, tx.tenant_id, difference)
        await check_resources(tx.connection, tx.tenant_id, difference, desired)
        if difference.changes:
            await CatalogueRepository(tx.connection, tx.tenant_id).write(difference, desired)
            await tx.outbox.add(_changed_event(tx.tenant_id, difference.changes))
            await tx.audit.add(*[AuditNote(subject=change.id, fields=change.fields) for change in difference.changes])

    async def report(self, tenant_id: TenantId, commit_id: CommitId, difference: CatalogueDiff) -> None:
        """Report a difference right after its commit."""
        spans = [
            (change.resource_id, entry.span)
            for change in difference.time_off
            for entry in (*change.added, *change.removed)
        ]
        if difference.touches_snapshots or spans:
            await self._cache_updater.drop_changed(
                tenant_id, commit_id, catalogue=difference.touches_snapshots, time_off=spans
            )


async def check_archivals(connection: AsyncConnection, tenant_id: TenantId, difference: CatalogueDiff) -> None:
    """Raise ValidationFailed if a difference archives more than may be archived in a day."""
    if difference.archivals:
        before = await ArchivedObjectRepository(connection, tenant_id).count(within=_DAY)
        if before + difference.archivals > MAX_ARCHIVED_A_DAY:
            detail = f"at most {MAX_ARCHIVED_A_DAY} objects may be archived in 24 hours, {before} were"
            raise ValidationFailed([FieldError("", detail)])


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
