"""Loop that shows how late tasks are, and how many are parked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from persistence.errors import postgres_errors
from tasks.repository import TaskRepository
from telemetry.measures import TASK_LAG, TASKS_PARKED
from telemetry.metrics import Metrics

# Parked tasks that are counted of a kind: more of them cost no more to count, and are no less reason to look.
_MOST_COUNTED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLagReport:
    """Result of one run, over all kinds."""

    longest_seconds: float
    parked: int


class TaskLagLoop:
    """One statement, however many tasks are planned."""

    def __init__(self, *, engine: AsyncEngine, kinds: Sequence[str], metrics: Metrics) -> None:
        self._engine = engine
        self._kinds = kinds
        self._metrics = metrics

    async def run_once(self, _stop: asyncio.Event) -> TaskLagReport:
        """Show the figures of each kind. Raises StoreUnavailable."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                lags = await TaskRepository(connection).lags(self._kinds, most=_MOST_COUNTED)
        for kind, seconds, parked in lags:
            self._metrics.set(TASK_LAG, round(seconds, 3), label=kind)
            self._metrics.set(TASKS_PARKED, parked, label=kind)
        return TaskLagReport(
            longest_seconds=max((seconds for _, seconds, _ in lags), default=0.0),
            parked=sum(parked for _, _, parked in lags),
        )
