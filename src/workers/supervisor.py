"""Supervisor of the background loops: it runs those of the schedule together."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from workers.schedule import ScheduledLoop, run_scheduled


@asynccontextmanager
async def running(schedule: Iterable[ScheduledLoop], elected: asyncio.Event) -> AsyncIterator[None]:
    """Run the loops while the block does; at its end they are told to stop, and waited for.

    An unexpected error in one ends all of them, and the block.
    """
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as loops:
        for scheduled in schedule:
            loops.create_task(run_scheduled(scheduled, elected, stop), name=scheduled.name)
        try:
            yield
        finally:
            stop.set()
