"""The booking window and the horizon behind it: which local dates may be booked at all."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, NamedTuple

from catalogue.limits import HORIZON_DAYS, LAST_YEAR, MAX_WINDOW_DAYS
from catalogue.model.rules.window import BusinessDaysWindow, FixedWindow, RollingWindow, Window
from kernel.spans import MINUTES_PER_DAY, Span
from kernel.zones import local_date, wall_span

# A resource that works too rarely to fill a window of business days is not searched for further days than this.
FARTHEST_DAYS: Final = 1100
# The calendar ends at one instant (catalogue.limits.CALENDAR): where clocks are ahead, the next year has begun by then.
_LAST_DATE: Final = date(LAST_YEAR + 1, 1, 1)


class DateRange(NamedTuple):
    """Local dates from the first to the last, both inclusive; an absent one is no limit."""

    first: date | None
    last: date | None


def bookable_dates(window: Window | None, today: date, works_on: Callable[[date], bool]) -> DateRange:
    """The local dates the window leaves open when `today` is the local date of now.

    `works_on` tells whether a date has working time: a window of business days counts those.
    """
    match window:
        case None:
            return DateRange(None, None)
        case RollingWindow():
            return DateRange(None, today + timedelta(days=window.days))
        case BusinessDaysWindow():
            return DateRange(None, _last_business_day(window.business_days, today, works_on))
        case FixedWindow():
            return DateRange(window.from_date, window.until_date)


def within_horizon(dates: DateRange, today: date) -> DateRange:
    """The dates up to the horizon: HORIZON_DAYS ahead where they have no end, else MAX_WINDOW_DAYS.

    It is counted from today, or from a first date that is still to come. No calendar is open for ever: each day that
    is offered takes memory of the stores.
    """
    opens = today if dates.first is None else max(today, min(dates.first, _LAST_DATE))
    farthest = min(opens + timedelta(days=HORIZON_DAYS if dates.last is None else MAX_WINDOW_DAYS), _LAST_DATE)
    return DateRange(dates.first, farthest if dates.last is None else min(dates.last, farthest))


def within_hours(dates: DateRange, hours: int, today: date) -> DateRange:
    """The dates on which some minute may be no more than so many hours ahead, and perhaps one more."""
    farthest = min(today + timedelta(days=-(-hours // 24) + 1), _LAST_DATE)
    return DateRange(dates.first, farthest if dates.last is None else min(dates.last, farthest))


def farthest_dates(today: date) -> DateRange:
    """The dates that any booking window could leave open."""
    return DateRange(None, min(today + timedelta(days=MAX_WINDOW_DAYS), _LAST_DATE))


def spans_of_dates(timezone: str, dates: DateRange, within: Span) -> tuple[Span, ...]:
    """The minutes of a span whose local date is one of the dates, in order."""
    # Two days more on each side than the span touches: no clock is set back or ahead by more.
    first = local_date(timezone, within.start) - timedelta(days=2)
    last = local_date(timezone, within.end) + timedelta(days=2)
    if dates.first is not None:
        first = max(first, dates.first)
    if dates.last is not None:
        last = min(last, dates.last)
    if last < first:
        return ()
    days = (last - first).days + 1
    found = wall_span(timezone, first, 0, days * MINUTES_PER_DAY)
    clipped = ((max(span.start, within.start), min(span.end, within.end)) for span in found)
    return tuple(Span(start, end) for start, end in clipped if start < end)


def _last_business_day(business_days: int, today: date, works_on: Callable[[date], bool]) -> date:
    """The date of the last of that many coming dates with working time; before today when that many is none."""
    last, counted = today - timedelta(days=1), 0
    for ahead in range(FARTHEST_DAYS):
        if counted == business_days:
            break
        last = today + timedelta(days=ahead)
        counted += works_on(last)
    return last
