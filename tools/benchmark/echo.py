"""The cheapest HTTP server there is, which shows how much the client could send: `python -m benchmark.echo BYTES`."""

import asyncio
import socket
import sys
from typing import Final, cast

import uvloop

_HEAD_END: Final = b"\r\n\r\n"


class _Echo(asyncio.Protocol):
    """Answers whatever ends like a request without a body, and always the same."""

    answer: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's does not inherit asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(_HEAD_END):
            self._transport.write(self.answer)


async def _serve(size: int) -> None:
    _Echo.answer = f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode() + b"x" * size
    listener = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(_Echo, sock=listener)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
