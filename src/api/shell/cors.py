"""Cross-origin requests (CORS): pages of any origin may call the API.

Widgets run on the pages of the business. Access depends on the credential, which no browser sends by itself.
"""

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.authentication import TOKEN_HEADER
from api.shell.request_headers import RequestHeaders

RawHeaders = list[tuple[bytes, bytes]]


async def _no_application(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """A stand-in: preflights never reach the application behind the middleware."""


_CORS: Final = CORSMiddleware(
    _no_application,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", TOKEN_HEADER, "X-Request-Id"],
    expose_headers=["Date", "ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"],
    max_age=7200,
)
_ALLOWED: Final = [(name.lower().encode(), value.encode()) for name, value in _CORS.simple_headers.items()]
_VARY: Final = b"vary"
_ORIGIN: Final = (_VARY, b"Origin")


def preflight(method: str, headers: RequestHeaders) -> Response | None:
    """The response to a browser's preflight; None for every other request."""
    if method != "OPTIONS" or b"origin" not in headers or b"access-control-request-method" not in headers:
        return None
    return _CORS.preflight_response(Headers(raw=list(headers.items())))


def with_cors(response_headers: Iterable[tuple[bytes, bytes]], *, is_cross_origin: bool) -> RawHeaders:
    """The headers of a response, plus those that let a page of another origin read it."""
    headers = list(response_headers)
    if is_cross_origin:
        headers += _ALLOWED
    vary = [value for name, value in headers if name == _VARY]
    if vary:
        headers = [header for header in headers if header[0] != _VARY]
        headers.append((_VARY, b", ".join([*vary, b"Origin"])))
    else:
        headers.append(_ORIGIN)
    return headers
