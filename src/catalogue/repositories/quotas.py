"""Rows of the quotas of businesses."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId
from persistence.tables import standings


async def find_quotas(connection: AsyncConnection, tenant_id: TenantId, *, lock: bool = False) -> Mapping[str, int]:
    """The quotas of a business by their names; with `lock` those who ask so take turns until their transactions end."""
    query = select(standings.c.quotas).where(standings.c.tenant_id == tenant_id)
    quotas: Mapping[str, int] | None = await connection.scalar(query.with_for_update() if lock else query)
    return quotas or {}
