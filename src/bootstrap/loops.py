"""Table of the background loops, each with what it works on: the only file that knows every constructor of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from audit.service import AuditService
from availability.state.bitmap_cache import BitmapCache
from bookings.booked_holds import BookedHoldsReader
from bookings.plain_data_service import PlainDataService
from bootstrap.context import Context
from bootstrap.services import build_services
from bootstrap.subscribers import ViewBuilder, build_subscribers, build_task_handlers, no_view
from catalogue.archived_objects_service import ArchivedObjectService
from events.service import Relay
from holds.expiry import HoldExpiry
from holds.store import HoldStore
from kernel.clock import Clock, SystemClock
from persistence.due_work import DueWorkRepository
from persistence.idempotency import IdempotencyService
from persistence.invalidations import InvalidationQueue
from persistence.unit_of_work import UnitOfWork
from reconciliation.service import Reconciliation
from workers.approvals import ApprovalLoop
from workers.archived_objects import ArchivedObjectLoop
from workers.audit_links import AuditLinkLoop
from workers.election import STANDBY_SECONDS, ElectionLoop
from workers.expiry import ExpiryLoop
from workers.hold_sweep import HoldSweepLoop
from workers.idempotency_keys import IdempotencyKeyLoop
from workers.invalidator import Invalidator
from workers.old_events import OldEventLoop
from workers.plain_data import PlainDataLoop
from workers.reconciliation import ReconciliationLoop
from workers.relay import RelayLoop
from workers.schedule import Loop, ScheduledLoop
from workers.supervisor import running
from workers.suspensions import SuspensionLoop
from workers.task_lag import TaskLagLoop
from workers.tasks import TaskLoop

# An event is in the feed so soon after its commit; while there is none, a run is one statement on an empty table.
_RELAY_SECONDS: Final = 0.3
# The loop of the tasks rests by itself, until the relay has planned some.
_TASKS_SECONDS: Final = 0.01
_TASK_LAG_SECONDS: Final = 5.0
_SUSPENSIONS_SECONDS: Final = 15.0
# An expired hold is noticed within a second or two; it is one script for each business that has holds.
_EXPIRY_SECONDS: Final = 0.9
# An appointment that was not approved keeps its time at most so much longer.
_APPROVALS_SECONDS: Final = 60.0
# An entry of the audit log is in the chain so soon after its commit.
_AUDIT_LINKS_SECONDS: Final = 2.0
# Old keys may lie for a while.
_IDEMPOTENCY_KEYS_SECONDS: Final = 300.0
# It is there after an upgrade; servers of the version before write more of it until they are gone.
_PLAIN_DATA_SECONDS: Final = 60.0
# What was archived or reported a month ago may lie for some more minutes.
_ARCHIVED_OBJECTS_SECONDS: Final = 300.0
_OLD_EVENTS_SECONDS: Final = 300.0
# A hold's record is kept for an hour after its end: a hold that was lost is looked at some times meanwhile.
_HOLD_SWEEP_SECONDS: Final = 900.0


def build_schedule(
    context: Context, elected: asyncio.Event, *, build_view: ViewBuilder = no_view
) -> tuple[ScheduledLoop, ...]:
    """Every loop of a process. `elected` is set while the process is elected, by the first of them."""

    def loop(name: str, seconds: float, built: Loop, *, needs_election: bool = True) -> ScheduledLoop:
        return ScheduledLoop(name=name, seconds=seconds, needs_election=needs_election, loop=built)

    planned = asyncio.Event()
    schedule = (
        loop("election", STANDBY_SECONDS, build_election_loop(context, elected), needs_election=False),
        loop("tasks", _TASKS_SECONDS, build_task_loop(context, build_view, planned), needs_election=False),
        loop("task_lag", _TASK_LAG_SECONDS, build_task_lag_loop(context)),
        loop("suspensions", _SUSPENSIONS_SECONDS, SuspensionLoop(engine=context.engine, metrics=context.metrics)),
        loop("expiry", _EXPIRY_SECONDS, build_expiry_loop(context)),
        loop("approvals", _APPROVALS_SECONDS, build_approval_loop(context)),
        loop("relay", _RELAY_SECONDS, build_relay_loop(context, planned)),
        loop("audit_links", _AUDIT_LINKS_SECONDS, build_audit_link_loop(context)),
        loop("idempotency_keys", _IDEMPOTENCY_KEYS_SECONDS, build_idempotency_key_loop(context)),
        loop("archived_objects", _ARCHIVED_OBJECTS_SECONDS, build_archived_object_loop(context)),
        loop("plain_data", _PLAIN_DATA_SECONDS * bool(context.settings.master_keys), build_plain_data_loop(context)),
        loop("old_events", _OLD_EVENTS_SECONDS, build_old_event_loop(context)),
        loop("hold_sweep", _HOLD_SWEEP_SECONDS, build_hold_sweep_loop(context)),
        loop("reconciliation", context.settings.audit_seconds, build_reconciliation_loop(context)),
    )
    # No pause means that the loop is off.
    return tuple(scheduled for scheduled in schedule if scheduled.seconds)


@asynccontextmanager
async def running_loops(context: Context, *, build_view: ViewBuilder = no_view) -> AsyncIterator[None]:
    """Run the loops while the block does; they are told to stop at its end, and waited for.

    `build_view`: what webhooks with a full payload contain.
    """
    elected = asyncio.Event()
    async with running(build_schedule(context, elected, build_view=build_view), elected):
        yield


def build_invalidator(context: Context) -> Invalidator:
    """The invalidator on the pools of a context."""
    return Invalidator(InvalidationQueue(context.engine), BitmapCache(context.redis), context.metrics)


def build_election_loop(context: Context, elected: asyncio.Event) -> ElectionLoop:
    """The election, and the invalidator that the elected process runs."""
    return ElectionLoop(
        invalidator=build_invalidator(context),
        connect=context.connect_listener,
        elected=elected,
        metrics=context.metrics,
    )


def build_relay_loop(context: Context, planned: asyncio.Event | None = None) -> RelayLoop:
    """The loop that moves events from the outbox into the feed; it sets `planned` when tasks may have followed."""
    relay = Relay(engine=context.engine, subscribers=build_subscribers(context), metrics=context.metrics)
    return RelayLoop(relay, planned=planned)


def build_audit_link_loop(context: Context) -> AuditLinkLoop:
    """The loop that adds entries of the audit log to their chains."""
    return AuditLinkLoop(AuditService(context.engine))


def build_task_loop(
    context: Context, build_view: ViewBuilder = no_view, planned: asyncio.Event | None = None
) -> TaskLoop:
    """The loop that does tasks."""
    handlers = build_task_handlers(context, build_view)
    return TaskLoop(engine=context.engine, handlers=handlers, metrics=context.metrics, planned=planned)


def build_task_lag_loop(context: Context) -> TaskLagLoop:
    """The loop that shows how late tasks are."""
    kinds = [handler.kind.name for handler in build_task_handlers(context, no_view)]
    return TaskLagLoop(engine=context.engine, kinds=kinds, metrics=context.metrics)


def build_expiry_loop(context: Context) -> ExpiryLoop:
    """The loop that notices expired holds."""
    expiry = HoldExpiry(
        unit_of_work=UnitOfWork(context.engine),
        store=HoldStore(context.redis),
        booked=BookedHoldsReader(),
        metrics=context.metrics,
    )
    return ExpiryLoop(expiry=expiry, register=context.hold_register, metrics=context.metrics)


def build_hold_sweep_loop(context: Context) -> HoldSweepLoop:
    """The loop that looks for holds which the register has lost."""
    return HoldSweepLoop(
        redis=context.redis,
        store=HoldStore(context.redis),
        register=context.hold_register,
        metrics=context.metrics,
    )


def build_approval_loop(context: Context) -> ApprovalLoop:
    """The loop that ends appointments which were not approved in time."""
    return ApprovalLoop(
        due_work=DueWorkRepository(context.engine),
        appointments=build_services(context).appointments,
        clock=SystemClock(),
        metrics=context.metrics,
    )


def build_idempotency_key_loop(context: Context) -> IdempotencyKeyLoop:
    """The loop that deletes old idempotency keys."""
    return IdempotencyKeyLoop(
        due_work=DueWorkRepository(context.engine),
        keys=IdempotencyService(UnitOfWork(context.engine)),
        clock=SystemClock(),
        metrics=context.metrics,
    )


def build_plain_data_loop(context: Context) -> PlainDataLoop:
    """The loop that seals personal data in plain text."""
    return PlainDataLoop(
        due_work=DueWorkRepository(context.engine),
        plain_data=PlainDataService(context.engine),
        clock=SystemClock(),
        metrics=context.metrics,
    )


def build_archived_object_loop(context: Context) -> ArchivedObjectLoop:
    """The loop that deletes what was archived long ago."""
    return ArchivedObjectLoop(
        due_work=DueWorkRepository(context.engine),
        objects=ArchivedObjectService(UnitOfWork(context.engine)),
        clock=SystemClock(),
        metrics=context.metrics,
    )


def build_old_event_loop(context: Context) -> OldEventLoop:
    """The loop that deletes old events."""
    return OldEventLoop(engine=context.engine, kept_days=context.settings.event_days)


def build_reconciliation(context: Context, clock: Clock | None = None) -> Reconciliation:
    """The comparison of the stores, on the pools of a context."""
    return Reconciliation(
        engine=context.engine, redis=context.redis, clock=clock or SystemClock(), metrics=context.metrics
    )


def build_reconciliation_loop(context: Context) -> ReconciliationLoop:
    """The loop that compares the stores."""
    return ReconciliationLoop(reconciliation=build_reconciliation(context), metrics=context.metrics)
