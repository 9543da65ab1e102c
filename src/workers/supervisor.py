"""Runs the background loops together, in a process of their own or beside the API."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from availability.state.bitmap_cache import BitmapCache
from bootstrap.context import Context, open_context
from bootstrap.metrics_reporting import reporting
from bootstrap.services import build_services
from bootstrap.settings import Settings
from holds.store import HoldStore
from kernel.clock import SystemClock
from persistence.invalidations import InvalidationQueue
from persistence.metrics import MetricsStore
from workers.approvals import Approvals
from workers.audit import Audit
from workers.elected_loop import run_every
from workers.expiry import Expiry
from workers.housekeeping import Housekeeper
from workers.invalidator import Invalidator
from workers.rounds import audit_and_log, expire_and_log, keep_house_and_log

# Expired holds are noticed for an hour after their end, and old keys may lie for a while.
_HOUSEKEEPING_SECONDS: Final = 300.0
# So much longer at most than it should an appointment keep its time that nobody approved. It is one short transaction
# per business.
_APPROVALS_SECONDS: Final = 60.0

# Dashboards want to see what happens; it is one script for each business that has holds.
_EXPIRY_SECONDS: Final = 1.0


def build_invalidator(context: Context) -> Invalidator:
    """The invalidator on the pools of a context."""
    return Invalidator(InvalidationQueue(context.engine), BitmapCache(context.redis), context.metrics)


def build_audit(context: Context) -> Audit:
    """The audit on the pools of a context."""
    return Audit(engine=context.engine, redis=context.redis, clock=SystemClock())


def build_housekeeper(context: Context) -> Housekeeper:
    """The housekeeper on the pools of a context."""
    return Housekeeper(engine=context.engine, redis=context.redis, metrics=context.metrics)


def build_expiry(context: Context) -> Expiry:
    """What counts the holds that expire, on the pools of a context."""
    return Expiry(holds=HoldStore(context.redis), store=MetricsStore(context.redis), metrics=context.metrics)


def build_approvals(context: Context) -> Approvals:
    """What ends appointments that nobody approved, on the pools of a context."""
    return Approvals(engine=context.engine, appointments=build_services(context).appointments)


async def run(settings: Settings) -> None:
    """Run the loops until SIGTERM or Ctrl-C, then let each finish what it is doing.

    An unexpected error ends all of them, and the process: whoever runs it starts it anew.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_context(settings) as context, reporting(context, "worker"), running_loops(context):
        await stop.wait()


@asynccontextmanager
async def running_loops(context: Context) -> AsyncIterator[None]:
    """The loops run while the block does; they are told to stop at its end, and waited for.

    Whoever is elected to invalidate also audits, keeps house, and ends what nobody approved.
    """
    stop = asyncio.Event()
    invalidator, audit, housekeeper = build_invalidator(context), build_audit(context), build_housekeeper(context)
    every = partial(run_every, elected=invalidator.elected, stop=stop)
    async with asyncio.TaskGroup() as loops:
        loops.create_task(invalidator.run(context.connect_listener, stop), name="invalidator")
        loops.create_task(
            every(_HOUSEKEEPING_SECONDS, partial(keep_house_and_log, housekeeper, stop), name="housekeeping"),
            name="housekeeping",
        )
        loops.create_task(
            every(_APPROVALS_SECONDS, partial(expire_and_log, build_approvals(context), stop), name="approvals"),
            name="approvals",
        )
        if context.settings.metrics:
            loops.create_task(every(_EXPIRY_SECONDS, build_expiry(context).run_once, name="expiry"), name="expiry")
        if context.settings.audit_seconds:
            loops.create_task(
                every(
                    context.settings.audit_seconds, partial(audit_and_log, audit, context.metrics, stop), name="audit"
                ),
                name="audit",
            )
        try:
            yield
        finally:
            stop.set()
