"""Use cases on webhook endpoints."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from catalogue.model.quotas import Quota, QuotaExceeded
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.quotas import most_of
from events.event_types import check_pattern
from kernel.clock import Clock
from kernel.errors import FieldError, ValidationFailed, VersionConflict
from kernel.ids import WebhookEndpointId, new_webhook_endpoint_id
from kernel.operation import Operation
from outbound.client import OutboundClient, OutboundFailed
from outbound.signing import new_secret, secret_text
from outbound.targets import read_target
from persistence.audit import AuditNote
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction, UnitOfWork
from tasks.model import PlannedTask
from tasks.repository import TaskRepository
from webhooks.backlog import changed_at, work_off
from webhooks.deliveries.repository import DeliveryRepository
from webhooks.events import DELIVER
from webhooks.health import WELL
from webhooks.model import (
    MOST_ENDPOINTS,
    SECRET_PURPOSE,
    DisabledReason,
    Endpoint,
    EndpointDetails,
    Payload,
    SecretRotating,
)
from webhooks.repository import EndpointRepository

# Deliveries that a transaction deletes: some tenths of a second of Postgres.
_DELETED: Final = 5000
# A look-up that takes longer tells nothing yet; the first delivery will.
_CHECK_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """An endpoint with its new secret, which is never available again."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """Replacements of parts of an endpoint; an unset one leaves its part as it is."""

    url: str | Unset = UNSET
    types: tuple[str, ...] | Unset = UNSET
    payload: Payload | Unset = UNSET
    description: str | None | Unset = UNSET
    is_enabled: bool | Unset = UNSET

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the parts that it sets, as the API spells them."""
        parts = {
            "url": self.url,
            "types": self.types,
            "payload": self.payload,
            "description": self.description,
            "enabled": self.is_enabled,
        }
        return tuple(name for name, value in parts.items() if not isinstance(value, Unset))

    def apply(self, endpoint: Endpoint, now: datetime) -> Endpoint:
        """The endpoint as the change leaves it."""
        url = endpoint.url if isinstance(self.url, Unset) else self.url
        changed = replace(
            endpoint,
            url=url,
            types=endpoint.types if isinstance(self.types, Unset) else self.types,
            payload=endpoint.payload if isinstance(self.payload, Unset) else self.payload,
            description=endpoint.description if isinstance(self.description, Unset) else self.description,
            # The failures were those of the old address.
            health=endpoint.health if url == endpoint.url else WELL,
            version=endpoint.version + 1,
            updated_at=now,
        )
        if isinstance(self.is_enabled, Unset) or self.is_enabled == endpoint.is_enabled:
            return changed
        if self.is_enabled:
            return replace(changed, disabled_reason=None, disabled_at=None, health=WELL)
        return replace(changed, disabled_reason=DisabledReason.OWNER, disabled_at=now)


