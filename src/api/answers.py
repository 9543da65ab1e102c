"""Answers to requests that were granted: JSON bytes and the headers that go with them."""

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.responses import Response

MEDIA_TYPE: Final = "application/json"
# Answers tell what is free or booked at this instant, and of whom: no cache on the way may keep them.
_HEADERS: Final = {"Cache-Control": "no-store"}


def answer(body: Mapping[str, object], *, status: int = 200, version: int | str | None = None) -> Response:
    """The body as JSON, instants as RFC 3339 (`Z` for UTC), with the version as its ETag."""
    headers = _HEADERS if version is None else {**_HEADERS, "ETag": f'"{version}"'}
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), status, headers, MEDIA_TYPE)


def no_content() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204, headers=_HEADERS)
