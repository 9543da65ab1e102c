"""Loop that deletes idempotency keys whose answers are repeated no longer."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from kernel.clock import Clock
from kernel.operation import by_system
from persistence.due_work import DueWorkKind, DueWorkRepository
from persistence.idempotency import IdempotencyService
from persistence.set_aside import set_aside
from telemetry.metrics import Metrics

# Keys deleted in one transaction: it is short enough for nobody to wait for it.
_BATCH: Final = 1000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyReport:
    """Result of one run."""

    businesses: int
    """Businesses with due work."""
    deleted: int


class IdempotencyKeyLoop:
    """Nothing depends on it: a key is free after its time, whether it was deleted or not."""

    def __init__(
        self, *, due_work: DueWorkRepository, keys: IdempotencyService, clock: Clock, metrics: Metrics
    ) -> None:
        self._due_work = due_work
        self._metrics = metrics
        self._keys = keys
        self._clock = clock

    async def run_once(self, stop: asyncio.Event) -> IdempotencyKeyReport:
        """Delete what is due in all businesses. Safe with several at once. Raises StoreUnavailable."""
        businesses = deleted = 0
        async for tenant_id in self._due_work.businesses(DueWorkKind.IDEMPOTENCY, self._clock.now()):
            if stop.is_set():
                break
            businesses += 1
            with set_aside(self._metrics, "idempotency_keys", business=str(tenant_id)):
                while not stop.is_set():
                    purged = await self._keys.purge(by_system(tenant_id, "idempotency-keys"), _BATCH)
                    deleted += purged
                    if purged < _BATCH:
                        break
        log = _log.info if deleted else _log.debug
        log("idempotency_keys.finished", deleted=deleted)
        return IdempotencyKeyReport(businesses=businesses, deleted=deleted)
