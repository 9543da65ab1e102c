"""The engine's services on real stores, with an example business set up."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bootstrap.context import Context, open_context
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from catalogue.model.business import Mode
from kernel.clock import Clock
from kernel.ids import TenantId
from tests.support.documents import example
from tests.support.operations import by_business

MONDAY: Final = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
"""Eight in the morning at the barbershop, an hour before it opens."""


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


def patient_settings(database_url: str, redis_url: str, *, store_silence_ms: int = 5_000) -> Settings:
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
    )


@asynccontextmanager
async def running_engine(
    database_url: str,
    redis_url: str,
    *,
    clock: Clock | None = None,
    document: Mapping[str, object] | None = None,
    store_silence_ms: int = 5_000,
    mode: Mode = Mode.LIVE,
) -> AsyncIterator[Engine]:
    """The services of one process, and a new business by the document: the barbershop, unless another one is given.

    Where no clock is given, it is MONDAY.
    """
    settings = patient_settings(database_url, redis_url, store_silence_ms=store_silence_ms)
    async with open_context(settings) as context:
        services = build_services(context, clock or FixedClock(MONDAY))
        tenant = await services.tenants.create("Fade & Co", mode=mode)
        await services.catalogue.apply(by_business(tenant.id), document or example("barbershop"))
        yield Engine(services=services, context=context, tenant_id=tenant.id)
