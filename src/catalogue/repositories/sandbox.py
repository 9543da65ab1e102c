"""The clock of a sandbox."""

from datetime import datetime

from sqlalchemy import (
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.model import Mode
from kernel.errors import NotFound
from kernel.ids import TenantId
from persistence import tables


class SandboxRepository:
    """The clock that a sandbox sets for itself, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_clock(self) -> tuple[Mode, datetime | None]:
        """The mode of the business, and where its own clock stands. Raises NotFound."""
        businesses = tables.businesses
        query = select(businesses.c.mode, businesses.c.sandbox_now).where(businesses.c.tenant_id == self._tenant_id)
        row = (await self._connection.execute(query)).first()
        if row is None:
            raise NotFound("There is no such business. Create it first.")
        return Mode(row.mode), row.sandbox_now

    async def set_clock(self, now: datetime | None) -> None:
        """Let the clock stand there; None: let it go. The version stays: nothing was set up differently."""
        businesses = tables.businesses
        await self._connection.execute(
            update(businesses).where(businesses.c.tenant_id == self._tenant_id).values(sandbox_now=now)
        )
