"""Renewal of the digests by which users are found, after a change of the master key."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from access.users.model import DIGEST_PURPOSE, SECRET_PURPOSE, UserContact, compared_email
from access.users.repository import UserRepository
from catalogue.repositories.tenants import TenantRepository
from kernel.ids import TenantId
from kernel.operation import by_system
from persistence.audit import AuditNote
from persistence.errors import postgres_errors
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import UnitOfWork

# Users in one transaction, and businesses listed at once.
_BATCH: Final = 200


class UserDigestRotation:
    """Lets users be found by the current master key, so that older keys can be taken away.

    Each batch is a transaction: a rotation that was interrupted goes on where it ended when it is run again.
    """

    def __init__(self, engine: AsyncEngine, keys: MasterKeys) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)
        self._keys = keys

    async def run(self) -> int:
        """Rotate; the number of users. Raises MasterKeyMissing, SecretUnreadable, StoreUnavailable."""
        renewed = 0
        after: TenantId | None = None
        while tenants := await self._businesses(after):
            for tenant_id in tenants:
                while some := await self._renew(tenant_id):
                    renewed += some
            after = tenants[-1]
        return renewed

    async def _renew(self, tenant_id: TenantId) -> int:
        key_id = self._keys.current_key_id
        async with self._unit_of_work.begin(by_system(tenant_id, "command-line", "rotateSecrets")) as tx:
            repository = UserRepository(tx.connection, tenant_id)
            secrets = SecretStore(tx.connection, tenant_id, self._keys)
            found = await repository.find_by_other_keys(key_id, _BATCH)
            for user in found:
                contact = UserContact.opened(await secrets.open(SECRET_PURPOSE, user.secret_id))
                digests = self._keys.digests(compared_email(contact.email), DIGEST_PURPOSE)
                await repository.save_email(user.id, key_id=key_id, digest=digests[key_id])
            if found:
                ids = [user.id for user in found]
                await tx.audit.add(AuditNote(subject=ids[0], more_subjects=ids[1:], fields=["email_digest"]))
        return len(found)

    async def _businesses(self, after: TenantId | None) -> list[TenantId]:
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await TenantRepository(connection).ids(_BATCH, after=after)
