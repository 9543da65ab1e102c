"""The body of a request: never larger than allowed, and read again by whoever is next to ask."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

_NOTHING: Final = b""


class Body:
    """Stands between the server and those who read.

    It refuses where the body is read, at the latest when it has grown too large, so that the refusal is a problem like
    all others (api.problems).
    """

    __slots__ = ("_kept", "_limit_bytes", "_receive", "_received", "_refused")

    def __init__(self, receive: Receive, declared: bytes | None, *, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        # A number that long is no length, and Python refuses to read one of thousands of digits.
        self._refused = declared is not None and declared.isdigit() and int(declared[:20]) > limit_bytes
        self._received = 0
        self._kept: list[Message] = []

    async def read(self) -> bytes | None:
        """The whole of it, which `receive` tells once more; None if it is too large, or was never finished."""
        if self._refused:
            return None
        message = await self._next()
        if not message.get("more_body", False):
            body: bytes = message.get("body", _NOTHING)
            return body if message["type"] == "http.request" and len(body) <= self._limit_bytes else None
        chunks, size = [message.get("body", _NOTHING)], len(message.get("body", _NOTHING))
        while message.get("more_body", False) and size <= self._limit_bytes:
            message = await self._next()
            chunks.append(message.get("body", _NOTHING))
            size += len(chunks[-1])
        return b"".join(chunks) if message["type"] == "http.request" and size <= self._limit_bytes else None

    async def receive(self) -> Message:
        """ASGI's `receive`, from the beginning. Raises HTTPException where the body is too large."""
        if self._refused:
            raise self._too_large()
        message = self._kept.pop(0) if self._kept else await self._receive()
        self._received += len(message.get("body", _NOTHING))
        if self._received > self._limit_bytes:
            raise self._too_large()
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._kept.append(message)
        return message

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The body is larger than {self._limit_bytes} bytes.")
