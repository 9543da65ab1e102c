"""Loop that shows how many businesses are suspended."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from businesses.repository import StandingRepository
from persistence.errors import postgres_errors
from telemetry.measures import BUSINESSES_SUSPENDED
from telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionReport:
    """Result of one run."""

    suspended: int
    """Businesses that are suspended."""


class SuspensionLoop:
    """One statement on a small index."""

    def __init__(self, *, engine: AsyncEngine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    async def run_once(self, _stop: asyncio.Event) -> SuspensionReport:
        """Show the number. Raises StoreUnavailable."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                suspended = await StandingRepository(connection).count_suspended()
        self._metrics.set(BUSINESSES_SUSPENDED, suspended)
        return SuspensionReport(suspended=suspended)
