"""Audiences: what customers and staff are told, and by which channels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator

from catalogue.limits import MAX_REMINDER_MINUTES, MAX_REMINDERS
from catalogue.model.documents import Document, JsonObject, refuse_if
from messages.content.model import MessageKind
from messages.model import ChannelName

Channels = tuple[ChannelName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRule:
    """A reminder of each visit."""

    minutes_before: int
    """Minutes of elapsed time: 1440 is 24 hours before the start, also where a clock changes in between."""
    channels: Channels


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRules:
    """Occasions of which one audience is told, and its reminders."""

    by_kind: Mapping[MessageKind, Channels] = field(default_factory=dict)
    """Channels of each occasion; of one that is absent, nobody is told."""
    reminders: tuple[ReminderRule, ...] = ()
    """The earliest first."""


_BY_EMAIL: Final[Channels] = (ChannelName.EMAIL,)
_DAY_BEFORE: Final = 1440
_HOUR_BEFORE: Final = 60
CUSTOMER_BY_DEFAULT: Final = AudienceRules(
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
)
STAFF_BY_DEFAULT: Final = AudienceRules(
    by_kind=dict.fromkeys(
        (MessageKind.CONFIRMED, MessageKind.PENDING, MessageKind.RESCHEDULED, MessageKind.CANCELLED), _BY_EMAIL
    )
)


def _each_once(channels: list[ChannelName]) -> list[ChannelName]:
    if len(set(channels)) < len(channels):
        detail = "must name each channel once"
        raise ValueError(detail)
    return channels


_ChannelsOf = Annotated[
    list[Annotated[ChannelName, Field(strict=False)]],
    Field(max_length=len(ChannelName)),
    AfterValidator(_each_once),
]
ChannelList = Annotated[_ChannelsOf, Field(description="Nobody is told where it is empty.")]
"""Channels in a document."""


class ReminderDocument(Document):
    """A reminder of each visit."""

    before_minutes: Annotated[int, Field(ge=1, le=MAX_REMINDER_MINUTES)]
    channels: Annotated[ChannelList, Field(min_length=1)]


class AudienceDocument(Document):
    """The occasions on which an audience is told, each with its channels. Of one that is absent, nobody is told."""

    confirmed: ChannelList | None = None
    pending: ChannelList | None = None
    approved: ChannelList | None = None
    declined: ChannelList | None = None
    expired: ChannelList | None = None
    rescheduled: ChannelList | None = None
    cancelled: ChannelList | None = None
    payment_due: ChannelList | None = None
    payment_failed: ChannelList | None = None
    payment_refunded: ChannelList | None = None
    waitlist_offer: ChannelList | None = None
    reminders: Annotated[list[ReminderDocument], Field(max_length=MAX_REMINDERS)] = Field(default=[])

    @model_validator(mode="after")
    def _reminds_once(self) -> Self:
        seen: set[int] = set()
        faults = []
        for index, reminder in enumerate(self.reminders):
            minutes = reminder.before_minutes
            detail = f"another reminder is {minutes} minutes before: name its channels there"
            faults.append((minutes in seen, f"reminders[{index}].before_minutes", detail))
            seen.add(minutes)
        refuse_if(*faults)
        return self


TOLD_KINDS: Final = tuple(MessageKind(name) for name in AudienceDocument.model_fields if name != "reminders")
"""Occasions that a business may choose: the others follow from what somebody asked for."""


def desired_audience(document: AudienceDocument) -> AudienceRules:
    """The rules in the document."""
    named = {kind: getattr(document, kind) for kind in TOLD_KINDS}
    return AudienceRules(
        by_kind={kind: tuple(channels) for kind, channels in named.items() if channels},
        reminders=_in_order(
            ReminderRule(minutes_before=entry.before_minutes, channels=tuple(entry.channels))
            for entry in document.reminders
        ),
    )


def audience_document(rules: AudienceRules) -> JsonObject:
    """The rules as a document, and as a record."""
    reminders = [{"before_minutes": rule.minutes_before, "channels": _names(rule.channels)} for rule in rules.reminders]
    told: JsonObject = {kind.value: _names(rules.by_kind[kind]) for kind in TOLD_KINDS if kind in rules.by_kind}
    return told | ({"reminders": reminders} if reminders else {})


def stored_audience(record: Mapping[str, Any]) -> AudienceRules:
    """The rules in a record; what only a newer version knows is passed over."""
    return AudienceRules(
        by_kind={kind: channels for kind in TOLD_KINDS if (channels := _known(record.get(kind, ())))},
        reminders=_in_order(
            ReminderRule(minutes_before=entry["before_minutes"], channels=channels)
            for entry in record.get("reminders", ())
            if (channels := _known(entry["channels"]))
        ),
    )


def _in_order(reminders: Iterable[ReminderRule]) -> tuple[ReminderRule, ...]:
    return tuple(sorted(reminders, key=lambda rule: -rule.minutes_before))


def _names(channels: Channels) -> list[str]:
    return [channel.value for channel in channels]


def _known(names: Sequence[str]) -> Channels:
    return tuple(ChannelName(name) for name in names if name in set(ChannelName))
