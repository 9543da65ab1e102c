"""Rules of a business about who is told what, and by which ways."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Final

from messages.content.model import MessageKind, Templates
from messages.model import ChannelName, Sender

Channels = tuple[ChannelName, ...]

_BY_EMAIL: Final[Channels] = (ChannelName.EMAIL,)
_DAY_BEFORE: Final = 1440
_HOUR_BEFORE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Time of the day in which nobody is reminded, by the receiver's clock; it may go across midnight."""

    begin: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRule:
    """A reminder of each visit."""

    minutes_before: int
    """Of elapsed time: 1440 is 24 hours before the start, also where a clock changes in between."""
    channels: Channels


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRules:
    """What one audience is told."""

    by_kind: Mapping[MessageKind, Channels] = field(default_factory=dict)
    reminders: tuple[ReminderRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRules:
    """All rules of a business about notifications."""

    sender: Sender | None = None
    """None: the sender of the channel."""
    languages: tuple[str, ...] = ("en",)
    """The first one is the default."""
    quiet_hours: QuietHours | None = None
    customer: AudienceRules
    staff: AudienceRules
    templates: Templates = field(default_factory=dict)


DEFAULT_RULES: Final = NotificationRules(
    customer=AudienceRules(
        by_kind=dict.fromkeys(
            (
                MessageKind.CONFIRMED,
                MessageKind.PENDING,
                MessageKind.APPROVED,
                MessageKind.DECLINED,
                MessageKind.EXPIRED,
                MessageKind.RESCHEDULED,
                MessageKind.CANCELLED,
            ),
            _BY_EMAIL,
        ),
        reminders=tuple(
            ReminderRule(minutes_before=minutes, channels=_BY_EMAIL) for minutes in (_DAY_BEFORE, _HOUR_BEFORE)
        ),
    ),
    staff=AudienceRules(
        by_kind=dict.fromkeys(
            (MessageKind.CONFIRMED, MessageKind.PENDING, MessageKind.RESCHEDULED, MessageKind.CANCELLED), _BY_EMAIL
        )
    ),
)
"""The rules of a business that has set none."""
