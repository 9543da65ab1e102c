"""The watchdog of an event loop: it notices when the loop was kept from its other requests."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from telemetry.measures import LOOP_KEPT, LOOP_KEPT_LONGEST
from telemetry.metrics import Metrics

# So often within the limit, the loop is asked to call: what kept it began up to one such pause before it is noticed.
_CALLS_WITHIN_LIMIT: Final = 5
_log: Final = structlog.get_logger(__name__)


class Watchdog:
    """Asks the event loop to call at short intervals, and counts and logs each time that it calls late.

    It reads two clocks per call, a hundred times a second: a thousandth of a processor. What it logs as `cpu_ms` is
    the work of the loop's thread meanwhile; far less than `ms` means that the machine, or a blocking call, kept it.
    """

    def __init__(self, metrics: Metrics, *, limit_seconds: float) -> None:
        self._metrics = metrics
        self._limit = limit_seconds
        self._pause = limit_seconds / _CALLS_WITHIN_LIMIT
        self._longest = 0.0
        metrics.set(LOOP_KEPT_LONGEST, 0)

    @contextmanager
    def watching(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Watch the loop while the block lasts."""
        handle: asyncio.TimerHandle | None = None
        read_cpu: Callable[[], float] = time.thread_time

        def call(due: float, cpu_before: float) -> None:
            nonlocal handle
            now, cpu = loop.time(), read_cpu()
            if now - due > self._limit:
                self.report(now - due, cpu - cpu_before)
            handle = loop.call_at(now + self._pause, call, now + self._pause, cpu)

        due = loop.time() + self._pause
        handle = loop.call_at(due, call, due, read_cpu())
        try:
            yield
        finally:
            handle.cancel()

    def report(self, seconds: float, cpu_seconds: float) -> None:
        """Count and log one time that the loop was kept so long."""
        self._longest = max(self._longest, seconds)
        self._metrics.add(LOOP_KEPT)
        self._metrics.set(LOOP_KEPT_LONGEST, round(self._longest, 4))
        # Where the machine was busy with other things, nobody is to be woken.
        log = _log.warning if cpu_seconds >= self._limit / 2 else _log.info
        log("event_loop.kept", ms=round(seconds * 1000, 1), cpu_ms=round(cpu_seconds * 1000, 1))
