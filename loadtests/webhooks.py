"""Measurement of deliveries: ten thousand events at once to one endpoint (`python -m loadtests.webhooks`)."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop

from bootstrap.context import open_context
from bootstrap.embedded import kept_stores
from bootstrap.services import build_services
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from kernel.operation import by_system
from loadtests.faults.engine import clean_environment
from loadtests.faults.receivers import ALLOWED, MASTER_KEY
from persistence.schema import upgrade
from webhooks.model import EndpointDetails, Payload

_EVENTS: Final = 10_000
_SUBJECTS: Final = 2000
_COMMAND: Final = (sys.executable, "-c", "from cli.main import main; main()", "worker")
_LENGTH: Final = b"content-length: "
_ADD: Final = """
    INSERT INTO outbox (tenant_id, name, subject, data)
    SELECT $1, 'appointment.annotated.v1', 'apt_' || number % $3::int, jsonb_build_object('number', number)
    FROM generate_series(1, $2::int) AS number
"""


class _Receiver(asyncio.Protocol):
    """An endpoint that answers at once, and looks at nothing but the lengths of bodies."""

    arrived = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            begin = head.index(_LENGTH) + len(_LENGTH)
            whole = end + 4 + int(head[begin:].split(b"\r\n")[0])
            if len(self._rest) < whole:
                return
            self._rest = self._rest[whole:]
            _Receiver.arrived += 1
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@asynccontextmanager
async def _working(environment: dict[str, str], directory: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*_COMMAND, cwd=directory, env=environment)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def _measure(database_url: str, redis_url: str, directory: str) -> None:
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        redis_url=redis_url,
        master_key=MASTER_KEY,
        outbound_allow=ALLOWED,
        postgres_connect_seconds=10,
        store_silence_ms=10_000,
    )
    server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with open_context(settings) as context:
        services = build_services(context)
        tenant = await services.tenants.create("Measured")
        details = EndpointDetails(url=url, types=("*",), payload=Payload.THIN, description=None)
        await services.webhook_endpoints.create(by_system(tenant.id, "load-test"), details)
    environment = clean_environment() | {
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_REDIS_URL": redis_url,
        "HOLDFAST_MASTER_KEY": MASTER_KEY,
        "HOLDFAST_OUTBOUND_ALLOW": ALLOWED,
        "HOLDFAST_LOG_LEVEL": "warning",
    }
    outside: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    async with _working(environment, directory):
        # One comes through first, so that the worker is up.
        await outside.execute(_ADD, tenant.id, 1, 1)
        await _arrival_of(1)
        begun = time.perf_counter()
        await outside.execute(_ADD, tenant.id, _EVENTS, _SUBJECTS)
        committed = time.perf_counter() - begun
        await _arrival_of(1 + _EVENTS)
        seconds = time.perf_counter() - begun
    await outside.close()
    server.close()
    print(
        f"{_EVENTS} events of {_SUBJECTS} subjects committed in {committed:.2f} s, all delivered after {seconds:.2f} s"
    )


async def _arrival_of(count: int) -> None:
    while _Receiver.arrived < count:  # noqa: ASYNC110 - another process sends
        await asyncio.sleep(0.01)


def main() -> None:
    """Measure on stores of its own."""
    with tempfile.TemporaryDirectory(prefix="holdfast-webhooks-") as directory:
        Path(directory).chmod(0o711)
        specification = Specification(data_dir=directory, durable=False, superuser=True)
        with kept_stores(specification, announce=lambda _: None) as urls:
            assert urls.database_url is not None
            assert urls.redis_url is not None
            upgrade(urls.database_url)
            uvloop.run(_measure(urls.database_url, urls.redis_url, directory))


if __name__ == "__main__":
    main()
