"""Secrets that sign the tokens of appointments, and their rotation."""

import os
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from catalogue.model.business import Business
from catalogue.ports import CacheUpdater
from catalogue.repositories.signing import SigningRepository
from kernel.clock import Clock
from kernel.errors import DomainError
from kernel.ids import SecretId, TenantId
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import UnitOfWork

MOST_OVERLAP_DAYS: Final = 365
_PURPOSE: Final = "appointment_tokens"
_SECRET_BYTES: Final = 32
_MOST_REMEMBERED: Final = 10_000


class TokensRotating(DomainError):
    """A rotation of the secret of appointment tokens is not over."""

    code = "tokens_rotating"


class TokenSecrets:
    """Reads secrets that sign tokens. They are remembered by their ids, for they never change."""

    def __init__(self, unit_of_work: UnitOfWork, keys: MasterKeys) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._remembered: OrderedDict[SecretId, bytes] = OrderedDict()

    async def of(self, business: Business) -> bytes:
        """The secret that signs the tokens of a business. Raises SecretUnreadable, StoreUnavailable."""
        return await self.open(business.id, business.token_secret_id, business.token_secret)

    async def open(self, tenant_id: TenantId, secret_id: SecretId | None, original: bytes) -> bytes:
        """The secret with that id; the original for None. Raises SecretUnreadable, StoreUnavailable."""
        if secret_id is None:
            return original
        found = self._remembered.get(secret_id)
        if found is None:
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                found = await SecretStore(connection, tenant_id, self._keys).open(_PURPOSE, secret_id)
            self._remembered[secret_id] = found
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return found


class TokenRotationService:
    """Use case on the secret that signs the tokens of appointments."""

    def __init__(
        self, *, unit_of_work: UnitOfWork, keys: MasterKeys, cache_updater: CacheUpdater, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._cache_updater = cache_updater
        self._clock = clock

    async def rotate(self, operation: Operation, *, overlap_days: int) -> datetime:
        """Sign by another secret from now on; tokens that were made before work for so many days more, at once for 0.

        Returns when they end. Every process sees it with its next question to Redis, and tests tokens by it at once.
        Raises NotFound, MasterKeyMissing, and TokensRotating while an earlier rotation is not over, unless all are to
        end now.
        """
        now = self._clock.now()
        until = now + timedelta(days=overlap_days)
        async with self._unit_of_work.begin(operation) as tx:
            repository = SigningRepository(tx.connection, tx.tenant_id)
            found = await repository.get_locked()
            if overlap_days and found.previous_until is not None and now < found.previous_until:
                raise TokensRotating(
                    "Tokens of the secret before the current one go on to work until then, and there is room for two "
                    "secrets. Wait, or end them by a rotation with overlap_days 0.",
                    previous_until=found.previous_until,
                )
            secrets = SecretStore(tx.connection, tx.tenant_id, self._keys)
            # The one before is kept until the next rotation, whenever it ends: a process may sign by it for a moment.
            secret_id = await secrets.add(_PURPOSE, os.urandom(_SECRET_BYTES))
            await repository.save(
                replace(found, secret_id=secret_id, previous_secret_id=found.secret_id, previous_until=until)
            )
            if found.previous_secret_id is not None:
                await secrets.delete(found.previous_secret_id)
            await tx.audit.add(AuditNote(subject=str(tx.tenant_id), fields=["token_secret"]))
        await self._cache_updater.drop_changed(operation.tenant_id, tx.commit_id, catalogue=True, time_off=())
        return until
