"""Notices holds that have expired, and forgets answers that nobody may ask for again."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from holds import events
from holds.encoding import to_hold
from holds.model import Hold, HoldStatus
from holds.store import HoldStore
from kernel.ids import HoldId, TenantId
from kernel.operation import by_system
from persistence.idempotency import IdempotencyService
from persistence.keyspace import scan
from persistence.redis import Redis
from persistence.unit_of_work import UnitOfWork
from telemetry.measures import OUTBOX_AGE
from telemetry.metrics import Metrics
from workers.repository import AuditRepository, tenants

# Holds read at once: a script of a millisecond or two, and as many events in one statement.
_HOLDS_AT_ONCE: Final = 100
# Remembered answers deleted in one transaction: short enough for nobody to wait for it.
_KEYS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run did."""

    expired_holds: int
    """Those that were noticed, each once."""
    forgotten_keys: int
    """Idempotency keys whose answer was repeated long enough."""


class Housekeeper:
    """Nothing depends on it: an expired hold is free at once, and an old key too, whether anybody noticed or not."""

    def __init__(self, *, engine: AsyncEngine, redis: Redis, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._redis = redis
        self._unit_of_work = UnitOfWork(engine)
        self._store = HoldStore(redis)
        self._idempotency_keys = IdempotencyService(self._unit_of_work)

    async def run_once(self, *, stop: asyncio.Event | None = None) -> Report:
        """Do all there is to do, or as much as there is time for until `stop`.

        Raises StoreUnavailable or RedisUnavailable; the next run does the rest.
        """
        stop = stop or asyncio.Event()
        # First what needs no Redis.
        forgotten = await self._forget_keys(stop)
        await self._look_at_outbox(stop)
        return Report(expired_holds=await self._report_expired(stop), forgotten_keys=forgotten)

    async def _forget_keys(self, stop: asyncio.Event) -> int:
        forgotten = 0
        async for tenant_id in tenants(self._engine):
            while not stop.is_set():
                purged = await self._idempotency_keys.purge(by_system(tenant_id, "housekeeping"), _KEYS_AT_ONCE)
                forgotten += purged
                if purged < _KEYS_AT_ONCE:
                    break
        return forgotten

    async def _look_at_outbox(self, stop: asyncio.Event) -> None:
        oldest = 0.0
        async for tenant_id in tenants(self._engine):
            if stop.is_set():
                return
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                oldest = max(oldest, await AuditRepository(connection, tenant_id).oldest_event_seconds())
        self._metrics.set(OUTBOX_AGE, round(oldest, 3))

    async def _report_expired(self, stop: asyncio.Event) -> int:
        noticed = 0
        async for batch in scan(self._redis):
            by_tenant: defaultdict[TenantId, set[HoldId]] = defaultdict(set)
            for key in batch:
                if key.kind == "hold":
                    by_tenant[key.tenant_id].add(HoldId(key.name))
            for tenant_id, hold_ids in by_tenant.items():
                rest = iter(sorted(hold_ids))
                while not stop.is_set() and (chunk := list(islice(rest, _HOLDS_AT_ONCE))):
                    noticed += await self._report_chunk(tenant_id, chunk)
        return noticed

    async def _report_chunk(self, tenant_id: TenantId, hold_ids: Iterable[HoldId]) -> int:
        """Write an event for each hold that has expired, and note that it was written.

        If this process dies in between, the event is written again: at least once, not exactly once.
        """
        examined = await self._store.examine(tenant_id, dict.fromkeys(hold_ids, ()))
        holds = [to_hold(one.record) for one in examined if one.record is not None and not one.reported]
        expired = {hold.id: hold for hold in holds if hold.status is HoldStatus.EXPIRED}
        if not expired:
            return 0
        written = await self._write(tenant_id, expired)
        await self._store.note_reported(tenant_id, expired)
        return written

    async def _write(self, tenant_id: TenantId, expired: dict[HoldId, Hold]) -> int:
        async with self._unit_of_work.begin(by_system(tenant_id, "housekeeping")) as transaction:
            repository = AuditRepository(transaction.connection, tenant_id)
            if not await repository.exists():
                return 0
            # One whose confirmation died before it could settle did not end: it became an appointment.
            booked = await repository.find_booked(expired)
            told = [events.hold_expired(hold) for hold in expired.values() if hold.id not in booked]
            if told:
                await transaction.outbox.add(*told)
        return len(told)
