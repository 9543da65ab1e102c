"""Applications that share their routes: FastAPI works them out anew for each, a quarter of a second every time."""

from typing import Final
from unittest.mock import patch

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from api.app import Application, create_app
from bootstrap.context import Context
from bootstrap.services import Services

_included: Final[dict[int, BaseRoute]] = {}
"""What the first application made of each router, by the identity of the router: they last as long as the process."""


def app_with_shared_routes(context: Context, services: Services) -> Application:
    """What `create_app` makes. Its `dependency_overrides` have no effect: the routes ask the first application."""
    with patch.object(Application, "include_router", _include_once):
        return create_app(context, services)


def _include_once(app: FastAPI, router: APIRouter) -> None:
    if id(router) in _included:
        app.router.routes.append(_included[id(router)])
    else:
        app.router.include_router(router)
        _included[id(router)] = app.router.routes[-1]
