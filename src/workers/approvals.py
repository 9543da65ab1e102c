"""Loop that ends appointments which were not approved in time."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from bookings.appointment_service import AppointmentService
from kernel.clock import Clock
from kernel.operation import by_system
from persistence.due_work import DueWorkKind, DueWorkRepository
from persistence.set_aside import set_aside
from telemetry.metrics import Metrics

# Appointments ended in one transaction: some tenths of a second, for which somebody who wants one of them waits.
_BATCH: Final = 50

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReport:
    """Result of one run."""

    businesses: int
    """Businesses with due work."""
    expired: int
    """Appointments that ended."""


class ApprovalLoop:
    """An appointment that has expired cannot be approved, whether it was ended or not; ending it frees its time."""

    def __init__(
        self, *, due_work: DueWorkRepository, appointments: AppointmentService, clock: Clock, metrics: Metrics
    ) -> None:
        self._due_work = due_work
        self._metrics = metrics
        self._appointments = appointments
        self._clock = clock

    async def run_once(self, stop: asyncio.Event) -> ApprovalReport:
        """End what is due in all businesses. Safe with several at once. Raises StoreUnavailable."""
        businesses = expired = 0
        async for tenant_id in self._due_work.businesses(DueWorkKind.APPROVAL, self._clock.now()):
            if stop.is_set():
                break
            businesses += 1
            operation = by_system(tenant_id, "approvals", "expireAppointment")
            with set_aside(self._metrics, "approvals", business=str(tenant_id)):
                while not stop.is_set():
                    ended = await self._appointments.expire(operation, _BATCH)
                    expired += ended
                    if ended < _BATCH:
                        break
        log = _log.info if expired else _log.debug
        log("approvals.finished", expired=expired)
        return ApprovalReport(businesses=businesses, expired=expired)
