"""Streams of events, from `holdfast serve` as a process of its own."""

import asyncio
import hashlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import orjson
import pytest

from catalogue.tenants import KeyKind
from kernel.ids import TenantId
from tests.support.door import open_door
from tests.support.engine import running_engine
from tests.support.server import ServerProcess, running_server
from tests.support.users import Users

pytestmark = pytest.mark.own_database

_STREAMS: Final = 100
_IN_TIME: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    tenant_id: TenantId
    secret: str
    publishable: str


@dataclass(slots=True)
class Stream:
    """An open stream, as a client reads it line by line."""

    lines: AsyncIterator[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    last_id: str = ""

    async def next(self) -> dict[str, Any]:
        """The next event. Raises StopAsyncIteration when the stream ends before."""
        async with asyncio.timeout(_IN_TIME):
            while True:
                line = await anext(self.lines)
                if line.startswith("id: "):
                    self.last_id = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    event: dict[str, Any] = orjson.loads(line.removeprefix("data: "))
                    self.events.append(event)
                    return event


@asynccontextmanager
async def opened(http: httpx.AsyncClient, path: str = "/v1/events/stream", **more: Any) -> AsyncIterator[Stream]:
    async with http.stream("GET", path, **more) as response:
        assert response.status_code == httpx.codes.OK, await response.aread()
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers.get_list("x-content-type-options") == ["nosniff"]
        assert response.headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        yield Stream(lines)


@pytest.fixture
async def keys(database_url: str, redis_url: str) -> Keys:
    async with running_engine(database_url, redis_url) as engine:
        tenants = engine.services.tenants
        return Keys(
            tenant_id=engine.tenant_id,
            secret=(await tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key,
            publishable=(await tenants.create_key(engine.tenant_id, KeyKind.PUBLISHABLE)).key,
        )


@asynccontextmanager
async def _client(server: ServerProcess, key: str | None) -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=_IN_TIME, limits=limits) as http:
        yield http


async def _happen(outside: "asyncpg.Connection[Any]", keys: Keys, *subjects: str) -> None:
    for subject in subjects:
        await outside.execute(
            "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, 'appointment.confirmed.v1', $2, '{}')",
            keys.tenant_id,
            subject,
        )


async def test_stream_sends_what_happens_and_goes_on_where_a_client_left_it(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", keys: Keys
) -> None:
    async with running_server(database_url, redis_url, tmp_path) as server, _client(server, keys.secret) as http:
        async with opened(http, params={"type": "appointment.*"}) as stream:
            await _happen(outside, keys, "apt_1")
            begun = time.monotonic()
            await stream.next()
            seconds = time.monotonic() - begun
        await _happen(outside, keys, "apt_2", "apt_3")
        headers = {"Last-Event-ID": stream.last_id}
        async with opened(http, params={"type": "appointment.*"}, headers=headers) as resumed:
            missed = [(await resumed.next())["subject"] for _ in range(2)]

    (event,) = stream.events
    assert (event["type"], event["subject"], event["id"]) == ("appointment.confirmed", "apt_1", stream.last_id)
    assert missed == ["apt_2", "apt_3"]
    assert seconds < 2


async def test_server_with_a_hundred_streams_stops_in_time_and_no_event_is_lost(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", keys: Keys
) -> None:
    async with AsyncExitStack() as first:
        server = await first.enter_async_context(running_server(database_url, redis_url, tmp_path))
        http = await first.enter_async_context(_client(server, keys.secret))
        streams = [await first.enter_async_context(opened(http, params={"subject": "apt_1"})) for _ in range(_STREAMS)]
        await _happen(outside, keys, "apt_1")
        await asyncio.gather(*(stream.next() for stream in streams))

        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(server.process.wait(), _IN_TIME)
        seconds = time.monotonic() - begun
        ends = await asyncio.gather(*(stream.next() for stream in streams), return_exceptions=True)
    await _happen(outside, keys, *["apt_1"] * 3)

    async with running_server(database_url, redis_url, tmp_path) as again, _client(again, keys.secret) as http:
        headers = {"Last-Event-ID": streams[0].last_id}
        async with opened(http, params={"subject": "apt_1"}, headers=headers) as resumed:
            missed = [await resumed.next() for _ in range(3)]

    assert (status, seconds < 5) == (0, True), seconds
    assert {type(end) for end in ends} == {StopAsyncIteration}
    assert len({event["id"] for event in missed} - {streams[0].last_id}) == 3


async def test_browser_opens_a_stream_with_a_ticket_and_no_key_is_read_from_an_address(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", keys: Keys
) -> None:
    async with (
        running_server(database_url, redis_url, tmp_path, HOLDFAST_LOG_LEVEL="debug") as server,
        _client(server, None) as browser,
        _client(server, keys.secret) as back_end,
        _client(server, keys.publishable) as visitor,
    ):
        made = (await back_end.post("/v1/stream-tickets")).json()
        async with opened(browser, params={"ticket": made["ticket"], "type": "appointment.*"}) as stream:
            await _happen(outside, keys, "apt_1")
            event = await stream.next()
        public = (await visitor.post("/v1/stream-tickets")).json()["ticket"]
        refused = [
            (await browser.get("/v1/events/stream", params=query)).status_code
            for query in (
                {"ticket": keys.secret},
                {"key": keys.secret},
                {"access_token": keys.secret},
                {"ticket": made["ticket"][:-1] + "_"},
                {"ticket": made["ticket"].replace("s1", "s9", 1)},
                {},
            )
        ]
        of_a_visitor = (await browser.get("/v1/events/stream", params={"ticket": public})).status_code
        elsewhere = (await browser.get("/v1/events", params={"ticket": made["ticket"]})).status_code

    assert event["subject"] == "apt_1"
    assert refused == [401] * 6
    assert (of_a_visitor, elsewhere) == (403, 401)
    written = server.log.decode()
    assert "/v1/events/stream" in written
    assert keys.secret not in written
    assert made["ticket"] not in written


async def test_number_of_streams_is_bounded(database_url: str, redis_url: str, tmp_path: Path, keys: Keys) -> None:
    settings = {"HOLDFAST_STREAMS_PER_BUSINESS": "2"}
    async with (
        running_server(database_url, redis_url, tmp_path, **settings) as server,
        _client(server, keys.secret) as http,
    ):
        async with opened(http), opened(http):
            refused = await http.get("/v1/events/stream")
        async with asyncio.timeout(_IN_TIME):
            while (status := (await http.head("/v1/events/stream")).status_code) != httpx.codes.OK:
                assert status == httpx.codes.TOO_MANY_REQUESTS

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert refused.headers["Retry-After"] == "5"


@pytest.mark.parametrize("by_ticket", [False, True])
async def test_stream_ends_soon_after_its_key_was_revoked_and_those_of_others_go_on(
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    outside: "asyncpg.Connection[Any]",
    keys: Keys,
    *,
    by_ticket: bool,
) -> None:
    async with running_engine(database_url, redis_url) as engine:
        other = (await engine.services.tenants.create_key(keys.tenant_id, KeyKind.SECRET)).key
    async with (
        running_server(database_url, redis_url, tmp_path) as server,
        _client(server, keys.secret) as http,
        _client(server, None) as browser,
        _client(server, other) as neighbour,
    ):
        query = {"type": "appointment.*"}
        ticket = {"ticket": (await http.post("/v1/stream-tickets")).json()["ticket"]}
        opening = opened(browser, params=query | ticket) if by_ticket else opened(http, params=query)
        async with opening as stream, opened(neighbour, params=query) as unharmed:
            digest = hashlib.sha256(keys.secret.encode()).digest()
            await outside.execute("UPDATE api_keys SET revoked_at = now() WHERE digest = $1", digest)
            begun = time.monotonic()
            with pytest.raises(StopAsyncIteration):
                await stream.next()
            seconds = time.monotonic() - begun
            await _happen(outside, keys, "apt_1")
            event = await unharmed.next()

    assert seconds < 10
    assert event["subject"] == "apt_1"


async def test_stream_of_a_ticket_ends_soon_after_its_user_has_signed_out(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", keys: Keys
) -> None:
    async with open_door(database_url, redis_url) as door:
        users = Users(replace(door, tenant_id=keys.tenant_id), outside)
        leaving, staying = await users.token(), await users.token()
    async with (
        running_server(database_url, redis_url, tmp_path) as server,
        _client(server, leaving) as http,
        _client(server, None) as browser,
        _client(server, staying) as neighbour,
    ):
        ticket = (await http.post("/v1/stream-tickets")).json()["ticket"]
        query = {"type": "appointment.*"}
        async with opened(browser, params={**query, "ticket": ticket}) as stream, opened(neighbour, params=query) as on:
            signed_out = await http.delete("/v1/sessions/current")
            begun = time.monotonic()
            with pytest.raises(StopAsyncIteration):
                await stream.next()
            seconds = time.monotonic() - begun
            await _happen(outside, keys, "apt_1")
            event = await on.next()

    assert signed_out.status_code == httpx.codes.NO_CONTENT
    assert seconds < 10
    assert event["subject"] == "apt_1"


async def test_stream_ends_after_its_longest_life_and_its_client_goes_on(
    database_url: str, redis_url: str, tmp_path: Path, outside: "asyncpg.Connection[Any]", keys: Keys
) -> None:
    settings = {"HOLDFAST_STREAM_SECONDS": "2"}
    async with (
        running_server(database_url, redis_url, tmp_path, **settings) as server,
        _client(server, keys.secret) as http,
    ):
        begun = time.monotonic()
        async with opened(http, params={"type": "appointment.*"}) as stream:
            await _happen(outside, keys, "apt_1")
            await stream.next()
            with pytest.raises(StopAsyncIteration):
                await stream.next()
        seconds = time.monotonic() - begun
        await _happen(outside, keys, "apt_2")
        headers = {"Last-Event-ID": stream.last_id}
        async with opened(http, params={"type": "appointment.*"}, headers=headers) as resumed:
            missed = await resumed.next()

    assert 1.8 <= seconds < 10
    assert missed["subject"] == "apt_2"


async def test_streams_leave_the_slots_of_a_process_to_requests(
    database_url: str, redis_url: str, tmp_path: Path, keys: Keys
) -> None:
    settings = {"HOLDFAST_MAX_CONCURRENT_REQUESTS": "1"}
    async with (
        running_server(database_url, redis_url, tmp_path, **settings) as server,
        _client(server, keys.secret) as http,
        opened(http),
        opened(http),
    ):
        answer = await http.get("/v1/events")

    assert answer.status_code == httpx.codes.OK, answer.text
