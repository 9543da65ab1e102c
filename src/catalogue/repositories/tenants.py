"""Rows of businesses and of their API keys."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    extract,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.model.business import Business, business_row
from catalogue.model.columns import inserted_values
from kernel.ids import ApiKeyId, TenantId
from persistence.tables import api_keys

_LATELY: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


class KeyRow(NamedTuple):
    """The row of a key that opens a business."""

    key_id: ApiKeyId
    tenant_id: TenantId
    kind: str
    expires_in: float | None
    is_use_noted: bool


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

    async def business_of_key(self, key_id: str) -> TenantId | None:
        """The business of a key, revoked or not; None if there is no such key."""
        found = await self._connection.scalar(select(api_keys.c.tenant_id).where(api_keys.c.id == key_id))
        return None if found is None else TenantId(UUID(str(found)))

    async def revoke_key(self, key_id: str) -> None:
        """Revoke the key. One that was revoked before stays as it was."""
        keys = api_keys
        revoked = func.coalesce(keys.c.revoked_at, func.now())
        await self._connection.execute(update(keys).where(keys.c.id == key_id).values(revoked_at=revoked))

    async def find_revoked_keys(self, key_ids: Collection[str]) -> list[str]:
        """Find the keys that were revoked, or are unknown after the restore of a backup."""
        keys = api_keys
        query = select(keys.c.id).where(
            keys.c.id.in_(key_ids),
            keys.c.revoked_at.is_(None),
            or_(keys.c.expires_at.is_(None), keys.c.expires_at > func.now()),
        )
        live = set(await self._connection.scalars(query))
        return [key_id for key_id in key_ids if key_id not in live]

    async def find_revoked_lately(self) -> list[str]:
        """The keys that were revoked within the last minute: for longer, no process remembers one without asking."""
        keys = api_keys
        query = select(keys.c.id).where(keys.c.revoked_at > func.now() - _LATELY)
        return list(await self._connection.scalars(query))

    async def note_use(self, key_id: ApiKeyId) -> None:
        """Note the use of a key, once an hour."""
        keys = api_keys
        is_due = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at <= func.now() - _HOUR)
        await self._connection.execute(update(keys).where(keys.c.id == key_id, is_due).values(last_used_at=func.now()))

    async def find_key(self, digest: bytes) -> KeyRow | None:
        """The key with that digest, unless it was revoked or its time is over."""
        keys = api_keys
        query = select(
            keys.c.id,
            keys.c.tenant_id,
            keys.c.kind,
            extract("epoch", keys.c.expires_at - func.now()).label("expires_in"),
            func.coalesce(keys.c.last_used_at > func.now() - _HOUR, false()).label("is_use_noted"),
        ).where(
            keys.c.digest == digest,
            keys.c.revoked_at.is_(None),
            or_(keys.c.expires_at.is_(None), keys.c.expires_at > func.now()),
        )
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        return KeyRow(
            key_id=ApiKeyId(row.id),
            tenant_id=TenantId(UUID(str(row.tenant_id))),
            kind=row.kind,
            expires_in=None if row.expires_in is None else float(row.expires_in),
            is_use_noted=row.is_use_noted,
        )
