"""Reaction to events: a business that may have changed how long it keeps customers looks at them."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from events.model import RelayedEvent
from events.service import Subscriber
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

RETAIN: Final = "customers.retain"
"""The kind of task that erases whoever was kept for long enough; a business has one, by its kind."""


async def plan_retention(connection: AsyncConnection, events: Sequence[RelayedEvent]) -> None:
    """Plan the task of each business, on the relay's transaction; it ends at once where nothing is to be done."""
    tenant_ids = dict.fromkeys(event.tenant_id for event in events)
    await TaskRepository(connection).plan(
        [
            PlannedTask(tenant_id=tenant_id, kind=RETAIN, subject="retention", key="retention", keeps_sooner=True)
            for tenant_id in tenant_ids
        ]
    )


SUBSCRIBER: Final = Subscriber(name="retention", types=("catalogue.changed",), plan=plan_retention)
