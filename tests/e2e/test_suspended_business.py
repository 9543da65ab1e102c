"""A suspended business gets nothing within a second, from every process, and all goes on once it is resumed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from catalogue.tenants import KeyKind
from tests.support.engine import running_engine
from tests.support.operator import KEY, PATH
from tests.support.server import running_server

pytestmark = pytest.mark.own_database

_WITHIN_SECONDS: Final = 1.0
_IN_TIME: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Two servers of one engine."""

    first: httpx.AsyncClient
    second: httpx.AsyncClient
    business: str
    keys: tuple[dict[str, str], dict[str, str]]
    """A secret one, and a publishable one."""

    async def statuses(self, server: httpx.AsyncClient) -> set[int]:
        """The statuses of the answers to both keys."""
        return {(await server.get("/v1/me", headers=key)).status_code for key in self.keys}

    async def until(self, server: httpx.AsyncClient, status: int) -> None:
        """Ask until the server answers both keys so."""
        async with asyncio.timeout(_IN_TIME):
            while await self.statuses(server) != {status}:
                pass

    async def suspend(self, *, suspended: bool) -> float:
        """Suspend or resume at the first server; the instant of the answer, by time.monotonic()."""
        answered = await self.first.patch(
            f"{PATH}/{self.business}", headers={"Authorization": f"Bearer {KEY}"}, json={"suspended": suspended}
        )
        assert answered.status_code == httpx.codes.OK, answered.text
        return time.monotonic()


@pytest.fixture
async def servers(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Servers]:
    async with running_engine(database_url, redis_url) as engine:
        made = [await engine.services.tenants.create_key(engine.tenant_id, kind) for kind in KeyKind]
    async with AsyncExitStack() as stack:
        urls = [
            (
                await stack.enter_async_context(
                    running_server(database_url, redis_url, tmp_path, HOLDFAST_OPERATOR_KEY=KEY)
                )
            ).url
            for _ in range(2)
        ]
        first, second = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=_IN_TIME)) for url in urls
        ]
        secret, publishable = [{"Authorization": f"Bearer {key.key}"} for key in made]
        yield Servers(first=first, second=second, business=str(engine.tenant_id), keys=(secret, publishable))


async def test_suspended_business_gets_nothing_within_a_second_from_every_process(servers: Servers) -> None:
    for server in (servers.first, servers.second):
        await servers.until(server, httpx.codes.OK)

    suspended_at = await servers.suspend(suspended=True)
    accepted_at = suspended_at
    while (asked_at := time.monotonic()) < suspended_at + _WITHIN_SECONDS:
        if httpx.codes.OK in await servers.statuses(servers.first):
            accepted_at = asked_at

    assert await servers.statuses(servers.first) == {httpx.codes.FORBIDDEN}
    # It was asked nothing meanwhile.
    assert await servers.statuses(servers.second) == {httpx.codes.FORBIDDEN}
    assert accepted_at < suspended_at + _WITHIN_SECONDS
    await servers.suspend(suspended=False)
    for server in (servers.first, servers.second):
        await servers.until(server, httpx.codes.OK)


async def test_open_streams_end(servers: Servers) -> None:
    await servers.until(servers.second, httpx.codes.OK)
    opened = asyncio.Event()

    async def follow() -> list[str]:
        async with servers.second.stream("GET", "/v1/events/stream", headers=servers.keys[0]) as response:
            assert response.status_code == httpx.codes.OK
            opened.set()
            return [line async for line in response.aiter_lines()]

    following: asyncio.Task[Any] = asyncio.create_task(follow())
    await opened.wait()

    await servers.suspend(suspended=True)

    # Long before its life ends, or a heartbeat.
    async with asyncio.timeout(10):
        await following
