"""Routes of the page on which users sign in."""

import html
from importlib.resources import files
from string import Template
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

_FILES: Final = files("api") / "sign_in"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}
# HEAD is what monitors and link checkers ask.
_READ: Final = ["GET", "HEAD"]
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    # No content from other servers, no inline content, no frame around the page. Its forms are sent by its script.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def add_sign_in(app: FastAPI) -> None:
    """Serve /sign-in: a page that reads nothing and changes nothing until a button on it is pressed."""
    router = APIRouter(include_in_schema=False)
    page = Template((_FILES / "page.html").read_text(encoding="utf-8"))

    @router.api_route("/sign-in", methods=_READ)
    async def serve_page(request: Request) -> Response:
        root = html.escape(request.scope.get("root_path", ""))
        return HTMLResponse(page.substitute(root=root), headers=_HEADERS)

    for name in ("page.css", "page.js", "words.js"):
        _add_file(router, name)
    app.include_router(router)


def _add_file(router: APIRouter, name: str) -> None:
    content = (_FILES / name).read_bytes()
    media_type = _TYPES[name[name.rindex(".") :]]

    @router.api_route(f"/sign-in/{name}", methods=_READ)
    async def serve_file() -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)
