"""Use cases of a business on its API keys."""

from collections.abc import Sequence

from access.api_keys.model import MOST_KEYS, ApiKey, LastKey, NewApiKey
from access.api_keys.repository import ApiKeyRepository
from catalogue.model.quotas import Quota, QuotaExceeded
from catalogue.quotas import most_of
from catalogue.tenants import KeyKind, digest_of_key, new_key
from kernel.errors import NotFound, ValidationFailed
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.unit_of_work import Transaction, UnitOfWork


class ApiKeyService:
    """Use cases on the keys of one business. Each is one transaction."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def list_keys(self, operation: Operation) -> Sequence[ApiKey]:
        """The keys that open the business, the oldest first."""
        async with self._unit_of_work.begin(operation) as tx:
            return await ApiKeyRepository(tx.connection, tx.tenant_id).find_live()

    async def create(self, operation: Operation, kind: KeyKind, name: str | None) -> NewApiKey:
        """One more key. Raises ValidationFailed, or QuotaExceeded, when there are as many as there may be."""
        async with self._unit_of_work.begin(operation) as tx:
            most = await most_of(tx.connection, tx.tenant_id, Quota.API_KEYS)
            live = await _lock(tx)
            if len(live) >= most:
                raise QuotaExceeded(Quota.API_KEYS, most)
            return await _issue(tx, kind, name, live)

    async def rotate(self, operation: Operation, key_id: str, *, overlap_minutes: int) -> NewApiKey:
        """A new key of the same kind and name; the old one opens the business for so many minutes more.

        Raises NotFound for a key that opens nothing, and ValidationFailed as `create`.
        """
        async with self._unit_of_work.begin(operation) as tx:
            live = await _lock(tx)
            former = next((one for one in live if one.id == key_id), None)
            if former is None:
                raise _unknown(key_id)
            issued = await _issue(tx, former.kind, former.name, live)
            repository = ApiKeyRepository(tx.connection, tx.tenant_id)
            if overlap_minutes:
                await repository.end(former.id, overlap_minutes)
            else:
                await repository.revoke(former.id)
            await tx.audit.add(AuditNote(subject=former.id))
            return issued

    async def revoke(self, operation: Operation, key_id: str) -> None:
        """Let a key open nothing from now on; one that was revoked before stays as it was.

        Raises NotFound, and LastKey where nobody could act as the owner any more.
        """
        async with self._unit_of_work.begin(operation) as tx:
            repository = ApiKeyRepository(tx.connection, tx.tenant_id)
            live = await _lock(tx)
            found = next((one for one in live if one.id == key_id), None)
            if found is None:
                if not await repository.exists(key_id):
                    raise _unknown(key_id)
                return
            if not _remains_open(live, without=found) and not await repository.has_owner():
                detail = "This is the last key that acts as the owner, and no user does. Make another one first."
                raise LastKey(detail)
            await repository.revoke(found.id)
            await tx.audit.add(AuditNote(subject=found.id))


def _remains_open(live: Sequence[ApiKey], *, without: ApiKey) -> bool:
    """True if another secret key opens the business for good, or the key that goes is none of them."""
    lasting = [one for one in live if one.kind is KeyKind.SECRET and one.expires_at is None]
    return without not in lasting or len(lasting) > 1


async def _lock(tx: Transaction) -> Sequence[ApiKey]:
    """The live keys of the business, for changes of which only one is made at a time."""
    return await ApiKeyRepository(tx.connection, tx.tenant_id).find_live(for_update=True)


async def _issue(tx: Transaction, kind: KeyKind, name: str | None, live: Sequence[ApiKey]) -> NewApiKey:
    if len(live) >= MOST_KEYS:
        detail = f"a business may have at most {MOST_KEYS} keys; revoke one first"
        raise ValidationFailed.of("body", detail)
    new = new_key(kind)
    key = await ApiKeyRepository(tx.connection, tx.tenant_id).add(new.id, kind, name, digest_of_key(new.key))
    await tx.audit.add(AuditNote(subject=key.id))
    return NewApiKey(key=key, text=new.key)


def _unknown(key_id: str) -> NotFound:
    return NotFound(f'There is no key "{key_id}".')
