"""Use cases on one location, resource or service."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from catalogue.affected import NOT_AFFECTED, AffectedAppointments
from catalogue.changed_values import with_values
from catalogue.desired import DesiredCatalogue
from catalogue.diff import Action, ChangedValue
from catalogue.editing import add_object, archive_object, patch_object
from catalogue.loader import CatalogueLoader
from catalogue.lookup import check_version, find_live_object, find_object
from catalogue.model.catalogue import Catalogue
from catalogue.model.documents import JsonObject
from catalogue.model.objects import CatalogueObject, CollectionKind, object_document, objects_of
from catalogue.warnings import CatalogueWarning, warnings_about
from catalogue.writer import CatalogueWriter, EditOutcome
from kernel.errors import ValidationFailed
from kernel.operation import Operation
from kernel.pages import MAX_PAGE_SIZE, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    """One object of the catalogue in the form that clients see."""

    id: str
    version: int
    archived: bool
    document: JsonObject
    """Its part of the business document; of a resource without the time off, which is a list of its own."""
    affected: AffectedAppointments = NOT_AFFECTED
    """Live appointments that the change of the object affects."""
    warnings: tuple[CatalogueWarning, ...] = ()
    """About the object as it was changed or created."""
    planned_values: tuple[ChangedValue, ...] | None = None
    """Of a dry run: what it would change in the object."""


class CatalogueObjectService:
    """Use cases on one object. Every method is one transaction and safe to repeat.

    A change never touches existing appointments. Writers of one business take turns.
    """

    def __init__(self, *, loader: CatalogueLoader, writer: CatalogueWriter) -> None:
        self._loader = loader
        self._writer = writer

    async def list_objects(
        self, operation: Operation, kind: CollectionKind, *, limit: int = MAX_PAGE_SIZE, cursor: str | None = None
    ) -> Page[ObjectView]:
        """The live objects of a kind, in order. Raises ValidationFailed for an unknown cursor."""
        catalogue = await self._loader.load(operation.tenant_id, also=() if cursor is None else [cursor])
        first = 0
        items = objects_of(kind, catalogue)
        if cursor is not None:
            # Archived objects keep their place, so a cursor stays good when its object is archived.
            first = next((place + 1 for place, item in enumerate(items) if item.id == cursor), 0)
            if first == 0:
                raise ValidationFailed.of("cursor", "is unknown; start again without a cursor")
        own = operation.own
        live = [item for item in items[first:] if not item.archived and (own is None or own.has_resource([item.id]))]
        return Page(
            data=tuple(_view(item, catalogue) for item in live[:limit]),
            next_cursor=live[limit - 1].id if len(live) > limit else None,
        )

    async def get(self, operation: Operation, kind: CollectionKind, name: str) -> ObjectView:
        """One object by its id or key, archived ones too. Raises NotFound."""
        catalogue = await self.named(operation, [name])
        if not any(name in (item.id, item.key) for item in objects_of(kind, catalogue)):
            # All of them, for the refusal to have the nearest; or it was created just now.
            catalogue = await self._loader.load(operation.tenant_id)
        return _view(find_object(kind, name, catalogue, own=operation.own), catalogue)

    async def named(self, operation: Operation, names: Collection[str]) -> Catalogue:
        """The objects with these ids or keys alone, archived ones too, and what they refer to."""
        return await self._loader.load_named(operation.tenant_id, names)

    async def create(
        self, operation: Operation, kind: CollectionKind, data: Mapping[str, object], *, dry_run: bool = False
    ) -> ObjectView:
        """A new object; an archived one with that key comes back, with its id. Raises ValidationFailed.

        With `dry_run` nothing is changed, and a new object has an id of no meaning.
        """
        outcome = await self._writer.edit(
            operation, lambda stored: add_object(kind, data, stored), naming=_texts(data.get("key")), dry_run=dry_run
        )
        return await asyncio.to_thread(_view_after, kind, outcome.difference.changes[0].id, outcome, dry_run=dry_run)

    async def patch(
        self,
        operation: Operation,
        kind: CollectionKind,
        name: str,
        patch: Mapping[str, object],
        *,
        expected_version: int | None = None,
        refuse_if_affected: bool = False,
        dry_run: bool = False,
    ) -> ObjectView:
        """One live object changed by a JSON merge patch of its document.

        As null removes a member there, a rule cannot be set to "no limit" this way; the whole document can do it. With
        `dry_run` nothing is changed, and the view has its old version.

        Raises NotFound, ValidationFailed, VersionConflict if it is not of the expected version, or with
        `refuse_if_affected` AppointmentsAffected.
        """

        def decide(stored: Catalogue) -> DesiredCatalogue:
            item = find_live_object(kind, name, stored)
            desired = patch_object(item, patch, stored)
            check_version(item, expected_version)
            return desired

        naming = [name, *_texts(patch.get("key"))]
        outcome = await self._writer.edit(
            operation, decide, naming=naming, dry_run=dry_run, refuse_if_affected=refuse_if_affected
        )
        object_id = find_object(kind, name, outcome.stored).id
        return await asyncio.to_thread(_view_after, kind, object_id, outcome, dry_run=dry_run)

    async def archive(
        self,
        operation: Operation,
        kind: CollectionKind,
        name: str,
        *,
        expected_version: int | None = None,
        refuse_if_affected: bool = False,
        dry_run: bool = False,
    ) -> AffectedAppointments:
        """Take one object out of use; an archived one stays as it is. The appointments that need it, which stay.

        With `dry_run` nothing is changed.

        Raises NotFound, VersionConflict, ValidationFailed if live objects need it, or with `refuse_if_affected`
        AppointmentsAffected.
        """

        def decide(stored: Catalogue) -> DesiredCatalogue:
            item = find_object(kind, name, stored)
            if item.archived:
                return DesiredCatalogue.unchanged(stored)
            check_version(item, expected_version)
            return archive_object(item, stored)

        outcome = await self._writer.edit(
            operation, decide, naming=[name], dry_run=dry_run, refuse_if_affected=refuse_if_affected
        )
        return outcome.affected


def _texts(value: object) -> list[str]:
    """The value, if it can be a key."""
    return [value] if isinstance(value, str) else []


def _view(item: CatalogueObject, catalogue: Catalogue) -> ObjectView:
    return ObjectView(
        id=item.id, version=item.version, archived=item.archived, document=object_document(item, catalogue)
    )


def _view_after(kind: CollectionKind, object_id: str, outcome: EditOutcome, *, dry_run: bool) -> ObjectView:
    """The object after the edit, without another read."""
    after = outcome.desired.over(outcome.stored)
    item = find_object(kind, object_id, after)
    warnings = warnings_about(item, outcome.desired)
    if dry_run:
        changes = with_values(outcome.difference, outcome.stored, outcome.desired)
        values = tuple(value for change in changes if change.id == object_id for value in change.values)
        return replace(_view(item, after), affected=outcome.affected, warnings=warnings, planned_values=values)
    has_new_version = any(
        change.id == object_id and change.touches_row and change.action is not Action.CREATE
        for change in outcome.difference.changes
    )
    view = _view(replace(item, version=item.version + has_new_version), after)
    return replace(view, affected=outcome.affected, warnings=warnings)
