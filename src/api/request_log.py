"""One log line per request, with the id that ties its lines together."""

import re
import time
from typing import Final
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import internal

HEADER: Final = b"x-request-id"
# What others send is repeated in logs and headers, so it must be short and plain.
_SANE: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
# Probes come every few seconds and say nothing while they succeed.
_PROBES: Final = frozenset({"/healthz", "/readyz"})
_log: Final = structlog.get_logger("holdfast.requests")


class RequestLog:
    """ASGI middleware, the outermost: also the last resort for errors nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, then write its line: route template, status, duration, and no personal data."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            _log.exception("request_crashed", method=scope["method"], route=_template(scope))
            if status:
                # Half an answer is out: only a broken connection tells the client that it is not whole.
                raise
            await internal(Request(scope))(scope, receive, send_with_id)
        finally:
            _write_line(scope, status, time.perf_counter() - started)


def _request_id(scope: Scope) -> str:
    """The caller's id if it is one, else a fresh one."""
    for name, value in scope["headers"]:
        if name == HEADER and _SANE.fullmatch(value):
            return str(value, "ascii")
    return uuid4().hex


def _write_line(scope: Scope, status: int, seconds: float) -> None:
    write = _log.debug if scope["path"] in _PROBES else _log.info
    write(
        "request",
        method=scope["method"],
        route=_template(scope),
        status=status,
        duration_ms=round(seconds * 1000, 2),
    )


def _template(scope: Scope) -> str:
    """The route's path with its parameters unfilled; never the path itself, which names objects."""
    return getattr(scope.get("route"), "path", "unmatched")
