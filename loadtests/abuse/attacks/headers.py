"""Header lines of 80 MB, eight at once, without any key.

A parser that keeps what it has seen of a line, and copies it with each new piece, stopped everybody for 3.5 seconds
with one of them, and kept both stores lost for 50 seconds with eight. A URL of 80 MB is the same.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from loadtests.abuse.engine import Engine
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {}
_PIECE: Final = b"a" * 1_000_000
_PIECES: Final = 80
_AT_ONCE: Final = 8
_ATTACK_SECONDS: Final = 20.0
"""Rounds begin so long; before there was a limit, one took minutes."""
_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 1.0
"""Two cores that play server, stores, visitors and attackers at once answer nobody in a quarter of that."""
_READ_BYTES: Final = 65_536
_PAUSE_SECONDS: Final = 0.1


async def attack(engine: Engine, report: Report) -> None:
    """Send them, and look how long the process answers nobody else."""
    watch = _Watch()
    watching = asyncio.create_task(watch.run(engine))
    answers: list[bytes] = []
    clock = asyncio.get_running_loop()
    end = clock.time() + _ATTACK_SECONDS
    while clock.time() < end:
        for beginning in (b"GET /v1/availability HTTP/1.1\r\nX-Long: ", b"GET /"):
            answers += await asyncio.gather(*(_send(engine.url, beginning) for _ in range(_AT_ONCE)))
        # So that the rate of a refused attack is not that of this client.
        await asyncio.sleep(_PAUSE_SECONDS)
    watch.is_over = True
    await watching
    refused = sum(answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 414")) for answer in answers)
    report.figure("long lines sent", len(answers))
    report.figure("of these answered 431 or 414 before the connection ended", refused)
    report.figure("longest wait of another request, ms", watch.longest_seconds * 1000)
    report.figure("answers of /readyz that are not 200", watch.unready)
    report.require("no request beside it waits for a second", watch.longest_seconds <= _LONGEST_SECONDS)
    report.require("the stores never count as lost", watch.unready == 0)
    short = await _send(engine.url, b"GET /v1/availability HTTP/1.1\r\nX-Long: ", pieces=0, rest=b"a" * 40_000)
    report.require("a header of 40 kB is refused with 431", short.startswith(b"HTTP/1.1 431"))
    url = await _send(engine.url, b"GET /", pieces=0, rest=b"a" * 9_000)
    report.require("a URL of 9 kB is refused with 414", url.startswith(b"HTTP/1.1 414"))


class _Watch:
    """Asks whether the server is ready, again and again."""

    def __init__(self) -> None:
        self.is_over = False
        self.longest_seconds = 0.0
        self.unready = 0

    async def run(self, engine: Engine) -> None:
        """Ask until it is over."""
        while not self.is_over:
            answer = await engine.request("GET", "/readyz")
            self.longest_seconds = max(self.longest_seconds, answer.seconds)
            self.unready += answer.status != 200  # noqa: PLR2004
            await asyncio.sleep(_PAUSE_SECONDS)


async def _send(url: str, beginning: bytes, *, pieces: int = _PIECES, rest: bytes = b"") -> bytes:
    """The first line of the answer; empty where the connection ends without one."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    reading = asyncio.create_task(reader.read(_READ_BYTES))
    with suppress(OSError):
        async with asyncio.timeout(_SECONDS):
            writer.write(beginning)
            for _ in range(pieces):
                if reading.done():
                    break
                writer.write(_PIECE)
                await writer.drain()
            writer.write(rest + b" HTTP/1.1\r\n\r\n")
            await writer.drain()
    answer = b""
    with suppress(OSError):
        async with asyncio.timeout(_SECONDS):
            answer = await reading
    writer.transport.abort()
    return answer.partition(b"\r\n")[0]
