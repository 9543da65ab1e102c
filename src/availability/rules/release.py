"""Release of times: parts of the day that open as earlier ones fill, or are cheaper while little of them is claimed."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from availability.rules.bitmaps import from_spans
from availability.rules.working_time import dates_touching
from catalogue.model.rules.release import FillOrder, OffPeak
from catalogue.model.wall_clock import Weekday
from kernel.spans import Minute, Span, to_minute
from kernel.zones import wall_span

_MINUTES_PER_HOUR: Final = 60
_WEEKDAYS: Final = tuple(Weekday)


class Discount(NamedTuple):
    """Starts of one resource that are cheaper."""

    percent_off: int
    starts: int
    """Set: the starts, as a bitmap of the window."""


class ClaimedTime:
    """The claimed share of a resource's working time, as bitmaps of a window. Holds claim nothing."""

    def __init__(self, working: int, lanes: Iterable[int], window: Span) -> None:
        """Take the working time without time off, and for each lane on offer the minutes that are clear."""
        self._working = working
        self._claimed = [working & ~lane for lane in lanes]
        self._window = window

    def is_below(self, part: Iterable[Span], share: int) -> bool:
        """True if less than that percentage of a part of the day is claimed; never where nobody works."""
        offered = claimed = 0
        for span in part:
            assert self._window.contains(span), "the bitmaps do not cover the part of the day"
            mask, later = (1 << span.minutes) - 1, self._window.end - span.end
            offered += (self._working >> later & mask).bit_count()
            claimed += sum([(taken >> later & mask).bit_count() for taken in self._claimed])
        return claimed * 100 < share * offered * len(self._claimed)


def first_too_far(now: datetime, hours: int) -> Minute:
    """The first minute that is more than so many hours ahead."""
    return to_minute(now) + hours * _MINUTES_PER_HOUR + 1


def minutes_before(bound: Minute, window: Span) -> int:
    """Set: each minute of the window before that one."""
    return from_spans([Span(window.start, bound)], window) if bound > window.start else 0


def parts_about(timezone: str, hull: tuple[int, int], starts: Span) -> Iterator[Span]:
    """The minutes between two readings of the clock on each date on which some of the starts lie between them."""
    for day in dates_touching(timezone, starts):
        spans = wall_span(timezone, day, *hull)
        if _touch(spans, starts):
            yield from spans


def unreleased_minutes(
    order: FillOrder, timezone: str, claimed: ClaimedTime, starts: Span, earliest: Minute
) -> list[Span]:
    """The minutes of the parts of the day that do not open yet, on the dates of the starts.

    A part in which no visit may begin any more, as all of it is before `earliest`, keeps no other one closed: it would
    never fill. Nor does one in which nobody works.
    """
    closed: list[Span] = []
    for day in dates_touching(timezone, starts):
        parts = [wall_span(timezone, day, part.start, part.end) for part in order.parts]
        for place, spans in enumerate(parts[:-1]):
            later = [span for part in parts[place + 1 :] for span in part]
            if not _touch(later, starts):
                break
            is_over = all(span.end <= earliest for span in spans)
            if not is_over and claimed.is_below(spans, order.share):
                closed += later
                break
    return closed


def discounts_of(
    entries: Iterable[OffPeak], timezone: str, claimed: ClaimedTime, *, starts: Span, now: datetime, window: Span
) -> tuple[Discount, ...]:
    """The discounts at the starts, by the first entry that applies to each: their starts are disjoint."""
    found: list[Discount] = []
    left = from_spans([starts], window)
    for entry in entries:
        bits = left & from_spans(_slow_parts(entry, timezone, claimed, starts), window)
        if entry.within_hours is not None:
            bits &= minutes_before(first_too_far(now, entry.within_hours), window)
        if bits:
            found.append(Discount(entry.percent_off, bits))
            left &= ~bits
    return tuple(found)


def _slow_parts(entry: OffPeak, timezone: str, claimed: ClaimedTime, starts: Span) -> Iterator[Span]:
    """The minutes of the part of the day on each date of the starts on which little of it is claimed."""
    for day in dates_touching(timezone, starts):
        spans = wall_span(timezone, day, entry.span.start, entry.span.end)
        if _is_on(entry, day) and _touch(spans, starts) and claimed.is_below(spans, entry.below_share):
            yield from spans


def _is_on(entry: OffPeak, day: date) -> bool:
    return not entry.days or _WEEKDAYS[day.weekday()] in entry.days


def _touch(spans: Iterable[Span], starts: Span) -> bool:
    return any(span.overlaps(starts) for span in spans)
