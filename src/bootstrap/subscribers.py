"""Table of subscribers: which part of the engine reacts to which events, and by which tasks."""

from bootstrap.context import Context
from events.service import Subscriber
from tasks.model import TaskHandler


def build_subscribers(_context: Context) -> tuple[Subscriber, ...]:
    """Every part of the engine that reacts to events, each with what it plans on the relay's transaction."""
    return ()


def build_task_handlers(_context: Context) -> tuple[TaskHandler, ...]:
    """Every kind of task, each with what does it."""
    return ()
