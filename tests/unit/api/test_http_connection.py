"""One connection on a transport without a network, and a clock that the test moves."""

import asyncio
import re
from typing import Any, Final, cast

import orjson
import pytest
import uvicorn
from fastapi import FastAPI
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from api.server.connections import ConnectionLimits, Connections
from api.server.http_connection import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_TARGET_BYTES,
    HttpConnection,
)
from bootstrap.settings import Settings
from tests.support.application import application

_LIMITS: Final = ConnectionLimits(
    connections=4,
    requests=2,
    first_byte_seconds=10,
    header_seconds=20,
    body_seconds=30,
    body_bytes_per_second=100,
    keep_alive_seconds=40,
    unread_seconds=50,
)
_KEY: Final = b"Authorization: Bearer hfp_publishable\r\nContent-Type: application/json\r\n"
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Z]")
_ALIVE: Final = b"GET /healthz HTTP/1.1\r\nHost: engine\r\n\r\n"


class Clock:
    """The event loop, with a time of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def call_later(self, _seconds: float, _callback: object) -> object:
        """Sweeps are the test's to make."""
        return object()

    def create_task(self, coroutine: Any) -> "asyncio.Task[None]":
        return self._loop.create_task(coroutine)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.unsent = 0
        self.is_paused = False
        self.is_half_closed = False
        self.is_closed = False
        self.is_aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 80) if name in {"peername", "sockname"} else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_half_closed
        self.sent += data

    def write_eof(self) -> None:
        self.is_half_closed = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True


class Peer:
    """A client of an application behind a connection."""

    def __init__(self, app: FastAPI, connections: Connections, clock: Clock) -> None:
        self.wire = Wire()
        self.connection = HttpConnection(
            uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="off"),
            ServerState(),
            {},
            cast("asyncio.AbstractEventLoop", clock),
            connections=connections,
        )
        self.connection.connection_made(self.wire)

    async def send(self, data: bytes) -> None:
        """Send, and let the application do what it can."""
        self.connection.data_received(data)
        await self.settled()

    async def settled(self) -> None:
        """Let the application do what it can: none of its steps waits for anything but the client."""
        for _ in range(50):
            await asyncio.sleep(0)

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in _STATUS.findall(bytes(self.wire.sent))]

    @property
    def problem(self) -> dict[str, Any]:
        """The last answer, which is a problem and closes the connection."""
        *_, last = _STATUS.finditer(bytes(self.wire.sent))
        head, _, body = bytes(self.wire.sent)[last.start() :].partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        assert b"connection: close" in head
        assert b"x-content-type-options: nosniff" in head
        found: dict[str, Any] = orjson.loads(body)
        return found

    @property
    def is_over(self) -> bool:
        """Nothing more is sent, and what the client sends leads nowhere."""
        return self.wire.is_half_closed or self.wire.is_closed


class Server:
    """Connections to one application."""

    def __init__(self) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.connections = Connections(_LIMITS)
        self._app = application(Settings(_env_file=None, max_concurrent_requests=2))

    def connect(self) -> Peer:
        return Peer(self._app, self.connections, self.clock)

    def after(self, seconds: float) -> None:
        """So much later, look at all connections."""
        self.clock.now += seconds
        self.connections.sweep()


@pytest.fixture
async def server() -> Server:
    return Server()


def _post(path: bytes = b"/v1/holds", *headers: bytes, key: bytes = _KEY) -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: engine\r\n%s%s\r\n" % (path, key, b"".join(line + b"\r\n" for line in headers))


# Time


async def test_silent_connection_is_closed_without_a_word(server: Server) -> None:
    peer = server.connect()

    server.after(_LIMITS.first_byte_seconds - 1)
    assert not peer.is_over
    server.after(1)

    assert peer.wire.is_closed
    assert peer.wire.sent == b""


