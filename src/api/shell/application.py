"""The ASGI application around FastAPI: it admits, measures and logs every request."""

import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problem_responses
from api.rate_limiting import take_back_unless_created
from api.shell import graceful_shutdown, request_log
from api.shell.cors import is_preflight, preflight
from api.shell.early_refusal import refusal_in
from api.shell.graceful_shutdown import GracefulShutdown
from api.shell.request_body import RequestBody
from api.shell.request_slots import RequestSlots
from api.shell.response_headers import ResponseSender
from telemetry.metrics import Metrics

RequestHeaders = Mapping[bytes, bytes]
"""Headers as ASGI delivers them: lower-case names, names and values in bytes."""
Shortcut = Callable[[Scope, RequestHeaders, RequestBody], Awaitable[Response | None]]
"""Answers a request without the framework, or returns None to leave it to the framework."""


class Shell:
    """The outermost ASGI application of a server process."""

    def __init__(
        self,
        framework: ASGIApp,
        *,
        shortcut: Shortcut,
        shutdown: GracefulShutdown,
        limit_bytes: int,
        max_requests: int,
        metrics: Metrics,
        log_sample: float,
    ) -> None:
        self._framework = framework
        self._shortcut = shortcut
        self._shutdown = shutdown
        self._limit_bytes = limit_bytes
        self._slots = RequestSlots(max_requests)
        self._metrics = metrics
        self._log_sample = log_sample

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, then count and log it; the last resort for unexpected errors."""
        # The first of a repeated header counts, as everywhere in Starlette.
        headers = dict(reversed(scope["headers"]))
        request_id = request_log.begin(scope, headers)
        started = time.perf_counter()
        sender = ResponseSender(
            send=send,
            scope=scope,
            request_id=request_id,
            is_cross_origin=b"origin" in headers,
            shutdown=self._shutdown,
        )
        try:
            await self._admit(scope, headers, receive, sender)
        except ClientDisconnect:
            # Nobody is left to read this: it is what the log and the metrics say.
            await problem_responses.problem(scope, "malformed_request", "The body is incomplete.")(
                scope, receive, sender
            )
        except Exception:
            request_log.log_crash(scope)
            if sender.status and not sender.is_complete:
                # Half an answer is out: only a broken connection shows the client that it is incomplete.
                raise
            if not sender.status:
                await problem_responses.internal(scope)(scope, receive, sender)
        finally:
            take_back_unless_created(scope, sender.status)
            # How long a stream goes on says nothing of how long its client waited.
            seconds = (sender.begun_at or time.perf_counter()) - started
            request_log.end(scope, sender.status, seconds, metrics=self._metrics, sample=self._log_sample)

    async def _admit(self, scope: Scope, headers: RequestHeaders, receive: Receive, sender: ResponseSender) -> None:
        """Serve it, unless it is a preflight or the server refuses it; probes are served to the very end."""
        refusal = refusal_in(scope)
        if refusal is not None:
            await problem_responses.problem(scope, refusal.code, refusal.detail)(scope, receive, sender)
        elif scope["method"] == "OPTIONS" and is_preflight(headers):
            sender.adds_cors = False
            await preflight(scope, headers)(scope, receive, sender)
        elif scope["path"] in request_log.PROBES:
            await self._serve(scope, headers, receive, sender)
        elif self._shutdown.has_begun:
            await graceful_shutdown.refusal(scope)(scope, receive, sender)
        elif self._slots.is_full:
            await _overload(scope)(scope, receive, sender)
        else:
            self._shutdown.enter()
            try:
                await self._serve(scope, headers, receive, sender)
            finally:
                self._shutdown.leave()

    async def _serve(self, scope: Scope, headers: RequestHeaders, receive: Receive, sender: ResponseSender) -> None:
        declared = headers.get(b"content-length")
        body = RequestBody(scope, receive, declared, limit_bytes=self._limit_bytes, slots=self._slots)
        scope["request_slots"] = self._slots
        self._slots.enter()
        try:
            response = await self._shortcut(scope, headers, body)
            if response is None:
                await self._framework(scope, body.receive, sender)
            else:
                await response(scope, receive, sender)
        finally:
            self._slots.leave()


def _overload(scope: Scope) -> Response:
    """The answer to a request for which the process has no slot."""
    detail = "This server process works on as many requests as it may. Please retry in a moment."
    return problem_responses.problem(scope, "overloaded", detail)
