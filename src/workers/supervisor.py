"""Runs the background loops together, in a process of their own or beside the API."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from availability.cache import AvailabilityCache
from bootstrap.context import Context, open_context
from bootstrap.settings import Settings
from persistence.invalidations import InvalidationRepository
from workers.invalidator import Invalidator


def build_invalidator(context: Context) -> Invalidator:
    """The invalidator on the pools of a context."""
    return Invalidator(InvalidationRepository(context.engine), AvailabilityCache(context.redis))


async def run(settings: Settings) -> None:
    """Run the loops until SIGTERM or Ctrl-C, then let each finish what it is doing.

    An unexpected error ends all of them, and the process: whoever runs it starts it anew.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_context(settings) as context, running_loops(context):
        await stop.wait()


@asynccontextmanager
async def running_loops(context: Context) -> AsyncIterator[None]:
    """The loops run while the block does; they are told to stop at its end, and waited for."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as loops:
        loops.create_task(build_invalidator(context).run(context.connect_listener, stop), name="invalidator")
        try:
            yield
        finally:
            stop.set()
