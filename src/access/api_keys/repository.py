"""Rows of the API keys of one business."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from access.api_keys.model import ApiKey
from access.roles import Role
from catalogue.tenants import KeyKind
from kernel.ids import ApiKeyId, TenantId
from persistence.tables import api_keys, users


class ApiKeyRepository:
    """Keys of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_live(self, *, for_update: bool = False) -> Sequence[ApiKey]:
        """Find the keys that open the business, the oldest first; `for_update` locks them."""
        statement = select(api_keys).where(self._is_live()).order_by(api_keys.c.created_at, api_keys.c.id)
        if for_update:
            statement = statement.with_for_update()
        return [_key(row) for row in await self._connection.execute(statement)]

    async def exists(self, key_id: str) -> bool:
        """True if the business has, or had, such a key."""
        query = select(api_keys.c.id).where(api_keys.c.tenant_id == self._tenant_id, api_keys.c.id == key_id)
        return (await self._connection.execute(query)).first() is not None

    async def add(self, key_id: ApiKeyId, kind: KeyKind, name: str | None, digest: bytes) -> ApiKey:
        """Add a key."""
        values = {"id": key_id, "tenant_id": self._tenant_id, "kind": kind.value, "name": name, "digest": digest}
        statement = insert(api_keys).values(**values).returning(api_keys)
        return _key((await self._connection.execute(statement)).one())

    async def end(self, key_id: ApiKeyId, overlap_minutes: int) -> None:
        """Let a key open nothing in so many minutes, unless it ends sooner."""
        end = func.now() + func.make_interval(0, 0, 0, 0, 0, literal(overlap_minutes))
        values = {"expires_at": func.least(func.coalesce(api_keys.c.expires_at, end), end)}
        await self._connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(**values))

    async def revoke(self, key_id: ApiKeyId) -> None:
        """Let a key open nothing from now on."""
        await self._connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=func.now()))

    async def has_owner(self) -> bool:
        """True if the business has a user who owns it."""
        query = select(users.c.id).where(users.c.tenant_id == self._tenant_id, users.c.role == Role.OWNER.value)
        return (await self._connection.execute(query.limit(1))).first() is not None

    def _is_live(self) -> ColumnElement[bool]:
        column = api_keys.c
        return (
            (column.tenant_id == self._tenant_id)
            & column.revoked_at.is_(None)
            & or_(column.expires_at.is_(None), column.expires_at > func.now())
        )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=ApiKeyId(row.id),
        kind=KeyKind(row.kind),
        name=row.name,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
    )
