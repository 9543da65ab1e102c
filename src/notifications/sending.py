"""Sending of one notification: whether it is still to be sent, what it says, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from availability.state.catalogue_snapshots import CatalogueSnapshots
from bookings.model import Appointment, Status
from bookings.repository import AppointmentRepository
from catalogue.model.business import Mode
from catalogue.model.notifications.rules import NotificationRules
from events.repository import EventRepository
from kernel.clock import Clock, business_now
from kernel.errors import NotFound
from kernel.ids import EventId, NotificationId, TenantId
from kernel.operation import by_system
from kernel.spans import to_datetime
from messages.content.model import MessageKind
from messages.model import ChannelName
from notifications.model import Addressee, FindRules, Notification, NotificationStatus, Outcome, People, SkipReason
from notifications.planning.notices import ENDS
from notifications.planning.quiet_hours import is_quiet, quiet_span, zone_of
from notifications.planning.recipients import RecipientKind
from notifications.repository import NotificationRepository
from notifications.schedule import deadline
from notifications.suppressions.model import SuppressionReason
from notifications.suppressions.repository import SuppressionRepository
from persistence.unit_of_work import Transaction, UnitOfWork

FIRST_MAILS: Final = 3
"""Confirmations and requests an hour to one customer whose address nobody has proved (N8)."""
UNPROVED_MAILS: Final = 12
"""All notices an hour likewise."""
_HOUR: Final = timedelta(hours=1)
_FIRST_KINDS: Final = (MessageKind.CONFIRMED, MessageKind.PENDING)
_NOTICES: Final = tuple(kind for kind in MessageKind if kind is not MessageKind.REMINDER)
REMINDERS: Final = "reminders"
NOTICES: Final = "notifications"
"""Purposes of consents: whoever has said no to one of them is not told of it."""
# A request that is pending is not confirmed, and so on: what a message says must be so when it is sent.
_TRUE_WHILE: Final[Mapping[MessageKind, frozenset[Status]]] = {
    MessageKind.CONFIRMED: frozenset({Status.CONFIRMED}),
    MessageKind.APPROVED: frozenset({Status.CONFIRMED}),
    MessageKind.RESCHEDULED: frozenset({Status.CONFIRMED}),
    MessageKind.REMINDER: frozenset({Status.CONFIRMED}),
    MessageKind.PENDING: frozenset({Status.PENDING}),
    **dict.fromkeys(ENDS, frozenset({Status.CANCELLED})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyNotification:
    """A notification that is being sent, and all that it tells of."""

    notification: Notification
    appointment: Appointment
    addressee: Addressee
    rules: NotificationRules
    event: Mapping[str, object] | None
    now: datetime
    until: datetime
    """No attempt is begun later."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """A notification that is not sent before that time."""

    due_at: datetime


class SendService:
    """Use cases of the sending of one notification. All raise StoreUnavailable."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        snapshots: CatalogueSnapshots,
        people: People,
        find_rules: FindRules,
        clock: Clock,
        reaches_sandboxes: bool,
    ) -> None:
        """`reaches_sandboxes`: messages go nowhere but to this machine, so those of sandboxes may be sent too."""
        self._unit_of_work = unit_of_work
        self._snapshots = snapshots
        self._people = people
        self._find_rules = find_rules
        self._clock = clock
        self._reaches_sandboxes = reaches_sandboxes

    async def begin(
        self, tenant_id: TenantId, notification_id: NotificationId
    ) -> ReadyNotification | Postponed | Outcome | None:
        """Look at everything again, and note that the attempt begins; None: there is nothing to be sent.

        An outcome is one without an attempt, and is written down. Raises SecretUnreadable.
        """
        rules = await self._find_rules(tenant_id)
        mode = (await self._snapshots.catalogue(tenant_id)).business.mode
        user = await self._user(tenant_id, notification_id)
        async with self._unit_of_work.begin(by_system(tenant_id, "notifications", "sendNotification")) as tx:
            repository = NotificationRepository(tx.connection, tenant_id)
            notification = await repository.take(notification_id)
            if notification is None:
                return None
            looked = await self._look(tx, notification, rules, user)
            if mode is Mode.SANDBOX and not self._reaches_sandboxes:
                looked = _skipped(SkipReason.SANDBOX)
            match looked:
                case Outcome():
                    await repository.record(notification_id, looked)
                case Postponed():
                    await repository.let_be_due(notification_id, looked.due_at)
                case ReadyNotification():
                    await repository.begin(notification_id)
        return looked

    async def record(self, tenant_id: TenantId, ready: ReadyNotification, outcome: Outcome) -> None:
        """Write down what came of an attempt; an address at which there is nobody is written to no more."""
        notification = ready.notification
        async with self._unit_of_work.begin(by_system(tenant_id, "notifications", "sendNotification")) as tx:
            await NotificationRepository(tx.connection, tenant_id).record(notification.id, outcome)
            address = _address(ready.addressee, notification.channel)
            if outcome.status is NotificationStatus.BOUNCED and address:
                suppressions = SuppressionRepository(tx.connection, tenant_id)
                await suppressions.add(notification.channel, address, SuppressionReason.BOUNCED)

    async def _user(self, tenant_id: TenantId, notification_id: NotificationId) -> Addressee | None:
        """The address of a receiver who is a user, read before the transaction; None: they are none."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            recipient = await NotificationRepository(connection, tenant_id).find_user(notification_id)
        return None if recipient is None else await self._people.find_user(tenant_id, recipient)

    async def _look(
        self, tx: Transaction, notification: Notification, rules: NotificationRules, user: Addressee | None
    ) -> ReadyNotification | Postponed | Outcome:
        """Decide by the state of now whether the notification is sent."""
        assert notification.appointment_id is not None, "all of them are about visits"
        try:
            appointment, sandbox_now = await AppointmentRepository(tx.connection, tx.tenant_id).find_with_clock(
                notification.appointment_id, own=None
            )
        except NotFound:
            return _withdrawn(SkipReason.CHANGED)
        now = business_now(sandbox_now, self._clock)
        is_customer = notification.recipient.kind is RecipientKind.CUSTOMER
        addressee = _customer(appointment) if is_customer else user
        if (
            decided := changed(notification, appointment, now) or quiet(notification, appointment, rules, now)
        ) is not None:
            return decided
        skip = await self._unreachable(tx, addressee, notification.channel)
        if skip is None and is_customer:
            skip = await self._refused(tx, notification, appointment)
        if skip is not None:
            return _skipped(skip)
        assert addressee is not None, "they are reachable"
        event = await self._event(tx, notification)
        return ReadyNotification(
            notification=notification,
            appointment=appointment,
            addressee=addressee,
            rules=rules,
            event=event,
            now=now,
            until=deadline(notification),
        )

    async def _unreachable(
        self, tx: Transaction, addressee: Addressee | None, channel: ChannelName
    ) -> SkipReason | None:
        """The reason why nothing can be sent to somebody."""
        if addressee is None:
            return SkipReason.UNKNOWN_RECIPIENT
        address = _address(addressee, channel)
        if not address:
            return SkipReason.NO_ADDRESS
        suppressions = SuppressionRepository(tx.connection, tx.tenant_id)
        return SkipReason.SUPPRESSED if await suppressions.is_suppressed(channel, address) else None

    async def _refused(
        self, tx: Transaction, notification: Notification, appointment: Appointment
    ) -> SkipReason | None:
        """The reason why a customer is not written to."""
        repository = NotificationRepository(tx.connection, tx.tenant_id)
        is_reminder = notification.kind is MessageKind.REMINDER
        purpose = REMINDERS if is_reminder else NOTICES
        if await repository.has_refused(notification.recipient.id, _purposes(purpose, notification.channel)):
            return SkipReason.OPTED_OUT
        if is_reminder or appointment.is_proved:
            return None
        since = self._clock.now() - _HOUR
        first = notification.kind in _FIRST_KINDS
        if first and await repository.count_sent(notification.recipient.id, _FIRST_KINDS, since) >= FIRST_MAILS:
            return SkipReason.LIMIT
        if await repository.count_sent(notification.recipient.id, _NOTICES, since) >= UNPROVED_MAILS:
            return SkipReason.LIMIT
        return None

    async def _event(self, tx: Transaction, notification: Notification) -> Mapping[str, object] | None:
        if notification.kind is not MessageKind.RESCHEDULED or notification.event_id is None:
            return None
        found = await EventRepository(tx.connection, tx.tenant_id).find([EventId(notification.event_id)])
        return found[0].data if found else None


def changed(notification: Notification, appointment: Appointment, now: datetime) -> Outcome | None:
    """The end of a notification whose words would not be true any more."""
    if appointment.is_erased:
        return _withdrawn(SkipReason.ERASED)
    allowed = _TRUE_WHILE.get(notification.kind)
    if allowed is not None and appointment.status not in allowed:
        return _withdrawn(SkipReason.CHANGED)
    if notification.kind is not MessageKind.REMINDER:
        return None
    start = to_datetime(appointment.span.start)
    if notification.visit_start != start:
        return _withdrawn(SkipReason.CHANGED)
    return _skipped(SkipReason.TOO_LATE) if now >= start else None


def quiet(
    notification: Notification, appointment: Appointment, rules: NotificationRules, now: datetime
) -> Postponed | Outcome | None:
    """The time after the quiet hours, for what makes a noise; the end of a reminder whose visit begins in them."""
    is_reminder = notification.kind is MessageKind.REMINDER
    makes_noise = notification.channel in {ChannelName.SMS, ChannelName.PUSH}
    if rules.quiet_hours is None or not (is_reminder or makes_noise):
        return None
    is_customer = notification.recipient.kind is RecipientKind.CUSTOMER
    zone = zone_of(appointment.customer.timezone if is_customer else None, appointment.timezone)
    if not is_quiet(now, rules.quiet_hours, zone):
        return None
    _, end = quiet_span(now, rules.quiet_hours, zone)
    if is_reminder and end >= to_datetime(appointment.span.start):
        return _skipped(SkipReason.QUIET_HOURS)
    return Postponed(end)


def _purposes(purpose: str, channel: ChannelName) -> tuple[str, ...]:
    """The purposes that cover a message: the one as a whole, and the one by this channel."""
    return (purpose, f"{purpose}-{channel.value}")


def _customer(appointment: Appointment) -> Addressee:
    details = appointment.customer
    return Addressee(email=details.email, phone=details.phone, name=details.name)


def _address(addressee: Addressee, channel: ChannelName) -> str | None:
    match channel:
        case ChannelName.EMAIL:
            return addressee.email
        case ChannelName.SMS:
            return addressee.phone
        case _:
            return None


def _skipped(reason: SkipReason) -> Outcome:
    return Outcome(status=NotificationStatus.SKIPPED, reason=reason.value)


def _withdrawn(reason: SkipReason) -> Outcome:
    return Outcome(status=NotificationStatus.WITHDRAWN, reason=reason.value)
