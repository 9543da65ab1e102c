"""Loop that runs the relay."""

import asyncio
from dataclasses import dataclass

from events.service import BATCH, Relay


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """Result of one run."""

    moved: int


class RelayLoop:
    """The elected process runs it; several at once are safe, for one waits for none and moves nothing."""

    def __init__(self, relay: Relay, *, planned: asyncio.Event | None = None) -> None:
        """`planned` is set whenever there may be new tasks."""
        self._relay = relay
        self._planned = planned

    async def run_once(self, stop: asyncio.Event) -> RelayReport:
        """Move every event there is. Raises StoreUnavailable."""
        moved = 0
        while not stop.is_set():
            some = await self._relay.run_once()
            moved += some
            if some and self._planned is not None:
                self._planned.set()
            if some < BATCH:
                break
        return RelayReport(moved=moved)
