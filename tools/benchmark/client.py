"""An HTTP/1.1 client that costs little: it sends bytes that were made before, and reads no more than it must.

It runs in the measuring process, which serves nothing. How much it could send at most is measured in every run
(benchmark.echo), and each result carries the share of a processor that it used.
"""

import asyncio
import gc
import ssl
import time
from array import array
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlsplit

from benchmark.measures import Sample, due_at, due_before
from benchmark.processors import Clocks

# Nothing that is measured takes longer; a server that hangs ends the run instead of hanging it.
_ANSWER_SECONDS: Final = 60.0
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_NO_CONTENT: Final = 204
_CONNECT_SECONDS: Final = 10.0

Answered = Callable[[int, bytes], None]
"""Is told status and body of each answer."""


class BrokenExchange(Exception):
    """The server closed a connection, or said what this client does not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where requests go, and the key they carry."""

    url: str
    key: str = field(default="", repr=False)
    clocks: Clocks = field(default_factory=Clocks, repr=False)
    """Of the processes that serve, as far as they are known: the server's own, and the stores'."""

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine."""
        return urlsplit(self.url).hostname in {"127.0.0.1", "::1", "localhost"}

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """A request as it goes over the wire."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(self.url).netloc}\r\nAuthorization: Bearer {self.key}\r\n"
        if body is None:
            return f"{head}\r\n".encode()
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def closed_loop(
    server: Server, requests: Iterator[bytes], *, connections: int, seconds: float, answered: Answered | None = None
) -> Sample:
    """Send the next request on each connection as soon as the one before is answered, until time or requests are up.

    Raises BrokenExchange.
    """
    latencies, statuses, bodies = array("d"), Counter[int](), dict[int, bytes]()
    clock, finished = time.perf_counter, asyncio.get_running_loop().create_future()
    busy = 0
    deadline = 0.0

    def received(connection: _Connection, status: int, body: bytes) -> None:
        nonlocal busy
        now = clock()
        latencies.append(now - connection.since)
        statuses[status] += 1
        bodies.setdefault(status, body)
        if answered is not None:
            answered(status, body)
        following = next(requests, None) if now < deadline else None
        if following is not None:
            connection.send(following, since=clock())
            return
        busy -= 1
        if not busy and not finished.done():
            finished.set_result(None)

    async with _connected(server, connections, received, finished) as opened, _undisturbed():
        started, cpu, used = clock(), time.process_time(), server.clocks.seconds()
        deadline = started + seconds
        for connection, request in zip(opened, requests, strict=False):
            busy += 1
            connection.send(request, since=clock())
        if busy:
            await asyncio.wait_for(finished, seconds + _ANSWER_SECONDS)
        ended, cpu, used = clock(), time.process_time() - cpu, server.clocks.since(used)
    return Sample(
        latencies=latencies,
        statuses=statuses,
        seconds=ended - started,
        client_seconds=cpu,
        used_seconds=used,
        bodies=bodies,
    )


async def open_loop(
    server: Server, requests: Iterator[bytes], *, connections: int, rate: float, seconds: float
) -> Sample:
    """Send at a fixed rate, whether or not the server keeps up.

    Latencies count from when a request was due: one that waits for a free connection has been waiting. Raises
    BrokenExchange.
    """
    latencies, statuses, bodies = array("d"), Counter[int](), dict[int, bytes]()
    loop, clock = asyncio.get_running_loop(), time.perf_counter
    finished = loop.create_future()
    total = due_before(seconds, rate=rate) - 1
    idle, late = deque[_Connection](), deque[float]()
    started, sent = 0.0, 0

    def received(connection: _Connection, status: int, body: bytes) -> None:
        latencies.append(clock() - connection.since)
        statuses[status] += 1
        bodies.setdefault(status, body)
        if late:
            connection.send(next(requests), since=late.popleft())
        else:
            idle.append(connection)
        if len(latencies) == total and not finished.done():
            finished.set_result(None)

    def tick() -> None:
        nonlocal sent
        for number in range(sent, min(due_before(clock() - started, rate=rate), total)):
            due = started + due_at(number, rate=rate)
            if idle:
                idle.popleft().send(next(requests), since=due)
            else:
                late.append(due)
            sent = number + 1
        if sent < total:
            loop.call_later(max(0.0, started + due_at(sent, rate=rate) - clock()), tick)

    async with _connected(server, connections, received, finished) as opened, _undisturbed():
        idle.extend(opened)
        started, cpu, used = clock(), time.process_time(), server.clocks.seconds()
        tick()
        await asyncio.wait_for(finished, seconds + _ANSWER_SECONDS)
        ended, cpu, used = clock(), time.process_time() - cpu, server.clocks.since(used)
    return Sample(
        latencies=latencies,
        statuses=statuses,
        seconds=ended - started,
        client_seconds=cpu,
        used_seconds=used,
        bodies=bodies,
    )


