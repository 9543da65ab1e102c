"""Loop that looks at every hold in Redis, for those that the register and the lists have lost."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog

from holds.register import HoldRegister
from holds.store import HoldStore
from kernel.ids import HoldId, TenantId
from persistence.keyspace import scan
from persistence.redis import Redis
from persistence.set_aside import set_aside
from telemetry.metrics import Metrics

# Holds looked at in one script of a millisecond.
_BATCH: Final = 100

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """Result of one run."""

    holds: int
    """Records that were looked at."""
    missing: int
    """Holds put back into the list of live ones."""


class HoldSweepLoop:
    """A process that dies may leave holds whose business nobody knows to have any, and a full Redis drops keys.

    It walks over all keys, so it runs rarely; a hold's record is kept for an hour after its end.
    """

    def __init__(self, *, redis: Redis, store: HoldStore, register: HoldRegister, metrics: Metrics) -> None:
        self._metrics = metrics
        self._redis = redis
        self._store = store
        self._register = register

    async def run_once(self, stop: asyncio.Event) -> SweepReport:
        """Register every business that has holds to be noticed. Raises RedisUnavailable."""
        holds = missing = 0
        async for keys in scan(self._redis, kind="hold"):
            by_tenant: defaultdict[TenantId, set[HoldId]] = defaultdict(set)
            for key in keys:
                by_tenant[key.tenant_id].add(HoldId(key.name))
            for tenant_id, hold_ids in by_tenant.items():
                rest = iter(sorted(hold_ids))
                while not stop.is_set() and (batch := list(islice(rest, _BATCH))):
                    holds += len(batch)
                    with set_aside(self._metrics, "hold_sweep", business=str(tenant_id)):
                        missing += await self._relist(tenant_id, batch)
        log = _log.warning if missing else _log.debug
        log("hold_sweep.finished", holds=holds, missing=missing)
        return SweepReport(holds=holds, missing=missing)

    async def _relist(self, tenant_id: TenantId, hold_ids: Sequence[HoldId]) -> int:
        relisted = await self._store.relist(tenant_id, hold_ids)
        if relisted.latest_deadline_ms:
            self._register.note(tenant_id, relisted.latest_deadline_ms)
        return relisted.missing
