"""A business of many people, on stores of its own, with a worker process beside it."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from availability.state.bitmap_cache import BitmapCache, StaffDay
from bookings.model import Booked, CustomerDetails, Details
from bootstrap.context import Context, open_context
from bootstrap.embedded import kept_stores
from bootstrap.processes import die_with_parent
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from catalogue.model.business import Mode
from holds.model import PlaceRequest
from kernel.ids import ResourceId, TenantId
from kernel.operation import by_system
from kernel.spans import day_number
from persistence.schema import upgrade

# Nobody is asked to be up sooner, on a machine where others are at work.
_WORKER_SECONDS: Final = 60.0
_OPENS_AT_HOUR: Final = 8
VISIT_MINUTES: Final = 30
VISITS_A_DAY: Final = 20
# From the day after tomorrow on, so that no rule about notice has a say.
FIRST_DAY: Final = 2
# The first days are for single visits, one by one; the others are booked out.
DAYS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A member of staff, who has one lane."""

    key: str
    resource_id: ResourceId
    lane_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The services of one process, as they ship, and whom they book."""

    database_url: str
    services: Services
    context: Context
    cache: BitmapCache
    tenant_id: TenantId
    desks: tuple[Desk, ...]
    midnight: datetime
    """When the first day begins."""

    def start(self, day: int, visit: int) -> datetime:
        """When a visit of a day begins; both are counted from 0."""
        return self.midnight + timedelta(days=day, hours=_OPENS_AT_HOUR, minutes=visit * VISIT_MINUTES)

    def staff_day(self, desk: Desk, day: int) -> StaffDay:
        """What is cached of the desk's day."""
        return desk.resource_id, day_number((self.midnight + timedelta(days=day)).date())

    async def book(self, desk: Desk, day: int, visit: int) -> Booked:
        """A visit, booked directly by the desk's own customer."""
        customer = CustomerDetails(name=desk.key, email=f"{desk.key}@example.com")
        wish = PlaceRequest(service="visit", start=self.start(day, visit), resource=desk.key, party=1)
        return await self.services.bookings.book(
            by_system(self.tenant_id, "load-test"), wish, Details(customer=customer), idempotency_key=None
        )

    async def connect(self) -> "asyncpg.Connection[Any]":
        """A connection past the engine, as the owner of the tables."""
        return await asyncpg.connect(self.database_url)


@contextmanager
def stores() -> Iterator[Settings]:
    """A Postgres and a real Redis, as durable as those of `holdfast serve`, with an empty schema; gone afterwards."""
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        sys.exit("There is no redis-server or valkey-server on the PATH: install one.")
    with tempfile.TemporaryDirectory(prefix="holdfast-load-") as directory:
        # The account of the stores has to pass through it.
        Path(directory).chmod(0o711)
        with kept_stores(Specification(data_dir=directory, superuser=True), announce=lambda _sentence: None) as urls:
            assert urls.database_url is not None
            upgrade(urls.database_url)
            # As shipped, but for the patience of a queue: what is measured begins after it.
            yield Settings(
                _env_file=None,
                database_url=urls.database_url,
                redis_url=urls.redis_url,
                postgres_pool_wait_seconds=30,
                postgres_connect_seconds=10,
                postgres_statement_ms=30_000,
                postgres_lock_ms=20_000,
                postgres_idle_in_transaction_ms=60_000,
                confirm_seconds=60,
                redis_connect_seconds=10,
                redis_pool_wait_seconds=10,
                redis_command_seconds=10,
                store_silence_ms=10_000,
                audit_seconds=0,
                log_level="warning",
            )


@asynccontextmanager
async def open_shop(settings: Settings, desks: int) -> AsyncIterator[Shop]:
    """A business of that many people, each free all day."""
    assert settings.database_url is not None
    async with open_context(settings) as context, _worker(settings, context):
        services = build_services(context)
        tenant_id = (await services.tenants.create("Load", mode=Mode.LIVE)).id
        await services.catalogue.apply(by_system(tenant_id, "load-test"), _document(desks))
        catalogue = await services.snapshots.catalogue(tenant_id)
        yield Shop(
            database_url=settings.database_url,
            services=services,
            context=context,
            cache=BitmapCache(context.redis),
            tenant_id=tenant_id,
            desks=tuple(
                Desk(key=found.key, resource_id=found.id, lane_id=found.lanes[0].id) for found in catalogue.resources
            ),
            midnight=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=FIRST_DAY),
        )


@asynccontextmanager
async def _worker(settings: Settings, context: Context) -> AsyncIterator[None]:
    """`holdfast worker` on the same stores, elected."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("holdfast")),
        "worker",
        env=os.environ
        | {
            "HOLDFAST_DATABASE_URL": settings.database_url,
            "HOLDFAST_REDIS_URL": settings.redis_url,
            "HOLDFAST_AUDIT_SECONDS": "0",
            "HOLDFAST_LOG_LEVEL": "warning",
        },
        # What it logs is for people, and standard output may be for programs.
        stdout=sys.stderr,
        preexec_fn=die_with_parent,
    )
    try:
        async with asyncio.timeout(_WORKER_SECONDS):
            # Another process becomes it, and tells nobody.
            while not (await context.health()).invalidator:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


def _document(desks: int) -> dict[str, object]:
    every_day = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "08:00", "end": "18:00"}]
    keys = [f"desk-{number:03}" for number in range(desks)]
    return {
        "business": {
            "name": "Load",
            "timezone": "UTC",
            "currency": "USD",
            "rules": {"window": {"days": FIRST_DAY + DAYS + 1}},
        },
        "locations": [{"key": "main", "name": "Main", "timezone": "UTC"}],
        "resources": [
            {"key": key, "kind": "staff", "name": key, "location": "main", "hours": every_day} for key in keys
        ],
        "services": [
            {
                "key": "visit",
                "name": "Visit",
                "duration_minutes": VISIT_MINUTES,
                "requires": [{"role": "staff", "any_of": keys}],
            }
        ],
    }
