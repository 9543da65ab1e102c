"""Headers that every response carries."""

from typing import Final

from starlette.types import Message, Send

from api.shell.cors import with_cors
from api.shell.graceful_shutdown import GracefulShutdown
from api.shell.request_log import HEADER

_CLOSE: Final = (b"connection", b"close")


class ResponseSender:
    """ASGI's `send` for one request: it completes the headers, and records the progress of the response."""

    __slots__ = ("_is_cross_origin", "_request_id", "_send", "_shutdown", "adds_cors", "is_complete", "status")

    def __init__(self, send: Send, *, request_id: str, is_cross_origin: bool, shutdown: GracefulShutdown) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self._is_cross_origin = is_cross_origin
        self._shutdown = shutdown
        self.adds_cors = True
        """False for a preflight, whose response has its own CORS headers."""
        self.status = 0
        """The status sent; 0 before the response starts."""
        self.is_complete = False
        """True after the last byte."""

    async def __call__(self, message: Message) -> None:
        """Send a message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if self._shutdown.has_begun:
                headers.append(_CLOSE)
            if self.adds_cors:
                headers = with_cors(headers, is_cross_origin=self._is_cross_origin)
            headers.append((HEADER, self._request_id))
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            self.is_complete = not message.get("more_body", False)
        await self._send(message)
