"""Use cases on tasks: planning one by itself, and what an operator does about parked ones."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from kernel.operation import by_system
from persistence.audit import AuditNote
from persistence.errors import postgres_errors
from persistence.unit_of_work import UnitOfWork
from tasks.model import ParkedTask, PlannedTask
from tasks.repository import MOST_LISTED, TaskRepository

MOST_NAMED: Final = 200
"""Subjects of tasks that one entry of the audit log names."""


class TaskService:
    """Use cases on the tasks of all businesses, for the engine and its operator. All raise StoreUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)

    async def plan(self, *planned: PlannedTask) -> None:
        """Plan tasks in a transaction of their own; whoever has one open plans in that (TaskRepository.plan)."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await TaskRepository(connection).plan(planned)

    async def find(self, *, kind: str | None = None, parked: bool = True, limit: int = MOST_LISTED) -> list[ParkedTask]:
        """List parked tasks, or those that are due, the longest due first."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await TaskRepository(connection).find(kind=kind, parked=parked, limit=min(limit, MOST_LISTED))

    async def retry(self, ids: Sequence[int] = (), *, kind: str | None = None) -> int:
        """Let parked tasks, by id or all of a kind, be due at once; the number of them."""
        return await self._act("retryTasks", ids, kind)

    async def drop(self, ids: Sequence[int] = (), *, kind: str | None = None) -> int:
        """Delete parked tasks, by id or all of a kind; the number of them."""
        return await self._act("dropTasks", ids, kind)

    async def _act(self, action: str, ids: Sequence[int], kind: str | None) -> int:
        """Do it in a transaction for each business, with an entry of the audit log that names their subjects."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                tenant_ids = await TaskRepository(connection).businesses_of_parked(ids=ids, kind=kind)
        count = 0
        for tenant_id in tenant_ids:
            async with self._unit_of_work.begin(by_system(tenant_id, "command-line", action)) as tx:
                tasks = TaskRepository(tx.connection)
                act = tasks.unpark if action == "retryTasks" else tasks.drop
                subjects = await act(tenant_id, ids=ids, kind=kind)
                if subjects:
                    distinct = sorted(set(subjects))
                    await tx.audit.add(AuditNote(subject=distinct[0], more_subjects=distinct[1:MOST_NAMED]))
            count += len(subjects)
        return count
