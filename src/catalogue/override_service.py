"""Use cases on the hours of single dates."""

from collections.abc import Mapping
from datetime import date

from catalogue.affected import AffectedAppointments
from catalogue.desired import DesiredCatalogue
from catalogue.editing import replace_override
from catalogue.lookup import check_version, find_live_object
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import read_date
from catalogue.model.documents import JsonObject
from catalogue.model.objects import ObjectKind
from catalogue.model.schedules import OverrideDocument, desired_override, override_document
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
        refuse_if_affected: bool = False,
    ) -> tuple[JsonObject, AffectedAppointments]:
        """Replace the weekly hours of one date by the spans in `data`; the override, and what it affects.

        Raises NotFound, ValidationFailed, VersionConflict if the resource is not of the expected version, or with
        `refuse_if_affected` AppointmentsAffected.
        """
        on_date = _read_day(day)
        entry = read_document(OverrideDocument, {"date": day, **data})
        if entry.date != on_date:
            raise ValidationFailed([FieldError("date", f"must be {on_date}, the date in the path, or absent")])
        spans = desired_override(entry)

        def decide(stored: Catalogue) -> DesiredCatalogue:
            item = find_live_object(ObjectKind.RESOURCE, resource, stored, own=operation.own)
            check_version(item, expected_version)
            return replace_override(item, on_date, spans, stored, despite_closures=entry.despite_closures)

        outcome = await self._writer.edit(operation, decide, naming=[resource], refuse_if_affected=refuse_if_affected)
        return override_document(on_date, spans, despite_closures=entry.despite_closures), outcome.affected

    async def delete(
        self,
        operation: Operation,
        resource: str,
        day: str,
        *,
        expected_version: int | None = None,
        refuse_if_affected: bool = False,
    ) -> AffectedAppointments:
        """Give the date its weekly hours again, if it has not; what that affects. Raises as put does."""
        on_date = _read_day(day)

        def decide(stored: Catalogue) -> DesiredCatalogue:
            item = find_live_object(ObjectKind.RESOURCE, resource, stored, own=operation.own)
            check_version(item, expected_version)
            return replace_override(item, on_date, None, stored, despite_closures=False)

        outcome = await self._writer.edit(operation, decide, naming=[resource], refuse_if_affected=refuse_if_affected)
        return outcome.affected


def _read_day(day: str) -> date:
    try:
        return read_date(day)
    except ValueError as error:
        raise ValidationFailed([FieldError("date", str(error))]) from None
