"""Rotation of keys, beside traffic: everything is sealed by the current keys, so that older ones can be taken away."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.ids import TenantId
from kernel.operation import Operation, by_system
from persistence.audit import AuditNote
from persistence.business_keys import BusinessKeys
from persistence.key_canaries import drop_canaries, drop_canary
from persistence.personal_keys import PersonalKeys
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.tables import api_keys, business_keys, personal_keys
from persistence.unit_of_work import Transaction, UnitOfWork

# Secrets and keys sealed anew in one transaction, and businesses listed at once.
_BATCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationReport:
    """Result of a rotation."""

    businesses: int
    secrets: int
    """Secrets that the current master key has sealed anew."""
    business_keys: int
    """Keys of businesses that it has sealed anew."""
    personal_keys: int
    """Personal keys that new keys of their businesses have sealed anew."""


class KeyRotation:
    """Seals what master keys have sealed by the current one.

    Each batch is a transaction: a rotation that was interrupted goes on where it ended when it is run again.
    """

    def __init__(self, engine: AsyncEngine, keys: MasterKeys) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)
        self._keys = keys
        self._business_keys = BusinessKeys(keys)

    async def run(self, *, new_business_keys: bool = False) -> RotationReport:
        """Rotate; on request, give each business a new key besides, and seal its personal keys by that.

        Raises MasterKeyMissing, SecretUnreadable, StoreUnavailable.
        """
        # Also where there is nothing to seal, the command says that no key is set.
        current = self._keys.current_key_id
        businesses = secrets = keys = personal = 0
        after: TenantId | None = None
        while tenants := await self._businesses(after):
            for tenant_id in tenants:
                secrets += await self._seal_secrets(tenant_id)
                keys += await self._seal_business_keys(tenant_id, replace=new_business_keys)
                personal += await self._seal_personal_keys(tenant_id)
            businesses += len(tenants)
            after = tenants[-1]
        async with self._engine.begin() as connection:
            await drop_canaries(connection, but=current)
        return RotationReport(businesses=businesses, secrets=secrets, business_keys=keys, personal_keys=personal)

    async def give_up(self, key_id: str) -> int | None:
        """Give up a master key that is lost: all personal data that rests on it is erased.

        Returns the number of businesses that had a key sealed by it; None where no such key is known. Raises
        StoreUnavailable.
        """
        concerned = 0
        after: TenantId | None = None
        while tenants := await self._businesses(after):
            for tenant_id in tenants:
                async with self._unit_of_work.begin(by_system(tenant_id, "command-line", "giveUpMasterKey")) as tx:
                    lost = await _delete_sealed_by(tx.connection, tenant_id, key_id)
                    if lost:
                        await tx.audit.add(AuditNote(subject=str(tenant_id), fields=["personal_data"]))
                concerned += lost
            after = tenants[-1]
        async with self._engine.begin() as connection:
            return concerned if await drop_canary(connection, key_id) or concerned else None

    async def _seal_secrets(self, tenant_id: TenantId) -> int:
        sealed = 0
        while True:
            async with self._unit_of_work.begin(_rotating(tenant_id)) as tx:
                some = await SecretStore(tx.connection, tenant_id, self._keys).seal_anew(_BATCH)
                await _note(tx, "secrets", some)
            sealed += some
            if some < _BATCH:
                return sealed

    async def _seal_business_keys(self, tenant_id: TenantId, *, replace: bool) -> int:
        async with self._unit_of_work.begin(_rotating(tenant_id)) as tx:
            sealed = await self._business_keys.seal_anew(tx.connection, tenant_id)
            if replace:
                await self._business_keys.replace(tx.connection, tenant_id)
            await _note(tx, "business_keys", sealed + replace)
        return sealed

    async def _seal_personal_keys(self, tenant_id: TenantId) -> int:
        """Seal by the newest key of the business what others have sealed: also what a run before left."""
        sealed = 0
        after: str | None = ""
        while after is not None:
            async with self._unit_of_work.begin(_rotating(tenant_id)) as tx:
                ring = await self._business_keys.find(tx.connection, tenant_id)
                if ring is None or ring.number == 1:
                    return 0
                some, after = await PersonalKeys(tx.connection, tenant_id).seal_anew(ring, after=after, most=_BATCH)
                await _note(tx, "personal_keys", some)
            sealed += some
        return sealed

    async def _businesses(self, after: TenantId | None) -> list[TenantId]:
        """The next businesses by their ids: each has keys, which are never deleted."""
        query = select(api_keys.c.tenant_id).distinct().order_by(api_keys.c.tenant_id).limit(_BATCH)
        if after is not None:
            query = query.where(api_keys.c.tenant_id > after)
        async with self._engine.connect() as connection:
            return [TenantId(tenant_id) for tenant_id in await connection.scalars(query)]


def _rotating(tenant_id: TenantId) -> Operation:
    return by_system(tenant_id, "command-line", "rotateKeys")


async def _note(transaction: Transaction, what: str, count: int) -> None:
    """Keep an entry of the audit log, if anything of the business was sealed anew."""
    if count:
        await transaction.audit.add(AuditNote(subject=str(transaction.tenant_id), fields=[what]))


async def _delete_sealed_by(connection: AsyncConnection, tenant_id: TenantId, key_id: str) -> int:
    """Delete the keys of the business that rest on a master key; 1 if there were any."""
    column = business_keys.c
    deleted = await connection.execute(
        delete(business_keys).where(column.tenant_id == tenant_id, column.key_id == key_id).returning(column.number)
    )
    numbers = list(deleted.scalars())
    if not numbers:
        return 0
    await connection.execute(
        delete(personal_keys).where(personal_keys.c.tenant_id == tenant_id, personal_keys.c.number.in_(numbers))
    )
    return 1
