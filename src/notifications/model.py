"""Notifications as values, and what the room asks of others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from catalogue.model.notifications.rules import NotificationRules
from kernel.errors import DomainError
from kernel.ids import AppointmentId, NotificationId, TenantId
from messages.content.model import Audience, Links, MessageKind
from messages.model import Channel, ChannelName, Mail, TextMessage
from notifications.planning.recipients import Colleague, Recipient, RecipientKind


class NotificationStatus(StrEnum):
    """Stage of a notification."""

    PLANNED = "planned"
    """It is to be sent when it is due, for the first time or once more."""
    SENDING = "sending"
    """A process is handing it over, or stopped while it did."""
    SENT = "sent"
    """The other side has taken it."""
    DELIVERED = "delivered"
    """The other side has told that it arrived."""
    FAILED = "failed"
    """It was not taken until its time was over, or for good."""
    SKIPPED = "skipped"
    """It was not to be sent after all, as its reason says."""
    WITHDRAWN = "withdrawn"
    """It would tell what is true no more."""
    BOUNCED = "bounced"
    """There is nobody at the address."""


class SkipReason(StrEnum):
    """The reason why nothing was sent."""

    NO_ADDRESS = "no_address"
    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"
    ERASED = "erased"
    QUIET_HOURS = "quiet_hours"
    """Its time was in quiet hours that last until the visit."""
    LIMIT = "limit"
    """The address was written to too often, and nobody has proved that it is theirs."""
    NO_CHANNEL = "no_channel"
    SANDBOX = "sandbox"
    """Sandboxes write to nobody."""
    UNKNOWN_RECIPIENT = "unknown_recipient"
    CHANGED = "changed"
    """The visit is not as it was."""
    SUPERSEDED = "superseded"
    """A later message says it."""
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message to one receiver by one channel: to whom, of what and when, but not what it says."""

    id: NotificationId
    kind: MessageKind
    recipient: Recipient
    channel: ChannelName
    appointment_id: AppointmentId | None
    appointment_version: int | None
    visit_start: datetime | None
    event_id: str | None
    event_seq: int | None
    rule: str | None
    dedupe: str
    due_at: datetime
    status: NotificationStatus
    reason: str | None = None
    attempt: int = 0
    reference: str | None = None
    resent_of: NotificationId | None = None
    created_at: datetime
    sent_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True if it may still be sent."""
        return self.status in {NotificationStatus.PLANNED, NotificationStatus.SENDING}

    @property
    def slot(self) -> tuple[RecipientKind, str, ChannelName]:
        """The receiver and the channel: of one event each is told once."""
        return (self.recipient.kind, self.recipient.id, self.channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of an attempt, or of a notification."""

    status: NotificationStatus
    reason: str | None = None
    reference: str | None = None
    due_at: datetime | None = None
    """The next attempt, of one that is planned again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """A person who is written to, as they are known at that moment."""

    email: str | None
    phone: str | None = None
    name: str | None = None
    locale: str | None = None


class NotificationNotResendable(DomainError):
    """The notification tells what is true no more, or it is still to be sent."""

    code = "notification_not_resendable"

    def __init__(self, status: NotificationStatus) -> None:
        is_to_be_sent = status in {NotificationStatus.PLANNED, NotificationStatus.SENDING}
        detail = "It is still to be sent." if is_to_be_sent else "It was withdrawn: what it tells is true no more."
        super().__init__(f"{detail} Nothing was done.", notification_status=status.value)


FindColleagues: TypeAlias = Callable[[TenantId], Awaitable[Sequence[Colleague]]]
"""The users of a business."""
FindUser: TypeAlias = Callable[[TenantId, str], Awaitable[Addressee | None]]
"""The address of a user; None: there is no such user any more."""
FindRules: TypeAlias = Callable[[TenantId], Awaitable[NotificationRules]]
"""The rules of a business, perhaps a moment old."""
MakeLinks: TypeAlias = Callable[[TenantId, AppointmentId, Audience], Awaitable[Links]]
"""The pages that a message about a visit leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The users of a business as the room knows them: it is told by those above it."""

    find_colleagues: FindColleagues
    find_user: FindUser


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriers:
    """The channels of each business."""

    mail: Callable[[TenantId], Awaitable[Channel[Mail]]]
    text_messages: Callable[[TenantId], Awaitable[Channel[TextMessage]]]
