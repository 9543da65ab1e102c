"""Clock of a sandbox."""

from datetime import datetime

from sqlalchemy import (
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.model.business import Mode
from kernel.errors import NotFound
from kernel.ids import TenantId


class SandboxRepository:
    """Clock that a sandbox sets for itself, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_clock(self) -> tuple[Mode, datetime | None]:
        """The mode of the business, and the time of its own clock. Raises NotFound."""
        businesses = tables.businesses
        query = select(businesses.c.mode, businesses.c.sandbox_now).where(businesses.c.tenant_id == self._tenant_id)
        row = (await self._connection.execute(query)).first()
        if row is None:
            raise NotFound("This business does not exist. Create it first.")
        return Mode(row.mode), row.sandbox_now

    async def set_clock(self, now: datetime | None) -> None:
        """Stop the clock at that instant; None: let it run. The version stays, because the set-up is the same."""
        businesses = tables.businesses
        await self._connection.execute(
            update(businesses).where(businesses.c.tenant_id == self._tenant_id).values(sandbox_now=now)
        )
