"""The proxy by which tests disturb the network: what it lets through in the modes that cut and delay."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from tests.support.proxy import Direction, Mode, Proxy


@dataclass
class Echo:
    """A store that answers every line with itself."""

    proxy: Proxy
    asked: list[bytes] = field(default_factory=list)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        found = urlsplit(self.proxy.url)
        reader, writer = await asyncio.open_connection(found.hostname, found.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                asked.append(line)
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Proxy(f"redis://127.0.0.1:{port}/0").running() as proxy:
        yield Echo(proxy, asked)


async def ask(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    """The answer; nothing, where the connection is cut in its place."""
    reader, writer = connection
    try:
        writer.write(b"question\n")
        async with asyncio.timeout(10):
            return await reader.readline()
    except ConnectionError:
        return b""


async def test_answer_arrives_and_the_connection_ends_when_cut_after_answers(echo: Echo) -> None:
    async with echo.connection() as connection:
        echo.proxy.mode = Mode.CUT_AFTER_ANSWER

        answers = [await ask(connection), await ask(connection)]

    assert answers == [b"question\n", b""]


async def test_question_arrives_and_no_answer_when_cut_before_answers(echo: Echo) -> None:
    async with echo.connection() as connection:
        echo.proxy.mode = Mode.CUT_BEFORE_ANSWER

        answered = await ask(connection)

    assert answered == b""
    assert echo.asked == [b"question\n"]


@pytest.mark.parametrize(("direction", "delays"), [(None, 2), (Direction.TO_STORE, 1), (Direction.TO_CLIENT, 1)])
async def test_answer_is_late_by_the_delay_of_each_direction(
    echo: Echo, direction: Direction | None, delays: int
) -> None:
    async with echo.connection() as connection:
        echo.proxy.delay_seconds = 0.05
        echo.proxy.set_mode(Mode.DELAY, direction)

        started = time.monotonic()
        answered = await ask(connection)

    assert answered == b"question\n"
    # A timer may fire a clock tick early.
    assert time.monotonic() - started > 0.049 * delays


async def test_connections_are_whole_again_when_the_mode_is_taken_back(echo: Echo) -> None:
    for mode in (Mode.DELAY, Mode.CUT_BEFORE_ANSWER, Mode.CUT_AFTER_ANSWER):
        echo.proxy.mode = mode
        async with echo.connection() as connection:
            await ask(connection)
    echo.proxy.mode = Mode.PASS

    async with echo.connection() as connection:
        answers = [await ask(connection) for _ in range(3)]

    assert answers == [b"question\n"] * 3
