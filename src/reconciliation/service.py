"""Comparison of everything that Redis and Postgres have, business by business."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from availability.state.bitmap_cache import BitmapCache, StaffDay
from catalogue.repositories.tenants import TenantRepository
from holds.store import HoldStore
from kernel.clock import Clock
from kernel.ids import HoldId, ResourceId, TenantId
from persistence.errors import postgres_errors
from persistence.keyspace import Key, scan
from persistence.redis import Redis
from persistence.set_aside import set_aside
from persistence.unit_of_work import UnitOfWork
from reconciliation.bitmaps import BitmapReconciliation
from reconciliation.claims import ClaimReconciliation
from reconciliation.holds import HoldReconciliation
from reconciliation.report import ReconciliationReport, ReportDraft
from telemetry.metrics import Metrics

_LISTS: Final = {"held", "client"}
_STAFF_DAY: Final = re.compile(r"[^:]+:\d{1,6}")
# Read in one statement, far within the time limit of one.
_TENANTS_PER_PAGE: Final = 500


class Reconciliation:
    """Every discrepancy becomes a sentence. It runs beside bookings, and takes none under way for a discrepancy.

    Redis is repaired: wrong bitmaps are dropped, and so filled anew; lists are rewritten from the records; holds that
    became appointments are settled. Postgres is only reported on: somebody has to decide.
    """

    def __init__(self, *, engine: AsyncEngine, redis: Redis, clock: Clock, metrics: Metrics) -> None:
        self._metrics = metrics
        self._engine = engine
        self._redis = redis
        self._clock = clock
        self._unit_of_work = UnitOfWork(engine)
        self._cache = BitmapCache(redis)
        self._bitmaps = BitmapReconciliation(self._unit_of_work, self._cache)
        self._holds = HoldReconciliation(self._unit_of_work, HoldStore(redis), metrics)
        self._claims = ClaimReconciliation(self._unit_of_work)

    async def run_once(self, *, repair: bool, stop: asyncio.Event | None = None) -> ReconciliationReport:
        """Compare everything, or as much as there is time for until `stop`.

        Raises StoreUnavailable or RedisUnavailable; what was repaired until then stays repaired.
        """
        stop = stop or asyncio.Event()
        draft = ReportDraft()
        async for batch in scan(self._redis):
            for tenant_id, tenant_keys in _by_tenant(batch).items():
                if stop.is_set():
                    return draft.finish()
                with set_aside(self._metrics, "reconciliation", business=str(tenant_id)):
                    await self._check_redis(tenant_id, tenant_keys, draft, repair=repair)
        now = self._clock.now()
        async for tenant_id in self._tenants():
            if stop.is_set():
                break
            draft.businesses += 1
            with set_aside(self._metrics, "reconciliation", business=str(tenant_id)):
                await self._claims.check(tenant_id, now, draft, stop)
        return draft.finish()

    async def _check_redis(
        self, tenant_id: TenantId, tenant_keys: Iterable[Key], draft: ReportDraft, *, repair: bool
    ) -> None:
        """Compare the keys of one business, unless Postgres knows no such business: then they are not ours."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            if not await TenantRepository(connection).exists(tenant_id):
                return
        own_keys = list(tenant_keys)
        days = [_staff_day(key.name) for key in own_keys if key.kind == "clear" and _STAFF_DAY.fullmatch(key.name)]
        await self._bitmaps.check(tenant_id, days, draft, repair=repair)
        draft.note_cache(tenant_id, await self._cache.cached_bytes(tenant_id))
        holds = [HoldId(key.name) for key in own_keys if key.kind == "hold"]
        lists = [f"{key.kind}:{key.name}" for key in own_keys if key.kind in _LISTS]
        await self._holds.check(tenant_id, holds, lists, draft, repair=repair)

    async def _tenants(self) -> AsyncIterator[TenantId]:
        """Every business, a page at a time. Raises StoreUnavailable."""
        after: TenantId | None = None
        while True:
            with postgres_errors():
                async with self._engine.connect() as connection:
                    page = await TenantRepository(connection).ids(_TENANTS_PER_PAGE, after=after)
            for tenant_id in page:
                yield tenant_id
            if len(page) < _TENANTS_PER_PAGE:
                return
            after = page[-1]


def _by_tenant(batch: Iterable[Key]) -> dict[TenantId, list[Key]]:
    by_tenant: defaultdict[TenantId, list[Key]] = defaultdict(list)
    for key in batch:
        by_tenant[key.tenant_id].append(key)
    return by_tenant


def _staff_day(name: str) -> StaffDay:
    """The resource and the day that a key is named for."""
    resource_id, _, day = name.rpartition(":")
    return ResourceId(resource_id), int(day)
