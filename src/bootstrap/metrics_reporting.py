"""Telling Redis, once a second, what this process has counted and how it is."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal
from uuid import uuid4

import structlog

from bootstrap.context import Context
from persistence.errors import RedisUnavailable
from persistence.metrics import Batch, MetricsStore
from telemetry.measures import (
    ELECTED,
    MAY_EVICT,
    MEMORY_USED,
    NOT_STORED,
    OF_THE_ELECTED,
    POOL_SIZE,
    POOL_USED,
    STORE_REFUSES,
    STORE_SILENT,
)
from telemetry.metrics import Metrics

Role = Literal["server", "worker"]
SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)


class Reporter:
    """Each batch is sent until Redis has answered, and counted once. Meanwhile what is new waits for the next one.

    It costs requests nothing: there is one batch under way and one in the making, however long Redis is away.
    """

    def __init__(self, context: Context, role: Role, *, store: MetricsStore | None = None) -> None:
        self.name: Final = process_name()
        self._context = context
        self._role = role
        self._metrics: Metrics = context.metrics
        self._store = store or MetricsStore(context.redis)
        # Process numbers are given again; this never is.
        self._process = uuid4().hex
        self._number = 0
        self._unsent: Batch | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Report every second until told to stop."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await stop.wait()
            await self.report()

    async def report(self) -> bool:
        """Tell what there is to tell; False when Redis does not answer. Nothing that goes wrong here ends a server."""
        try:
            await self.run_once()
        except RedisUnavailable:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it was, it must not end what it only tells of
            _log.warning("metrics.not_reported", error=repr(error))
            return False
        return True

    async def run_once(self) -> None:
        """Send what was counted, then show the gauges. Raises RedisUnavailable; the next run says it again."""
        try:
            # What was not answered last time, then what is new: more comes while that is sent, and waits its turn.
            await self._send()
            self._unsent = self._taken()
            await self._send()
        except RedisUnavailable:
            self._metrics.set(NOT_STORED, 1)
            raise
        self._metrics.set(NOT_STORED, 0)
        shown = {"role": self._role, **own_gauges(self._context)}
        await self._store.show(self.name, shown, round(time.time() * 1000))

    async def close(self) -> None:
        """Send the last counts: nobody counts after this."""
        if not await self.report():
            _log.warning("metrics.end_not_told")
            return
        with suppress(RedisUnavailable):
            await self._store.end(self.name)

    async def _send(self) -> None:
        if self._unsent is not None:
            await self._store.add(self._unsent)
            self._unsent = None

    def _taken(self) -> Batch | None:
        """A batch of what was counted since the last one."""
        counts = self._metrics.take_counts()
        if not counts:
            return None
        self._number += 1
        return Batch(process=self._process, number=self._number, minute=int(time.time()) // 60, counts=counts)


@asynccontextmanager
async def reporting(context: Context, role: Role) -> AsyncIterator[None]:
    """Report while the block lasts, and once more at its end: all it counted is in Redis then, if that answers."""
    if not context.settings.metrics:
        yield
        return
    reporter, stop = Reporter(context, role), asyncio.Event()
    task = asyncio.create_task(reporter.run(stop), name="metrics")
    try:
        yield
    finally:
        stop.set()
        await task
        await reporter.close()


def process_name() -> str:
    """The name of this process for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def own_gauges(context: Context) -> dict[str, float]:
    """The gauges of this process at this moment."""
    metrics = context.metrics
    for name, watch in context.watches.items():
        is_lost = not watch.is_alive
        metrics.set(STORE_SILENT, float(is_lost and not watch.refuses_writes), label=name)
        metrics.set(STORE_REFUSES, float(is_lost and watch.refuses_writes), label=name)
    for name, use in context.memory.by_server.items():
        metrics.set(MEMORY_USED, use.used_ratio, label=name)
        metrics.set(MAY_EVICT, float(use.may_evict), label=name)
    for name, pool in context.pools.items():
        metrics.set(POOL_USED, pool.used(), label=name)
        metrics.set(POOL_SIZE, pool.size(), label=name)
    shown = dict(metrics.gauges)
    if not shown.get(ELECTED.name):
        # What began while the process was elected may end, and tell, when somebody else is: that one tells it.
        for gauge in OF_THE_ELECTED:
            shown.pop(gauge.name, None)
    return shown
