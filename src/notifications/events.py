"""Reaction to events: what they give occasion to tell is planned, visit by visit."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from events.model import RelayedEvent
from events.service import Subscriber
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

PLAN: Final = "notifications.plan"
"""The kind of task that decides what is told about one visit; its subject and its key are the appointment's id."""
SEND: Final = "notifications.send"
"""The kind of task that sends one notification; its subject and its key are the notification's id."""
RETAIN: Final = "notifications.retain"
"""The kind of task that deletes old notifications; a business has one."""


async def plan_notifications(connection: AsyncConnection, events: Sequence[RelayedEvent]) -> None:
    """Plan a task for each visit, on the relay's transaction. Events of one visit in a row make one task."""
    subjects = dict.fromkeys((event.tenant_id, event.subject) for event in events)
    await TaskRepository(connection).plan(
        [
            PlannedTask(tenant_id=tenant_id, kind=PLAN, subject=subject, key=subject, keeps_sooner=True)
            for tenant_id, subject in subjects
        ]
    )


SUBSCRIBER: Final = Subscriber(name="notifications", types=("appointment.*",), plan=plan_notifications)
