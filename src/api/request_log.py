"""One log line per request, with the id that ties its lines together."""

import logging
import random
import re
from collections.abc import Mapping
from typing import Final

import structlog
from starlette.types import Scope

from telemetry import logs

HEADER: Final = b"x-request-id"
# Probes come every few seconds and say nothing while they succeed.
PROBES: Final = frozenset({"/healthz", "/readyz"})
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


def end(scope: Scope, status: int, seconds: float) -> None:
    """Write the request's line: route template, status, duration, and no personal data."""
    level = logging.DEBUG if scope["path"] in PROBES else logging.INFO
    if _levels.isEnabledFor(level):
        _log.log(
            level,
            "request",
            method=scope["method"],
            route=template(scope),
            status=status,
            duration_ms=round(seconds * 1000, 2),
        )


def template(scope: Scope) -> str:
    """The route's path with its parameters unfilled; never the path itself, which names objects."""
    return getattr(scope.get("route"), "path", "unmatched")


def _sent_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER and _SANE.fullmatch(value):
            return str(value, "ascii")
    return None
