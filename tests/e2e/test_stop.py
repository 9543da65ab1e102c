"""A server that is told to stop: `holdfast serve`, as a process of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from catalogue.tenants import KeyKind
from persistence.metrics import MetricsStore
from persistence.redis import RedisLimits, create_redis
from tests.support.engine import running_engine
from tests.support.server import running_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

# Whoever waits for a lock is to be waited for, not refused.
_SETTINGS: Final = {
    "HOLDFAST_POSTGRES_LOCK_MS": "50000",
    "HOLDFAST_POSTGRES_STATEMENT_MS": "60000",
    # What is slow on a busy machine is no fault.
    "HOLDFAST_STORE_SILENCE_MS": "10000",
    "HOLDFAST_LOOPS_IN_PROCESS": "false",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and somebody whose connection to it stays open."""

    process: asyncio.subprocess.Process
    visitor: httpx.AsyncClient

    async def answer(self, path: str, status: int) -> httpx.Response:
        """The first answer with that status; a worker that is gone leaves the request to the others."""
        answers: list[httpx.Response] = []

        async def answered() -> bool:
            with suppress(httpx.TransportError):
                answers.append(await self.visitor.get(path))
            return bool(answers) and answers[-1].status_code == status

        await eventually(answered)
        return answers[-1]

    async def ended(self) -> int:
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def serving(database_url: str, redis_url: str, directory: Path, **settings: str) -> AsyncIterator[Server]:
    async with running_engine(database_url, redis_url) as engine:
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        running_server(database_url, redis_url, directory, **_SETTINGS, **settings) as running,
        httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60) as visitor,
    ):
        server = Server(running.process, visitor)
        # With several workers the address is taken before any of them listens.
        await server.answer("/healthz", httpx.codes.OK)
        yield server


async def waits_for_a_lock(outside: "asyncpg.Connection[Any]") -> None:
    async def somebody_waits() -> bool:
        return bool(await outside.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    await eventually(somebody_waits)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_stopping_server_finishes_what_runs_and_refuses_what_comes(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", workers: str
) -> None:
    async with serving(database_url, redis_url, tmp_path, HOLDFAST_WORKERS=workers) as server:
        async with outside.transaction():
            await outside.execute("LOCK TABLE appointments")
            running = asyncio.create_task(server.visitor.get("/v1/appointments"))
            await waits_for_a_lock(outside)

            server.process.send_signal(signal.SIGTERM)
            refused = await server.answer("/v1/services", httpx.codes.SERVICE_UNAVAILABLE)
            not_ready = await server.answer("/readyz", httpx.codes.SERVICE_UNAVAILABLE)

        finished = await running
        status = await server.ended()

    assert refused.json()["code"] == "stopping"
    assert (refused.headers["Connection"], refused.headers["Retry-After"]) == ("close", "1")
    assert not_ready.json()["stopping"]
    assert (finished.status_code, finished.headers["Connection"]) == (200, "close")
    assert status == 0


async def test_stopping_server_ends_within_its_grace_whatever_runs(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]"
) -> None:
    async with serving(database_url, redis_url, tmp_path, HOLDFAST_SHUTDOWN_GRACE_SECONDS="2") as server:
        async with outside.transaction():
            await outside.execute("LOCK TABLE appointments")
            running = asyncio.create_task(server.visitor.get("/v1/appointments"))
            await waits_for_a_lock(outside)

            server.process.send_signal(signal.SIGTERM)
            status = await server.ended()

        cut = await running

    assert status == 0
    assert cut.status_code == httpx.codes.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_stopping_server_loses_no_counts(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", workers: str
) -> None:
    async with serving(database_url, redis_url, tmp_path, HOLDFAST_WORKERS=workers) as server:
        # Each on a connection of its own, so that any of the workers may get it.
        answers = [await server.visitor.get("/v1/services", headers={"Connection": "close"}) for _ in range(25)]
        async with outside.transaction():
            await outside.execute("LOCK TABLE appointments")
            running = asyncio.create_task(server.visitor.get("/v1/appointments"))
            await waits_for_a_lock(outside)
            server.process.send_signal(signal.SIGTERM)
            await server.answer("/readyz", httpx.codes.SERVICE_UNAVAILABLE)
        finished = await running
        status = await server.ended()

    redis = create_redis(redis_url, RedisLimits(command_seconds=10, connect_seconds=10))
    stored = await MetricsStore(redis).read()
    await redis.aclose()
    assert {answer.status_code for answer in answers} == {finished.status_code} == {200}
    assert status == 0
    assert stored.counts["requests:GET /v1/services:200"] == 25
    assert stored.counts["requests:GET /v1/appointments:200"] == 1
    assert stored.processes == {}


async def test_idle_server_ends_at_once(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with serving(database_url, redis_url, tmp_path) as server:
        await server.visitor.get("/healthz")

        server.process.send_signal(signal.SIGTERM)
        status = await server.ended()

    assert status == 0
