"""Request bodies of limited size, readable more than once."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

_NOTHING: Final = b""


class RequestBody:
    """The body of one request, between the server and its readers.

    It refuses an oversized body where that is read, so that the refusal is rendered as a problem like all others.
    """

    __slots__ = ("_is_refused", "_limit_bytes", "_messages", "_receive", "_received_bytes")

    def __init__(self, receive: Receive, declared: bytes | None, *, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        # Python refuses to parse thousands of digits, and no real length has more than twenty.
        self._is_refused = declared is not None and declared.isdigit() and int(declared[:20]) > limit_bytes
        self._received_bytes = 0
        self._messages: list[Message] = []

    async def read(self) -> bytes | None:
        """The whole body, which `receive` then delivers again; None if it is too large or incomplete."""
        if self._is_refused:
            return None
        chunks, size = [], 0
        while True:
            message = await self._receive()
            self._messages.append(message)
            chunk: bytes = message.get("body", _NOTHING)
            chunks.append(chunk)
            size += len(chunk)
            if message["type"] != "http.request" or size > self._limit_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def receive(self) -> Message:
        """ASGI's `receive`, from the first byte. Raises HTTPException if the body is too large."""
        if self._is_refused:
            raise self._too_large()
        message = self._messages.pop(0) if self._messages else await self._receive()
        self._received_bytes += len(message.get("body", _NOTHING))
        if self._received_bytes > self._limit_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The body is larger than {self._limit_bytes} bytes.")
