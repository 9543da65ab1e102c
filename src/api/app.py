"""The application as a whole."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from api.authentication import Authenticator
from api.dependencies import Engine
from api.direct import DirectRoutes
from api.documentation import add_documentation
from api.edge import Edge
from api.ops.serving import add_ops
from api.problems import add_problem_handlers
from api.routes import (
    appointments,
    availability,
    business,
    health,
    holds,
    locations,
    metrics,
    overrides,
    resources,
    sandbox,
    storefront,
    time_off,
)
from api.routes import (
    services as service_objects,
)
from api.shutdown import Shutdown
from api.traced import Traced
from api.widget.serving import add_widget
from bootstrap import gc_tuning
from bootstrap.context import Context, new_metrics, open_context
from bootstrap.metrics_reporting import reporting
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from persistence.idempotency import IdempotencyKeys
from telemetry import logs, tracing
from telemetry.metrics import Metrics

ROUTERS: Final = tuple(
    module.router
    for module in (
        storefront, availability, holds, appointments, business, locations, resources, time_off, overrides,
        service_objects, sandbox, health, metrics,
    )
)  # fmt: skip
Beside = Callable[[Context], AbstractAsyncContextManager[None]]
"""Runs for as long as its block does."""


class Application(FastAPI):
    """FastAPI with the edge around it, and not among its middleware: some requests need nothing of it."""

    edge: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; what is no request concerns the framework alone."""
        serve = self.edge if scope["type"] == "http" else self.framework
        await serve(scope, receive, send)

    async def framework(self, scope: Scope, receive: Receive, send: Send) -> None:
        """FastAPI's own way."""
        await super().__call__(scope, receive, send)


def create_app(context: Context, services: Services) -> FastAPI:
    """The application over an engine that somebody else has opened, and closes."""
    app = _assemble(context.settings, Shutdown(context.settings.shutdown_grace_seconds), context.metrics)
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

    shutdown, counted = Shutdown(settings.shutdown_grace_seconds), new_metrics(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            tracing.running() if settings.tracing else nullcontext(),
            open_context(settings, counted) as context,
            reporting(context, "server"),
        ):
            _attach(app, context, build_services(context))
            gc_tuning.settle_down()
            async with beside(context) if beside is not None else nullcontext():
                with shutdown.on_signals():
                    yield

    return _assemble(settings, shutdown, counted, lifespan)


def _assemble(
    settings: Settings, shutdown: Shutdown, counted: Metrics, lifespan: Lifespan[FastAPI] | None = None
) -> FastAPI:
    app = Application(
        version=_version(),
        # The documentation is served without assets from elsewhere (api.documentation).
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Browsers send no credentials of ours by themselves, so nothing is won by refusing a missing Content-Type.
        strict_content_type=False,
        # A redirected POST would lose its body.
        redirect_slashes=False,
    )
    app.state.shutdown = shutdown
    add_problem_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    add_documentation(app)
    add_ops(app)
    add_widget(app, page_key=settings.booking_page_key)
    edge = Edge(
        app.framework,
        routes=DirectRoutes(route for router in ROUTERS for route in router.routes),
        engine=lambda: app.state.engine,
        stopping=shutdown,
        limit_bytes=settings.max_body_bytes,
        metrics=counted,
        log_sample=settings.log_sample,
    )
    app.edge = Traced(edge) if settings.tracing else edge
    return app


def _attach(app: FastAPI, context: Context, services: Services) -> None:
    app.state.engine = Engine(
        context=context,
        services=services,
        authenticator=Authenticator(tenants=services.tenants, tokens=services.tokens),
        idempotency_keys=IdempotencyKeys(services.unit_of_work),
    )


def _version() -> str:
    try:
        return version("holdfast")
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        return "0"
