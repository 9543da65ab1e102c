"""Use cases on deliveries: those of a caller, and the two transactions of a run."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from kernel.clock import Clock
from kernel.errors import ValidationFailed
from kernel.events import Event
from kernel.ids import TenantId, is_id
from kernel.operation import Operation, by_system
from kernel.pages import Page, decode_cursor, encode_cursor, unusable_cursor
from persistence.audit import AuditNote
from persistence.sealing import MasterKeys, SecretUnreadable
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction, UnitOfWork
from webhooks.backlog import changed_at, work_off
from webhooks.deliveries.repository import DeliveryRepository
from webhooks.endpoint_service import plan_run
from webhooks.health import after_failure, after_success, is_lost
from webhooks.model import (
    DISABLED_TYPE,
    SECRET_PURPOSE,
    Delivery,
    DeliveryAttempt,
    DeliveryBatch,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    EndpointDisabled,
)
from webhooks.repository import EndpointRepository, earliest

# Deliveries of one run: some hundredths of a second of Postgres.
_BATCH: Final = 200
# While an endpoint fails, a run ends soon, so that it is noticed when it is disabled or needs a rest.
_BATCH_OF_FAILING: Final = 4
_DELETED: Final = 1000
MOST_REPLAYED: Final = 5000
"""Events that one request replays: about a second of Postgres."""
_LONGEST_STRETCH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Result of a replay."""

    scheduled: int
    next_from: datetime | None
    """Instant to go on from; None: the whole stretch was looked at."""


