"""Loop that deletes objects which were archived long ago and which nothing names."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from catalogue.archived_objects_service import ArchivedObjectService
from kernel.clock import Clock
from kernel.operation import by_system
from persistence.due_work import DueWorkKind, DueWorkRepository
from persistence.set_aside import set_aside
from telemetry.metrics import Metrics

# Objects deleted in one transaction, with their hours and lanes: writers of the catalogue wait for it.
_BATCH: Final = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedObjectReport:
    """Result of one run."""

    businesses: int
    """Businesses with due work."""
    deleted: int


class ArchivedObjectLoop:
    """It only frees space: no answer depends on how much is archived."""

    def __init__(
        self, *, due_work: DueWorkRepository, objects: ArchivedObjectService, clock: Clock, metrics: Metrics
    ) -> None:
        self._metrics = metrics
        self._due_work = due_work
        self._objects = objects
        self._clock = clock

    async def run_once(self, stop: asyncio.Event) -> ArchivedObjectReport:
        """Delete what is due in all businesses. Safe with several at once. Raises StoreUnavailable."""
        businesses = deleted = 0
        async for tenant_id in self._due_work.businesses(DueWorkKind.ARCHIVED, self._clock.now()):
            if stop.is_set():
                break
            businesses += 1
            operation = by_system(tenant_id, "archived-objects", "deleteArchivedObjects")
            with set_aside(self._metrics, "archived_objects", business=str(tenant_id)):
                while not stop.is_set():
                    purged = await self._objects.purge(operation, _BATCH)
                    deleted += purged
                    if purged < _BATCH:
                        break
        log = _log.info if deleted else _log.debug
        log("archived_objects.finished", deleted=deleted)
        return ArchivedObjectReport(businesses=businesses, deleted=deleted)
