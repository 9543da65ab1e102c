"""Rows of time off."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Select,
    delete,
    func,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.model.time_off import TimeOff, TimeOffRow, stored_time_off, time_off_row
from catalogue.repositories.rows import Values, insert_values
from kernel.ids import ResourceId, TenantId, TimeOffId, is_id
from kernel.spans import Span

_COLUMNS: Final = (
    tables.time_off.c.id,
    tables.time_off.c.resource_id,
    func.lower(tables.time_off.c.during).label("start"),
    func.upper(tables.time_off.c.during).label("end"),
    tables.time_off.c.reason,
)


class TimeOffRepository:
    """Time off of a business's resources, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_of(self, resource_ids: Iterable[ResourceId] | None = None) -> dict[ResourceId, tuple[TimeOff, ...]]:
        """The time off of these resources, or of all, in order of time."""
        time_off = tables.time_off
        query = select(*_COLUMNS).where(time_off.c.tenant_id == self._tenant_id)
        if resource_ids is not None:
            query = query.where(time_off.c.resource_id.in_(list(resource_ids)))
        by_resource: dict[ResourceId, list[TimeOff]] = {}
        for row in await self._rows(query.order_by(func.lower(time_off.c.during), time_off.c.id)):
            by_resource.setdefault(ResourceId(row.resource_id), []).append(stored_time_off(row))
        return {resource_id: tuple(entries) for resource_id, entries in by_resource.items()}

    async def find_coming(self) -> dict[ResourceId, tuple[Span, ...]]:
        """The time off of all resources that is not over for two days, by the clock of the business."""
        time_off, businesses = tables.time_off, tables.businesses
        now = select(func.coalesce(businesses.c.sandbox_now, func.now())).where(
            businesses.c.tenant_id == self._tenant_id
        )
        query = select(*_COLUMNS).where(
            time_off.c.tenant_id == self._tenant_id,
            func.upper(time_off.c.during) > now.scalar_subquery() - timedelta(days=2),
        )
        by_resource: dict[ResourceId, list[Span]] = {}
        for row in await self._rows(query.order_by(func.lower(time_off.c.during))):
            by_resource.setdefault(ResourceId(row.resource_id), []).append(stored_time_off(row).span)
        return {resource_id: tuple(spans) for resource_id, spans in by_resource.items()}

    async def find_ending_after(
        self, resource_id: ResourceId, instant: datetime | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[TimeOff, ...]:
        """Up to `limit` of a resource's entries in order of start, after the given (start, id)."""
        time_off = tables.time_off
        start = func.lower(time_off.c.during)
        query = select(*_COLUMNS).where(time_off.c.tenant_id == self._tenant_id, time_off.c.resource_id == resource_id)
        if instant is not None:
            query = query.where(func.upper(time_off.c.during) > instant)
        if after is not None:
            query = query.where(tuple_(start, time_off.c.id) > tuple_(*after))
        rows = await self._rows(query.order_by(start, time_off.c.id).limit(limit))
        return tuple(stored_time_off(row) for row in rows)

    async def find(self, resource_id: ResourceId, time_off_id: str) -> TimeOff | None:
        """One entry of a resource."""
        time_off = tables.time_off
        query = select(*_COLUMNS).where(
            time_off.c.tenant_id == self._tenant_id,
            time_off.c.resource_id == resource_id,
            time_off.c.id == time_off_id,
        )
        rows = await self._rows(query) if is_id(time_off_id) else []
        return stored_time_off(rows[0]) if rows else None

    async def count(self, resource_id: ResourceId) -> int:
        """The number of a resource's entries."""
        time_off = tables.time_off
        query = select(func.count()).where(
            time_off.c.tenant_id == self._tenant_id, time_off.c.resource_id == resource_id
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def add(self, resource_id: ResourceId, entries: Iterable[TimeOff]) -> None:
        """Add these entries."""
        rows = [_values(time_off_row(resource_id, entry)) for entry in entries]
        await insert_values(self._connection, self._tenant_id, tables.time_off, rows)

    async def delete(self, ids: Iterable[TimeOffId]) -> None:
        """Delete these entries."""
        time_off = tables.time_off
        deleted = list(ids)
        if deleted:
            await self._connection.execute(
                delete(time_off).where(time_off.c.tenant_id == self._tenant_id, time_off.c.id.in_(deleted))
            )

    async def _rows(self, query: Select[Any]) -> list[TimeOffRow]:
        return [TimeOffRow(**row) for row in (await self._connection.execute(query)).mappings()]


def _values(row: TimeOffRow) -> Values:
    """The row as the table has it."""
    during = f"[{row.start.isoformat()},{row.end.isoformat()})"
    return {"id": row.id, "resource_id": row.resource_id, "during": during, "reason": row.reason}
