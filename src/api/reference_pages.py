"""Pages about the API, served by the API: /openapi.json, /docs and /problems/{code}."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Final

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
    app.include_router(router)
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="assets")


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
