"""Routes of the operations page."""

from importlib.resources import files
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response

from api.answers import answer
from api.engine import engine_of
from api.operator_access import KeyedOperator, operator_keys
from api.ops.figures import figures_of
from api.ops.rendering import figures_body, occupancy_body
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable

_FILES: Final = files("api") / "ops"
_PAGE: Final = "page.html"
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # No content from other servers, no inline content, no frame around the page, and no forms.
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


def add_ops(app: FastAPI) -> None:
    """Serve /ops. Without an operator key in the settings, it only answers 404."""
    router = APIRouter(include_in_schema=False)
    _add_page(router)
    _add_data(router)
    app.include_router(router)


def _add_page(router: APIRouter) -> None:
    """Serve the files of the page, which contain nothing secret."""

    def add(path: str, name: str) -> None:
        content = (_FILES / name).read_bytes()
        media_type = _TYPES[name[name.rindex(".") :]]

        @router.get(path)
        async def serve(request: Request) -> Response:
            operator_keys(request)
            return Response(content, media_type=media_type, headers=_HEADERS)

    add("/ops", _PAGE)
    for name in ("ops.css", "ops.js", "client.js", "element.js", "view.js"):
        add(f"/ops/{name}", name)


def _add_data(router: APIRouter) -> None:
    @router.get("/ops/data")
    async def figures(request: Request, _operator: KeyedOperator) -> Response:
        return answer(figures_body(await figures_of(engine_of(request).context)))

    @router.get("/ops/data/businesses")
    async def businesses(request: Request, _operator: KeyedOperator) -> Response:
        names = await engine_of(request).services.tenants.names()
        return answer({"data": [{"id": str(tenant_id), "name": name} for tenant_id, name in names.items()]})

    @router.get("/ops/data/occupancy")
    async def occupancy(request: Request, _operator: KeyedOperator, business: Annotated[UUID, Query()]) -> Response:
        try:
            report = await engine_of(request).services.utilisation.report(TenantId(business))
        except RedisUnavailable:
            return answer({"redis": False})
        return answer({"redis": True, **occupancy_body(report)})
