"""OutboundConnection of the guarded client: one request at a time over HTTP/1.1, parsed by httptools."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import httptools

MAX_ANSWER_BYTES: Final = 20_000
"""The part of an answer's body that is read, unless more is asked for."""
_MAX_HEAD_BYTES: Final = 65_536
"""Headers, of interim answers too: far more than anybody sends."""
_MAX_BYTES: Final = 262_144
"""All of an answer: room for its headers, and for the part of its body that is read, in chunks of one byte."""
_INTERIM: Final = range(100, 200)


class NoAnswer(Exception):
    """The connection ended before there was an answer, or what came is none in HTTP/1.1."""

    def __init__(self, *, had_begun: bool) -> None:
        super().__init__()
        self.had_begun = had_begun
        """Something had come by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundAnswer:
    """The answer to a request, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case; of several of one name, the last."""
    body: bytes
    """The part of it that was asked for, as it came: not decompressed."""


class OutboundConnection(asyncio.Protocol):
    """A connection to one host, which may be used again after a whole answer."""

    def __init__(self) -> None:
        # httptools publishes no types for its parser's callbacks, which are methods of this.
        self._most_bytes = MAX_ANSWER_BYTES
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[OutboundAnswer] | None = None
        self._begin()
        self.is_open = False
        self.opened_at = time.monotonic()
        """By time.monotonic()."""

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._size = self._received = 0
        self._has_begun = self._is_in_body = False

    async def exchange(self, request: bytes, *, most_bytes: int = MAX_ANSWER_BYTES) -> OutboundAnswer:
        """Send a request and read its answer, and of its body as much as that.

        Raises NoAnswer. A caller that is cancelled must close the connection.
        """
        self._most_bytes = most_bytes
        assert self._transport is not None
        self._begin()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close it at once, whatever is still to come."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # That of uvloop is none by its class.
        self._transport, self.is_open = cast("asyncio.Transport", transport), True
        self.opened_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Parse some bytes. Nothing may come unless something was asked."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._has_begun = True
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail()
        # Extensions of chunks and trailers may go on for ever, and are no part of the body.
        if self._received > (_MAX_BYTES if self._is_in_body else _MAX_HEAD_BYTES):
            self._fail()

    def connection_lost(self, _error: Exception | None) -> None:
        """End an answer whose body has no length of its own; any other one is no answer."""
        self.is_open = False
        has_length = "content-length" in self._headers or "transfer-encoding" in self._headers
        if self._is_in_body and not has_length:
            self._finish()
        else:
            self._fail()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Take no answer for which nothing was asked: the next request would get it."""
        if self._answer is None or self._answer.done():
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Begin the body, unless the answer is an interim one."""
        if self._parser.get_status_code() in _INTERIM:
            self._headers = {}
        else:
            self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        """Note a part of the body; beyond the limit, the rest is not waited for."""
        self._parts.append(body[: self._most_bytes - self._size])
        self._size += len(self._parts[-1])
        if self._size >= self._most_bytes:
            self._finish()
            self.close()

    def on_message_complete(self) -> None:
        """End an answer."""
        if self._is_in_body:
            if not self._parser.should_keep_alive():
                self.close()
            self._finish()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            status = self._parser.get_status_code()
            body = b"".join(self._parts)
            self._answer.set_result(OutboundAnswer(status=status, headers=self._headers, body=body))

    def _fail(self) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(had_begun=self._has_begun))
