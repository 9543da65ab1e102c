"""Limits of connections, over real sockets: `holdfast serve` as a process of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from catalogue.tenants import KeyKind
from tests.support.engine import running_engine
from tests.support.server import running_server

pytestmark = pytest.mark.own_database

_SETTINGS: Final = {
    "HOLDFAST_MAX_CONNECTIONS": "16",
    "HOLDFAST_MAX_CONCURRENT_REQUESTS": "8",
    "HOLDFAST_FIRST_BYTE_SECONDS": "0.5",
    "HOLDFAST_HEADER_SECONDS": "0.5",
    "HOLDFAST_BODY_SECONDS": "0.5",
    "HOLDFAST_KEEP_ALIVE_SECONDS": "0.5",
    "HOLDFAST_UNREAD_SECONDS": "0.5",
    "HOLDFAST_LOOPS_IN_PROCESS": "false",
    # What is slow on a busy machine is no fault.
    "HOLDFAST_STORE_SILENCE_MS": "10000",
    "HOLDFAST_POSTGRES_CONNECT_SECONDS": "30",
    "HOLDFAST_POSTGRES_STATEMENT_MS": "60000",
}
_WAIT_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.05


class Wire:
    """A client of bytes."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self.url = url
        self.key = key

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)

    async def answer(self, sent: bytes) -> bytes:
        """All that comes until the server closes the connection, which is never closed from here."""
        reader, writer = await self.open()
        try:
            writer.write(sent)
            async with asyncio.timeout(_WAIT_SECONDS):
                return await reader.read()
        finally:
            writer.transport.abort()

    async def listens(self) -> None:
        """Return once a server process answers: with several, the address is taken before any of them listens."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                with suppress(ConnectionError):
                    await self.answer(b"nonsense\r\n\r\n")
                    return
                await asyncio.sleep(_POLL_SECONDS)


@pytest.fixture
async def wire(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Wire]:
    async with running_engine(database_url, redis_url) as engine:
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.PUBLISHABLE)).key
    async with running_server(database_url, redis_url, tmp_path, **_SETTINGS) as server:
        yield Wire(server.url, key)


def _post(*headers: str) -> bytes:
    return "\r\n".join(["POST /v1/holds HTTP/1.1", "Host: engine", *headers, "", ""]).encode()


async def test_each_limit_is_kept_on_real_connections(wire: Wire) -> None:
    keyed = (f"Authorization: Bearer {wire.key}", "Content-Type: application/json")

    found = await asyncio.gather(
        wire.answer(b""),
        wire.answer(b"GET /v1/services HTTP/1.1\r\nX-Slow: "),
        wire.answer(_post(*keyed, "Content-Length: 10") + b"{"),
        wire.answer(b"GET /healthz HTTP/1.1\r\nHost: engine\r\n\r\n"),
        wire.answer(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 40_000),
        wire.answer(b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n"),
        wire.answer(_post("Content-Length: 1000000") + b"x" * 500_000),
        wire.answer(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    )

    assert [answer[9:12].decode() for answer in found] == ["", "408", "408", "200", "431", "414", "401", "400"]
    problems = [orjson.loads(answer.partition(b"\r\n\r\n")[2]) for answer in found[1:] if answer[9:12] != b"200"]
    assert [problem["code"] for problem in problems] == [
        "request_timeout", "request_timeout", "headers_too_large", "uri_too_long", "unauthorized", "malformed_request",
    ]  # fmt: skip


async def test_new_connection_is_served_whatever_number_is_open(wire: Wire) -> None:
    crowd = [await wire.open() for _ in range(100)]
    try:
        async with httpx.AsyncClient(base_url=wire.url, timeout=_WAIT_SECONDS) as http:
            answer = await http.get("/healthz")
    finally:
        for _, writer in crowd:
            writer.transport.abort()

    assert answer.status_code == 200


async def test_connection_of_a_client_that_reads_nothing_ends(wire: Wire) -> None:
    with socket.create_connection((urlsplit(wire.url).hostname, urlsplit(wire.url).port), timeout=_WAIT_SECONDS) as own:
        # Both buffers of the kernel are full long before that.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.setblocking(False)  # noqa: FBT003 - as the standard library has it
        loop = asyncio.get_running_loop()
        request = b"GET /openapi.json HTTP/1.1\r\nHost: engine\r\n\r\n"

        async def ask_on() -> None:
            while True:
                await loop.sock_sendall(own, request * 20)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask_on(), _WAIT_SECONDS)


async def test_two_processes_keep_their_own_limits(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with running_server(database_url, redis_url, tmp_path, **_SETTINGS, HOLDFAST_WORKERS="2") as server:
        wire = Wire(server.url, "")
        await wire.listens()

        answers = await asyncio.gather(*(wire.answer(b"GET /x HTTP/1.1\r\nX-Slow: ") for _ in range(8)))

    assert {answer[9:12] for answer in answers} == {b"408"}
