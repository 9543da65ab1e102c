"""The widget's script, and the page at /, as they are served."""

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from access.challenges import ChallengeScript
from api.engine import engine_of
from kernel.errors import Unauthorized

_FILES: Final = files("api") / "widget"
# In this order they make one script: each uses what stands before it.
_PARTS: Final = (
    "words",
    "dates",
    "tree",
    "client",
    "challenge",
    "memory",
    "terms",
    "choices",
    "watch",
    "booking",
    "view",
    "element",
)
# Pages ask again after five minutes, so that script and server are of one age; by its ETag that costs next to nothing.
_KEPT: Final = "public, max-age=300"
# HEAD is what monitors and link checkers ask.
_READ: Final = ["GET", "HEAD"]
# Nothing from elsewhere, nothing written into the page itself, and no page around it.
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def _page_headers(challenge: ChallengeScript | None) -> Mapping[str, str]:
    """Headers of a page. Of the challenge, if visitors may meet one, the script and the frame that it makes get in."""
    policy = _POLICY
    if challenge is not None:
        parts = urlsplit(challenge.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        policy = f"{_POLICY}; script-src 'self' {origin}; frame-src {origin}"
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file whose content is the same until the next version."""

    content: bytes
    media_type: str

    def response(self, asked: str | None) -> Response:
        """The file, or 304 to whoever has it."""
        etag = f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'
        headers = {
            "Cache-Control": _KEPT,
            "ETag": etag,
            # Any page may run it, also one that shields itself from others (COEP).
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
        }
        if asked is not None and etag in asked:
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def add_widget(app: FastAPI, *, page_key: str | None, challenge: ChallengeScript | None) -> None:
    """Serve /widget.js, and at / with a publishable key the booking page of its business, else one that says how."""
    app.include_router(_script_routes())
    app.include_router(_start_routes() if page_key is None else _page_routes(page_key, challenge))


def _script_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    script = _Asset(_script(), "text/javascript")

    @router.api_route("/widget.js", methods=_READ)
    async def widget(request: Request) -> Response:
        return script.response(request.headers.get("If-None-Match"))

    return router


def _style_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    sheet = _Asset(_read("page.css").encode(), "text/css")

    @router.api_route("/booking-page.css", methods=_READ)
    async def style(request: Request) -> Response:
        return sheet.response(request.headers.get("If-None-Match"))

    return router


def _start_routes() -> APIRouter:
    router = _style_routes()
    page = Template(_read("start.html"))

    @router.api_route("/", methods=_READ)
    async def start_page(request: Request) -> Response:
        root = html.escape(request.scope.get("root_path", ""))
        return HTMLResponse(page.substitute(root=root), headers=_page_headers(None))

    return router


def _page_routes(key: str, challenge: ChallengeScript | None) -> APIRouter:
    router, headers = _style_routes(), _page_headers(challenge)
    page = Template(_read("page.html"))

    @router.api_route("/", methods=_READ)
    async def booking_page(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        values = {
            "business": await _business_of(request, key),
            "key": key,
            "root": root,
            "origin": f"{request.url.scheme}://{request.url.netloc}{root}",
        }
        escaped = {name: html.escape(value) for name, value in values.items()}
        return HTMLResponse(page.substitute(escaped), headers=headers)

    return router


async def _business_of(request: Request, key: str) -> str:
    """The name of the business. Raises Unauthorized when the key was revoked."""
    services = engine_of(request).services
    credential = await services.tenants.authenticate(key)
    if credential is None:
        detail = "The key of the booking page opens nothing: it is misspelled, or was revoked."
        raise Unauthorized(detail)
    catalogue = await services.snapshots.catalogue(credential.tenant_id)
    return catalogue.business.name


def _script() -> bytes:
    """One script that leaves no names behind on the page it runs in."""
    parts = [_read(f"script/{part}.js") for part in _PARTS]
    style = orjson.dumps(_read("script/style.css")).decode()
    return "\n".join(['(() => {\n"use strict";', f"const STYLE = {style};", *parts, "})();\n"]).encode()


def _read(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")