async def test_slow_header_is_refused_however_many_bytes_come(server: Server) -> None:
    peer = server.connect()
    await peer.send(b"GET /v1/availability HTTP/1.1\r\nX-Slow: ")

    for _ in range(int(_LIMITS.header_seconds)):
        await peer.send(b"x")
        server.after(1)
    await peer.settled()

    assert (peer.problem["status"], peer.problem["code"]) == (408, "request_timeout")
    assert b"retry-after: " in peer.wire.sent
    assert peer.problem["instance"] == "/v1/availability"
    assert peer.is_over


@pytest.mark.parametrize("path", [b"/v1/holds", b"/v1/holds/hld_1/extend"], ids=["fast lane", "FastAPI"])
@pytest.mark.parametrize(("seconds", "bytes_a_second"), [(30, 1000), (5, 99)], ids=["late", "slow"])
async def test_slow_body_is_refused(server: Server, path: bytes, seconds: int, bytes_a_second: int) -> None:
    peer = server.connect()
    await peer.send(_post(path, b"Content-Length: 60000"))

    for _ in range(seconds):
        assert peer.statuses == []
        await peer.send(b"x" * bytes_a_second)
        server.after(1)
    await peer.settled()

    assert (peer.problem["status"], peer.problem["code"]) == (408, "request_timeout")
    assert peer.is_over


async def test_idle_connection_is_closed_and_kept_by_each_request(server: Server) -> None:
    peer = server.connect()

    for _ in range(3):
        await peer.send(_ALIVE)
        server.after(_LIMITS.keep_alive_seconds - 1)
        assert not peer.is_over
    server.after(1)

    assert peer.statuses == [200, 200, 200]
    assert peer.wire.is_closed


async def test_client_that_takes_no_answer_is_left(server: Server) -> None:
    peer = server.connect()
    await peer.send(_ALIVE)
    peer.connection.pause_writing()

    server.after(_LIMITS.unread_seconds - 1)
    assert not peer.is_over
    server.after(1)

    assert peer.wire.is_aborted


async def test_client_that_takes_its_answer_late_is_kept(server: Server) -> None:
    peer = server.connect()
    await peer.send(_ALIVE)
    peer.connection.pause_writing()
    server.after(_LIMITS.unread_seconds - 1)
    peer.connection.resume_writing()
    server.after(1)

    await peer.send(_ALIVE)

    assert peer.statuses == [200, 200]


