"""Store of secrets of businesses, sealed by a master key of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.ids import SecretId, TenantId, new_secret_id
from kernel.operation import by_system
from persistence.sealing import MasterKeys, SecretPlace
from persistence.tables import api_keys, secrets
from persistence.unit_of_work import UnitOfWork

# Secrets sealed anew in one transaction, and businesses listed at once.
_BATCH: Final = 200


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationReport:
    """Result of a rotation."""

    businesses: int
    sealed: int
    """Secrets that the current key has sealed anew."""


class SecretRotation:
    """Seals the secrets of all businesses by the current master key, so that older keys can be taken away.

    Each batch is a transaction: a rotation that was interrupted goes on where it ended when it is run again.
    """

    def __init__(self, engine: AsyncEngine, keys: MasterKeys) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)
        self._keys = keys

    async def run(self) -> RotationReport:
        """Rotate. Raises MasterKeyMissing, SecretUnreadable, StoreUnavailable."""
        # Also where there is nothing to seal, the command says that no key is set.
        assert self._keys.current_key_id
        businesses = sealed = 0
        after: TenantId | None = None
        while tenants := await self._businesses(after):
            for tenant_id in tenants:
                sealed += await self._rotate(tenant_id)
            businesses += len(tenants)
            after = tenants[-1]
        return RotationReport(businesses=businesses, sealed=sealed)

    async def _rotate(self, tenant_id: TenantId) -> int:
        sealed = 0
        while True:
            async with self._unit_of_work.begin(by_system(tenant_id, "command-line")) as tx:
                some = await SecretStore(tx.connection, tenant_id, self._keys).seal_anew(_BATCH)
            sealed += some
            if some < _BATCH:
                return sealed

    async def _businesses(self, after: TenantId | None) -> list[TenantId]:
        """The next businesses by their ids: each has keys, which are never deleted."""
        query = select(api_keys.c.tenant_id).distinct().order_by(api_keys.c.tenant_id).limit(_BATCH)
        if after is not None:
            query = query.where(api_keys.c.tenant_id > after)
        async with self._engine.connect() as connection:
            return [TenantId(tenant_id) for tenant_id in await connection.scalars(query)]
