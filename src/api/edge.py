"""What stands around every request: its id and its log line, CORS, the end of the process, the largest body."""

import time
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems, request_log, shutdown
from api.body import Body
from api.cross_origin import preflight
from api.dependencies import Arrival, Engine
from api.direct import DirectRoutes
from api.headers import first_of_each
from api.outgoing import Outgoing
from api.shutdown import Shutdown
from kernel.errors import DomainError
from telemetry.metrics import Metrics


class Edge:
    """The outermost ASGI application. What direct routes do not answer goes to the framework."""

    def __init__(
        self,
        framework: ASGIApp,
        *,
        routes: DirectRoutes,
        engine: Callable[[], Engine],
        stopping: Shutdown,
        limit_bytes: int,
        metrics: Metrics,
        log_sample: float,
    ) -> None:
        self._framework = framework
        self._routes = routes
        self._engine = engine
        self._stopping = stopping
        self._limit_bytes = limit_bytes
        self._metrics = metrics
        self._log_sample = log_sample

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, then say how it ended; also the last resort for errors nobody expected."""
        headers = first_of_each(scope["headers"])
        request_id = request_log.begin(scope, headers)
        started = time.perf_counter()
        outgoing = Outgoing(send, request_id=request_id, cross_origin=b"origin" in headers, shutdown=self._stopping)
        try:
            await self._admit(scope, headers, receive, outgoing)
        except Exception:
            request_log.crashed(scope)
            if outgoing.status and not outgoing.whole:
                # Half an answer is out: only a broken connection tells the client that it is not whole.
                raise
            if not outgoing.status:
                await problems.internal(scope)(scope, receive, outgoing)
        finally:
            # The one place where all is known of a request.
            seconds = time.perf_counter() - started
            self._metrics.request(*request_log.operation(scope), outgoing.status, seconds)
            request_log.end(scope, outgoing.status, seconds, sample=self._log_sample)

    async def _admit(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, outgoing: Outgoing) -> None:
        """Serve it unless it is a preflight, or the process is about to end; probes are told the truth until then."""
        allowed = preflight(scope["method"], headers)
        if allowed is not None:
            outgoing.opens = False
            await allowed(scope, receive, outgoing)
        elif scope["path"] in request_log.PROBES:
            await self._serve(scope, headers, receive, outgoing)
        elif self._stopping.begun:
            await shutdown.refuse(scope)(scope, receive, outgoing)
        else:
            self._stopping.enter()
            try:
                await self._serve(scope, headers, receive, outgoing)
            finally:
                self._stopping.leave()

    async def _serve(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, outgoing: Outgoing) -> None:
        body = Body(receive, headers.get(b"content-length"), limit_bytes=self._limit_bytes)
        found = self._routes.find(scope)
        if found is not None:
            route, path_params = found
            if route.takes(scope["method"], headers):
                scope["route"], scope["path_params"] = route, path_params
                arrival = Arrival(engine=self._engine(), scope=scope, headers=headers, path_params=path_params)
                try:
                    response = await route.respond(arrival, body)
                except DomainError as error:
                    response = problems.refusal(scope, error)
                if response is not None:
                    await response(scope, receive, outgoing)
                    return
        await self._framework(scope, body.receive, outgoing)
