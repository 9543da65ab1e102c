"""The time off of resources."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    delete,
    func,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.model import TimeOff
from catalogue.repositories.writing import insert_rows
from catalogue.rows import to_time_off
from kernel.ids import ResourceId, TenantId, TimeOffId, is_id
from persistence import tables


class TimeOffRepository:
    """The time off of a business's resources, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_of(self, resource_ids: Iterable[ResourceId] | None = None) -> dict[ResourceId, tuple[TimeOff, ...]]:
        """All time off of those resources, or of all of them, in order of time."""
        time_off = tables.time_off
        query = select(time_off).where(time_off.c.tenant_id == self._tenant_id)
        if resource_ids is not None:
            query = query.where(time_off.c.resource_id.in_(list(resource_ids)))
        found: dict[ResourceId, list[TimeOff]] = {}
        for row in await self._connection.execute(query.order_by(func.lower(time_off.c.during), time_off.c.id)):
            found.setdefault(ResourceId(row.resource_id), []).append(to_time_off(row))
        return {resource_id: tuple(entries) for resource_id, entries in found.items()}

    async def find_ending_after(
        self, resource_id: ResourceId, instant: datetime | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[TimeOff, ...]:
        """Up to `limit` of a resource's entries in order of start, those that follow the given (start, id)."""
        time_off = tables.time_off
        start = func.lower(time_off.c.during)
        query = select(time_off).where(time_off.c.tenant_id == self._tenant_id, time_off.c.resource_id == resource_id)
        if instant is not None:
            query = query.where(func.upper(time_off.c.during) > instant)
        if after is not None:
            query = query.where(tuple_(start, time_off.c.id) > tuple_(*after))
        rows = await self._connection.execute(query.order_by(start, time_off.c.id).limit(limit))
        return tuple(to_time_off(row) for row in rows)

    async def find(self, resource_id: ResourceId, time_off_id: str) -> TimeOff | None:
        """One entry of a resource."""
        time_off = tables.time_off
        query = select(time_off).where(
            time_off.c.tenant_id == self._tenant_id,
            time_off.c.resource_id == resource_id,
            time_off.c.id == time_off_id,
        )
        row = (await self._connection.execute(query)).first() if is_id(time_off_id) else None
        return None if row is None else to_time_off(row)

    async def count(self, resource_id: ResourceId) -> int:
        """How many entries a resource has."""
        time_off = tables.time_off
        query = select(func.count()).where(
            time_off.c.tenant_id == self._tenant_id, time_off.c.resource_id == resource_id
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def add(self, resource_id: ResourceId, entries: Iterable[TimeOff]) -> None:
        """Keep these entries."""
        rows = [
            {
                "id": entry.id,
                "resource_id": resource_id,
                "during": f"[{entry.start.isoformat()},{entry.end.isoformat()})",
                "reason": entry.reason,
            }
            for entry in entries
        ]
        await insert_rows(self._connection, self._tenant_id, tables.time_off, rows)

    async def delete(self, ids: Iterable[TimeOffId]) -> None:
        """Forget these entries."""
        time_off = tables.time_off
        wanted = list(ids)
        if wanted:
            await self._connection.execute(
                delete(time_off).where(time_off.c.tenant_id == self._tenant_id, time_off.c.id.in_(wanted))
            )
