"""Cross-origin requests (CORS): preflights, and the headers that let a page read an answer.

A preflight has no credential, so pages of any origin may ask. Who may read the answer is known when the credential is
(api.allowed_origins).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.authentication import TOKEN_HEADER
from api.problem_responses import problem


async def _no_application(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """A stand-in: preflights never reach the application behind the middleware."""


_CORS: Final = CORSMiddleware(
    _no_application,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", TOKEN_HEADER, "X-Request-Id"],
    expose_headers=[
        "Date",
        "ETag",
        "Idempotency-Replayed",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Request-Id",
    ],
    max_age=7200,
)
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_EXPOSING: Final = (b"access-control-expose-headers", _CORS.simple_headers["Access-Control-Expose-Headers"].encode())


def exposing_headers(reader: bytes) -> list[tuple[bytes, bytes]]:
    """The headers that let pages of an origin read the response; `*`: of all."""
    return [(_ALLOW_ORIGIN, reader), _EXPOSING]


def is_preflight(headers: Mapping[bytes, bytes]) -> bool:
    """True if an OPTIONS request with these headers is a preflight."""
    return b"origin" in headers and b"access-control-request-method" in headers


def preflight(scope: Scope, headers: Mapping[bytes, bytes]) -> Response:
    """The response to a browser's preflight; a problem if the browser must not send the request it asks for."""
    response = _CORS.preflight_response(Headers(raw=list(headers.items())))
    if response.status_code == HTTPStatus.OK:
        return response
    detail = f"Pages of other origins may not send this: {bytes(response.body).decode()}."
    own = {"content-length", "content-type"}
    return problem(
        scope,
        "preflight_refused",
        detail,
        headers={name: value for name, value in response.headers.items() if name not in own},
    )
