"""Use cases on tasks: planning one by itself, and what an operator does about parked ones."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from persistence.errors import postgres_errors
from tasks.model import ParkedTask, PlannedTask
from tasks.repository import MOST_LISTED, TaskRepository


class TaskService:
    """Use cases on the tasks of all businesses, for the engine and its operator. All raise StoreUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

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
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await TaskRepository(connection).unpark(ids=ids, kind=kind)

    async def drop(self, ids: Sequence[int] = (), *, kind: str | None = None) -> int:
        """Delete parked tasks, by id or all of a kind; the number of them."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await TaskRepository(connection).drop(ids=ids, kind=kind)
