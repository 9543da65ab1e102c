"""Store of secrets of businesses, sealed by a master key of the engine."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import SecretId, TenantId, new_secret_id
from persistence.sealing import MasterKeys, SecretPlace
from persistence.tables import secrets


class SecretStore:
    """Secrets of one business, inside the caller's transaction. They leave it only to be used, never in an answer."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId, keys: MasterKeys) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._keys = keys

    async def add(self, purpose: str, secret: bytes) -> SecretId:
        """Seal and keep a secret. Raises MasterKeyMissing."""
        secret_id = new_secret_id()
        values = {
            "tenant_id": self._tenant_id,
            "id": secret_id,
            "purpose": purpose,
            "key_id": self._keys.current_key_id,
            "sealed": self._keys.seal(secret, self._place(purpose, secret_id)),
        }
        await self._connection.execute(insert(secrets).values(**values))
        return secret_id

    async def open(self, purpose: str, secret_id: SecretId) -> bytes:
        """Read a secret that is there. Raises SecretUnreadable."""
        sealed = await self._connection.scalar(
            select(secrets.c.sealed).where(secrets.c.tenant_id == self._tenant_id, secrets.c.id == secret_id)
        )
        assert sealed is not None, "whoever names a secret keeps it"
        return self._keys.open(sealed, self._place(purpose, secret_id))

    async def open_all(self, purpose: str, secret_ids: Sequence[SecretId]) -> dict[SecretId, bytes]:
        """Read secrets that are there, by their ids. Raises SecretUnreadable."""
        rows = await self._connection.execute(
            select(secrets.c.id, secrets.c.sealed).where(
                secrets.c.tenant_id == self._tenant_id, secrets.c.id.in_(secret_ids)
            )
        )
        return {SecretId(row.id): self._keys.open(row.sealed, self._place(purpose, SecretId(row.id))) for row in rows}

    async def replace(self, purpose: str, secret_id: SecretId, secret: bytes) -> None:
        """Seal and keep another secret in the place of one that is there. Raises MasterKeyMissing."""
        sealed = self._keys.seal(secret, self._place(purpose, secret_id))
        await self._connection.execute(
            update(secrets)
            .where(secrets.c.tenant_id == self._tenant_id, secrets.c.id == secret_id)
            .values(sealed=sealed, key_id=self._keys.current_key_id)
        )

    async def delete(self, *secret_ids: SecretId) -> None:
        """Forget secrets."""
        await self._connection.execute(
            delete(secrets).where(secrets.c.tenant_id == self._tenant_id, secrets.c.id.in_(secret_ids))
        )

    async def seal_anew(self, most: int) -> int:
        """Seal by the current key up to so many secrets that an older one sealed; the number of them.

        Raises SecretUnreadable where a key is missing, MasterKeyMissing.
        """
        current = self._keys.current_key_id
        rows = await self._connection.execute(
            select(secrets.c.id, secrets.c.purpose, secrets.c.sealed)
            .where(secrets.c.tenant_id == self._tenant_id, secrets.c.key_id != current)
            .order_by(secrets.c.id)
            .limit(most)
            .with_for_update()
        )
        found = rows.all()
        for row in found:
            place = self._place(row.purpose, row.id)
            sealed = self._keys.seal(self._keys.open(row.sealed, place), place)
            await self._connection.execute(
                update(secrets)
                .where(secrets.c.tenant_id == self._tenant_id, secrets.c.id == row.id)
                .values(sealed=sealed, key_id=current)
            )
        return len(found)

    def _place(self, purpose: str, secret_id: SecretId) -> SecretPlace:
        return SecretPlace(tenant_id=self._tenant_id, purpose=purpose, row=secret_id)
