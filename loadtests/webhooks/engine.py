"""Stores, processes and endpoints of a measurement."""

import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from bootstrap.context import open_context
from bootstrap.embedded import kept_stores
from bootstrap.processes import die_with_parent
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from kernel.ids import TenantId
from kernel.operation import by_system
from loadtests.faults.engine import clean_environment
from loadtests.faults.receivers import ALLOWED, MASTER_KEY
from persistence.schema import upgrade
from webhooks.model import EndpointDetails, Payload

_COMMAND: Final = (sys.executable, "-c", "from cli.main import main; main()")
_LENGTH: Final = b"content-length: "
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Addresses of the stores."""

    database_url: str
    redis_url: str
    directory: str


def measure(run: Callable[[Stores], Awaitable[None]]) -> None:
    """Measure on fresh stores, which are gone afterwards. Postgres is as durable as in earnest."""
    with tempfile.TemporaryDirectory(prefix="holdfast-webhooks-") as directory:
        Path(directory).chmod(0o711)
        specification = Specification(data_dir=directory, durable=True, superuser=True)
        with kept_stores(specification, announce=lambda _: None) as urls:
            assert urls.database_url is not None
            assert urls.redis_url is not None
            upgrade(urls.database_url)
            stores = Stores(database_url=urls.database_url, redis_url=urls.redis_url, directory=directory)
            uvloop.run(_awaited(run(stores)))


async def _awaited(done: Awaitable[None]) -> None:
    await done


class Receiver(asyncio.Protocol):
    """An endpoint that answers at once, and looks at nothing but the lengths of bodies."""

    def __init__(self, arrivals: list[float]) -> None:
        """`arrivals` gets the time of each delivery."""
        self._arrivals = arrivals
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            begin = head.index(_LENGTH) + len(_LENGTH)
            whole = end + 4 + int(head[begin:].split(b"\r\n")[0])
            if len(self._rest) < whole:
                return
            self._rest = self._rest[whole:]
            self._arrivals.append(time.monotonic())
            self._transport.write(_ANSWER)


@asynccontextmanager
async def endpoint(protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[str]:
    """The URL of an endpoint, for as long as the block lasts."""
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


@asynccontextmanager
async def opened(stores: Stores) -> AsyncIterator[Services]:
    """The services of this process."""
    settings = Settings(
        _env_file=None,
        database_url=stores.database_url,
        redis_url=stores.redis_url,
        master_key=MASTER_KEY,
        outbound_allow=ALLOWED,
        postgres_connect_seconds=10,
        store_silence_ms=10_000,
    )
    async with open_context(settings) as context:
        yield build_services(context)


async def register(services: Services, tenant_id: TenantId, *urls: str) -> None:
    """Have every event of the business sent to the URLs."""
    for url in urls:
        details = EndpointDetails(url=url, types=("*",), payload=Payload.THIN, description=None)
        await services.webhook_endpoints.create(by_system(tenant_id, "load-test"), details)


@asynccontextmanager
async def process(command: Sequence[str], stores: Stores, **settings: str) -> AsyncIterator[None]:
    """A process of the engine, for as long as the block lasts."""
    environment: Mapping[str, str] = clean_environment() | {
        "HOLDFAST_DATABASE_URL": stores.database_url,
        "HOLDFAST_REDIS_URL": stores.redis_url,
        "HOLDFAST_MASTER_KEY": MASTER_KEY,
        "HOLDFAST_OUTBOUND_ALLOW": ALLOWED,
        "HOLDFAST_LOG_LEVEL": "warning",
        "HOLDFAST_RATES_PER_BACK_END": "none",
        "HOLDFAST_STORE_SILENCE_MS": "10000",
        "HOLDFAST_POSTGRES_STATEMENT_MS": "10000",
        **settings,
    }
    started = await asyncio.create_subprocess_exec(
        *_COMMAND, *command, cwd=stores.directory, env=environment, preexec_fn=die_with_parent
    )
    try:
        yield
    finally:
        started.terminate()
        await started.wait()


async def until(arrivals: Sequence[float], count: int) -> None:
    """Wait for so many deliveries."""
    while len(arrivals) < count:  # noqa: ASYNC110 - another process sends
        await asyncio.sleep(0.01)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