class WebhookDeliveryService:
    """Use cases on deliveries. Every method is one transaction."""

    def __init__(self, *, unit_of_work: UnitOfWork, keys: MasterKeys, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._clock = clock

    async def list_deliveries(
        self,
        operation: Operation,
        endpoint_id: str,
        *,
        status: DeliveryStatus | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Delivery]:
        """List the deliveries to an endpoint, the latest first. Raises NotFound, ValidationFailed."""
        before = None if cursor is None else _read_cursor(cursor)
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            endpoint = await EndpointRepository(connection, operation.tenant_id).get(endpoint_id)
            found = await DeliveryRepository(connection, operation.tenant_id).find_page(
                endpoint.id, status=status, before=before, limit=limit + 1
            )
        page = tuple(found[:limit])
        return Page(data=page, next_cursor=encode_cursor(page[-1].id) if len(found) > limit else None)

    async def ping(self, operation: Operation, endpoint_id: str) -> Delivery:
        """Send a test, once; also to a disabled endpoint. Raises NotFound."""
        async with self._unit_of_work.begin(operation) as tx:
            endpoint = await EndpointRepository(tx.connection, tx.tenant_id).get(endpoint_id, for_update=True)
            ping = await DeliveryRepository(tx.connection, tx.tenant_id).add_ping(endpoint, self._clock.now())
            await plan_run(tx, endpoint)
            await tx.audit.add(AuditNote(subject=endpoint.id))
        return ping

    async def resend(self, operation: Operation, delivery_id: str) -> Delivery:
        """Send a delivery again, whatever became of it. Raises NotFound, EndpointDisabled."""
        async with self._unit_of_work.begin(operation) as tx:
            deliveries = DeliveryRepository(tx.connection, tx.tenant_id)
            found = await deliveries.get(delivery_id)
            # Locked before the delivery, as by all others; whoever disables it then holds this one as well.
            endpoint = await EndpointRepository(tx.connection, tx.tenant_id).get(found.endpoint_id, for_update=True)
            if not endpoint.is_enabled:
                raise EndpointDisabled
            again = await deliveries.send_again(found.id, endpoint, self._clock.now())
            await plan_run(tx, endpoint)
            await tx.audit.add(AuditNote(subject=found.id))
        return again

    async def replay(
        self, operation: Operation, endpoint_id: str, since: datetime, until: datetime, *, undelivered_only: bool
    ) -> Replay:
        """Send the events of a stretch of time again, also those from before the endpoint was there.

        Raises NotFound, EndpointDisabled, ValidationFailed.
        """
        if not since < until <= since + _LONGEST_STRETCH:
            detail = f"must be after from, and at most {_LONGEST_STRETCH.days} days later"
            raise ValidationFailed.of("to", detail)
        async with self._unit_of_work.begin(operation) as tx:
            endpoint = await EndpointRepository(tx.connection, tx.tenant_id).get(endpoint_id, for_update=True)
            if not endpoint.is_enabled:
                raise EndpointDisabled
            scheduled, last = await DeliveryRepository(tx.connection, tx.tenant_id).replay(
                endpoint, since, until, self._clock.now(), undelivered_only=undelivered_only, most=MOST_REPLAYED
            )
            await plan_run(tx, endpoint)
            await tx.audit.add(AuditNote(subject=endpoint.id))
        return Replay(scheduled=scheduled, next_from=last)

    async def begin_run(self, tenant_id: TenantId, endpoint_id: str) -> DeliveryBatch | None:
        """Look at the feed, and at what is due; None if the endpoint was deleted.

        Raises SecretUnreadable, StoreUnavailable.
        """
        now = self._clock.now()
        async with self._unit_of_work.begin(by_system(tenant_id, "webhooks")) as tx:
            endpoints = EndpointRepository(tx.connection, tenant_id)
            endpoint = await endpoints.find(endpoint_id, for_update=True)
            if endpoint is None:
                return None
            deliveries = DeliveryRepository(tx.connection, tenant_id)
            found, endpoint = endpoint, await work_off(tx, endpoint, now)
            most = _BATCH_OF_FAILING if endpoint.health.failures else _BATCH
            waits = endpoint.is_revising or endpoint.rests(now)
            due = [] if waits else await deliveries.find_due(endpoint, now, most=most)
            is_behind = endpoint.is_revising or endpoint != found
            next_at = now if is_behind or due else await self._next(deliveries, endpoint, now)
            secrets = await self._secrets(tx, endpoint, now)
        return DeliveryBatch(endpoint=endpoint, secrets=secrets, deliveries=due, next_at=next_at)

    async def end_run(
        self, tenant_id: TenantId, sent_to: Endpoint, attempts: Sequence[DeliveryAttempt]
    ) -> Endpoint | None:
        """Write down what attempts have come to, and what that means for the endpoint; None if it was deleted.

        Disables it, and tells the other endpoints, where it is gone or lost; what an address did that has been replaced
        since says nothing of the new one. Raises StoreUnavailable.
        """
        now = self._clock.now()
        async with self._unit_of_work.begin(by_system(tenant_id, "webhooks", "disableWebhookEndpoint")) as tx:
            endpoints = EndpointRepository(tx.connection, tenant_id)
            found = await endpoints.find(sent_to.id, for_update=True)
            if found is None:
                return None
            is_same = found.url == sent_to.url
            endpoint = judge(found, attempts, now) if is_same else found
            # A new address need not wait for what became of the old one.
            record = attempts if is_same else [_due_at_once(attempt, now) for attempt in attempts]
            await DeliveryRepository(tx.connection, tenant_id).record(record)
            if found.is_enabled and not endpoint.is_enabled:
                endpoint = changed_at(found, endpoint, await endpoints.find_last_place())
                await tx.outbox.add(_disabled_event(endpoint))
                await tx.audit.add(AuditNote(subject=endpoint.id, fields=["enabled"]))
            if endpoint != found:
                await endpoints.save(endpoint)
        return endpoint

    async def _next(self, deliveries: DeliveryRepository, endpoint: Endpoint, now: datetime) -> datetime | None:
        """Instant to look again where nothing is to be sent now; what has been kept for long enough is deleted."""
        next_due, deleted_at = await deliveries.find_next(endpoint, now)
        if deleted_at is not None and deleted_at <= now:
            await deliveries.delete_old(endpoint.id, now, most=_DELETED)
        # What is due while it rests waits for the end of that.
        return earliest(endpoint.health.rests_until if endpoint.rests(now) else next_due, deleted_at)

    async def _secrets(self, tx: Transaction, endpoint: Endpoint, now: datetime) -> list[bytes]:
        store = SecretStore(tx.connection, tx.tenant_id, self._keys)
        secrets = [await store.open(SECRET_PURPOSE, endpoint.secret_id)]
        previous = endpoint.previous_secret_at(now)
        if previous is not None:
            # A secret that is rotated because its key was lost cannot sign, and is not needed to.
            with suppress(SecretUnreadable):
                secrets.append(await store.open(SECRET_PURPOSE, previous))
        return secrets


def _read_cursor(cursor: str) -> str:
    position = decode_cursor(cursor)
    if not is_id(position):
        raise unusable_cursor()
    return position


def _due_at_once(attempt: DeliveryAttempt, now: datetime) -> DeliveryAttempt:
    return attempt if attempt.next_at is None else replace(attempt, next_at=now)


def judge(endpoint: Endpoint, attempts: Sequence[DeliveryAttempt], now: datetime) -> Endpoint:
    """The endpoint as some attempts leave it. A ping that fails tells nothing: its owner only tries it out."""
    health, is_gone = endpoint.health, False
    for attempt in attempts:
        if attempt.status is DeliveryStatus.DELIVERED:
            health = after_success(health, now)
        elif attempt.tells_of_endpoint:
            health = after_failure(health, attempt.at, rest_seconds=attempt.rest_seconds)
            is_gone = is_gone or attempt.is_gone
    judged = replace(endpoint, health=health)
    if not endpoint.is_enabled or not (is_gone or is_lost(health)):
        return judged
    reason = DisabledReason.GONE if is_gone else DisabledReason.FAILING
    return replace(judged, disabled_reason=reason, disabled_at=now, version=endpoint.version + 1, updated_at=now)


def _disabled_event(endpoint: Endpoint) -> Event:
    assert endpoint.disabled_reason is not None
    since = endpoint.health.failing_since
    return Event(
        name=f"{DISABLED_TYPE}.v1",
        subject=endpoint.id,
        data={
            "id": endpoint.id,
            "reason": endpoint.disabled_reason.value,
            "failing_since": None if since is None else since.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "version": endpoint.version,
        },
    )
