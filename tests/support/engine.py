"""The engine's services on real stores, with an example business set up."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from bootstrap.context import Context, new_metrics, open_context
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from catalogue.model.business import Mode
from kernel.clock import Clock
from kernel.ids import TenantId
from tests.support.documents import example
from tests.support.operations import by_business

NO_REDIS: Final = "redis://127.0.0.1:1/0"
"""Where no Redis answers."""
MASTER_KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""It opens nothing but secrets of tests."""
MONDAY: Final = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
"""Eight in the morning at the barbershop, an hour before it opens."""

_PATIENT_SILENCE_MS: Final = 5_000
"""Silence of a store that no busy machine is taken for."""


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still."""

    instant: datetime

    def now(self) -> datetime:
        """The same instant, always."""
        return self.instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The services, the pools they work on, and a business that is set up."""

    services: Services
    context: Context
    tenant_id: TenantId


@dataclass(slots=True)
class MovingClock:
    """A clock that a test sets."""

    instant: datetime = MONDAY

    def now(self) -> datetime:
        """The instant that was set last."""
        return self.instant


def patient_settings(database_url: str, redis_url: str, *, store_silence_ms: int = _PATIENT_SILENCE_MS) -> Settings:
    """Time limits that a busy machine keeps: what is slow there is no fault. Tests of the limits set their own."""
    return Settings(
        _env_file=None,
        database_url=database_url,
        redis_url=redis_url,
        postgres_pool_wait_seconds=30,
        postgres_connect_seconds=10,
        postgres_statement_ms=30_000,
        postgres_lock_ms=20_000,
        postgres_idle_in_transaction_ms=60_000,
        confirm_seconds=60,
        redis_pool_wait_seconds=10,
        redis_connect_seconds=10,
        redis_command_seconds=10,
        store_silence_ms=store_silence_ms,
        master_key=MASTER_KEY,
        outbound_allow="127.0.0.0/8",
    )


@dataclass(frozen=True, slots=True)
class SharedPools:
    """Contexts on one database, each opened for the first test that needs it."""

    stack: AsyncExitStack
    contexts: list[Context] = field(default_factory=list)

    async def context(self, settings: Settings) -> Context:
        """The context by these settings."""
        for context in self.contexts:
            if context.settings == settings:
                return context
        self.contexts.append(await self.stack.enter_async_context(open_context(settings)))
        return self.contexts[-1]


_shared: Final[dict[str, SharedPools]] = {}
"""By the URL of their database."""


@asynccontextmanager
async def shared_pools(database_url: str) -> AsyncIterator[None]:
    """While this lasts, engines on the database share their pools; all of them run in the event loop of the caller."""
    async with AsyncExitStack() as stack:
        _shared[database_url] = SharedPools(stack)
        try:
            yield
        finally:
            del _shared[database_url]


@asynccontextmanager
async def pools(settings: Settings) -> AsyncIterator[Context]:
    """Pools for an engine that has counted nothing yet: shared ones, or the engine's own on a database of its own."""
    shared = _shared.get(settings.database_url or "")
    if shared is None:
        async with open_context(settings) as context:
            yield context
    else:
        yield replace(await shared.context(settings), metrics=new_metrics(settings))


@asynccontextmanager
async def running_engine(
    database_url: str,
    redis_url: str,
    *,
    clock: Clock | None = None,
    document: Mapping[str, object] | None = None,
    store_silence_ms: int = _PATIENT_SILENCE_MS,
    mode: Mode = Mode.LIVE,
    operator_key: str | None = None,
) -> AsyncIterator[Engine]:
    """The services of one process, and a new business by the document: the barbershop, unless another one is given.

    The services remember nothing of other tests, even where they share the pools. Where no clock is given, it is
    MONDAY. The business is set up patiently: `store_silence_ms` counts from then on.
    """
    settings = patient_settings(database_url, redis_url).model_copy(update={"operator_key": operator_key})
    async with pools(settings) as context:
        services = build_services(context, clock or FixedClock(MONDAY))
        tenant = await services.tenants.create("Fade & Co", mode=mode)
        await services.catalogue.apply(by_business(tenant.id), document or example("barbershop"))
        if store_silence_ms == _PATIENT_SILENCE_MS:
            yield Engine(services=services, context=context, tenant_id=tenant.id)
            return
    async with pools(patient_settings(database_url, redis_url, store_silence_ms=store_silence_ms)) as context:
        services = build_services(context, clock or FixedClock(MONDAY))
        yield Engine(services=services, context=context, tenant_id=tenant.id)
