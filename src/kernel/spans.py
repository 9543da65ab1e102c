"""Whole minutes and half-open spans of them.

Inside the engine's pure code an instant is a `Minute`: whole minutes since 1970-01-01T00:00Z. It is aware UTC
spelled as an integer, so that a span is two integers and a day is 1,440 of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

Minute = int

MINUTES_PER_DAY: Final = 1440
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_ONE_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The minutes m with start <= m < end."""

    start: Minute
    end: Minute

    def __post_init__(self) -> None:
        assert self.start < self.end, "a span holds at least one minute"

    @property
    def minutes(self) -> int:
        """The length of the span in minutes."""
        return self.end - self.start

    def overlaps(self, other: "Span") -> bool:
        """True if the two spans share a minute; spans that only touch do not."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Span") -> bool:
        """True if every minute of the other span is in this one."""
        return self.start <= other.start and other.end <= self.end


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """As few spans as possible with the same minutes, in order: overlapping and touching spans become one."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return tuple(result)


def without(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    """The minutes of `spans` that are in none of `holes`, merged and in order."""
    remaining = list(merged(spans))
    for hole in holes:
        cut: list[Span] = []
        for span in remaining:
            if not span.overlaps(hole):
                cut.append(span)
                continue
            if span.start < hole.start:
                cut.append(Span(span.start, hole.start))
            if hole.end < span.end:
                cut.append(Span(hole.end, span.end))
        remaining = cut
    return tuple(remaining)


def to_minute(instant: datetime) -> Minute:
    """The minute an aware instant lies in (seconds are cut off)."""
    assert instant.tzinfo is not None, "a naive instant names no minute"
    return (instant - _EPOCH) // _ONE_MINUTE


def to_minute_ceiling(instant: datetime) -> Minute:
    """The first whole minute that is not before an aware instant."""
    assert instant.tzinfo is not None, "a naive instant names no minute"
    return -((_EPOCH - instant) // _ONE_MINUTE)


def to_datetime(minute: Minute) -> datetime:
    """The aware UTC instant at which the minute begins."""
    return _EPOCH + minute * _ONE_MINUTE


def to_rfc3339(instant: datetime) -> str:
    """An aware instant as answers, events and facts spell it: UTC with `Z`, to the millisecond where it has any."""
    unit = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=unit).replace("+00:00", "Z")


def utc_day(minute: Minute) -> int:
    """The UTC day a minute lies in, counted from 1970-01-01 = 0."""
    return minute // MINUTES_PER_DAY


def utc_days(span: Span) -> range:
    """Every UTC day the span touches."""
    return range(utc_day(span.start), utc_day(span.end - 1) + 1)


def day_number(day: date) -> int:
    """A calendar date as days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def day_date(number: int) -> date:
    """The calendar date that many days after 1970-01-01."""
    return date.fromordinal(number + _EPOCH_ORDINAL)
