"""Signing keys of a business: the one that signs, and its replacement in time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from access.signing.model import SigningKey
from access.signing.repository import SigningKeyRepository, StoredSigningKey
from kernel.ids import new_signing_key_id
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction

ROTATION: Final = timedelta(days=30)
"""A key signs for so long."""
OVERLAP: Final = timedelta(days=1)
"""A key that signs no more is kept for so long: longer than any token lives."""
_PURPOSE: Final = "signing_key"


async def signing_key(tx: Transaction, keys: MasterKeys, now: datetime) -> SigningKey:
    """The key that signs for the business now; a new one where there is none, or it has signed for long enough.

    Raises MasterKeyMissing, SecretUnreadable.
    """
    repository, secrets = (
        SigningKeyRepository(tx.connection, tx.tenant_id),
        SecretStore(tx.connection, tx.tenant_id, keys),
    )
    newest = _newest(await repository.find_all(), now) or await _rotate(repository, secrets, now)
    private = Ed25519PrivateKey.from_private_bytes(await secrets.open(_PURPOSE, newest.secret_id))
    return SigningKey(id=newest.id, private_key=private)


def _newest(keys: Sequence[StoredSigningKey], now: datetime) -> StoredSigningKey | None:
    return keys[0] if keys and now - keys[0].created_at <= ROTATION else None


async def _rotate(repository: SigningKeyRepository, secrets: SecretStore, now: datetime) -> StoredSigningKey:
    """Add a key, unless somebody has just done so, and delete those whose tokens have ended."""
    await repository.lock()
    found = await repository.find_all()
    newest = _newest(found, now)
    if newest is not None:
        return newest
    for key in found:
        if now - key.created_at > ROTATION + OVERLAP:
            await repository.delete(key.id)
            await secrets.delete(key.secret_id)
    return await _add(repository, secrets, now)


async def _add(repository: SigningKeyRepository, secrets: SecretStore, now: datetime) -> StoredSigningKey:
    private = Ed25519PrivateKey.generate()
    key = StoredSigningKey(
        id=new_signing_key_id(),
        public_key=private.public_key().public_bytes_raw(),
        secret_id=await secrets.add(_PURPOSE, private.private_bytes_raw()),
        created_at=now,
    )
    await repository.add(key)
    return key
