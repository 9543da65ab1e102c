"""A span around every request, where the process is traced."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import request_log
from api.headers import first_of_each
from telemetry import logs, tracing


class Traced:
    """Stands around the edge. Probes are left out: they come every few seconds and are about no business."""

    def __init__(self, edge: ASGIApp) -> None:
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, and tell what became of it."""
        if scope["path"] in request_log.PROBES:
            await self._edge(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with tracing.request(scope["method"], first_of_each(scope["headers"])) as span:
            try:
                await self._edge(scope, receive, noting)
            finally:
                if span is not None:
                    span.end(scope["method"], request_log.template(scope), status, logs.of_request())
