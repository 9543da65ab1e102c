"""One log line per request, with the id that ties its lines together."""

import logging
import random
import re
from collections.abc import Mapping
from typing import Final
from zlib import crc32

import structlog
from starlette.types import Scope

from telemetry import logs
from telemetry.measures import UNMATCHED

HEADER: Final = b"x-request-id"
# Probes come every few seconds and say nothing while they succeed.
PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
# Of a request that took so long there is a line, whatever the sample.
SLOW_SECONDS: Final = 1.0
_FAILED: Final = 500
_CHECKSUMS: Final = 1 << 32
# What others send is repeated in logs and headers, so it must be short and plain.
_SANE: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_NAME: Final = "holdfast.requests"
_log: Final = structlog.get_logger(_NAME)
# Most lines of busy processes are not wanted, and making one to drop it costs as much as half a route.
_levels: Final = logging.getLogger(_NAME)


def begin(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """Give the request its id, which all of its log lines have: the caller's if it is one, else a fresh one."""
    request_id = _sent_id(scope) if HEADER in headers else None
    if request_id is None:
        # It tells lines apart, and opens nothing.
        request_id = f"{random.getrandbits(128):032x}"
    scope.setdefault("state", {})["request_id"] = request_id
    logs.begin_request(request_id=request_id)
    return request_id


def crashed(scope: Scope) -> None:
    """Tell of the exception that is being handled."""
    _log.exception("request_crashed", method=scope["method"], route=template(scope))


def end(scope: Scope, status: int, seconds: float, *, sample: float = 1.0) -> None:
    """Write the request's line: route template, status, duration, and no personal data.

    Of requests that are neither slow nor failed, `sample` of all get one. It depends on their ids alone, so that all
    processes choose the same ones. `sample` stands in the line: it speaks for 1 / `sample` requests.
    """
    failed = not 0 < status < _FAILED
    level = logging.DEBUG if scope["path"] in PROBES and not failed else logging.INFO
    if not _levels.isEnabledFor(level):
        return
    chosen = sample
    if failed or seconds >= SLOW_SECONDS:
        chosen = 1.0
    elif sample < 1.0 and not is_sampled(scope["state"]["request_id"], sample):
        return
    _log.log(
        level,
        "request",
        method=scope["method"],
        route=template(scope),
        status=status,
        duration_ms=round(seconds * 1000, 2),
        sample=chosen,
    )


def is_sampled(request_id: str, sample: float) -> bool:
    """Whether a request of that id is among the share."""
    return crc32(request_id.encode()) < sample * _CHECKSUMS


def operation(scope: Scope) -> tuple[str, str]:
    """Method and path of the route, unfilled; with a method that the route has not, or with no route: of none."""
    route = scope.get("route")
    path, methods = getattr(route, "path", None), getattr(route, "methods", None)
    if path is None or not methods or scope["method"] not in methods:
        return "", UNMATCHED
    return scope["method"], path


def template(scope: Scope) -> str:
    """The route's path with its parameters unfilled; never the path itself, which names objects."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def _sent_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER and _SANE.fullmatch(value):
            return str(value, "ascii")
    return None
