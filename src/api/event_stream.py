"""Server-sent events: answers that go on until the client leaves, or the server stops."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.answers import NO_STORE
from api.shell.request_slots import RequestSlots

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = b": the stream is silent\n\n"
# A browser that has lost the connection tries again so soon.
_BEGINNING: Final = b"retry: 2000\n: the stream begins\n\n"
_HEADERS: Final = [
    NO_STORE,
    (b"content-type", MEDIA_TYPE.encode()),
    # nginx would collect the answer.
    (b"x-accel-buffering", b"no"),
]


class EventStreamResponse(StreamingResponse):
    """A response that frees what the stream has open, however it ends.

    It is no request that the process works on: streams have a limit of their own, and leave the slots to others.
    """

    media_type = MEDIA_TYPE

    def __init__(self, parts: AsyncIterator[bytes], opened: AsyncExitStack) -> None:
        super().__init__(_after_the_beginning(parts))
        self.raw_headers = list(_HEADERS)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send parts as they come; to HEAD, the headers alone."""
        slots: RequestSlots = scope["request_slots"]
        async with self._opened:
            slots.leave()
            try:
                await self._send(scope, receive, send)
            finally:
                slots.enter()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("is_head"):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await super().__call__(scope, receive, send)


def message(data: object, *, event_id: str | None = None) -> bytes:
    """One message. It has no name, so that `onmessage` of an EventSource gets it, whatever its type."""
    place = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    # JSON has no line break in it.
    return b"%sdata: %s\n\n" % (place, orjson.dumps(data))


def mark(event_id: str) -> bytes:
    """Tell the client what to send as `Last-Event-ID`, and nothing else: without data no EventSource calls anybody."""
    return b"id: %s\n\n" % event_id.encode()


async def _after_the_beginning(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield _BEGINNING
    async for part in parts:
        yield part
