"""Reaction to events: each endpoint of the businesses that they belong to has something to look at."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from events.model import RelayedEvent
from events.service import Subscriber
from tasks.model import PlannedTask
from tasks.repository import TaskRepository
from webhooks.repository import find_endpoints_of

DELIVER: Final = "webhooks.deliver"
"""The kind of task that sends what is due to one endpoint; its subject and its key are the endpoint's id."""


async def plan_deliveries(connection: AsyncConnection, events: Sequence[RelayedEvent]) -> None:
    """Plan a task for each endpoint of the businesses, on the relay's transaction.

    What is to be sent is decided by the task, from the feed: the endpoint's place in it says what it has not seen.
    """
    endpoints = await find_endpoints_of(connection, list({event.tenant_id for event in events}))
    await TaskRepository(connection).plan(
        [
            PlannedTask(tenant_id=tenant_id, kind=DELIVER, subject=endpoint_id, key=endpoint_id, keeps_sooner=True)
            for tenant_id, endpoint_id in endpoints
        ]
    )


SUBSCRIBER: Final = Subscriber(name="webhooks", types=("*",), plan=plan_deliveries)
