"""A revoked key opens nothing within a second, on every process; known keys go on while the database is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from catalogue.tenants import KeyKind
from tests.support.engine import running_engine
from tests.support.proxy import Mode, Proxy
from tests.support.server import running_server

pytestmark = pytest.mark.own_database

_WITHIN_SECONDS: Final = 1.0
_IN_TIME: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Two servers of one engine, the second with a network to its database that can be taken away."""

    first: httpx.AsyncClient
    second: httpx.AsyncClient
    network: Proxy
    owner: dict[str, str]
    key: dict[str, str]
    key_id: str

    async def ask(self, server: httpx.AsyncClient) -> int:
        """The status of an answer to the key."""
        return (await server.get("/v1/me", headers=self.key)).status_code

    async def warm(self, server: httpx.AsyncClient) -> None:
        """Use the key until the server knows it: on a busy machine its first look-up may take too long."""
        async with asyncio.timeout(_IN_TIME):
            while await self.ask(server) != httpx.codes.OK:
                pass
        assert await self.ask(server) == httpx.codes.OK

    async def revoke(self) -> float:
        """Revoke the key at the first server; the instant of the answer, by time.monotonic()."""
        answered = await self.first.delete(f"/v1/api-keys/{self.key_id}", headers=self.owner)
        assert answered.status_code == httpx.codes.NO_CONTENT
        return time.monotonic()


@pytest.fixture
async def servers(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Servers]:
    async with running_engine(database_url, redis_url) as engine:
        tenants = engine.services.tenants
        owner, key = [await tenants.create_key(engine.tenant_id, KeyKind.SECRET) for _ in range(2)]
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(Proxy(database_url).running())
        first = await stack.enter_async_context(running_server(database_url, redis_url, tmp_path))
        second = await stack.enter_async_context(running_server(network.url, redis_url, tmp_path))
        yield Servers(
            first=await stack.enter_async_context(httpx.AsyncClient(base_url=first.url, timeout=_IN_TIME)),
            second=await stack.enter_async_context(httpx.AsyncClient(base_url=second.url, timeout=_IN_TIME)),
            network=network,
            owner={"Authorization": f"Bearer {owner.key}"},
            key={"Authorization": f"Bearer {key.key}"},
            key_id=key.id,
        )


async def test_revoked_key_is_refused_within_a_second_by_every_process(servers: Servers) -> None:
    for server in (servers.first, servers.second):
        await servers.warm(server)

    revoked_at = await servers.revoke()
    accepted_at = revoked_at
    while (asked_at := time.monotonic()) < revoked_at + _WITHIN_SECONDS:
        if await servers.ask(servers.first) == httpx.codes.OK:
            accepted_at = asked_at

    assert await servers.ask(servers.first) == httpx.codes.UNAUTHORIZED
    # It was asked nothing meanwhile.
    assert await servers.ask(servers.second) == httpx.codes.UNAUTHORIZED
    assert accepted_at < revoked_at + _WITHIN_SECONDS


async def test_known_key_goes_on_while_the_database_is_away_and_a_revoked_one_ends_when_it_is_back(
    servers: Servers,
) -> None:
    await servers.warm(servers.second)
    servers.network.mode = Mode.REFUSE

    # Longer than a process believes what it knows of revoked keys.
    away_since = time.monotonic()
    while time.monotonic() < away_since + 2 * _WITHIN_SECONDS:
        assert await servers.ask(servers.second) == httpx.codes.OK
    await servers.revoke()
    assert await servers.ask(servers.second) == httpx.codes.OK
    servers.network.mode = Mode.PASS

    async with asyncio.timeout(_IN_TIME):
        while await servers.ask(servers.second) != httpx.codes.UNAUTHORIZED:
            pass
