"""Successful responses: JSON bytes with their headers."""

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.responses import Response

MEDIA_TYPE: Final = "application/json"
# Answers are true at this instant, and often personal: no cache on the way may keep them.
NO_STORE: Final = (b"cache-control", b"no-store")
_CONTENT_TYPE: Final = (b"content-type", MEDIA_TYPE.encode())


class RenderedResponse(Response):
    """A response whose headers are bytes already; Starlette's own encodes them anew for each response."""

    def __init__(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        # Everything the base class would set, without its work.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = headers


def answer(body: Mapping[str, object], *, status: int = 200, version: int | str | None = None) -> Response:
    """The body as JSON, instants as RFC 3339 (`Z` for UTC), the version as its ETag."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    length = (b"content-length", b"%d" % len(content))
    if version is None:
        return RenderedResponse(status, content, [NO_STORE, length, _CONTENT_TYPE])
    return RenderedResponse(status, content, [NO_STORE, (b"etag", f'"{version}"'.encode()), length, _CONTENT_TYPE])


def no_content() -> Response:
    """An empty response with status 204."""
    return RenderedResponse(204, b"", [NO_STORE])
