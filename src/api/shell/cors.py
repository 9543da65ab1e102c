"""Cross-origin requests (CORS): pages of any origin may call the API.

Widgets run on the pages of the business. Access depends on the credential, which no browser sends by itself.
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
EXPOSING_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in _CORS.simple_headers.items()]
"""Headers that let a page of another origin read the response."""


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
