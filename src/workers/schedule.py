"""Schedule of the background loops, and how one of them is run."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from kernel.errors import StoreUnavailable
from persistence.errors import RedisUnavailable

# A process that was just elected begins this soon.
_STANDBY_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Loop(Protocol):
    """Work that is done again and again. It logs what it has done."""

    async def run_once(self, stop: asyncio.Event) -> object:
        """Do what there is to do, or as much as there is time for until `stop`, and report it.

        Raises StoreUnavailable or RedisUnavailable; the next run does the rest.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledLoop:
    """A row of the schedule."""

    name: str
    seconds: float
    """The pause between two runs."""
    needs_election: bool
    """Only the elected process runs it."""
    loop: Loop


async def run_scheduled(scheduled: ScheduledLoop, elected: asyncio.Event, stop: asyncio.Event) -> None:
    """Run the loop, pause, and so on until told to stop; one that needs an election waits for it each time.

    A store that does not answer is waited for until the next time.
    """
    while not stop.is_set():
        if scheduled.needs_election and not elected.is_set():
            await pause(stop, _STANDBY_SECONDS)
            continue
        try:
            await scheduled.loop.run_once(stop)
        except (StoreUnavailable, RedisUnavailable) as error:
            _log.warning(f"{scheduled.name}.store_lost", error=str(error))
        await pause(stop, scheduled.seconds)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until told to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
