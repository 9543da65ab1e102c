"""Loop that deletes events which have been kept for as long as the settings say."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from persistence.outbox import delete_old_events

# Events deleted in one transaction: some milliseconds.
_BATCH: Final = 1000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldEventReport:
    """Result of one run."""

    deleted: int


class OldEventLoop:
    """The cost follows the events that are old by now, however many businesses there are."""

    def __init__(self, *, engine: AsyncEngine, kept_days: int) -> None:
        self._engine = engine
        self._kept_days = kept_days

    async def run_once(self, stop: asyncio.Event) -> OldEventReport:
        """Delete what is old. Safe with several at once. Raises StoreUnavailable."""
        deleted = 0
        while not stop.is_set():
            some = await delete_old_events(self._engine, days=self._kept_days, most=_BATCH)
            deleted += some
            if some < _BATCH:
                break
        log = _log.info if deleted else _log.debug
        log("old_events.finished", deleted=deleted)
        return OldEventReport(deleted=deleted)
