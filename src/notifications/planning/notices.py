"""Notices: what an event gives occasion to tell, and what is left of several in a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from catalogue.model.notifications.audiences import AudienceRules, Channels
from messages.content.model import MessageKind

BURST: Final = timedelta(seconds=60)
"""Time between two notices of one kind about one visit to one receiver: the second tells what happens meanwhile."""
LATE: Final = timedelta(hours=24)
"""Age of an event that nobody is told of any more."""
_KINDS: Final[Mapping[str, MessageKind]] = {
    "appointment.confirmed": MessageKind.CONFIRMED,
    "appointment.pending": MessageKind.PENDING,
    "appointment.approved": MessageKind.APPROVED,
    "appointment.declined": MessageKind.DECLINED,
    "appointment.expired": MessageKind.EXPIRED,
    "appointment.rescheduled": MessageKind.RESCHEDULED,
    "appointment.cancelled": MessageKind.CANCELLED,
}
# Whoever was not told of the visit yet is told of it as it is after the move.
_ABSORB_MOVES: Final = frozenset({MessageKind.CONFIRMED, MessageKind.PENDING, MessageKind.APPROVED})
ENDS: Final = frozenset({MessageKind.DECLINED, MessageKind.EXPIRED, MessageKind.CANCELLED})
"""Kinds that tell of a visit which will not take place."""
_STAFF_KINDS: Final[Mapping[MessageKind, MessageKind]] = {
    MessageKind.APPROVED: MessageKind.CONFIRMED,
    MessageKind.DECLINED: MessageKind.CANCELLED,
    MessageKind.EXPIRED: MessageKind.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event of a visit, as far as notices depend on it."""

    seq: int
    event_id: str
    type: str
    status: str
    """Status of the visit after it."""
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An occasion to tell somebody."""

    kind: MessageKind
    event_id: str
    """The first of the events that it tells of."""


def kind_of(happening: Happening) -> MessageKind | None:
    """The kind of notice that an event gives occasion to; None: to none."""
    kind = _KINDS.get(happening.type)
    if kind is MessageKind.RESCHEDULED and happening.status == "pending":
        return MessageKind.PENDING
    return kind


def folded(first: MessageKind | None, second: MessageKind) -> MessageKind:
    """Notice of two occasions in a row of which nothing was told yet: the last state wins."""
    if first is None:
        return second
    return first if second is MessageKind.RESCHEDULED and first in _ABSORB_MOVES else second


def notice_of(happenings: Sequence[Happening], *, now: datetime) -> Notice | None:
    """The one notice that these events of a visit give occasion to, the oldest first; None: there is none."""
    notice: Notice | None = None
    for happening in happenings:
        kind = kind_of(happening)
        if kind is None or now - happening.occurred_at > LATE:
            continue
        told = folded(None if notice is None else notice.kind, kind)
        if notice is None or notice.kind is not told:
            notice = Notice(kind=told, event_id=happening.event_id)
    return notice


def channels_for(kind: MessageKind, rules: AudienceRules, *, is_customer: bool) -> Channels:
    """The channels by which an audience is told. To staff an approval is a visit, and a declined request is none."""
    channels = rules.by_kind.get(kind)
    if channels is None and not is_customer and kind in _STAFF_KINDS:
        channels = rules.by_kind.get(_STAFF_KINDS[kind])
    return tuple(dict.fromkeys(channels or ()))


def due_at(now: datetime, last_at: datetime | None) -> datetime:
    """The instant at which a notice is sent, after the last one of its kind about the visit to the same receiver."""
    return now if last_at is None else max(now, last_at + BURST)
