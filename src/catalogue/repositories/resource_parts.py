"""Rows of lanes and working hours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.diff import Change
from catalogue.model.columns import inserted_values
from catalogue.model.resources import Resource, missing_lane_rows
from catalogue.model.schedules import override_rows, weekly_span_rows
from catalogue.repositories.rows import insert_values, replace_rows
from kernel.ids import TenantId

_SCHEDULE_PARTS: Final[Mapping[str, tuple[Table, Callable[[Resource], Sequence[object]]]]] = {
    "hours": (tables.hours, lambda resource: weekly_span_rows(resource.id, resource.schedule.hours)),
    "breaks": (tables.breaks, lambda resource: weekly_span_rows(resource.id, resource.schedule.breaks)),
    "overrides": (tables.overrides, lambda resource: override_rows(resource.id, resource.schedule)),
}


class ResourcePartRepository:
    """Lanes, hours, breaks and overrides of resources, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def write(self, changes: Sequence[Change], resources: Sequence[Resource]) -> None:
        """Write the parts of these resources that the changes name."""
        await self._write_lanes(_changed("capacity", changes, resources))
        for field, (table, rows_of) in _SCHEDULE_PARTS.items():
            await self._write_part(table, _changed(field, changes, resources), rows_of)

    async def _write_lanes(self, resources: Sequence[Resource]) -> None:
        rows = [inserted_values(row) for resource in resources for row in missing_lane_rows(resource)]
        await insert_values(self._connection, self._tenant_id, tables.lanes, rows)

    async def _write_part(
        self, table: Table, resources: Sequence[Resource], rows_of: Callable[[Resource], Sequence[object]]
    ) -> None:
        ids = [resource.id for resource in resources]
        rows = [row for resource in resources for row in rows_of(resource)]
        await replace_rows(self._connection, self._tenant_id, table, "resource_id", ids, rows)


def _changed(field: str, changes: Sequence[Change], resources: Sequence[Resource]) -> list[Resource]:
    """The resources of which the changes set that field."""
    ids = {change.id for change in changes if change.sets(field)}
    return [resource for resource in resources if resource.id in ids]
