"""Answers to requests that were granted: JSON bytes and the headers that go with them."""

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.responses import Response

MEDIA_TYPE: Final = "application/json"
# Answers tell what is free or booked at this instant, and of whom: no cache on the way may keep them.
NOT_KEPT: Final = (b"cache-control", b"no-store")
_JSON: Final = (b"content-type", MEDIA_TYPE.encode())


class ReadyAnswer(Response):
    """A response whose headers are bytes already: Starlette's own encodes them anew for each."""

    def __init__(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        # What the base class would set, without its work.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = headers


def answer(body: Mapping[str, object], *, status: int = 200, version: int | str | None = None) -> Response:
    """The body as JSON, instants as RFC 3339 (`Z` for UTC), with the version as its ETag."""
    written = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    length = (b"content-length", b"%d" % len(written))
    if version is None:
        return ReadyAnswer(status, written, [NOT_KEPT, length, _JSON])
    return ReadyAnswer(status, written, [NOT_KEPT, (b"etag", f'"{version}"'.encode()), length, _JSON])


def no_content() -> Response:
    """Done, and nothing to say."""
    return ReadyAnswer(204, b"", [NOT_KEPT])
