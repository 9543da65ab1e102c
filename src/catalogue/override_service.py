"""Use cases on the hours of single dates."""

from collections.abc import Mapping
from datetime import date

from catalogue.desired import DesiredCatalogue
from catalogue.editing import replace_override
from catalogue.lookup import check_version, find_live_object
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import read_date
from catalogue.model.documents import JsonObject
from catalogue.model.objects import ObjectKind
from catalogue.model.schedules import OverrideDocument, desired_override, override_document
from catalogue.model.wall_clock import WallSpan
from catalogue.reading import read_document
from catalogue.writer import CatalogueWriter
from kernel.errors import FieldError, ValidationFailed
from kernel.operation import Operation


class OverrideService:
    """Use cases on overrides. Every method is one transaction and safe to repeat."""

    def __init__(self, writer: CatalogueWriter) -> None:
        self._writer = writer

    async def put(
        self,
        operation: Operation,
        resource: str,
        day: str,
        data: Mapping[str, object],
        *,
        expected_version: int | None = None,
    ) -> JsonObject:
        """Replace the weekly hours of one date by the spans in `data`.

        Raises NotFound, ValidationFailed, or VersionConflict if the resource is not of the expected version.
        """
        on_date = _read_day(day)
        entry = read_document(OverrideDocument, {"date": day, **data})
        if entry.date != on_date:
            raise ValidationFailed([FieldError("date", f"must be {on_date}, the date in the path, or absent")])
        spans = desired_override(entry)
        await self._edit(operation, resource, on_date, (spans, entry.despite_closures), expected_version)
        return override_document(on_date, spans, despite_closures=entry.despite_closures)

    async def delete(
        self, operation: Operation, resource: str, day: str, *, expected_version: int | None = None
    ) -> None:
        """Give the date its weekly hours again, if it has not. Raises as put does."""
        await self._edit(operation, resource, _read_day(day), (None, False), expected_version)

    async def _edit(
        self,
        operation: Operation,
        name: str,
        day: date,
        hours: tuple[tuple[WallSpan, ...] | None, bool],
        expected_version: int | None,
    ) -> None:
        def decide(stored: Catalogue) -> DesiredCatalogue:
            resource = find_live_object(ObjectKind.RESOURCE, name, stored)
            check_version(resource, expected_version)
            spans, despite_closures = hours
            return replace_override(resource, day, spans, stored, despite_closures=despite_closures)

        await self._writer.edit(operation, decide, naming=[name])


def _read_day(day: str) -> date:
    try:
        return read_date(day)
    except ValueError as error:
        raise ValidationFailed([FieldError("date", str(error))]) from None
