import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count, repeat

import pytest

from benchmark.client import BrokenExchange, Server, ask, closed_loop, open_loop

Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def _serving(answer: Answer) -> AsyncIterator[Server]:
    """A server that writes what `answer` makes of each request, in pieces."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        current = asyncio.current_task()
        assert current is not None
        served.append(current)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                for byte in answer(request):
                    writer.write(bytes([byte]))
                    await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield Server(url=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", key="hfs_key")
        await asyncio.gather(*served)


def _ok(_request: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_answer_that_comes_in_pieces_is_put_together() -> None:
    async with _serving(_ok) as server:
        answer = await ask(server, "GET", "/")

    assert answer == (200, b"ok")


async def test_answer_without_content_has_no_body() -> None:
    async with _serving(lambda _: b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n") as server:
        answer = await ask(server, "DELETE", "/")

    assert answer == (204, b"")


async def test_closed_loop_sends_all_requests_once_and_counts_answers_by_status() -> None:
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request.split()[1])
        return b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n" if len(seen) == 3 else _ok(request)

    async with _serving(answer) as server:
        requests = [server.request("GET", f"/{number}") for number in range(9)]
        sample = await closed_loop(server, iter(requests), connections=4, seconds=60.0)

    assert sorted(seen) == [b"/%d" % number for number in range(9)]
    assert sample.statuses == {200: 8, 409: 1}
    assert len(sample.latencies) == 9


async def test_open_loop_counts_from_when_a_request_was_due() -> None:
    held = count()
    loop = asyncio.get_running_loop()
    stalled: list[float] = []

    def answer(request: bytes) -> bytes:
        # The first answer takes as long as it takes to spin, and meanwhile nobody else is served.
        if next(held) == 0:
            began = loop.time()
            while loop.time() - began < 0.2:
                pass
            stalled.append(loop.time() - began)
        return _ok(request)

    async with _serving(answer) as server:
        request = server.request("GET", "/")
        sample = await open_loop(server, repeat(request), connections=1, rate=100.0, seconds=0.5)

    assert len(sample.latencies) == 50
    # Those that were due while the server stood still have waited: a closed loop would have seen one slow answer.
    assert len([latency for latency in sample.latencies if latency > 0.05]) >= 10
    assert max(sample.latencies) >= stalled[0]


async def test_connection_that_is_closed_breaks_the_round() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listening:
        server = Server(url=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")

        with pytest.raises(BrokenExchange, match="closed the connection"):
            await ask(server, "GET", "/")


async def test_answer_of_unknown_length_breaks_the_round() -> None:
    async with _serving(lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") as server:
        with pytest.raises(BrokenExchange, match="how long"):
            await ask(server, "GET", "/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.1:8080", True), ("http://[::1]:8080", True), ("https://book.example.com", False)],
)
def test_server_is_near_on_the_loopback_interface(url: str, *, expected: bool) -> None:
    assert Server(url=url).is_near is expected


def test_request_has_key_and_length_of_its_body() -> None:
    request = Server(url="http://127.0.0.1:8080", key="hfs_key").request("POST", "/v1/holds", b"{}")

    assert request == (
        b"POST /v1/holds HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer hfs_key\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