class WebhookEndpointService:
    """Use cases on the endpoints of a business. Every method but the deletion is one transaction."""

    def __init__(self, *, unit_of_work: UnitOfWork, keys: MasterKeys, outbound: OutboundClient, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._outbound = outbound
        self._clock = clock

    async def create(self, operation: Operation, details: EndpointDetails) -> NewSecret:
        """Add an endpoint, which is told of the events from now on.

        Raises ValidationFailed, QuotaExceeded, TargetNotAllowed, MasterKeyMissing.
        """
        _check_types(details.types)
        await self._check_url(details.url)
        secret, now = new_secret(), self._clock.now()
        async with self._unit_of_work.begin(operation) as tx:
            repository = EndpointRepository(tx.connection, tx.tenant_id)
            most = await most_of(tx.connection, tx.tenant_id, Quota.WEBHOOK_ENDPOINTS)
            count = await repository.count()
            if count >= most:
                raise QuotaExceeded(Quota.WEBHOOK_ENDPOINTS, most)
            if count >= MOST_ENDPOINTS:
                detail = f"a business may have at most {MOST_ENDPOINTS} endpoints; delete one first"
                raise ValidationFailed.of("body", detail)
            endpoint = Endpoint(
                id=new_webhook_endpoint_id(),
                url=details.url,
                types=details.types,
                payload=details.payload,
                description=details.description,
                disabled_reason=None,
                disabled_at=None,
                secret_id=await self._secrets(tx).add(SECRET_PURPOSE, secret),
                previous_secret_id=None,
                previous_until=None,
                place=await repository.find_last_place(),
                health=WELL,
                version=1,
                created_at=now,
                updated_at=now,
            )
            await repository.add(endpoint)
            await tx.audit.add(AuditNote(subject=endpoint.id))
        return NewSecret(endpoint=endpoint, secret=secret_text(secret))

    async def list_endpoints(self, operation: Operation) -> list[Endpoint]:
        """List all of them, the oldest first."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            return await EndpointRepository(connection, operation.tenant_id).find_all()

    async def get(self, operation: Operation, endpoint_id: str) -> Endpoint:
        """Read one. Raises NotFound."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            return await EndpointRepository(connection, operation.tenant_id).get(endpoint_id)

    async def change(
        self, operation: Operation, endpoint_id: str, change: EndpointChange, *, expected_version: int | None
    ) -> Endpoint:
        """Replace what its owner decides. Raises NotFound, ValidationFailed, TargetNotAllowed, VersionConflict.

        Disabled, it holds what is pending and what follows; enabled again, it is sent what happens from then on, and
        what is held stays so until it is asked for. At a new URL, what waits for its next attempt is due at once.
        """
        if not isinstance(change.url, Unset):
            await self._check_url(change.url)
        if not isinstance(change.types, Unset):
            _check_types(change.types)
        async with self._unit_of_work.begin(operation) as tx:
            repository = EndpointRepository(tx.connection, tx.tenant_id)
            found = await repository.get(endpoint_id, for_update=True)
            check_version(found, expected_version)
            now = self._clock.now()
            # What happened before is judged by what was set before.
            changed = changed_at(found, change.apply(found, now), await repository.find_last_place())
            await repository.save(changed)
            await tx.audit.add(AuditNote(subject=found.id, fields=change.fields))
            # Most backlogs are short. Of a long one, the task does the rest.
            await work_off(tx, changed, now)
            await plan_run(tx, found)
        return changed

    async def delete(self, operation: Operation, endpoint_id: str, *, expected_version: int | None) -> None:
        """Delete it with its secrets and deliveries. Raises NotFound, VersionConflict.

        A long log goes first, a part at a time: a request that fails meanwhile is to be repeated.
        """
        check_version(await self.get(operation, endpoint_id), expected_version)
        while True:
            async with self._unit_of_work.begin(operation) as tx:
                deliveries = DeliveryRepository(tx.connection, tx.tenant_id)
                some = await deliveries.delete_some(WebhookEndpointId(endpoint_id), most=_DELETED)
            if some < _DELETED:
                break
        async with self._unit_of_work.begin(operation) as tx:
            repository = EndpointRepository(tx.connection, tx.tenant_id)
            found = await repository.get(endpoint_id, for_update=True)
            check_version(found, expected_version)
            await repository.delete(found.id)
            await tx.audit.add(AuditNote(subject=found.id))
            previous = [] if found.previous_secret_id is None else [found.previous_secret_id]
            await self._secrets(tx).delete(found.secret_id, *previous)
            await TaskRepository(tx.connection).remove(tx.tenant_id, DELIVER, [found.id])

    async def rotate_secret(self, operation: Operation, endpoint_id: str, *, overlap_minutes: int) -> NewSecret:
        """Give it a new secret; the old one signs as well for so long.

        Raises NotFound, MasterKeyMissing, and SecretRotating while an earlier rotation is not over.
        """
        secret, now = new_secret(), self._clock.now()
        async with self._unit_of_work.begin(operation) as tx:
            repository = EndpointRepository(tx.connection, tx.tenant_id)
            found = await repository.get(endpoint_id, for_update=True)
            if found.previous_secret_at(now) is not None:
                raise _rotating(found.previous_until)
            secrets, overlaps = self._secrets(tx), overlap_minutes > 0
            rotated = replace(
                found,
                secret_id=await secrets.add(SECRET_PURPOSE, secret),
                previous_secret_id=found.secret_id if overlaps else None,
                previous_until=now + timedelta(minutes=overlap_minutes) if overlaps else None,
                version=found.version + 1,
                updated_at=now,
            )
            await repository.save(rotated)
            await tx.audit.add(AuditNote(subject=found.id, fields=["secret"]))
            unused = [found.previous_secret_id, None if overlaps else found.secret_id]
            await secrets.delete(*(secret_id for secret_id in unused if secret_id is not None))
        return NewSecret(endpoint=rotated, secret=secret_text(secret))

    async def revoke_previous_secret(self, operation: Operation, endpoint_id: str) -> None:
        """End a rotation early: the old secret signs no more. Succeeds also if there is none. Raises NotFound."""
        async with self._unit_of_work.begin(operation) as tx:
            repository = EndpointRepository(tx.connection, tx.tenant_id)
            found = await repository.get(endpoint_id, for_update=True)
            if found.previous_secret_id is None:
                return
            now = self._clock.now()
            await repository.save(
                replace(found, previous_secret_id=None, previous_until=None, version=found.version + 1, updated_at=now)
            )
            await self._secrets(tx).delete(found.previous_secret_id)
            await tx.audit.add(AuditNote(subject=found.id, fields=["previous_secret"]))

    def _secrets(self, tx: Transaction) -> SecretStore:
        return SecretStore(tx.connection, tx.tenant_id, self._keys)

    async def _check_url(self, url: str) -> None:
        """Judge a URL, before any transaction. A host without an address may get one yet."""
        try:
            target = read_target(url)
        except ValueError as error:
            raise ValidationFailed.of("url", str(error)) from None
        with suppress(OutboundFailed, TimeoutError):
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._outbound.check(target)


async def plan_run(tx: Transaction, endpoint: Endpoint) -> None:
    """Let what is due to an endpoint be sent as soon as the transaction has committed."""
    await TaskRepository(tx.connection).plan(
        [PlannedTask(tenant_id=tx.tenant_id, kind=DELIVER, subject=endpoint.id, key=endpoint.id, keeps_sooner=True)]
    )


def check_version(endpoint: Endpoint, expected: int | None) -> None:
    """Raise VersionConflict if the caller has read another version."""
    if expected is not None and expected != endpoint.version:
        detail = f"The object is at version {endpoint.version}."
        raise VersionConflict(detail)


def _check_types(types: Sequence[str]) -> None:
    found = [(number, check_pattern(pattern)) for number, pattern in enumerate(types)]
    faults = [FieldError(f"types[{number}]", fault) for number, fault in found if fault is not None]
    if faults:
        raise ValidationFailed(faults)


def _rotating(until: datetime | None) -> SecretRotating:
    assert until is not None
    text = until.isoformat(timespec="seconds").replace("+00:00", "Z")
    detail = f"The secret before the current one signs until {text}. End it by DELETE of its previous-secret, or wait."
    return SecretRotating(detail, previous_until=text)