async def test_last_answer_that_is_not_taken_ends_with_its_connection(server: Server) -> None:
    peer = server.connect()

    await peer.send(_ALIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (peer.wire.is_closed, peer.wire.is_aborted) == (True, False)
    server.after(_LIMITS.unread_seconds)

    assert peer.wire.is_aborted


# Numbers


async def test_new_connection_takes_the_place_of_the_longest_silent_one(server: Server) -> None:
    served = server.connect()
    await served.send(_ALIVE)
    beginning = server.connect()
    await beginning.send(b"GET /")
    silent, later = server.connect(), server.connect()
    server.after(1)

    newest = server.connect()
    await newest.send(_ALIVE)

    assert silent.wire.is_aborted
    assert [peer.is_over for peer in (served, beginning, later, newest)] == [False] * 4
    assert newest.statuses == [200]


async def test_connection_that_never_finished_a_request_goes_before_an_idle_one(server: Server) -> None:
    served = [server.connect() for _ in range(3)]
    for peer in served:
        await peer.send(_ALIVE)
    beginning = server.connect()
    await beginning.send(b"GET /")
    server.after(1)

    first = server.connect()
    assert beginning.wire.is_aborted
    await first.send(_ALIVE)
    second = server.connect()
    await second.send(_ALIVE)

    assert served[0].wire.is_aborted
    assert [peer.is_over for peer in (*served[1:], first, second)] == [False] * 4


async def test_connections_of_a_burst_do_not_take_each_others_place(server: Server) -> None:
    served = [server.connect() for _ in range(_LIMITS.connections)]
    for peer in served:
        await peer.send(_ALIVE)

    burst = [server.connect() for _ in range(_LIMITS.connections)]

    assert [peer.is_over for peer in served] == [True] * 4
    assert [peer.is_over for peer in burst] == [False] * 4


async def test_connections_are_refused_or_silent_before_they_are_amid_a_body(server: Server) -> None:
    amid = [server.connect() for _ in range(_LIMITS.requests)]
    for peer in amid:
        await peer.send(_post(b"/v1/holds", b"Content-Length: 10"))
    refused, silent = server.connect(), server.connect()
    await refused.send(b"nonsense\r\n\r\n")

    server.connect()
    server.connect()

    assert (refused.wire.is_aborted, silent.wire.is_aborted) == (True, True)
    assert [peer.is_over for peer in amid] == [False] * _LIMITS.requests


async def test_slowest_of_too_many_bodies_is_refused(server: Server) -> None:
    peers = [server.connect() for _ in range(_LIMITS.requests + 1)]

    for peer in peers:
        await peer.send(_post(b"/v1/holds", b"Content-Length: 10"))

    assert [peer.statuses for peer in peers] == [[408], [], []]


async def test_requests_that_wait_for_their_body_take_no_slot(server: Server) -> None:
    for peer in [server.connect() for _ in range(_LIMITS.requests)]:
        await peer.send(_post(b"/v1/holds", b"Content-Length: 10"))
    visitor = server.connect()

    await visitor.send(b"GET /v1/services HTTP/1.1\r\nHost: engine\r\n\r\n")

    assert visitor.statuses == [401]


# Size


def _request_of(size: int) -> bytes:
    beginning, end = b"GET /healthz HTTP/1.1\r\nX-Long: ", b"\r\n\r\n"
    return beginning + b"a" * (size - len(beginning) - len(end)) + end


@pytest.mark.parametrize("piece", [1 << 20, 32_768, 1000, 333])
@pytest.mark.parametrize(("size", "status"), [(MAX_HEADER_BYTES, 200), (MAX_HEADER_BYTES + 1, 431)])
async def test_header_has_a_limit_in_whatever_pieces_it_comes(
    server: Server, size: int, status: int, piece: int
) -> None:
    peer, sent = server.connect(), _request_of(size)

    for start in range(0, size, piece):
        await peer.send(sent[start : start + piece])

    assert peer.statuses == [status]
    assert peer.is_over == (status == 431)


async def test_header_has_the_same_limit_behind_another_request(server: Server) -> None:
    peer, sent = server.connect(), _request_of(MAX_HEADER_BYTES + 100)

    await peer.send(_ALIVE + sent[:200])
    await peer.send(sent[200:])

    assert peer.statuses == [200, 431]


async def test_header_without_end_is_never_kept(server: Server) -> None:
    peer = server.connect()

    await peer.send(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(20):
        await peer.send(b"a" * 100_000)

    assert peer.statuses == [431]
    assert peer.wire.is_aborted
    assert len(peer.connection.url) + sum(map(len, peer.connection.headers)) < MAX_HEADER_BYTES


@pytest.mark.parametrize("is_complete", [True, False])
async def test_number_of_headers_has_a_limit(server: Server, *, is_complete: bool) -> None:
    peer = server.connect()

    await peer.send(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (MAX_HEADERS + 2) + (b"\r\n" if is_complete else b""))

    assert (peer.problem["status"], peer.problem["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("piece", [1 << 20, 1000])
@pytest.mark.parametrize(("size", "status"), [(MAX_TARGET_BYTES, 404), (MAX_TARGET_BYTES + 1, 414)])
async def test_url_has_a_limit(server: Server, size: int, status: int, piece: int) -> None:
    peer = server.connect()
    sent = b"GET /" + b"a" * (size - 1) + b" HTTP/1.1\r\n\r\n"

    for start in range(0, len(sent), piece):
        await peer.send(sent[start : start + piece])

    assert peer.statuses == [status]
    assert len(orjson.loads(bytes(peer.wire.sent).partition(b"\r\n\r\n")[2])["instance"]) <= 2048


async def test_pipelined_requests_have_a_limit_and_are_answered_in_order(server: Server) -> None:
    peer = server.connect()

    await peer.send(_ALIVE * 1000)

    assert peer.statuses == [200] * (MAX_PIPELINED + 1) + [503]
    assert peer.problem["code"] == "overloaded"
    assert peer.is_over


# Bodies


async def test_credential_is_judged_before_the_body_is_read(server: Server) -> None:
    peer = server.connect()

    await peer.send(_post(b"/v1/holds", b"Content-Length: 60000", b"Expect: 100-continue", key=b""))

    assert peer.statuses == [401]
    assert peer.wire.is_half_closed


@pytest.mark.parametrize("path", [b"/v1/holds", b"/v1/holds/hld_1/extend", b"/v1/business"])
@pytest.mark.parametrize("key", [b"", b"Authorization: Bearer hfs_unknown\r\n"], ids=["none", "unknown"])
async def test_stranger_gets_no_body_read(server: Server, path: bytes, key: bytes) -> None:
    peer = server.connect()
    method = _post(path, b"Transfer-Encoding: chunked", key=key)

    await peer.send(method.replace(b"POST", b"PUT") if path == b"/v1/business" else method)

    assert peer.problem["status"] == 401


@pytest.mark.parametrize(
    ("key", "limit"),
    [(_KEY, 65_536), (_KEY.replace(b"hfp_publishable", b"hfs_secret"), 1_048_576)],
    ids=["publishable", "secret"],
)
async def test_body_announced_too_large_is_refused_before_it_comes(server: Server, key: bytes, limit: int) -> None:
    peer = server.connect()

    await peer.send(_post(b"/v1/holds", b"Content-Length: %d" % (limit + 1), key=key))

    assert peer.problem["code"] == "body_too_large"
    assert str(limit) in peer.problem["detail"]


async def test_connection_goes_on_after_a_body_that_came_late_and_whole(server: Server) -> None:
    peer = server.connect()

    await peer.send(_post(b"/v1/holds", b"Content-Length: 4"))
    await peer.send(b"{}")
    await peer.send(b"  ")
    await peer.send(_ALIVE)

    assert peer.statuses == [422, 200]
    assert not peer.is_over


async def test_refused_client_may_send_a_little_more_and_not_for_long(server: Server) -> None:
    hasty, patient = server.connect(), server.connect()
    for peer in (hasty, patient):
        await peer.send(b"nonsense\r\n\r\n")

    for _ in range(40):
        await hasty.send(b"x" * 32_768)
    assert (hasty.wire.is_aborted, patient.wire.is_aborted) == (True, False)
    server.after(2)

    assert patient.wire.is_aborted


async def test_body_of_little_but_chunks_is_refused(server: Server) -> None:
    peer = server.connect()
    await peer.send(_post(b"/v1/holds", b"Transfer-Encoding: chunked"))

    for _ in range(40):
        await peer.send(b"1;" + b"x" * 1000 + b"\r\nx\r\n")

    assert peer.problem["code"] == "malformed_request"


async def test_trailers_are_no_headers(server: Server) -> None:
    peer = server.connect()
    sent = _post(b"/v1/holds", b"Transfer-Encoding: chunked", key=b"Content-Type: application/json\r\n")

    await peer.send(sent + b"2\r\n{}\r\n0\r\n" + _KEY + b"\r\n")

    assert peer.statuses == [401]


# What is no HTTP


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\nHost: engine\n\n",
        b"GET /\xff HTTP/1.1\r\nHost: engine\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT engine:80 HTTP/1.1\r\nHost: engine\r\n\r\n",
        _post(b"/v1/holds", b"Content-Length: 2", b"Content-Length: 2") + b"{}",
        _post(b"/v1/holds", b"Content-Length: 2, 2") + b"{}",
        _post(b"/v1/holds", b"Content-Length : 2") + b"{}",
        _post(b"/v1/holds", b"Content-Length: +2") + b"{}",
        _post(b"/v1/holds", b"Content-Length: 4", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        _post(b"/v1/holds", b"Transfer-Encoding: chunked", b"Content-Length: 4") + b"0\r\n\r\n",
        _post(b"/v1/holds", b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
        _post(b"/v1/holds", b"Transfer-Encoding: chunked, x") + b"0\r\n\r\n",
        _post(b"/v1/holds", b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0", 1) + b"0\r\n\r\n",
        _post(b"/v1/holds", b"Transfer-Encoding: chunked") + b"zz\r\n",
        b"GET / HTTP/1.1\r\nHost: engine\r\nX: a\r\n folded\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_with_a_problem(server: Server, sent: bytes) -> None:
    peer = server.connect()

    await peer.send(sent + _ALIVE)

    assert (peer.problem["status"], peer.problem["code"]) == (400, "malformed_request")
    assert peer.statuses == [400]
    assert peer.is_over


async def test_client_of_before_interim_responses_gets_none(server: Server) -> None:
    peer = server.connect()

    await peer.send(
        _post(b"/v1/holds", b"Expect: 100-continue", b"Content-Length: 2").replace(b"HTTP/1.1", b"HTTP/1.0")
    )
    await peer.send(b"{}")

    assert peer.statuses == [422]


async def test_request_to_change_the_protocol_is_served_and_the_last_one(server: Server) -> None:
    peer = server.connect()

    await peer.send(_ALIVE.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))

    assert peer.statuses == [200]
    assert b"connection: close" in peer.wire.sent
    assert peer.wire.is_closed


@pytest.mark.parametrize("length", [b"Content-Length: 2", b"Transfer-Encoding: chunked"])
async def test_body_is_not_lost_to_a_change_of_the_protocol(server: Server, length: bytes) -> None:
    peer = server.connect()

    await peer.send(_post(b"/v1/holds", length, b"Connection: Upgrade", b"Upgrade: h2c") + b"{}")

    assert peer.statuses == [400]
    assert b"without Upgrade" in peer.wire.sent
    assert peer.is_over


async def test_stopping_server_closes_idle_connections_and_those_amid_a_body_after_it(server: Server) -> None:
    idle, running = server.connect(), server.connect()
    await idle.send(_ALIVE)
    await running.send(_post(b"/v1/holds", b"Content-Length: 2"))

    for peer in (idle, running):
        peer.connection.shutdown()
    assert (idle.wire.is_closed, running.is_over) == (True, False)
    await running.send(b"{}")

    assert running.statuses == [422]
    assert b"connection: close" in running.wire.sent
    assert running.wire.is_closed


async def test_lost_connection_waits_for_nothing(server: Server) -> None:
    peers = [server.connect() for _ in range(4)]
    await peers[1].send(b"GET /")
    await peers[2].send(_post(b"/v1/holds", b"Content-Length: 2"))
    await peers[3].send(_ALIVE)

    for peer in peers:
        peer.connection.connection_lost(None)
        await peer.settled()

    assert len(server.connections) == 0
    found = server.connections
    assert not any((found.silent, found.headers, found.bodies, found.idle, found.unread, found.closing))


@pytest.mark.parametrize(
    "sent",
    [
        _post(b"/v1/holds", b"Content-Length: 9") + b"{",
        _post(b"/v1/holds", b"Idempotency-Key: once", b"Content-Length: 9") + b"{",
        # The first of two requests waits for its turn; uvicorn tells the other one alone that the client is gone.
        _post(b"/v1/holds", b"Content-Length: 2") + b"{}" + _ALIVE,
    ],
)
async def test_client_that_goes_away_is_no_fault_of_the_server(server: Server, sent: bytes) -> None:
    peer = server.connect()
    with capture_logs() as lines:
        peer.connection.data_received(sent)
        peer.connection.connection_lost(ConnectionResetError())
        await peer.settled()

    assert not peer.wire.sent, "a transport that is closed takes nothing"
    assert not [line for line in lines if line["log_level"] == "error"]
