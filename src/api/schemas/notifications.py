"""Notifications in answers."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from kernel.pages import Page
from messages.content.model import Audience, MessageKind
from messages.model import ChannelName
from notifications.model import Notification, NotificationStatus
from notifications.planning.recipients import RecipientKind

NOTIFICATION_EXAMPLE: Final[JsonDict] = {
    "id": "ntf_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "kind": "reminder",
    "audience": "customer",
    "recipient": {"kind": "customer", "id": "cus_01kbc9x3v4h5m6n7p8q9r0s1t2"},
    "channel": "email",
    "appointment": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "rule": "reminder:1440",
    "status": "sent",
    "reason": None,
    "attempts": 1,
    "due_at": "2026-11-30T07:00:00Z",
    "sent_at": "2026-11-30T07:00:01Z",
    "created_at": "2026-11-28T15:01:12Z",
}


RESENT_EXAMPLE: Final[JsonDict] = {
    **NOTIFICATION_EXAMPLE,
    "id": "ntf_01kbd0a1b2c3d4e5f6g7h8j9k0",
    "status": "planned",
    "attempts": 0,
    "sent_at": None,
}


class NotificationRecipientAnswer(TypedDict):
    """The receiver, by id alone."""

    kind: RecipientKind
    id: str


@with_config(ConfigDict(json_schema_extra={"examples": [NOTIFICATION_EXAMPLE]}))
class NotificationAnswer(TypedDict):
    """A message to one receiver by one channel, without what it says."""

    id: str
    kind: MessageKind
    audience: Audience
    recipient: NotificationRecipientAnswer
    channel: ChannelName
    appointment: str | None
    rule: Annotated[str | None, Field(description="Of a reminder: `reminder:` and its minutes before the visit.")]
    status: Annotated[
        NotificationStatus,
        Field(
            description="`planned`: waits for its time, or for its next attempt. `skipped` and `withdrawn`: there was "
            "a reason not to send it. `bounced`: there is nobody at the address."
        ),
    ]
    reason: Annotated[str | None, Field(description="Code: why it was not sent, or not yet.")]
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime


class NotificationsAnswer(TypedDict):
    """A page of notifications, the latest first."""

    data: list[NotificationAnswer]
    next_cursor: str | None


def notifications_answer(page: Page[Notification]) -> NotificationsAnswer:
    """The answer that lists notifications."""
    return {"data": [notification_answer(one) for one in page.data], "next_cursor": page.next_cursor}


def notification_answer(one: Notification) -> NotificationAnswer:
    """The answer that shows a notification."""
    return {
        "id": one.id,
        "kind": one.kind,
        "audience": one.recipient.audience,
        "recipient": {"kind": one.recipient.kind, "id": one.recipient.id},
        "channel": one.channel,
        "appointment": one.appointment_id,
        "rule": one.rule,
        "status": one.status,
        "reason": one.reason,
        "attempts": one.attempt,
        "due_at": one.due_at,
        "sent_at": one.sent_at,
        "created_at": one.created_at,
    }
