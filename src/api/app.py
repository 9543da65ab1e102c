"""The application as a whole."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from api.authentication import TOKEN_HEADER, Authenticator
from api.body_limit import BodyLimit
from api.dependencies import Engine
from api.documentation import add_documentation
from api.problems import add_problem_handlers
from api.request_log import RequestLog
from api.routes import (
    appointments,
    availability,
    business,
    health,
    holds,
    locations,
    overrides,
    resources,
    sandbox,
    time_off,
)
from api.routes import (
    services as service_objects,
)
from api.shutdown import RefuseWhenStopping, Shutdown
from bootstrap.context import Context, open_context
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from persistence.idempotency import IdempotencyKeys
from telemetry import logs

_ROUTES: Final = (
    availability, holds, appointments, business, locations, resources, time_off, overrides, service_objects,
    sandbox, health,
)  # fmt: skip
# Widgets run on the pages of the business, so any origin may ask: what counts is the credential, which no browser
# sends by itself.
_CROSS_ORIGIN: Final = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", TOKEN_HEADER, "X-Request-Id"],
    expose_headers=["ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"],
    max_age=7200,
)
Beside = Callable[[Context], AbstractAsyncContextManager[None]]
"""Runs for as long as its block does."""


def create_app(context: Context, services: Services) -> FastAPI:
    """The application over an engine that somebody else has opened, and closes."""
    app = _assemble(context.settings, Shutdown(context.settings.shutdown_grace_seconds))
    _attach(app, context, services)
    return app


def create_app_from_environment(
    beside: Callable[[Context], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """The application of a server process: it opens the engine when it starts and closes it when it ends.

    `beside` is what else runs in the process meanwhile.
    """
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)

    shutdown = Shutdown(settings.shutdown_grace_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_context(settings) as context:
            _attach(app, context, build_services(context))
            async with beside(context) if beside is not None else nullcontext():
                with shutdown.on_signals():
                    yield

    return _assemble(settings, shutdown, lifespan)


def _assemble(settings: Settings, shutdown: Shutdown, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    app = FastAPI(
        version=_version(),
        # The documentation is served without assets from elsewhere (api.documentation).
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Browsers send no credentials of ours by themselves, so nothing is won by refusing a missing Content-Type.
        strict_content_type=False,
        # A redirected POST would lose its body.
        redirect_slashes=False,
        middleware=[
            Middleware(RequestLog),
            _CROSS_ORIGIN,
            Middleware(RefuseWhenStopping, shutdown=shutdown),
            Middleware(BodyLimit, limit_bytes=settings.max_body_bytes),
        ],
    )
    app.state.shutdown = shutdown
    add_problem_handlers(app)
    for module in _ROUTES:
        app.include_router(module.router)
    add_documentation(app)
    return app


def _attach(app: FastAPI, context: Context, services: Services) -> None:
    app.state.engine = Engine(
        context=context,
        services=services,
        authenticator=Authenticator(tenants=services.tenants, bookings=services.bookings),
        idempotency_keys=IdempotencyKeys(services.unit_of_work),
    )


def _version() -> str:
    try:
        return version("holdfast")
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        return "0"
