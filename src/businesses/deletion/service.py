"""Use cases on the deletion of businesses."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from businesses.deletion.repository import DeletionRepository
from businesses.model import BusinessNotSuspended
from businesses.repository import StandingRepository
from businesses.service import unknown_business
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from kernel.operation import Operation, by_system
from persistence.audit import AuditNote
from persistence.keyspace import delete_keys_of
from persistence.redis import Redis
from persistence.unit_of_work import UnitOfWork
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

DELETE: Final = "businesses.delete"
"""The kind of the tasks that remove what is left of a business; the migrations name it."""
STEP_ROWS: Final = 500
"""Rows that one transaction removes: some hundredths of a second."""
_NO_JOURNAL: Final = (
    "The journal of erasures cannot be written, so nothing was deleted: what a backup brings back could not be deleted "
    "again. Look at HOLDFAST_ERASURE_JOURNAL, and repeat the request."
)

NoteDeletion: TypeAlias = Callable[[TenantId], Awaitable[None]]
"""Writes the deletion down beside the database. Raises OSError."""


class DeletionService:
    """Use cases on the deletion of businesses. All raise StoreUnavailable."""

    def __init__(self, *, unit_of_work: UnitOfWork, redis: Redis, note: NoteDeletion) -> None:
        self._unit_of_work = unit_of_work
        self._redis = redis
        self._note = note

    async def delete(self, operation: Operation) -> None:
        """Delete a suspended business: its personal data opens no more, and a task removes all else.

        One that was deleted before stays so. Raises NotFound, BusinessNotSuspended.
        """
        async with self._unit_of_work.begin(operation) as tx:
            standing = await StandingRepository(tx.connection).find_marked(operation.tenant_id)
            if standing is None:
                raise unknown_business(operation.tenant_id)
            if standing.deleted_at is not None:
                return
            if standing.suspended_at is None:
                raise BusinessNotSuspended
            repository = DeletionRepository(tx.connection, operation.tenant_id)
            await repository.mark()
            await repository.shred()
            task = PlannedTask(tenant_id=operation.tenant_id, kind=DELETE, subject=str(operation.tenant_id), key="all")
            await TaskRepository(tx.connection).plan([task])
            await tx.audit.add(AuditNote(subject=str(operation.tenant_id)))
            try:
                # Before the commit: of what a backup brings back, this is all that tells.
                await self._note(operation.tenant_id)
            except OSError as error:
                raise StoreUnavailable(_NO_JOURNAL) from error

    async def delete_again(self, operation: Operation) -> bool:
        """Delete a business that a restore has brought back; False where it has not."""
        async with self._unit_of_work.begin(operation) as tx:
            standings = StandingRepository(tx.connection)
            standing = await standings.find_marked(operation.tenant_id)
            if standing is None:
                return False
            await standings.set_suspended(operation.tenant_id, suspended=True)
        await self.delete(operation)
        return True

    async def remove(self, tenant_id: TenantId, *, until: float) -> bool:
        """Remove what is left of a deleted business, step by step; False if time was over, by time.monotonic().

        Raises RedisUnavailable.
        """
        # Holds first: one that expires tells of it in the database.
        await delete_keys_of(self._redis, tenant_id)
        operation = by_system(tenant_id, "deletion")
        removed = 1
        while removed:
            if time.monotonic() > until:
                return False
            async with self._unit_of_work.begin(operation) as tx:
                removed = await DeletionRepository(tx.connection, tenant_id).remove_some(STEP_ROWS)
        # What a request that was under way has cached meanwhile.
        await delete_keys_of(self._redis, tenant_id)
        async with self._unit_of_work.begin(operation) as tx:
            await DeletionRepository(tx.connection, tenant_id).finish()
        return True
