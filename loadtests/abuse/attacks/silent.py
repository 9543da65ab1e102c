"""Ten thousand connections that say nothing, a thousand that send a header byte by byte, two hundred a body.

A server that counts connections as requests, or waits for them without end, serves nobody else: a thousand silent ones
stopped the engine for good. What the server closes is opened again, up to 800 connections a second.
"""

import asyncio
import resource
import statistics
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from loadtests.abuse.engine import Engine
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {}
_SILENT: Final = 10_000
_SLOW_HEADERS: Final = 1_000
_SLOW_BODIES: Final = 200
_OPENED_AT_ONCE: Final = 100
_REQUESTS: Final = 200
_PAUSE_SECONDS: Final = 0.05
_REOPEN_SECONDS: Final = 0.05
_REOPENED: Final = 40
_BYTE_SECONDS: Final = 2.0
_SPARE_DESCRIPTORS: Final = 200
_GOOD_SECONDS: Final = 0.05


async def attack(engine: Engine, report: Report) -> None:
    """Open them all, and ask as an ordinary visitor on a new connection each time."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    crowd = _Crowd(engine.url)
    begun = b"POST /v1/holds HTTP/1.1\r\nHost: engine\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n"
    keyed = begun + b"Authorization: Bearer " + engine.publishable_key.encode() + b"\r\n\r\n{"
    try:
        await crowd.open(_SLOW_HEADERS, b"GET /v1/availability HTTP/1.1\r\nX-Slow: ")
        await crowd.open(_SLOW_BODIES, keyed)
        await crowd.open(min(_SILENT, limit - _SLOW_HEADERS - _SLOW_BODIES - _SPARE_DESCRIPTORS), b"")
        report.figure("hostile connections open", crowd.number)
        tasks = [asyncio.create_task(crowd.drip()), asyncio.create_task(crowd.reopen())]
        seconds, statuses = await _ask(engine)
        for task in tasks:
            task.cancel()
    finally:
        crowd.close()
    ordered = sorted(seconds)
    report.figure("hostile connections opened", crowd.opened)
    report.figure("ordinary requests answered 200", statuses.count(200))
    report.figure("ordinary request, median ms", statistics.median(ordered) * 1000)
    report.figure("ordinary request, slowest twentieth ms", ordered[len(ordered) * 19 // 20] * 1000)
    report.figure("ordinary request, slowest ms", ordered[-1] * 1000)
    report.require("each ordinary request on a new connection is answered", set(statuses) == {200})
    report.require("half of them within 50 ms", statistics.median(ordered) <= _GOOD_SECONDS)
    answer = await engine.request("GET", "/healthz")
    report.require("the server serves when the attack is over", answer.status == 200)  # noqa: PLR2004


async def _ask(engine: Engine) -> tuple[list[float], list[int]]:
    seconds, statuses = [], []
    for _ in range(_REQUESTS):
        answer = await engine.request("GET", "/v1/storefront", key=engine.publishable_key)
        seconds.append(answer.seconds)
        statuses.append(answer.status)
        if len(statuses) >= _REQUESTS // 10 and not any(statuses):
            # It is not coming back.
            break
        await asyncio.sleep(_PAUSE_SECONDS)
    return seconds, statuses


class _Crowd:
    """Hostile connections, each opened again when it is closed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._open: set[_Hostile] = set()
        self._lost: deque[bytes] = deque()
        self.opened = 0

    @property
    def number(self) -> int:
        """Number of open connections."""
        return len(self._open)

    async def open(self, number: int, sent: bytes) -> None:
        """Open so many that each send this first."""
        for done in range(0, number, _OPENED_AT_ONCE):
            await asyncio.gather(*(self.enter(sent) for _ in range(min(_OPENED_AT_ONCE, number - done))))

    async def enter(self, sent: bytes) -> None:
        """Open one; without an answer to it the attack goes on."""
        try:
            _, hostile = await asyncio.get_running_loop().create_connection(
                lambda: _Hostile(self, sent), self._host, self._port
            )
        except OSError:
            return
        self._open.add(hostile)
        self.opened += 1

    def lost(self, hostile: "_Hostile") -> None:
        """Open it again, when its turn comes."""
        self._open.discard(hostile)
        self._lost.append(hostile.sent)

    async def reopen(self) -> None:
        """Open what was closed, at a pace: this is about open connections, not about how fast they are made."""
        while True:
            await asyncio.sleep(_REOPEN_SECONDS)
            await asyncio.gather(*(self.enter(self._lost.popleft()) for _ in range(min(len(self._lost), _REOPENED))))

    async def drip(self) -> None:
        """One more byte of each header and body every other second."""
        while True:
            await asyncio.sleep(_BYTE_SECONDS)
            for hostile in list(self._open):
                if hostile.sent and hostile.transport is not None:
                    hostile.transport.write(b"x")

    def close(self) -> None:
        """End all of them."""
        for hostile in list(self._open):
            if hostile.transport is not None:
                hostile.transport.abort()


class _Hostile(asyncio.Protocol):
    """A connection that sends a beginning, and no end."""

    def __init__(self, crowd: _Crowd, sent: bytes) -> None:
        self._crowd = crowd
        self.sent = sent
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.sent:
            transport.write(self.sent)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._crowd.lost(self)
