"""Headers that every response carries."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Scope, Send

from api.allowed_origins import reader_of
from api.shell.cors import exposing_headers
from api.shell.graceful_shutdown import GracefulShutdown
from api.shell.request_log import HEADER

RawHeaders = Sequence[tuple[bytes, bytes]]

DEFAULT_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
"""Content-Security-Policy of a response that is no page: a browser that opens it loads nothing, and frames nothing."""
_POLICY: Final = b"content-security-policy"
_REFERRER: Final = (b"referrer-policy", b"no-referrer")
_NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
_CLOSE: Final = (b"connection", b"close")
_VARY: Final = b"vary"
_ORIGIN: Final = b"Origin"


@dataclass(slots=True, kw_only=True)
class ResponseSender:
    """ASGI's `send` for one request: it completes the headers, and records the progress of the response."""

    send: Send
    scope: Scope
    request_id: str
    shutdown: GracefulShutdown
    is_cross_origin: bool
    """True if the request has an Origin."""
    adds_cors: bool = True
    """False for a preflight, whose response has its own CORS headers."""
    status: int = 0
    """The status sent; 0 before the response starts."""
    is_complete: bool = False
    """True after the last byte."""
    begun_at: float | None = None
    """Time at which the first of several parts was sent, by time.perf_counter(): the response may be a stream."""

    async def __call__(self, message: Message) -> None:
        """Send a message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if self.shutdown.has_begun:
                headers.append(_CLOSE)
            if self.adds_cors:
                headers = with_cors(headers, reader=reader_of(self.scope) if self.is_cross_origin else None)
            _protect(headers)
            headers.append((HEADER, self.request_id.encode()))
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            self.is_complete = not message.get("more_body", False)
            if not self.is_complete and self.begun_at is None:
                self.begun_at = time.perf_counter()
        await self.send(message)


def with_cors(headers: RawHeaders, *, reader: bytes | None) -> list[tuple[bytes, bytes]]:
    """The headers of a response, plus those that let pages of an origin read it; `*`: of all; None: of no other."""
    vary = [value for name, value in headers if name == _VARY]
    others = [header for header in headers if header[0] != _VARY] if vary else headers
    exposing = [] if reader is None else exposing_headers(reader)
    return [*others, *exposing, (_VARY, b", ".join([*vary, _ORIGIN]))]


def _protect(headers: list[tuple[bytes, bytes]]) -> None:
    """Add what keeps browsers from taking the response for a page, and from telling others its URL, unless it says."""
    names = [name for name, _ in headers]
    if _POLICY not in names:
        headers.append((_POLICY, DEFAULT_POLICY))
    headers += [header for header in (_NO_SNIFFING, _REFERRER) if header[0] not in names]
