"""Clock of a sandbox, which it may set in order to try out rules about time."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.model.business import Mode
from catalogue.ports import CacheUpdater
from catalogue.repositories.sandbox import SandboxRepository
from kernel.clock import Clock, business_now
from kernel.errors import Forbidden
from kernel.ids import TenantId
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockView:
    """Time of a business."""

    now: datetime
    frozen: bool
    """True if its own clock stands at that instant; False if it has the real time."""


class SandboxService:
    """Use cases on the clock of a sandbox. All raise Forbidden for a business that takes real bookings.

    The clock is loaded with the catalogue, so every process sees a change with its next question to Redis. It is no
    part of the document.
    """

    def __init__(self, *, unit_of_work: UnitOfWork, cache_updater: CacheUpdater, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._cache_updater = cache_updater
        self._clock = clock

    async def clock(self, operation: Operation) -> ClockView:
        """The time of the sandbox."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            sandbox_now = await _sandbox_now(connection, operation.tenant_id)
        return ClockView(now=business_now(sandbox_now, self._clock), frozen=sandbox_now is not None)

    async def set_clock(self, operation: Operation, now: datetime) -> ClockView:
        """Stop the clock of the sandbox at that instant."""
        now = now.astimezone(UTC)
        await self._write(operation, now)
        return ClockView(now=now, frozen=True)

    async def reset_clock(self, operation: Operation) -> None:
        """Give the sandbox the real time again, if it has not."""
        await self._write(operation, None)

    async def _write(self, operation: Operation, now: datetime | None) -> None:
        async with self._unit_of_work.begin(operation) as tx:
            await _sandbox_now(tx.connection, operation.tenant_id)
            await SandboxRepository(tx.connection, operation.tenant_id).set_clock(now)
            await tx.audit.add(AuditNote(subject=str(tx.tenant_id), fields=["now"]))
        await self._cache_updater.drop_changed(operation.tenant_id, tx.commit_id, catalogue=True, time_off=())


async def _sandbox_now(connection: AsyncConnection, tenant_id: TenantId) -> datetime | None:
    mode, sandbox_now = await SandboxRepository(connection, tenant_id).find_clock()
    if mode is not Mode.SANDBOX:
        detail = (
            "Only a sandbox can set its own clock, and this business is live. "
            "Create a sandbox with `holdfast tenant create NAME --sandbox`."
        )
        raise Forbidden(detail)
    return sandbox_now
