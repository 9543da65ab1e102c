"""Rows of signing keys."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import SecretId, SigningKeyId, TenantId
from persistence.tables import signing_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSigningKey:
    """A signing key as the database has it: its private half is sealed."""

    id: SigningKeyId
    public_key: bytes
    secret_id: SecretId
    created_at: datetime


class SigningKeyRepository:
    """Signing keys of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_all(self) -> list[StoredSigningKey]:
        """Find all keys, the newest first."""
        rows = await self._connection.execute(
            select(signing_keys.c.id, signing_keys.c.public_key, signing_keys.c.secret_id, signing_keys.c.created_at)
            .where(signing_keys.c.tenant_id == self._tenant_id)
            .order_by(signing_keys.c.created_at.desc(), signing_keys.c.id.desc())
        )
        return [
            StoredSigningKey(
                id=SigningKeyId(row.id),
                public_key=bytes(row.public_key),
                secret_id=SecretId(row.secret_id),
                created_at=row.created_at,
            )
            for row in rows
        ]

    async def find_public_key(self, key_id: str) -> bytes | None:
        """Find the public half of a key."""
        public_key: bytes | None = await self._connection.scalar(
            select(signing_keys.c.public_key).where(
                signing_keys.c.tenant_id == self._tenant_id, signing_keys.c.id == key_id
            )
        )
        return public_key

    async def lock(self) -> None:
        """Let those who would change the keys of the business take turns until their transactions end."""
        await self._connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"signing keys {self._tenant_id}"},
        )

    async def add(self, key: StoredSigningKey) -> None:
        """Add a key."""
        await self._connection.execute(
            insert(signing_keys).values(
                tenant_id=self._tenant_id,
                id=key.id,
                public_key=key.public_key,
                secret_id=key.secret_id,
                created_at=key.created_at,
            )
        )

    async def delete(self, key_id: SigningKeyId) -> None:
        """Delete a key; its secret is deleted after it."""
        await self._connection.execute(
            delete(signing_keys).where(signing_keys.c.tenant_id == self._tenant_id, signing_keys.c.id == key_id)
        )
