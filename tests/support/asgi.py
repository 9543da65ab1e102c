"""An ASGI application asked without a client in between, which would mend what is odd about a request."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Scope

RawHeaders = Sequence[tuple[bytes, bytes]]


class Asked(NamedTuple):
    """A request as a server would hand it over."""

    method: str
    path: str
    query: bytes = b""
    headers: RawHeaders = ()
    chunks: Sequence[bytes] = (b"",)
    """The body as it comes."""
    given_up: bool = False
    """Whether the connection ends before the body does."""


class Answered(NamedTuple):
    """What was sent back, and by which route as the log tells it."""

    status: int
    headers: RawHeaders
    body: bytes
    route: object


async def ask(app: ASGIApp, asked: Asked) -> Answered:
    """The answer, header by header in the order they were sent."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": asked.path,
        "raw_path": asked.path.encode("utf-8", "surrogatepass"),
        "query_string": asked.query,
        "root_path": "",
        "headers": [(b"host", b"engine"), (b"x-request-id", b"r-1"), *asked.headers],
        "client": ("127.0.0.1", 1),
        "server": ("engine", 80),
    }
    waiting: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in asked.chunks]
    if asked.given_up:
        waiting.append({"type": "http.disconnect"})
    else:
        waiting[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answered(sent[0]["status"], sent[0]["headers"], body, getattr(scope.get("route"), "path", None))
