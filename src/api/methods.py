"""Methods of a path: those of all routes that serve it, HEAD wherever there is GET, and OPTIONS."""

from typing import Final

from fastapi import Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Message, Scope, Send

from api.answers import NO_STORE, RenderedResponse

_OF_ROUTES: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(request: Request) -> str:
    """The methods of the request's path, as `Allow` lists them."""
    # A mounted application has shortened the path; every one of ours serves files.
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    found = [method for method in _OF_ROUTES if _is_served({**request.scope, "root_path": root, "method": method})]
    methods = found or ["GET"]
    return ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])


def options(request: Request) -> Response:
    """The answer to OPTIONS that is no preflight: the methods of the path, without a credential and without a body."""
    return RenderedResponse(204, b"", [NO_STORE, (b"allow", allowed_methods(request).encode())])


def as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """A HEAD request as the GET request that it stands for, and a `send` that leaves out the body of the response."""

    async def send_without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET", "is_head": True}, send_without_body


def _is_served(scope: Scope) -> bool:
    app = scope["app"]
    return any(not isinstance(route, Mount) and route.matches(scope)[0] is Match.FULL for route in app.routes)
