"""Record of each request: its id, its count in the metrics, and its log line."""

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
from telemetry.metrics import Metrics

HEADER: Final = b"x-request-id"
# Probes come every few seconds and say nothing while they succeed.
PROBES: Final = frozenset({"/healthz", "/readyz", "/readyz/invalidator", "/metrics"})
# A request this slow is logged whatever the sample.
SLOW_SECONDS: Final = 1.0
_FAILED: Final = 500
_CHECKSUMS: Final = 1 << 32
# A client's id is repeated in logs, headers and the audit log, which keeps it for good: it must be short and plain, and
# nobody's telephone number.
_PLAIN_ID: Final = re.compile(rb"(?!(?:[0-9][.:-]?){7,15}$)[A-Za-z0-9._:-]{1,128}")
_NAME: Final = "holdfast.requests"
_log: Final = structlog.get_logger(_NAME)
# Busy processes drop most lines, and making a line only to drop it costs as much as half a route.
_levels: Final = logging.getLogger(_NAME)


def begin(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """Give the request the id for all its log lines: the client's if it is plain, else a fresh one."""
    request_id = _client_id(scope) if HEADER in headers else None
    if request_id is None:
        # It only identifies log lines, so it need not be hard to guess.
        request_id = f"{random.getrandbits(128):032x}"
    scope.setdefault("state", {})["request_id"] = request_id
    logs.begin_request(request_id=request_id)
    return request_id


def log_crash(scope: Scope) -> None:
    """Log the exception being handled."""
    _log.exception("request_crashed", method=scope["method"], route=template(scope))


def end(scope: Scope, status: int, seconds: float, *, metrics: Metrics, sample: float = 1.0) -> None:
    """Count the request, then write its line: route template, status, duration, and no personal data.

    Slow or failed requests always get a line, others the share `sample`. The choice depends on the id alone, so all
    processes choose the same requests. The line repeats `sample`: it stands for 1 / `sample` requests.
    """
    method, route = scope["method"], scope.get("route")
    # Partial matches set a route too: its path counts only with a method that it has.
    if method in (getattr(route, "methods", None) or ()):
        metrics.request(method, getattr(route, "path", UNMATCHED), status, seconds)
    else:
        metrics.request("", UNMATCHED, status, seconds)
    has_failed = not 0 < status < _FAILED
    level = logging.DEBUG if scope["path"] in PROBES and not has_failed else logging.INFO
    if not _levels.isEnabledFor(level):
        return
    line_sample = sample
    if has_failed or seconds >= SLOW_SECONDS:
        line_sample = 1.0
    elif sample < 1.0 and not is_sampled(scope["state"]["request_id"], sample):
        return
    _log.log(
        level,
        "request",
        method=method,
        route=template(scope),
        status=status,
        duration_ms=round(seconds * 1000, 2),
        sample=line_sample,
    )


def is_sampled(request_id: str, sample: float) -> bool:
    """True if a request of that id belongs to the share that is logged."""
    return crc32(request_id.encode()) < sample * _CHECKSUMS


def template(scope: Scope) -> str:
    """The path template of the route; never the path itself, which names objects."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def _client_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER and _PLAIN_ID.fullmatch(value):
            return str(value, "ascii")
    return None
