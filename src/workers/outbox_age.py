"""Loop that shows the age of the oldest event in the outbox."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from persistence.outbox import oldest_event_seconds
from telemetry.measures import OUTBOX_AGE
from telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxAgeReport:
    """Result of one run."""

    oldest_seconds: float


class OutboxAgeLoop:
    """One statement, however many businesses there are."""

    def __init__(self, *, engine: AsyncEngine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    async def run_once(self, _stop: asyncio.Event) -> OutboxAgeReport:
        """Show the age. Raises StoreUnavailable."""
        oldest = await oldest_event_seconds(self._engine)
        self._metrics.set(OUTBOX_AGE, round(oldest, 3))
        return OutboxAgeReport(oldest_seconds=oldest)
