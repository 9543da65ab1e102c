"""Table of subscribers: which part of the engine reacts to which events, and by which tasks."""

from collections.abc import Callable
from typing import TypeAlias

from access.contacts.code_message import CodeMessageHandler
from access.sessions.sign_in_mail import SignInMailHandler
from bootstrap.context import Context
from bootstrap.mail import mail_channel, text_message_channel
from bootstrap.notifications import build_notification_handlers
from bootstrap.services import build_deletions, build_erasures, build_services, build_sign_in, build_webhook_deliveries
from businesses.deletion.tasks import DeletionHandler
from customers.retention.subscriber import SUBSCRIBER as RETENTION
from customers.tasks import ErasureHandler, RetentionHandler
from events.service import Subscriber
from holds.code_store import HoldCodeStore
from kernel.clock import SystemClock
from kernel.ids import TenantId
from notifications.events import SUBSCRIBER as NOTIFICATIONS
from persistence.unit_of_work import UnitOfWork
from tasks.model import TaskHandler
from webhooks.events import SUBSCRIBER
from webhooks.model import SubjectView
from webhooks.tasks import DeliveryHandler

ViewBuilder: TypeAlias = Callable[[Context], SubjectView]
"""Builds the view of what events are about. Only the API knows it, which is above this (cli.loops)."""


def no_view(_context: Context) -> SubjectView:
    """The view of a process without an API, which sees nothing."""

    async def view(_tenant_id: TenantId, _subject: str) -> None:
        return None

    return view


def build_subscribers(_context: Context) -> tuple[Subscriber, ...]:
    """Every part of the engine that reacts to events, each with what it plans on the relay's transaction."""
    return (SUBSCRIBER, RETENTION, NOTIFICATIONS)


def build_task_handlers(context: Context, build_view: ViewBuilder) -> tuple[TaskHandler, ...]:
    """Every kind of task, each with what does it."""
    services = build_services(context)
    return (
        DeliveryHandler(
            deliveries=build_webhook_deliveries(context),
            outbound=context.outbound,
            view=build_view(context),
            clock=SystemClock(),
            metrics=context.metrics,
        ),
        SignInMailHandler(
            unit_of_work=UnitOfWork(context.engine),
            keys=context.settings.master_keys,
            sign_in=build_sign_in(context),
            channel=mail_channel(context.settings),
            clock=SystemClock(),
            metrics=context.metrics,
        ),
        ErasureHandler(build_erasures(context)),
        DeletionHandler(build_deletions(context), SystemClock()),
        RetentionHandler(retention=services.retention, clock=SystemClock(), metrics=context.metrics),
        *build_notification_handlers(context, services.snapshots),
        CodeMessageHandler(
            unit_of_work=UnitOfWork(context.engine),
            codes=HoldCodeStore(context.redis),
            mails=mail_channel(context.settings),
            text_messages=text_message_channel(context.settings, context.outbound),
            metrics=context.metrics,
        ),
    )
