"""Archived objects that nothing names any more."""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from kernel.ids import TenantId
from persistence.due_work import DueWorkKind, delete_due

_OBJECTS: Final = (tables.locations, tables.resources, tables.services)
# The engine's role has no right to delete what appointments name: the function does it for what none of them does.
_DELETE: Final = text("SELECT delete_archived(CAST(:most AS integer))")


class ArchivedObjectRepository:
    """Archived objects of a business, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def count(self, *, within: timedelta) -> int:
        """The number of objects archived in that time until now."""
        count = 0
        for table in _OBJECTS:
            query = select(func.count()).select_from(table)
            query = query.where(table.c.tenant_id == self._tenant_id, table.c.archived_at > func.now() - within)
            count += await self._connection.scalar(query) or 0
        return count

    async def delete_unnamed(self, limit: int) -> int:
        """Delete up to that many objects that were archived 30 days ago and that nothing names; say how many.

        An appointment keeps its service and its resources, a service its resources, and a resource its location. The
        caller holds the lock of the catalogue, so that none of them returns meanwhile. With the last of them goes the
        due work that named the business.
        """
        deleted = int(await self._connection.scalar(_DELETE, {"most": limit}) or 0)
        if deleted < limit:
            await delete_due(self._connection, self._tenant_id, DueWorkKind.ARCHIVED)
        return deleted
