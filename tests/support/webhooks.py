"""Webhook endpoints of a business as a test drives them: what is due is sent when the test says so."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import orjson
from standardwebhooks.webhooks import Webhook

from api.subject_views import build_subject_view
from events.service import Relay
from persistence.unit_of_work import UnitOfWork
from tasks.model import RunAgain, Task
from tests.support.door import Door
from tests.support.engine import MovingClock
from tests.support.peers import Peer, PeerRequest, Respond, answering, running_peer
from webhooks.deliveries.service import WebhookDeliveryService
from webhooks.events import DELIVER, SUBSCRIBER
from webhooks.tasks import DeliveryHandler

_NUMBERS: Final = itertools.count()


@dataclass(eq=False)
class Receiver:
    """An endpoint of a customer, which verifies what it is sent by the published library."""

    url: str
    peer: Peer
    secret: str = ""
    id: str = ""

    def bodies(self, secret: str | None = None) -> list[dict[str, Any]]:
        """The bodies it was sent, each verified."""
        return [self._verified(request, secret or self.secret) for request in self.peer.requests]

    def ids(self) -> list[str]:
        """The ids of the events it was sent, in order."""
        return [body["id"] for body in self.bodies()]

    def subjects(self) -> list[str]:
        """The subjects of the events it was sent, in order."""
        return [body["subject"] for body in self.bodies()]

    @staticmethod
    def _verified(request: PeerRequest, secret: str) -> dict[str, Any]:
        body: dict[str, Any] = Webhook(secret).verify(request.body, request.headers)
        assert body["id"] == request.headers["webhook-id"]
        assert body == orjson.loads(request.body)
        return body


@dataclass(eq=False)
class Hooks:
    """The webhooks of one business."""

    door: Door
    outside: "asyncpg.Connection[Any]"
    clock: MovingClock = field(default_factory=lambda: MovingClock(datetime.now(UTC)))

    def __post_init__(self) -> None:
        context = self.door.context
        keys = context.settings.master_keys
        self.handler = DeliveryHandler(
            deliveries=WebhookDeliveryService(unit_of_work=UnitOfWork(context.engine), keys=keys, clock=self.clock),
            outbound=context.outbound,
            view=build_subject_view(context),
            clock=self.clock,
            metrics=context.metrics,
            chance=lambda: 0.5,
        )
        self.relay = Relay(engine=context.engine, subscribers=(SUBSCRIBER,), metrics=context.metrics)

    @asynccontextmanager
    async def receiver(self, respond: Respond | None = None, **body: Any) -> AsyncIterator[Receiver]:
        """An endpoint that is registered, and answers 200 unless it is told to do otherwise."""
        async with running_peer(respond or answering()) as peer:
            receiver = Receiver(f"http://127.0.0.1:{peer.port}/hook", peer)
            created = await self.door.send(
                "POST", "/v1/webhook-endpoints", json={"url": receiver.url, "types": ["*"], **body}, status=201
            )
            receiver.secret, receiver.id = created["secret"], created["id"]
            yield receiver

    async def happen(self, subject: str, name: str = "appointment.confirmed.v1", **data: object) -> None:
        """Let something happen, as a booking's transaction would write it."""
        await self.outside.execute(
            "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, $2, $3, $4)",
            self.door.tenant_id,
            name,
            subject,
            orjson.dumps({"id": subject, **data}).decode(),
        )

    async def happen_often(self, count: int, *, subjects: int) -> None:
        """Let so many things happen to so many subjects, in turn."""
        await self.outside.execute(
            "INSERT INTO outbox (tenant_id, name, subject, data) SELECT $1, 'appointment.annotated.v1',"
            " 'apt_' || number % $3::int, jsonb_build_object('number', number) FROM generate_series(0, $2::int - 1)"
            " AS number",
            self.door.tenant_id,
            count,
            subjects,
        )

    async def run(self, receiver: Receiver) -> RunAgain | None:
        """Do the task of an endpoint once, after the relay has moved what happened."""
        while await self.relay.run_once():
            pass
        # The API goes by the real time, and the handler by at least that.
        self.clock.instant = max(self.clock.instant, datetime.now(UTC))
        now = self.clock.now()
        return await self.handler.run(
            Task(
                id=next(_NUMBERS),
                tenant_id=self.door.tenant_id,
                kind=DELIVER,
                subject=receiver.id,
                key=receiver.id,
                due_at=now,
                attempt=1,
                leased_until=now + timedelta(seconds=40),
                revision=1,
                created_at=now,
            )
        )

    async def deliveries(self, receiver: Receiver, **params: str) -> list[Mapping[str, Any]]:
        """The deliveries to an endpoint as the API tells them, the latest first."""
        path = f"/v1/webhook-endpoints/{receiver.id}/deliveries"
        answered = await self.door.send("GET", path, params={"limit": 200, **params}, status=200)
        data: list[Mapping[str, Any]] = answered["data"]
        return data

    async def endpoint(self, receiver: Receiver) -> Any:
        """An endpoint as the API tells it."""
        return await self.door.send("GET", f"/v1/webhook-endpoints/{receiver.id}", status=200)

    def pass_time(self, **time: float) -> None:
        """Let time pass."""
        self.clock.instant += timedelta(**time)
