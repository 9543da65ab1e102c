"""Task that sends what is due to one endpoint: a few deliveries at once, those of one subject one after the other."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import random
from typing import Final

import orjson
import structlog

from kernel.clock import Clock
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from outbound.client import OutboundClient, OutboundFailed, TargetNotAllowed
from outbound.connection import OutboundAnswer
from outbound.signing import signed_headers
from outbound.targets import read_target
from persistence.errors import RedisUnavailable
from persistence.sealing import SecretUnreadable
from tasks.model import RunAgain, Task, TaskFailed, TaskKind
from telemetry.measures import WEBHOOK_ATTEMPTS, WEBHOOKS_DISABLED
from telemetry.metrics import Metrics
from webhooks.deliveries.service import WebhookDeliveryService
from webhooks.events import DELIVER
from webhooks.model import (
    INTERNAL,
    PING_TYPE,
    DeliveryAnswer,
    DeliveryAttempt,
    DeliveryBatch,
    DeliveryStatus,
    Endpoint,
    Payload,
    ReadyDelivery,
    SubjectView,
)
from webhooks.schedule import IN_ORDER_UNTIL, next_attempt, retry_after_seconds

AT_ONCE: Final = 4
"""Deliveries under way to one endpoint."""
KIND: Final = TaskKind(
    name=DELIVER,
    # A run begins nothing after RUN_SECONDS, and a delivery takes 15 seconds at most.
    lease_seconds=40,
    # Of a run that could not even begin, as without a master key. What an endpoint answers never fails a run.
    retry_seconds=(1, 10, 60, 300, 300, 900, 900, 3600, 3600, 3600),
    # Endpoints that hang cost a process no more than a coroutine each, so that they hold up no others.
    concurrency=400,
)
RUN_SECONDS: Final = 10.0
"""For so long a task goes on to send; then another may have its turn."""
_RECORD_SECONDS: Final = 0.5
_GONE: Final = 410
_THROTTLED: Final = frozenset({429, 503})
_USER_AGENT: Final = "Holdfast-Webhooks/1 (+https://www.standardwebhooks.com)"

_log = structlog.get_logger(__name__)


class DeliveryHandler:
    """Does the tasks of one kind: each sends what is due to one endpoint, and says when to look again."""

    kind = KIND

    def __init__(
        self,
        *,
        deliveries: WebhookDeliveryService,
        outbound: OutboundClient,
        view: SubjectView,
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float] = random,
    ) -> None:
        self._deliveries = deliveries
        self._outbound = outbound
        self._view = view
        self._clock = clock
        self._metrics = metrics
        self._chance = chance

    async def run(self, task: Task) -> RunAgain | None:
        """Send until nothing is due, or the turn is over. Raises TaskFailed, StoreUnavailable."""
        until = time.monotonic() + RUN_SECONDS
        while True:
            try:
                run = await self._deliveries.begin_run(task.tenant_id, task.subject)
            except SecretUnreadable as error:
                raise TaskFailed(str(error)) from error
            if run is None:
                return None
            if run.deliveries:
                await _Sending(self, task.tenant_id, run, until).send_all()
            elif run.next_at is None or run.next_at > self._clock.now():
                return None if run.next_at is None else RunAgain(run.next_at)
            if time.monotonic() > until:
                return RunAgain(self._clock.now())

    async def record(
        self, tenant_id: TenantId, endpoint: Endpoint, attempts: Sequence[DeliveryAttempt]
    ) -> Endpoint | None:
        """Write attempts down, and count them."""
        judged = await self._deliveries.end_run(tenant_id, endpoint, attempts)
        for attempt in attempts:
            self._metrics.add(WEBHOOK_ATTEMPTS, label=outcome_of(attempt))
        if judged is not None and judged.disabled_reason is not None and endpoint.is_enabled:
            self._metrics.add(WEBHOOKS_DISABLED)
            _log.warning("webhook_endpoint.disabled", endpoint=endpoint.id, reason=judged.disabled_reason.value)
        return judged

    async def attempt(self, tenant_id: TenantId, run: DeliveryBatch, delivery: ReadyDelivery) -> DeliveryAttempt:
        """Make one attempt; whatever goes wrong is its outcome. Raises StoreUnavailable, RedisUnavailable."""
        at, began = self._clock.now(), time.monotonic()
        try:
            return await self._try(tenant_id, run, delivery, at, began)
        except (StoreUnavailable, RedisUnavailable):
            raise
        except Exception:  # noqa: BLE001 - one event that cannot be sent holds up no other
            _log.exception("webhook_delivery.failed_unexpectedly", delivery=delivery.id, event_id=delivery.event_id)
            return self._failed(delivery, at, began, _no_answer(INTERNAL, _INTERNAL_DETAIL))

    async def _try(
        self, tenant_id: TenantId, run: DeliveryBatch, delivery: ReadyDelivery, at: datetime, began: float
    ) -> DeliveryAttempt:
        event = _ping(tenant_id, delivery, at) if delivery.is_ping else delivery.event
        if event is None:
            return _attempt(delivery, DeliveryStatus.DROPPED, at, began, _no_answer("event_gone", _EVENT_GONE))
        if run.endpoint.payload is Payload.FULL and not delivery.is_ping:
            event = await self._with_view(tenant_id, delivery, event)
        body = orjson.dumps(event, option=orjson.OPT_UTC_Z)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
            "Accept-Encoding": "identity",
            **signed_headers(run.secrets, delivery.event_id, int(time.time()), body),
        }
        try:
            answer = await self._outbound.send("POST", read_target(run.endpoint.url), headers=headers, body=body)
        except TargetNotAllowed as refusal:
            return self._failed(delivery, at, began, _no_answer(refusal.code, refusal.detail))
        except OutboundFailed as failure:
            return self._failed(delivery, at, began, _no_answer(failure.fault.value, str(failure)))
        told = DeliveryAnswer(status=answer.status, body=_text(answer.body), error=None, detail=None)
        if 200 <= answer.status < 300:  # noqa: PLR2004 - all of 2xx
            return _attempt(delivery, DeliveryStatus.DELIVERED, at, began, told)
        return self._refused(delivery, at, began, told, answer)

    async def _with_view(
        self, tenant_id: TenantId, delivery: ReadyDelivery, event: Mapping[str, object]
    ) -> Mapping[str, object]:
        data = event["data"]
        assert isinstance(data, Mapping)
        return {**event, "data": {**data, "object": await self._view(tenant_id, delivery.subject)}}

    def _refused(
        self, delivery: ReadyDelivery, at: datetime, began: float, told: DeliveryAnswer, answer: OutboundAnswer
    ) -> DeliveryAttempt:
        retry_after = retry_after_seconds(answer.headers, at)
        if answer.status == _GONE and not delivery.is_ping:
            return _attempt(delivery, DeliveryStatus.FAILED, at, began, told, is_gone=True)
        rest = retry_after if answer.status in _THROTTLED else None
        return self._failed(delivery, at, began, told, retry_after=retry_after, rest_seconds=rest)

    def _failed(
        self,
        delivery: ReadyDelivery,
        at: datetime,
        began: float,
        told: DeliveryAnswer,
        *,
        retry_after: float | None = None,
        rest_seconds: float | None = None,
    ) -> DeliveryAttempt:
        next_at = (
            None
            if delivery.is_ping
            else next_attempt(delivery.attempt + 1, self._clock.now(), retry_after=retry_after, chance=self._chance())
        )
        status = DeliveryStatus.FAILED if next_at is None else DeliveryStatus.PENDING
        return _attempt(delivery, status, at, began, told, next_at=next_at, rest_seconds=rest_seconds)


@dataclass(slots=True)
class _Sending:
    """The sending of one run."""

    handler: DeliveryHandler
    tenant_id: TenantId
    run: DeliveryBatch
    until: float
    """By time.monotonic(): nothing is begun later."""
    unrecorded: list[DeliveryAttempt] = field(default_factory=list)
    failures: int = 0
    """In a row."""
    is_over: bool = False
    """The endpoint is to be left alone."""

    async def send_all(self) -> None:
        """Send the deliveries, those of one subject in order, and write down what comes of them as it comes.

        Raises StoreUnavailable, RedisUnavailable; what was sent by then may be sent again.
        """
        places = asyncio.Semaphore(1 if self.run.endpoint.health.is_failing else AT_ONCE)
        chains: dict[str, list[ReadyDelivery]] = {}
        for delivery in self.run.deliveries:
            chains.setdefault(delivery.subject, []).append(delivery)
        all_sent = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._record_until(all_sent))
                await asyncio.wait([group.create_task(self._send_chain(chain, places)) for chain in chains.values()])
                all_sent.set()
        except* (StoreUnavailable, RedisUnavailable) as lost:
            raise lost.exceptions[0] from None
        finally:
            # Also where the process stops: what was delivered is not to be sent again.
            await self._record()

    async def _record_until(self, all_sent: asyncio.Event) -> None:
        while not all_sent.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_RECORD_SECONDS):
                    await all_sent.wait()
            await self._record()

    async def _send_chain(self, chain: Sequence[ReadyDelivery], places: asyncio.Semaphore) -> None:
        for delivery in chain:
            async with places:
                if self.is_over or time.monotonic() > self.until:
                    return
                attempt = await self.handler.attempt(self.tenant_id, self.run, delivery)
            self.unrecorded.append(attempt)
            self._note(attempt)
            if attempt.next_at is not None and delivery.attempt + 1 < IN_ORDER_UNTIL:
                # Later events of the subject wait for this one.
                return

    def _note(self, attempt: DeliveryAttempt) -> None:
        if not attempt.tells_of_endpoint:
            return
        self.failures = 0 if attempt.status is DeliveryStatus.DELIVERED else self.failures + 1
        if attempt.is_gone or attempt.rest_seconds is not None or self.failures >= AT_ONCE:
            self.is_over = True

    async def _record(self) -> None:
        attempts, self.unrecorded = self.unrecorded, []
        if not attempts:
            return
        try:
            endpoint = await self.handler.record(self.tenant_id, self.run.endpoint, attempts)
        except BaseException:
            self.unrecorded = [*attempts, *self.unrecorded]
            raise
        if endpoint is None or not endpoint.is_enabled or endpoint.version != self.run.endpoint.version:
            # The rest is sent as its owner wants it now.
            self.is_over = True


_INTERNAL_DETAIL: Final = "The engine failed to send the event. The log of the server has the cause."
_EVENT_GONE: Final = "The event is kept no longer, so it cannot be sent."


def outcome_of(attempt: DeliveryAttempt) -> str:
    """The outcome of an attempt as it is counted: the class of the answer's status, or the cause of its absence."""
    status = attempt.answer.status
    return f"{status // 100}xx" if status is not None else str(attempt.answer.error)


def _attempt(
    delivery: ReadyDelivery,
    status: DeliveryStatus,
    at: datetime,
    began: float,
    answer: DeliveryAnswer,
    *,
    next_at: datetime | None = None,
    rest_seconds: float | None = None,
    is_gone: bool = False,
) -> DeliveryAttempt:
    return DeliveryAttempt(
        delivery=delivery,
        status=status,
        next_at=next_at,
        at=at,
        duration_ms=round((time.monotonic() - began) * 1000),
        answer=answer,
        rest_seconds=rest_seconds,
        is_gone=is_gone,
    )


def _no_answer(error: str, detail: str) -> DeliveryAnswer:
    return DeliveryAnswer(status=None, body=None, error=error, detail=detail)


def _ping(tenant_id: TenantId, delivery: ReadyDelivery, at: datetime) -> Mapping[str, object]:
    return {
        "id": delivery.event_id,
        "type": PING_TYPE,
        "version": 1,
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "business": str(tenant_id),
        "subject": delivery.subject,
        "data": {"id": delivery.subject},
    }


def _text(body: bytes) -> str:
    """The body as text that Postgres can hold."""
    return body.decode(errors="replace").replace("\x00", "\ufffd")
