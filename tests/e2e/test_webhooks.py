"""Webhooks from real processes: a server that delivers, and a developer who listens."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from catalogue.tenants import KeyKind
from tests.support.engine import MASTER_KEY, running_engine
from tests.support.peers import answering, running_peer
from tests.support.server import ServerProcess, running_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

_COMMAND: Final = [sys.executable, "-c", "from cli.main import main; main()", "listen"]
_SETTINGS: Final = {
    "HOLDFAST_MASTER_KEY": MASTER_KEY,
    "HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8",
    # What is slow on a busy machine is no fault.
    "HOLDFAST_POSTGRES_STATEMENT_MS": "30000",
    "HOLDFAST_POSTGRES_POOL_WAIT_SECONDS": "30",
    "HOLDFAST_POSTGRES_CONNECT_SECONDS": "10",
    "HOLDFAST_STORE_SILENCE_MS": "10000",
}
_PATH: Final = "/v1/webhook-endpoints"


@pytest.fixture
async def key(database_url: str, redis_url: str) -> str:
    async with running_engine(database_url, redis_url) as engine:
        return (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key


async def _happen(outside: "asyncpg.Connection[Any]", *subjects: str) -> None:
    for subject in subjects:
        await outside.execute(
            "INSERT INTO outbox (tenant_id, name, subject, data)"
            " SELECT tenant_id, 'appointment.annotated.v1', $1, '{}' FROM businesses",
            subject,
        )


@asynccontextmanager
async def _listening(server: ServerProcess, key: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        "--url",
        server.url,
        *arguments,
        env={**os.environ, "HOLDFAST_KEY": key, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_server_delivers_what_happens_to_an_endpoint(
    database_url: str, redis_url: str, tmp_path: Path, key: str, outside: "asyncpg.Connection[Any]"
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        running_server(database_url, redis_url, tmp_path, **_SETTINGS) as server,
        running_peer(answering(204)) as peer,
        httpx.AsyncClient(base_url=server.url, headers=headers) as http,
    ):
        body = {"url": f"http://127.0.0.1:{peer.port}/", "types": ["*"]}
        created = (await http.post(_PATH, json=body)).raise_for_status().json()
        await _happen(outside, "apt_1", "apt_1", "apt_2")

        async def are_delivered() -> bool:
            deliveries = (await http.get(f"{_PATH}/{created['id']}/deliveries")).json()["data"]
            statuses = [one["status"] for one in deliveries if one["subject"].startswith("apt_")]
            return statuses == ["delivered"] * 3

        await eventually(are_delivered)

    verified = [Webhook(created["secret"]).verify(request.body, request.headers) for request in peer.requests]
    assert sorted(one["subject"] for one in verified if one["subject"].startswith("apt_")) == [
        "apt_1",
        "apt_1",
        "apt_2",
    ]


async def test_listen_forwards_events_signed_and_goes_on_after_the_server_was_away(
    database_url: str, redis_url: str, tmp_path: Path, key: str, outside: "asyncpg.Connection[Any]"
) -> None:
    async with (
        running_peer(answering(200)) as peer,
        running_server(database_url, redis_url, tmp_path, **_SETTINGS) as server,
    ):
        port = server.url.rpartition(":")[2]
        forward = ("--forward-to", f"http://127.0.0.1:{peer.port}/hook", "--type", "appointment.*")
        async with _listening(server, key, *forward) as process:
            assert process.stderr is not None
            secret = (await process.stderr.readline()).decode().split()[-1]

            async def has_arrived(subject: str) -> bool:
                return any(subject.encode() in request.body for request in peer.requests)

            async def first_arrives() -> bool:
                await _happen(outside, "apt_first")
                return await has_arrived("apt_first")

            await eventually(first_arrives)
            server.process.terminate()
            await server.process.wait()
            await _happen(outside, "apt_meanwhile")
            async with running_server(database_url, redis_url, tmp_path, **(_SETTINGS | {"HOLDFAST_PORT": port})):
                await eventually(lambda: has_arrived("apt_meanwhile"))

    verified = [Webhook(secret).verify(request.body, request.headers) for request in peer.requests]
    assert {one["type"] for one in verified} == {"appointment.annotated"}
    assert peer.requests[0].line == "POST /hook HTTP/1.1"


async def test_listen_says_why_a_server_refuses(database_url: str, redis_url: str, tmp_path: Path, key: str) -> None:
    async with (
        running_server(database_url, redis_url, tmp_path, **_SETTINGS) as server,
        _listening(server, "hfs_" + "x" * 43) as process,
    ):
        _, errors = await process.communicate()

    assert process.returncode == 1
    assert "401" in errors.decode()
