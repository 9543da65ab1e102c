"""Loop in which one process of all is elected, and works off invalidations while it is."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from persistence.listener import Listener
from telemetry.measures import ELECTED, OF_THE_ELECTED
from telemetry.metrics import Metrics
from workers.invalidator import Invalidator
from workers.schedule import pause

# A lost notification costs at most this long.
POLL_SECONDS: Final = 0.25
# A process that was not elected asks again this often, and one that lost a store tries again.
STANDBY_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class ElectionLoop:
    """One run is one term: it begins with the election, and ends when a store is lost, so that another process may try.

    The elected process invalidates, because the session that holds the lock also hears the notifications.
    """

    def __init__(
        self, *, invalidator: Invalidator, connect: Callable[[], Listener], elected: asyncio.Event, metrics: Metrics
    ) -> None:
        self._invalidator = invalidator
        self._connect = connect
        self._elected = elected
        self._metrics = metrics

    async def run_once(self, stop: asyncio.Event) -> None:
        """Stand by until elected, and serve until told to stop. Raises StoreUnavailable, RedisUnavailable."""
        async with self._connect() as listener:
            while not stop.is_set() and not await listener.is_elected():
                await pause(stop, STANDBY_SECONDS)
            await self._serve(listener, stop)

    async def _serve(self, listener: Listener, stop: asyncio.Event) -> None:
        """Work off rows whenever woken, and at the latest every POLL_SECONDS."""
        await listener.listen()
        _log.info("invalidator.elected")
        self._unset_gauges()
        self._elected.set()
        self._metrics.set(ELECTED, 1)
        try:
            while not stop.is_set():
                await self._invalidator.drain(stop)
                if not await listener.woken(POLL_SECONDS):
                    await listener.check()
        finally:
            self._elected.clear()
            self._metrics.set(ELECTED, 0)

    def _unset_gauges(self) -> None:
        """Show nothing that this process found out in an earlier term."""
        for gauge in OF_THE_ELECTED:
            self._metrics.unset(gauge)
