"""Pages about the API, served by the API: /openapi.json, /docs and /problems/{code}."""

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Final

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import PlainTextResponse, Response

from api.openapi import openapi_document
from api.problem_responses import problem
from api.problems import TABLE

_ASSETS: Final = "/docs/assets"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(include_in_schema=False)


def add_reference_pages(app: FastAPI) -> None:
    """Serve the pages, without assets from other servers."""
    # FastAPI's own way to complete the document.
    app.openapi = lambda: dict(openapi_document(app))  # type: ignore[method-assign]
    app.state.described, app.state.describing = {}, asyncio.Lock()
    app.include_router(router)
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="assets")


@router.get("/openapi.json")
async def describe(request: Request) -> Response:
    """The OpenAPI document, made and written out once per process."""
    root = request.scope.get("root_path", "").rstrip("/")
    described: dict[str, bytes] = request.app.state.described
    if root not in described:
        # Some 0.3 s of work: other requests go on meanwhile, and those for the document wait for one of them.
        async with request.app.state.describing:
            if root not in described:
                described[root] = await asyncio.to_thread(_described, request.app, root)
    return Response(described[root], media_type="application/json")


def _described(app: FastAPI, root: str) -> bytes:
    servers = {"servers": [{"url": root}]} if root else {}
    return orjson.dumps({**openapi_document(app), **servers})


@router.get("/docs")
async def browse(request: Request) -> Response:
    """The OpenAPI document as pages."""
    root = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="Holdfast API",
        swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    page.headers["Content-Security-Policy"] = _policy(bytes(page.body).decode())
    return page


def _policy(page: str) -> str:
    """A policy that lets the page's own scripts run, and no others."""
    digests = [b64encode(sha256(script.encode()).digest()).decode() for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@router.get("/problems/{code}")
async def explain_problem(request: Request, code: str) -> Response:
    """The page behind the `type` of a problem."""
    kind = TABLE.get(code)
    if kind is None:
        return problem(request.scope, "not_found", "There is no problem with this code.")
    text = f"{kind.title} ({code}, status {kind.status})\n\n{kind.meaning}\n\nWhat to do: {kind.remedy}\n"
    return PlainTextResponse(text)
