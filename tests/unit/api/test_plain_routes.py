"""Routes outside the fast lane behave as those of any FastAPI application."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from fastapi import FastAPI, HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dependencies import ServicesOf, permitted_caller, services_of
from api.fast_lane import OPERATIONS
from tests.support.application import SECRET, application, application_with_own_routes, client

_API: Final = Path(__file__).resolve().parents[3] / "src/api"


@pytest.mark.parametrize(
    ("raised", "status", "told"),
    [
        (HTTPException(404, "There is no such chair."), 404, ("not_found", "There is no such chair.")),
        (HTTPException(403, "Not in winter."), 403, ("forbidden", "Not in winter.")),
        (HTTPException(404), 404, ("not_found", "There is nothing at /chairs.")),
        (HTTPException(409, "The chair is taken."), 409, (None, "The chair is taken.")),
        (HTTPException(400, "No chair is named."), 400, (None, "No chair is named.")),
    ],
)
async def test_http_exception_is_answered_with_its_status_and_detail(
    raised: HTTPException, status: int, told: tuple[str | None, str]
) -> None:
    app = application()

    @app.get("/chairs")
    async def chairs() -> None:
        raise raised

    async with client(app) as http:
        response = await http.get("/chairs")

    assert response.status_code == status
    assert (response.json().get("code"), response.json()["detail"]) == told


class Stamp:
    """Middleware that adds a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-stamp", b"1")]
            await send(message)

        await self._app(scope, receive, stamp)


async def test_middleware_reaches_a_route() -> None:
    app = application()
    app.add_middleware(Stamp)

    async with client(app) as http:
        response = await http.get("/v1/business")

    assert response.status_code == 401
    assert response.headers["x-stamp"] == "1"


async def test_dependencies_can_be_overridden() -> None:
    class Document:
        async def document(self, operation: str) -> Any:
            return SimpleNamespace(document={"of": operation}, etag="e")

    app = application_with_own_routes()
    app.dependency_overrides[services_of] = lambda: SimpleNamespace(catalogue=Document())
    app.dependency_overrides[permitted_caller] = lambda: SimpleNamespace(operation="anyone")

    async with client(app) as http:
        response = await http.get("/v1/business")

    assert response.json() == {"of": "anyone"}


async def test_route_added_later_gets_the_services() -> None:
    app: FastAPI = application(chairs=3)

    @app.get("/chairs")
    async def chairs(services: ServicesOf) -> Any:
        return {"chairs": vars(services)["chairs"]}

    async with client(app) as http:
        response = await http.get("/chairs", headers=SECRET)

    assert response.json() == {"chairs": 3}


def test_fast_lane_has_the_seven_busiest_operations() -> None:
    assert sorted(OPERATIONS) == [
        ("GET", "/v1/availability"),
        ("GET", "/v1/availability/days"),
        ("GET", "/v1/availability/next"),
        ("GET", "/v1/holds/{hold_id}"),
        ("POST", "/v1/appointments"),
        ("POST", "/v1/holds"),
        ("POST", "/v1/holds/{hold_id}/confirm"),
    ]


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_nothing_private_of_the_framework_is_imported() -> None:
    private = [
        name
        for file in _API.rglob("*.py")
        for name in _imported(file)
        if name.split(".")[0] in {"fastapi", "starlette"} and "._" in name
    ]

    assert private == []
