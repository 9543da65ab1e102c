"""A span around every request of a traced process."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.authentication import caller_in
from api.shell import request_log
from telemetry import tracing


class RequestTracing:
    """An ASGI layer around the shell. Probes have no span: they come every few seconds and concern no business."""

    def __init__(self, shell: ASGIApp) -> None:
        self._shell = shell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, then complete its span."""
        if scope["path"] in request_log.PROBES:
            await self._shell(scope, receive, send)
            return
        status = 0

        async def record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with tracing.request(scope["method"], dict(reversed(scope["headers"]))) as span:
            try:
                await self._shell(scope, receive, record)
            finally:
                if span is not None:
                    span.end(scope["method"], request_log.template(scope), status, _attributes(scope))


def _attributes(scope: Scope) -> dict[str, str]:
    """The request id, the business and the kind of actor; an actor's id stays out of traces."""
    attributes = {"request_id": str(scope["state"]["request_id"])}
    caller = caller_in(scope)
    if caller is not None:
        attributes["business"] = str(caller.operation.tenant_id)
        attributes["actor"] = caller.operation.actor.kind.value
    return attributes
