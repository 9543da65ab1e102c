"""Refusals as HTTP responses, after RFC 9457."""

import re
from collections.abc import Mapping
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from access.rates.model import RateLimited
from api.answers import NO_STORE, RenderedResponse
from api.problems import TABLE
from kernel.errors import DomainError

MEDIA_TYPE: Final = "application/problem+json"
# The wait before a retry where the refusal gives none: time for a breaker to close or a node to restart.
_RETRY_SECONDS: Final = 2
MAX_INSTANCE_CHARACTERS: Final = 2000
"""The part of a long path that is repeated in a problem."""
MAX_DETAIL_CHARACTERS: Final = 2000
"""The part of a long explanation that is sent: what was sent may be quoted in it."""
_CONTENT_TYPE: Final = (b"content-type", MEDIA_TYPE.encode())
_AUTHENTICATE: Final = (b"www-authenticate", b"Bearer")
# A character is not cut in two: what is left of its escapes goes as well.
_CUT_ESCAPE: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})*%[0-9A-Fa-f]?$")
_UNESCAPED_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


def problem(
    scope: Scope,
    code: str,
    detail: str,
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response to a refused request."""
    kind = TABLE[code]
    content = {
        **(facts or {}),
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail[:MAX_DETAIL_CHARACTERS],
        "instance": _instance(scope),
        "code": code,
        "request_id": scope.get("state", {}).get("request_id"),
    }
    all_headers = [NO_STORE]
    all_headers += [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()
    ]
    if kind.retryable or "retry_after_seconds" in (facts or {}):
        all_headers.append((b"retry-after", b"%d" % _retry_seconds(facts)))
    if kind.status == 401:  # noqa: PLR2004 - RFC 9110 requires the header with this very status
        all_headers.append(_AUTHENTICATE)
    body = orjson.dumps(content, default=str)
    return RenderedResponse(kind.status, body, [*all_headers, (b"content-length", b"%d" % len(body)), _CONTENT_TYPE])


def refusal(scope: Scope, error: DomainError) -> Response:
    """The response to a request that the engine refuses."""
    headers = _rate_headers(error.facts) if isinstance(error, RateLimited) else None
    return problem(scope, error.code, error.detail, error.facts, headers)


def internal(scope: Scope) -> Response:
    """The response after an unexpected error: it reveals only the request id."""
    return problem(scope, "internal", TABLE["internal"].detail)


def _instance(scope: Scope) -> str:
    path: str = scope["path"]
    if not _UNESCAPED_PATH.fullmatch(path):
        # Starlette escapes the path where a URL has to.
        path = Request(scope).url.path
    return path if len(path) <= MAX_INSTANCE_CHARACTERS else _CUT_ESCAPE.sub("", path[:MAX_INSTANCE_CHARACTERS])


def _rate_headers(facts: Mapping[str, object]) -> Mapping[str, str]:
    """The policy that a request would exceed, and when there is room again (draft-ietf-httpapi-ratelimit-headers)."""
    return {
        "RateLimit-Policy": f'"{facts["policy"]}";q={facts["limit"]};w={facts["window_seconds"]}',
        "RateLimit": f'"{facts["policy"]}";r=0;t={facts["retry_after_seconds"]}',
    }


def _retry_seconds(facts: Mapping[str, object] | None) -> int:
    seconds = (facts or {}).get("retry_after_seconds")
    return seconds if isinstance(seconds, int) else _RETRY_SECONDS
