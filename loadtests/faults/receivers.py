"""Two endpoints of webhooks: one that is well, and one that does whatever can be wrong with an endpoint."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bootstrap.context import open_context
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from catalogue.model.rules.rule import UNSET
from kernel.clock import SystemClock
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from kernel.operation import by_system
from loadtests.faults.stores import Stores
from webhooks.endpoint_service import EndpointChange
from webhooks.model import EndpointDetails, Payload

MASTER_KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""It opens nothing but secrets of a run."""
ALLOWED: Final = "127.0.0.0/8"
_OPERATION: Final = "load-test"
_OK: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
# As often as it is listed.
_MISDEEDS: Final = (
    b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slowly\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 302 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    b"\x16\x03\x01 garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\ncut off",
    b"",
    None,
    b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n",
)
_HANGS_SECONDS: Final = 20.0
# One that was gone is enabled again after so long: then it may misbehave once more.
_ENABLED_AGAIN_SECONDS: Final = 3.0

_Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event as it arrived."""

    event_id: str
    subject: str
    is_genuine: bool
    """The published library verifies its signature."""


@dataclass(kw_only=True)
class Receivers:
    """Events that have arrived."""

    good: list[Arrival] = field(default_factory=list)
    bad: list[Arrival] = field(default_factory=list)


@asynccontextmanager
async def running_receivers(stores: Stores, tenant_id: TenantId, chance: random.Random) -> AsyncIterator[Receivers]:
    """Both endpoints, registered and listening, for as long as the block lasts."""
    receivers, secrets = Receivers(), dict[str, Webhook]()

    async def misbehave(writer: asyncio.StreamWriter) -> None:
        misdeed = chance.choice((_OK, *_MISDEEDS))
        if misdeed is None:
            await asyncio.sleep(_HANGS_SECONDS)
        else:
            writer.write(misdeed)
        if misdeed is not _OK:
            writer.close()

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(_OK)

    async with (
        _listening("good", receivers.good, secrets, behave) as good,
        _listening("bad", receivers.bad, secrets, misbehave) as bad,
        open_context(_settings(stores)) as context,
    ):
        services = build_services(context, SystemClock())
        for name, port in (("good", good), ("bad", bad)):
            details = EndpointDetails(
                url=f"http://127.0.0.1:{port}/", types=("*",), payload=Payload.THIN, description=name
            )
            new = await services.webhook_endpoints.create(by_system(tenant_id, _OPERATION), details)
            secrets[name] = Webhook(new.secret)
        enabling = asyncio.create_task(_enable_again(services, tenant_id))
        yield receivers
        enabling.cancel()
        with suppress(asyncio.CancelledError):
            await enabling


async def _enable_again(services: Services, tenant_id: TenantId) -> None:
    operation = by_system(tenant_id, _OPERATION)
    while True:
        await asyncio.sleep(_ENABLED_AGAIN_SECONDS)
        with suppress(StoreUnavailable):
            for endpoint in await services.webhook_endpoints.list_endpoints(operation):
                if not endpoint.is_enabled:
                    change = EndpointChange(url=UNSET, is_enabled=True)
                    await services.webhook_endpoints.change(operation, endpoint.id, change, expected_version=None)


@asynccontextmanager
async def _listening(
    name: str, arrivals: list[Arrival], secrets: Mapping[str, Webhook], respond: _Respond
) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers["content-length"]))
                arrivals.append(_arrival(body, headers, secrets[name]))
                await respond(writer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def _arrival(body: bytes, headers: Mapping[str, str], secret: Webhook) -> Arrival:
    try:
        event: dict[str, Any] = secret.verify(body, dict(headers))
    except (WebhookVerificationError, ValueError):
        return Arrival(event_id=headers.get("webhook-id", ""), subject="", is_genuine=False)
    return Arrival(event_id=event["id"], subject=event["subject"], is_genuine=event["id"] == headers["webhook-id"])


def _settings(stores: Stores) -> Settings:
    return Settings(
        _env_file=None,
        database_url=stores.database_url,
        redis_url=stores.redis_url,
        master_key=MASTER_KEY,
        outbound_allow=ALLOWED,
    )
