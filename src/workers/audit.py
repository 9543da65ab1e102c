"""Compares what Redis and Postgres say of all businesses, and mends what may be mended."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from availability.state.bitmap_cache import BitmapCache, StaffDay
from holds.store import HoldStore
from kernel.clock import Clock
from kernel.ids import HoldId, ResourceId, TenantId
from persistence.keyspace import Key, scan
from persistence.redis import Redis
from persistence.unit_of_work import UnitOfWork
from workers.audit_bitmaps import BitmapAudit
from workers.audit_holds import HoldAudit
from workers.audit_ledger import LedgerAudit
from workers.audit_report import Findings, Report
from workers.repository import AuditRepository, tenants

_LISTS: Final = {"held", "client"}


class Audit:
    """Every difference becomes a sentence. It runs beside bookings, and takes nothing that is under way for one.

    Mended is what Redis has wrong: bitmaps are dropped, and so filled anew; lists are made what the records say; holds
    that became appointments are settled. What Postgres has wrong is only told: somebody has to decide.
    """

    def __init__(self, *, engine: AsyncEngine, redis: Redis, clock: Clock) -> None:
        self._engine = engine
        self._redis = redis
        self._clock = clock
        self._unit_of_work = UnitOfWork(engine)
        self._bitmaps = BitmapAudit(self._unit_of_work, BitmapCache(redis))
        self._holds = HoldAudit(self._unit_of_work, HoldStore(redis))
        self._ledger = LedgerAudit(self._unit_of_work)

    async def run_once(self, *, repair: bool, stop: asyncio.Event | None = None) -> Report:
        """Compare everything, or as much as there is time for until `stop`.

        Raises StoreUnavailable or RedisUnavailable; what was mended until then stays mended.
        """
        stop = stop or asyncio.Event()
        findings = Findings()
        async for batch in scan(self._redis):
            for tenant_id, found in _by_tenant(batch).items():
                if stop.is_set():
                    return findings.report()
                await self._check_redis(tenant_id, found, findings, repair=repair)
        now = self._clock.now()
        async for tenant_id in tenants(self._engine):
            if stop.is_set():
                break
            findings.businesses += 1
            await self._ledger.check(tenant_id, now, findings, stop)
        return findings.report()

    async def _check_redis(
        self, tenant_id: TenantId, found: Iterable[Key], findings: Findings, *, repair: bool
    ) -> None:
        """Compare the keys of one business, unless Postgres knows no such business: then they are not ours."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            if not await AuditRepository(connection, tenant_id).exists():
                return
        keys = list(found)
        days = [_staff_day(key.name) for key in keys if key.kind == "clear"]
        await self._bitmaps.check(tenant_id, days, findings, repair=repair)
        holds = [HoldId(key.name) for key in keys if key.kind == "hold"]
        lists = [f"{key.kind}:{key.name}" for key in keys if key.kind in _LISTS]
        await self._holds.check(tenant_id, holds, lists, findings, repair=repair)


def _by_tenant(batch: Iterable[Key]) -> dict[TenantId, list[Key]]:
    by_tenant: defaultdict[TenantId, list[Key]] = defaultdict(list)
    for key in batch:
        by_tenant[key.tenant_id].append(key)
    return by_tenant


def _staff_day(name: str) -> StaffDay:
    """The resource and the day that a key is named for."""
    resource_id, _, day = name.rpartition(":")
    return ResourceId(resource_id), int(day)
