"""Repository of deletions: the mark on the standing, the keys that go at once, and the rows that go in steps."""

from typing import Final

from sqlalchemy import delete, func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId
from persistence.tables import api_keys, business_keys, personal_keys, standings

_REMOVE: Final = text("SELECT remove_rows_of_business(:tenant_id, :most)")


class DeletionRepository:
    """The deletion of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def mark(self) -> None:
        """Note that the business is deleted, and suspended if it was not."""
        column = standings.c
        values = {
            "deleted_at": func.now(),
            "suspended_at": func.coalesce(column.suspended_at, func.now()),
            "changed_at": func.now(),
        }
        await self._connection.execute(update(standings).where(column.tenant_id == self._tenant_id).values(**values))

    async def shred(self) -> None:
        """Delete the keys that open its personal data, and revoke its API keys."""
        for table in (personal_keys, business_keys):
            await self._connection.execute(delete(table).where(table.c.tenant_id == self._tenant_id))
        live = (api_keys.c.tenant_id == self._tenant_id, api_keys.c.revoked_at.is_(None))
        await self._connection.execute(update(api_keys).where(*live).values(revoked_at=func.now()))

    async def remove_some(self, most: int) -> int:
        """Remove up to so many rows, those that others refer to last; 0: none is left."""
        found = await self._connection.scalar(_REMOVE, {"tenant_id": self._tenant_id, "most": most})
        return int(found or 0)

    async def finish(self) -> None:
        """Note that nothing is left of it."""
        column = standings.c
        statement = update(standings).where(column.tenant_id == self._tenant_id, column.removed_at.is_(None))
        await self._connection.execute(statement.values(removed_at=func.now()))
