"""What every answer carries besides what it says."""

from typing import Final

from starlette.types import Message, Send

from api.cross_origin import opened
from api.request_log import HEADER
from api.shutdown import Shutdown

_CLOSE: Final = (b"connection", b"close")


class Outgoing:
    """ASGI's `send` of one request: completes the headers, and notices how far the answer is."""

    __slots__ = ("_cross_origin", "_request_id", "_send", "_shutdown", "opens", "status", "whole")

    def __init__(self, send: Send, *, request_id: str, cross_origin: bool, shutdown: Shutdown) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self._cross_origin = cross_origin
        self._shutdown = shutdown
        self.opens = True
        """Whether pages of other origins are told that they may read it; a preflight says so itself."""
        self.status = 0
        """0 as long as there is no answer."""
        self.whole = False
        """Whether all of the answer is out."""

    async def __call__(self, message: Message) -> None:
        """Send it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if self._shutdown.begun:
                headers.append(_CLOSE)
            if self.opens:
                headers = opened(headers, cross_origin=self._cross_origin)
            headers.append((HEADER, self._request_id))
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            self.whole = not message.get("more_body", False)
        await self._send(message)
