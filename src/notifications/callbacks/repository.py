"""Row of a business, as far as callbacks need it."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId

_NAME: Final = text("SELECT name FROM businesses WHERE tenant_id = :tenant_id")


async def find_name(connection: AsyncConnection, tenant_id: TenantId) -> str | None:
    """The name of a business; None: there is no such business."""
    name = await connection.scalar(_NAME, {"tenant_id": tenant_id})
    return None if name is None else str(name)
