"""The HTTP application, assembled."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from api.allowed_origins import AllowedOrigins
from api.authentication import Authenticator
from api.engine import Engine
from api.exception_handlers import add_exception_handlers
from api.fast_lane import FastLane
from api.mailbox.serving import add_mailbox
from api.methods import as_get
from api.ops.serving import add_ops
from api.rate_limiting import RateLimiting
from api.reference_pages import add_reference_pages
from api.routes import (
    api_keys,
    appointment_tokens,
    appointments,
    audit,
    availability,
    business,
    businesses,
    caller,
    customers,
    events,
    health,
    holds,
    identity_provider,
    locations,
    metrics,
    notification_callbacks,
    notification_channels,
    notifications,
    overrides,
    resources,
    sandbox,
    sessions,
    storefront,
    time_off,
    users,
    verifications,
    webhooks,
)
from api.routes import (
    services as service_objects,
)
from api.shell.application import Shell
from api.shell.graceful_shutdown import GracefulShutdown
from api.shell.tracing import RequestTracing
from api.sign_in.serving import add_sign_in
from api.stream_tickets import StreamTickets
from api.visitors import VisitorAddresses
from api.widget.serving import add_widget
from availability.search_thread import SWITCH_SECONDS
from bootstrap import gc_tuning
from bootstrap.context import Context, new_metrics, open_context
from bootstrap.metrics_reporting import reporting
from bootstrap.rate_settling import settling
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from bootstrap.watchdog import Watchdog
from kernel.ids import TenantId
from persistence.idempotency import IdempotencyService
from telemetry import logs, tracing
from telemetry.metrics import Metrics

ROUTERS: Final = tuple(
    module.router
    for module in (
        storefront, availability, holds, verifications, appointments, customers, events, business, locations, resources,
        time_off, overrides, service_objects, users, sessions, identity_provider, webhooks,
        notification_channels, notifications,
        notification_callbacks,
        caller, api_keys,
        appointment_tokens, audit, sandbox, businesses, health, metrics,
    )
)  # fmt: skip
Companion = Callable[[Context], AbstractAsyncContextManager[None]]
"""Work that runs in the server process, as long as its block lasts."""


class Application(FastAPI):
    """FastAPI inside the shell, which is no middleware: the fast lane stands between the two."""

    shell: ASGIApp
    fast_lane: FastLane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request through the shell; lifespan events concern the framework alone."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope, send = as_get(scope, send)
        serve = self.shell if scope["type"] == "http" else self.framework
        await serve(scope, receive, send)

    async def framework(self, scope: Scope, receive: Receive, send: Send) -> None:
        """FastAPI with its middleware, handlers and routes."""
        await super().__call__(scope, receive, send)


def create_app(context: Context, services: Services) -> Application:
    """The application over an engine that its caller opened and closes."""
    app = _assemble(context.settings, GracefulShutdown(context.settings.shutdown_grace_seconds), context.metrics)
    _attach(app, context, services)
    return app


def create_app_from_environment(companion: Companion | None = None) -> FastAPI:
    """The application of a server process: it opens the engine at start, runs the companion, and closes both at end."""
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)

    shutdown, process_metrics = GracefulShutdown(settings.shutdown_grace_seconds), new_metrics(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert isinstance(app, Application)
        async with (
            tracing.running() if settings.tracing else nullcontext(),
            open_context(settings, process_metrics) as context,
            reporting(context, "server"),
        ):
            services = build_services(context)
            _attach(app, context, services)
            gc_tuning.settle_down()
            # Beside a thread that searches, the event loop gets the interpreter back so soon.
            sys.setswitchinterval(SWITCH_SECONDS)
            watchdog = Watchdog(process_metrics, limit_seconds=settings.loop_kept_ms / 1000)
            async with settling(context, services), companion(context) if companion is not None else nullcontext():
                with shutdown.on_signals(), watchdog.watching(asyncio.get_running_loop()):
                    yield

    return _assemble(settings, shutdown, process_metrics, lifespan)


def _assemble(
    settings: Settings,
    shutdown: GracefulShutdown,
    process_metrics: Metrics,
    lifespan: Lifespan[FastAPI] | None = None,
) -> Application:
    app = Application(
        version=_version(),
        # The documentation is served without assets from other servers, and written out once (api.reference_pages).
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Browsers send no credentials of ours by themselves, so refusing a missing Content-Type would protect nothing.
        strict_content_type=False,
        # A redirected POST would lose its body.
        redirect_slashes=False,
    )
    app.state.shutdown = shutdown
    add_exception_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    add_reference_pages(app)
    add_ops(app)
    add_mailbox(app)
    add_sign_in(app)
    add_widget(app, page_key=settings.booking_page_key, challenge=settings.challenge_script)
    app.fast_lane = FastLane()
    shell = Shell(
        app.framework,
        shortcut=app.fast_lane,
        shutdown=shutdown,
        limit_bytes=settings.max_body_bytes,
        max_requests=settings.max_concurrent_requests,
        metrics=process_metrics,
        log_sample=settings.log_sample,
    )
    app.shell = RequestTracing(shell) if settings.tracing else shell
    return app


def _attach(app: Application, context: Context, services: Services) -> None:
    visitors = VisitorAddresses(context.settings.trusted_networks)

    async def allowed(tenant_id: TenantId) -> Sequence[str]:
        return (await services.snapshots.latest(tenant_id)).catalogue.business.allowed_origins

    origins = AllowedOrigins(find=allowed, own=context.settings.public_url)
    app.state.engine = app.fast_lane.engine = Engine(
        context=context,
        services=services,
        authenticator=Authenticator(
            tenants=services.tenants,
            tokens=services.tokens,
            web_tokens=services.web_tokens,
            origins=origins,
            network=visitors.network,
            check_business=services.standings.check,
        ),
        origins=origins,
        visitors=visitors,
        stream_tickets=StreamTickets(services.tokens),
        rate_limiting=RateLimiting(
            limits=context.settings.rate_limits,
            counts=services.rate_counts,
            visitors=visitors,
            metrics=context.metrics,
        ),
        idempotency_keys=IdempotencyService(services.unit_of_work),
        master_keys=context.settings.master_keys,
    )


def _version() -> str:
    try:
        return version("holdfast")
    except PackageNotFoundError:
        # A checkout that is not installed.
        return "0"