async def ask(server: Server, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """One request on a connection of its own. Raises BrokenExchange."""
    sample = await closed_loop(server, iter([server.request(method, path, body)]), connections=1, seconds=0.0)
    (found,) = sample.bodies.items()
    return found


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, received: Callable[["_Connection", int, bytes], None], finished: "asyncio.Future[None]") -> None:
        self.since = 0.0
        """From when the latency of the request under way counts."""
        self.closed: asyncio.Future[None] = finished.get_loop().create_future()
        self._received, self._finished = received, finished
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._status = self._body_at = self._end = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's does not inherit asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, *, since: float) -> None:
        assert self._transport is not None
        self.since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._end:
            try:
                self._read_head()
            except (ValueError, BrokenExchange) as error:
                self._break(error)
                return
        if not self._end or len(self._buffer) < self._end:
            return
        body = bytes(self._buffer[self._body_at : self._end])
        self._buffer.clear()
        self._end = 0
        self._received(self, self._status, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(exc or BrokenExchange("the server closed the connection"))
        if not self.closed.done():
            self.closed.set_result(None)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def _read_head(self) -> None:
        """Find where the answer ends, as soon as all of its head is there."""
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return
        head = bytes(self._buffer[: head_end + 2]).lower()
        self._status = int(head[9:12])
        self._body_at = head_end + len(_HEAD_END)
        length_at = head.find(_LENGTH)
        if length_at < 0 and self._status != _NO_CONTENT:
            message = "the answer does not say how long it is"
            raise BrokenExchange(message)
        begin = length_at + len(_LENGTH)
        self._end = self._body_at + (int(head[begin : head.find(b"\r", begin)]) if length_at >= 0 else 0)

    def _break(self, error: Exception) -> None:
        if not self._finished.done():
            self._finished.set_exception(BrokenExchange(str(error)))


@asynccontextmanager
async def _connected(
    server: Server,
    connections: int,
    received: Callable[[_Connection, int, bytes], None],
    finished: "asyncio.Future[None]",
) -> AsyncIterator[list[_Connection]]:
    """Open connections, closed when the block ends."""
    parts = urlsplit(server.url)
    secure = parts.scheme == "https"
    context = ssl.create_default_context() if secure else None
    loop = asyncio.get_running_loop()
    opened: list[_Connection] = []
    try:
        for _ in range(connections):
            opening = loop.create_connection(
                lambda: _Connection(received, finished),
                parts.hostname or "",
                parts.port or (443 if secure else 80),
                ssl=context,
            )
            _, connection = await asyncio.wait_for(opening, _CONNECT_SECONDS)
            opened.append(connection)
        yield opened
    finally:
        # What closes from now on was closed by us.
        if not finished.done():
            finished.cancel()
        for connection in opened:
            connection.close()
        if opened:
            await asyncio.wait([connection.closed for connection in opened], timeout=_CONNECT_SECONDS)


@asynccontextmanager
async def _undisturbed() -> AsyncIterator[None]:
    """Keep the client's own garbage collection out of what it measures."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
