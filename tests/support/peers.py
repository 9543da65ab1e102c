"""Peers that answer a request in ways that a test chooses, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Respond = Callable[["PeerRequest", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRequest:
    """A request as the peer read it."""

    line: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes


@dataclass(eq=False)
class Peer:
    """A server on the loopback interface."""

    port: int = 0
    connections: int = 0
    requests: list[PeerRequest] = field(default_factory=list)


@asynccontextmanager
async def running_peer(respond: Respond, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Serve while the block runs; at its end all connections are cut."""
    peer = Peer()
    open_connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        open_connections.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await _read(reader)
                peer.requests.append(request)
                await respond(request, writer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for writer in open_connections:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> PeerRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return PeerRequest(line=line, headers=headers, body=body)


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Respond:
    """Answer each request alike."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-length: {len(body)}",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def respond(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return respond
