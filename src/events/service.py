"""The relay: it moves events from the outbox into the feed, and plans what subscribers do about them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.model import RelayedEvent, matches
from events.repository import RelayRepository
from persistence.errors import postgres_errors
from persistence.outbox import oldest_event_seconds
from tasks.model import PlannedTask
from tasks.repository import TaskRepository
from telemetry.measures import EVENTS_RELAYED, OUTBOX_AGE
from telemetry.metrics import Metrics

BATCH: Final = 500
"""Events moved in one transaction: some hundredths of a second."""

Plan: TypeAlias = Callable[[AsyncConnection, Sequence[RelayedEvent]], Awaitable[None]]
"""Plans what is to be done about some events, on the relay's transaction: set-based, and without waiting for others.

No business is set there, so row-level security hides the tables of all of them: plan tasks, or ask a function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A part of the engine that reacts to events."""

    name: str
    types: tuple[str, ...]
    """The types that it reacts to, or patterns of them (events.model.matches)."""
    plan: Plan


class Relay:
    """An event is in the feed, and the tasks that follow from it are planned, or neither."""

    def __init__(self, *, engine: AsyncEngine, subscribers: Sequence[Subscriber], metrics: Metrics) -> None:
        self._engine = engine
        self._subscribers = subscribers
        self._metrics = metrics

    async def run_once(self) -> int:
        """Move up to BATCH events, and say how many. Raises StoreUnavailable: then nothing was moved.

        Where there is none, that is one statement and no transaction.
        """
        age = await oldest_event_seconds(self._engine)
        self._metrics.set(OUTBOX_AGE, round(age or 0.0, 3))
        if age is None:
            return 0
        with postgres_errors():
            async with self._engine.begin() as connection:
                moved = await RelayRepository(connection).relay(BATCH)
                for subscriber in self._subscribers:
                    some = [event for event in moved if _concerns(subscriber, event)]
                    if some:
                        await subscriber.plan(connection, some)
        if moved:
            self._metrics.add(EVENTS_RELAYED, len(moved))
        return len(moved)


def task_for_each(kind: str, *, key: Literal["subject", "event", "business"]) -> Plan:
    """Plan a task of the kind for each event, subject or business: later events join a task that waits already.

    Its subject is the id of the event, of what the event is about, or of the business.
    """

    def name_of(event: RelayedEvent) -> str:
        return {"subject": event.subject, "event": event.id, "business": str(event.tenant_id)}[key]

    async def plan(connection: AsyncConnection, events: Sequence[RelayedEvent]) -> None:
        await TaskRepository(connection).plan(
            [
                PlannedTask(
                    tenant_id=event.tenant_id,
                    kind=kind,
                    subject=name_of(event),
                    key=name_of(event),
                    keeps_sooner=True,
                )
                for event in events
            ]
        )

    return plan


def _concerns(subscriber: Subscriber, event: RelayedEvent) -> bool:
    return any(matches(pattern, event.type) for pattern in subscriber.types)
