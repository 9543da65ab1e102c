"""Use cases on the whole business document."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.affected import AffectedAppointments
from catalogue.changed_values import with_values
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff, Change, diff
from catalogue.document import business_document
from catalogue.model.catalogue import Catalogue
from catalogue.model.documents import JsonObject
from catalogue.model.time_off import TimeOff
from catalogue.quotas import check_resources
from catalogue.reading import read_business
from catalogue.references import names_in
from catalogue.repositories.catalogue import CatalogueRepository
from catalogue.repositories.time_off import TimeOffRepository
from catalogue.service_cost import newly_costly
from catalogue.warnings import CatalogueWarning, warnings_of
from catalogue.writer import CatalogueWriter, check_archivals
from kernel.errors import FieldError, ValidationFailed, VersionConflict
from kernel.ids import ResourceId, TenantId
from kernel.operation import Operation
from persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """The whole document, and a tag that changes with it."""

    document: JsonObject
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedDocument:
    """The changes that a document made, or would make."""

    changes: tuple[Change, ...]
    """With old and new values where they are only planned."""
    affected: AffectedAppointments
    """Live appointments that no longer fit."""
    warnings: tuple[CatalogueWarning, ...]
    """About the whole document, whether it changes anything or not."""


class BusinessDocumentService:
    """Use cases on the whole business document. Every method is one transaction and safe to repeat.

    A change never touches existing appointments. Writers of one business take turns.
    """

    def __init__(self, *, unit_of_work: UnitOfWork, writer: CatalogueWriter) -> None:
        self._unit_of_work = unit_of_work
        self._writer = writer

    async def apply(
        self,
        operation: Operation,
        document: Mapping[str, object],
        *,
        dry_run: bool = False,
        expected_etag: str | None = None,
        refuse_if_affected: bool = False,
    ) -> AppliedDocument:
        """Make the business what the document says, all or nothing; the changes made, or with `dry_run` only planned.

        Raises ValidationFailed with every fault, VersionConflict if the stored document is not the expected one, or
        with `refuse_if_affected` AppointmentsAffected.
        """
        if dry_run:
            async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
                planned = await self._plan(connection, operation.tenant_id, document, expected_etag)
                await check_archivals(connection, operation.tenant_id, planned.difference)
                await check_resources(connection, operation.tenant_id, planned.difference, planned.desired)
            planned.affected.check(refuse=refuse_if_affected)
            return await _applied(planned, dry_run=True)
        async with self._unit_of_work.begin(operation) as tx:
            await CatalogueRepository(tx.connection, operation.tenant_id).lock()
            planned = await self._plan(tx.connection, operation.tenant_id, document, expected_etag)
            planned.affected.check(refuse=refuse_if_affected)
            await self._writer.write(tx, planned.difference, planned.desired)
        await self._writer.report(operation.tenant_id, tx.commit_id, planned.difference)
        return await _applied(planned, dry_run=False)

    async def document(self, operation: Operation) -> DocumentView:
        """The whole document; applied, it changes nothing."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            catalogue = await CatalogueRepository(connection, operation.tenant_id).load()
            time_off = await TimeOffRepository(connection, operation.tenant_id).find_of()
        return await asyncio.to_thread(_view, catalogue, time_off)

    async def _plan(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        document: Mapping[str, object],
        expected_etag: str | None,
    ) -> "_Plan":
        stored = await CatalogueRepository(connection, tenant_id).load(also=names_in(document))
        time_off = await TimeOffRepository(connection, tenant_id).find_of()
        # A thousand resources take half a second: others are answered meanwhile.
        desired, difference = await asyncio.to_thread(_compared, stored, time_off, document, expected_etag)
        affected = await self._writer.affected_finder.find(connection, stored, desired, difference)
        return _Plan(stored, desired, difference, affected)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The catalogue that a document asks for, with the difference to the stored one and what that affects."""

    stored: Catalogue
    desired: DesiredCatalogue
    difference: CatalogueDiff
    affected: AffectedAppointments


async def _applied(planned: _Plan, *, dry_run: bool) -> AppliedDocument:
    # A thousand services take a while: others are answered meanwhile.
    warnings = await asyncio.to_thread(warnings_of, planned.desired)
    changes = planned.difference.changes
    if dry_run:
        changes = await asyncio.to_thread(with_values, planned.difference, planned.stored, planned.desired)
    return AppliedDocument(changes=changes, affected=planned.affected, warnings=warnings)


def _compared(
    stored: Catalogue,
    time_off: Mapping[ResourceId, tuple[TimeOff, ...]],
    document: Mapping[str, object],
    expected_etag: str | None,
) -> tuple[DesiredCatalogue, CatalogueDiff]:
    desired = DesiredCatalogue.by_document(read_business(document, stored), stored)
    _check_costs(desired, stored)
    if expected_etag is not None and expected_etag != _etag(business_document(stored, time_off)):
        detail = "The business document changed since you read it. Read it again and repeat your changes there."
        raise VersionConflict(detail)
    return desired, diff(stored, time_off, desired)


def _check_costs(desired: DesiredCatalogue, stored: Catalogue) -> None:
    """Raise ValidationFailed if services cost more than one answer may."""
    place_by_id = {service.id: place for place, service in enumerate(desired.services)}
    errors = [
        FieldError(f"services[{place_by_id[costly.service.id]}]", costly.detail)
        for costly in newly_costly(desired, stored)
    ]
    if errors:
        raise ValidationFailed(errors)


def _view(catalogue: Catalogue, time_off: Mapping[ResourceId, tuple[TimeOff, ...]]) -> DocumentView:
    document = business_document(catalogue, time_off)
    return DocumentView(document=document, etag=_etag(document))


def _etag(document: JsonObject) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]
