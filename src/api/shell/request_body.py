"""Request bodies of limited size, readable more than once."""

from typing import Final

from starlette.types import Message, Receive, Scope

from api.authentication import caller_in
from api.shell.early_refusal import EarlyRefusal, refusal_in
from api.shell.request_slots import RequestSlots

MAX_PUBLIC_BODY_BYTES: Final = 65_536
"""Limit of the body where anybody may have the credential: the longest booking has about 30 kB."""
_NOTHING: Final = b""


class RequestBody:
    """The body of one request, between the server and its readers.

    It refuses an oversized body where that is read, so that the refusal is rendered as a problem like all others.
    """

    __slots__ = (
        "_declared_bytes",
        "_limit_bytes",
        "_messages",
        "_public_bytes",
        "_receive",
        "_received_bytes",
        "_scope",
        "_slots",
    )

    def __init__(
        self, scope: Scope, receive: Receive, declared: bytes | None, *, limit_bytes: int, slots: RequestSlots
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._slots = slots
        self._limit_bytes = limit_bytes
        self._public_bytes = min(limit_bytes, MAX_PUBLIC_BODY_BYTES)
        # Python refuses to parse thousands of digits, and no real length has more than twenty.
        self._declared_bytes = int(declared[:20]) if declared is not None and declared.isdigit() else 0
        self._received_bytes = 0
        self._messages: list[Message] = []

    async def read(self) -> bytes | None:
        """The whole body, which `receive` then delivers again; None if it is too large or incomplete."""
        if self._exceeds(self._declared_bytes):
            return None
        chunks, size = [], 0
        while True:
            message = await self._next()
            self._messages.append(message)
            chunk: bytes = message.get("body", _NOTHING)
            chunks.append(chunk)
            size += len(chunk)
            if message["type"] != "http.request" or self._exceeds(size):
                return None
            if not message.get("more_body", False):
                return b"".join(chunks)
            if refusal_in(self._scope) is not None:
                return None

    async def receive(self) -> Message:
        """ASGI's `receive`, from the first byte. Raises EarlyRefusal if the body is too large, or too slow."""
        if self._exceeds(self._declared_bytes):
            raise self._too_large()
        message = self._messages.pop(0) if self._messages else await self._next()
        self._received_bytes += len(message.get("body", _NOTHING))
        if self._exceeds(self._received_bytes):
            raise self._too_large()
        if message.get("more_body", False) and not self._messages:
            refusal = refusal_in(self._scope)
            if refusal is not None:
                raise refusal
        return message

    async def _next(self) -> Message:
        """The next message. While it has not come, the request is none that the process works on."""
        self._slots.leave()
        try:
            return await self._receive()
        finally:
            self._slots.enter()

    def _exceeds(self, size: int) -> bool:
        # Most bodies are far below either limit.
        return size > self._public_bytes and size > self._limit()

    def _limit(self) -> int:
        caller = caller_in(self._scope)
        is_business = caller is not None and not caller.operation.is_by_customer
        return self._limit_bytes if is_business else self._public_bytes

    def _too_large(self) -> EarlyRefusal:
        return EarlyRefusal("body_too_large", f"The body is larger than {self._limit()} bytes.")
