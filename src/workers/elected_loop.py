"""Does something every so often, in the one process that is elected."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from kernel.errors import StoreUnavailable
from persistence.errors import RedisUnavailable

# How soon a process that was just elected begins.
_STANDBY_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


async def run_every(
    seconds: float, action: Callable[[], Awaitable[None]], *, name: str, elected: asyncio.Event, stop: asyncio.Event
) -> None:
    """Do it as soon as this process is elected, and then that long after each end of it, until told to stop.

    A store that is lost meanwhile is waited for until the next time. Whoever is no longer elected pauses.
    """
    while not stop.is_set():
        if not elected.is_set():
            await pause(stop, _STANDBY_SECONDS)
            continue
        try:
            await action()
        except (StoreUnavailable, RedisUnavailable) as error:
            _log.warning(f"{name}.store_lost", error=str(error))
        await pause(stop, seconds)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until told to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
