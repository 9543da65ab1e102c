"""A provider of challenges that only the visitors of a load test pass."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import parse_qs

_PERSON: Final = "person-"
_ANSWER: Final = b'{"success":%b}'
_LENGTH: Final = b"content-length:"


def person() -> str:
    """Make a response that is good once."""
    return _PERSON + secrets.token_hex(16)


@asynccontextmanager
async def running_provider(port: int) -> AsyncIterator[None]:
    """Judge responses while the block lasts, in the form of Cloudflare Turnstile."""
    used: set[str] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = [line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH)]
                body = await reader.readexactly(int(lines[0].removeprefix(_LENGTH)) if lines else 0)
                response = parse_qs(body.decode()).get("response", [""])[0]
                is_good = response.startswith(_PERSON) and response not in used
                used.add(response)
                answer = _ANSWER % (b"true" if is_good else b"false")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
