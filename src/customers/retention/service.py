"""Use case that erases the customers of a business who were kept for long enough."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from availability.state.catalogue_snapshots import CatalogueSnapshots
from customers.erasures.service import ErasureService
from customers.repository import StoredCustomerRepository
from kernel.clock import Clock
from kernel.ids import TenantId
from kernel.operation import by_system
from persistence.unit_of_work import UnitOfWork

BATCH: Final = 50
"""Customers whom one run erases, each in transactions of its own: some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionReport:
    """Result of one run for a business."""

    keeps_forever: bool
    """True: the business says nothing, and there is nothing to look at later."""
    erased: int
    remaining: int
    """Customers past the retention who are left for the next run, BATCH at most."""


class RetentionService:
    """Erases whoever has not come for as many days as the business keeps customers. Raises StoreUnavailable."""

    def __init__(
        self, *, unit_of_work: UnitOfWork, snapshots: CatalogueSnapshots, erasures: ErasureService, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._snapshots = snapshots
        self._erasures = erasures
        self._clock = clock

    async def run_once(self, tenant_id: TenantId) -> RetentionReport:
        """Erase up to BATCH customers whose last visit ended before the retention; those who never came, by their age.

        Days count by the real time, also in a sandbox: what was erased because of a wrong clock is gone.
        """
        days = (await self._snapshots.catalogue(tenant_id)).business.retention_days
        if days is None:
            return RetentionReport(keeps_forever=True, erased=0, remaining=0)
        before = self._clock.now() - timedelta(days=days)
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            found = await StoredCustomerRepository(connection, tenant_id).find_past(before, 2 * BATCH)
        operation = by_system(tenant_id, "retention", "eraseCustomer")
        # Whoever books again while the others are erased stays.
        erased = [await self._erasures.erase(operation, one, unless_come_since=before) for one in found[:BATCH]]
        return RetentionReport(keeps_forever=False, erased=sum(erased), remaining=len(found[BATCH:]))
