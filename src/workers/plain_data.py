"""Loop that seals personal data which lies in plain text."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from bookings.plain_data_service import PlainDataService
from kernel.clock import Clock
from kernel.operation import by_system
from persistence.due_work import DueWorkKind, DueWorkRepository
from persistence.set_aside import set_aside
from telemetry.metrics import Metrics

# Rows sealed in one transaction: some tenths of a second, for which somebody who changes one of them waits.
_BATCH: Final = 100

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainDataReport:
    """Result of one run."""

    businesses: int
    """Businesses with due work."""
    sealed: int
    """Rows that are sealed now."""


class PlainDataLoop:
    """After an upgrade there is much to seal, and later what servers of the version before have written meanwhile."""

    def __init__(
        self, *, due_work: DueWorkRepository, plain_data: PlainDataService, clock: Clock, metrics: Metrics
    ) -> None:
        self._due_work = due_work
        self._metrics = metrics
        self._plain_data = plain_data
        self._clock = clock

    async def run_once(self, stop: asyncio.Event) -> PlainDataReport:
        """Seal what is in plain text in all businesses. Safe with several at once. Raises StoreUnavailable."""
        businesses = sealed = 0
        async for tenant_id in self._due_work.businesses(DueWorkKind.PLAIN_DATA, self._clock.now()):
            if stop.is_set():
                break
            businesses += 1
            with set_aside(self._metrics, "plain_data", business=str(tenant_id)):
                while not stop.is_set():
                    some = await self._plain_data.seal(by_system(tenant_id, "plain-data"), _BATCH)
                    sealed += some
                    if some < _BATCH:
                        break
        log = _log.info if sealed else _log.debug
        log("plain_data.finished", sealed=sealed)
        return PlainDataReport(businesses=businesses, sealed=sealed)
