"""Rows of businesses and of their API keys."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import (
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.model.business import Business, business_row
from catalogue.model.columns import inserted_values
from kernel.ids import ApiKeyId, TenantId
from persistence.tables import api_keys


class TenantRepository:
    """Businesses and the keys that open them, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, business: Business) -> None:
        """Add a business."""
        await self._connection.execute(insert(tables.businesses).values(inserted_values(business_row(business))))

    async def exists(self, tenant_id: TenantId) -> bool:
        """True if there is such a business, seen from inside it."""
        query = select(tables.businesses.c.tenant_id).where(tables.businesses.c.tenant_id == tenant_id)
        return (await self._connection.execute(query)).first() is not None

    async def name(self, tenant_id: TenantId) -> str | None:
        """The name of the business, seen from inside it."""
        query = select(tables.businesses.c.name).where(tables.businesses.c.tenant_id == tenant_id)
        name: str | None = await self._connection.scalar(query)
        return name

    async def ids(self, limit: int, *, after: TenantId | None = None) -> list[TenantId]:
        """The first businesses by their ids, or those that follow. Each has two keys, and keys are never deleted."""
        keys = api_keys
        query = select(keys.c.tenant_id).distinct().order_by(keys.c.tenant_id).limit(limit)
        if after is not None:
            query = query.where(keys.c.tenant_id > after)
        return [TenantId(UUID(str(tenant_id))) for tenant_id in await self._connection.scalars(query)]

    async def add_key(self, tenant_id: TenantId, key_id: ApiKeyId, kind: str, digest: bytes) -> None:
        """Add the digest of a key."""
        await self._connection.execute(
            insert(api_keys).values(id=key_id, tenant_id=tenant_id, kind=kind, digest=digest)
        )

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke the key; True if there is such a key. One that was revoked before stays as it was."""
        keys = api_keys
        revoked = func.coalesce(keys.c.revoked_at, func.now())
        statement = update(keys).where(keys.c.id == key_id).values(revoked_at=revoked).returning(keys.c.id)
        return (await self._connection.execute(statement)).first() is not None

    async def find_revoked_keys(self, key_ids: Collection[str]) -> list[str]:
        """Those of the keys that were revoked, or are unknown after the restore of a backup."""
        keys = api_keys
        query = select(keys.c.id).where(keys.c.id.in_(key_ids), keys.c.revoked_at.is_(None))
        live = set(await self._connection.scalars(query))
        return [key_id for key_id in key_ids if key_id not in live]

    async def find_key(self, digest: bytes) -> tuple[ApiKeyId, TenantId, str] | None:
        """The key with that digest, the business it opens, and its kind, unless it was revoked."""
        keys = api_keys
        query = select(keys.c.id, keys.c.tenant_id, keys.c.kind).where(
            keys.c.digest == digest, keys.c.revoked_at.is_(None)
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else (ApiKeyId(row.id), TenantId(UUID(str(row.tenant_id))), row.kind)
