"""Requests from pages of other origins (CORS): any origin may ask.

Widgets run on the pages of the business. What counts is the credential, which no browser sends by itself.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.authentication import TOKEN_HEADER

RawHeaders = list[tuple[bytes, bytes]]


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Preflights are answered without what comes after."""


_CORS: Final = CORSMiddleware(
    _nothing,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", TOKEN_HEADER, "X-Request-Id"],
    expose_headers=["Date", "ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"],
    max_age=7200,
)
_ALLOWED: Final = [(name.lower().encode(), value.encode()) for name, value in _CORS.simple_headers.items()]
_VARY: Final = b"vary"
_ORIGIN: Final = (_VARY, b"Origin")


def preflight(method: str, headers: Mapping[bytes, bytes]) -> Response | None:
    """The answer to a browser that asks whether it may ask; None to every other request."""
    if method != "OPTIONS" or b"origin" not in headers or b"access-control-request-method" not in headers:
        return None
    return _CORS.preflight_response(Headers(raw=list(headers.items())))


def opened(answered: Iterable[tuple[bytes, bytes]], *, cross_origin: bool) -> RawHeaders:
    """The headers of an answer, and those that let the page which asked read it."""
    headers = list(answered)
    if cross_origin:
        headers += _ALLOWED
    vary = [value for name, value in headers if name == _VARY]
    if vary:
        headers = [header for header in headers if header[0] != _VARY]
        headers.append((_VARY, b", ".join([*vary, b"Origin"])))
    else:
        headers.append(_ORIGIN)
    return headers
