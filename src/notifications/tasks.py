"""Tasks of notifications: the plan of a visit, the sending of one message, and the end of old rows."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import random
from typing import Final

import structlog

from availability.state.catalogue_snapshots import CatalogueSnapshots
from kernel.clock import Clock
from kernel.ids import AppointmentId, NotificationId, TenantId
from kernel.operation import by_system
from messages.content.calendar import calendar_part
from messages.content.model import Audience, Links, MessageFacts, MessageKind, Written
from messages.content.write import write
from messages.model import CalendarPart, ChannelName, Mail, Sender, SendFailed, SendFault, Sent, TextMessage
from notifications.events import PLAN, RETAIN, SEND
from notifications.facts import facts_of
from notifications.model import Carriers, MakeLinks, NotificationStatus, Outcome, SkipReason
from notifications.planning.notices import ENDS
from notifications.repository import KEPT_DAYS, NotificationRepository
from notifications.schedule import next_attempt
from notifications.sending import Postponed, ReadyNotification, SendService
from notifications.service import PlanService
from persistence.sealing import SecretUnreadable
from persistence.unit_of_work import UnitOfWork
from tasks.model import RunAgain, Task, TaskFailed, TaskKind
from telemetry.measures import NOTIFICATIONS
from telemetry.metrics import Metrics

IN_FLIGHT: Final = 10
"""Messages that a process hands over at once: as many may be sent twice if it is killed."""
PLAN_KIND: Final = TaskKind(
    name=PLAN,
    lease_seconds=30,
    retry_seconds=(1, 5, 30, 60, 300, 900, 3600, 3600),
    concurrency=8,
)
SEND_KIND: Final = TaskKind(
    name=SEND,
    # A conversation with a server takes 30 seconds at most.
    lease_seconds=45,
    # Of a run that could not even begin, as without a master key. What a server answers never fails a run.
    retry_seconds=(5, 30, 60, 300, 900, 3600, 3600, 3600),
    concurrency=IN_FLIGHT,
)
RETAIN_KIND: Final = TaskKind(
    name=RETAIN,
    lease_seconds=60,
    retry_seconds=(60, 600, 3600, 3600),
    concurrency=1,
    goes_on_while_suspended=True,
)
_MOST_DELETED: Final = 1000
_LOOK_AGAIN: Final = timedelta(days=1)
_GO_ON: Final = timedelta(seconds=1)
_INVITING: Final = frozenset(
    {MessageKind.CONFIRMED, MessageKind.APPROVED, MessageKind.RESCHEDULED, MessageKind.CANCELLED, MessageKind.DECLINED}
)
_log = structlog.get_logger(__name__)


class VisitPlanHandler:
    """Does the tasks of one kind: each decides what is told about one visit."""

    kind = PLAN_KIND

    def __init__(self, planning: PlanService) -> None:
        self._planning = planning

    async def run(self, task: Task) -> None:
        """Plan. Raises TaskFailed, StoreUnavailable."""
        try:
            await self._planning.plan(task.tenant_id, AppointmentId(task.subject))
        except SecretUnreadable as error:
            raise TaskFailed(str(error)) from error


class SendHandler:
    """Does the tasks of one kind: each sends one notification, unless there is a reason against it."""

    kind = SEND_KIND

    def __init__(
        self,
        *,
        sending: SendService,
        snapshots: CatalogueSnapshots,
        carriers: Carriers,
        make_links: MakeLinks,
        default_sender: Sender,
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float] = random,
    ) -> None:
        self._sending = sending
        self._snapshots = snapshots
        self._carriers = carriers
        self._make_links = make_links
        self._default_sender = default_sender
        self._clock = clock
        self._metrics = metrics
        self._chance = chance

    async def run(self, task: Task) -> RunAgain | None:
        """Send it, and write down what came of it. Raises TaskFailed, StoreUnavailable."""
        notification_id = NotificationId(task.subject)
        try:
            begun = await self._sending.begin(task.tenant_id, notification_id)
        except SecretUnreadable as error:
            raise TaskFailed(str(error)) from error
        if begun is None:
            return None
        if isinstance(begun, Postponed):
            return RunAgain(begun.due_at)
        if isinstance(begun, Outcome):
            self._count(begun)
            return None
        outcome = await self._attempt(task.tenant_id, begun)
        await self._sending.record(task.tenant_id, begun, outcome)
        self._count(outcome)
        return None if outcome.due_at is None else RunAgain(outcome.due_at)

    async def _attempt(self, tenant_id: TenantId, ready: ReadyNotification) -> Outcome:
        try:
            sent = await self._send(tenant_id, ready)
        except SendFailed as failure:
            return self._failed(failure, ready)
        return Outcome(status=NotificationStatus.SENT, reference=sent.reference)

    def _failed(self, failure: SendFailed, ready: ReadyNotification) -> Outcome:
        _log.info("notification.not_taken", notification=ready.notification.id, reason=failure.reason)
        if failure.fault is SendFault.NO_CHANNEL:
            return Outcome(status=NotificationStatus.SKIPPED, reason=SkipReason.NO_CHANNEL.value)
        if failure.fault is SendFault.GONE:
            return Outcome(status=NotificationStatus.BOUNCED, reason=failure.fault.value)
        due_at = next_attempt(
            failure,
            ready.notification.attempt + 1,
            now=self._clock.now(),
            until=ready.until,
            chance=self._chance(),
        )
        status = NotificationStatus.FAILED if due_at is None else NotificationStatus.PLANNED
        return Outcome(status=status, reason=failure.fault.value, due_at=due_at)

    async def _send(self, tenant_id: TenantId, ready: ReadyNotification) -> Sent:
        """Write the message and hand it over; no transaction is open meanwhile. Raises SendFailed."""
        catalogue = await self._snapshots.catalogue(tenant_id, naming=ready.appointment.names)
        links = await self._make_links(tenant_id, ready.appointment.id, ready.notification.recipient.audience)
        facts = facts_of(ready.notification, ready.appointment, catalogue, links=links, event=ready.event)
        locale = ready.addressee.locale
        languages = (*(() if locale is None else (locale,)), *ready.rules.languages)
        written = write(facts, languages=languages, templates=ready.rules.templates)
        match ready.notification.channel:
            case ChannelName.EMAIL:
                channel = await self._carriers.mail(tenant_id)
                return await channel.send(self._mail(ready, facts, written, links))
            case ChannelName.SMS:
                assert ready.addressee.phone is not None, "it was looked for"
                texts = await self._carriers.text_messages(tenant_id)
                return await texts.send(
                    TextMessage(id=ready.notification.id, to=ready.addressee.phone, text=written.sms)
                )
            case _:
                raise SendFailed(SendFault.NO_CHANNEL, "Nothing is set up that sends such messages.")

    def _mail(self, ready: ReadyNotification, facts: MessageFacts, written: Written, links: Links) -> Mail:
        assert ready.addressee.email is not None, "it was looked for"
        return Mail(
            id=ready.notification.id,
            to=ready.addressee.email,
            subject=written.subject,
            text=written.text,
            html=written.html,
            sender=ready.rules.sender,
            calendar=self._calendar(ready, facts, written),
            unsubscribe_url=links.preferences,
        )

    def _calendar(self, ready: ReadyNotification, facts: MessageFacts, written: Written) -> CalendarPart | None:
        is_customer = ready.notification.recipient.audience is Audience.CUSTOMER
        if not is_customer or ready.notification.kind not in _INVITING or ready.addressee.email is None:
            return None
        return calendar_part(
            facts,
            locale=written.locale,
            sender=ready.rules.sender or self._default_sender,
            to=ready.addressee.email,
            name=ready.addressee.name,
            cancelled=ready.notification.kind in ENDS,
            now=ready.now,
        )

    def _count(self, outcome: Outcome) -> None:
        self._metrics.add(NOTIFICATIONS, label=outcome_name(outcome))


class NotificationDeletionHandler:
    """Does the tasks of one kind: each deletes old notifications of one business."""

    kind = RETAIN_KIND

    def __init__(self, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def run(self, task: Task) -> RunAgain | None:
        """Delete some, and say when to look again; None: there are none any more. Raises StoreUnavailable."""
        now = self._clock.now()
        async with self._unit_of_work.begin(by_system(task.tenant_id, "notifications", "retainNotifications")) as tx:
            repository = NotificationRepository(tx.connection, task.tenant_id)
            deleted = await repository.delete_old(now - timedelta(days=KEPT_DAYS), most=_MOST_DELETED)
            if not await repository.has_any():
                return None
        return RunAgain(now + (_GO_ON if deleted == _MOST_DELETED else _LOOK_AGAIN))


_NAMES: Final[Mapping[NotificationStatus, str]] = {NotificationStatus.PLANNED: "retried"}


def outcome_name(outcome: Outcome) -> str:
    """The outcome as it is counted."""
    return _NAMES.get(outcome.status, outcome.status.value)
