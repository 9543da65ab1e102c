"""The local dates that minutes belong to: that of the shift which covers them, else that of the clock."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from availability.rules.booking_window import DateRange, spans_of_dates
from availability.rules.working_time import dates_touching
from catalogue.model.schedules import Schedule
from kernel.spans import MINUTES_PER_DAY, Minute, Span, merged, without
from kernel.zones import local_date, local_day

_ONE_DAY: Final = timedelta(days=1)
_DATES_KEPT: Final = 1024


class ShiftDates:
    """Dates of a zone, each with the minutes that belong to it.

    A shift past midnight belongs to the date it starts on, with all of its minutes, so that the early hours of a
    Saturday may belong to Friday. Where hours of both dates cover a minute, it belongs to the former.
    """

    def __init__(self, timezone: str, shifts: Sequence[Callable[[date], Iterable[Span]]]) -> None:
        """Take the working time of each date of those whose shifts count."""
        self.timezone = timezone
        self._shifts = shifts
        self._late = lru_cache(_DATES_KEPT)(self._compute_late)

    def date_of(self, minute: Minute) -> date:
        """The date that a minute belongs to."""
        today = local_date(self.timezone, minute)
        before = today - _ONE_DAY
        return before if any(span.start <= minute < span.end for span in self._late(before)) else today

    def minutes_of(self, day: date) -> tuple[Span, ...]:
        """The minutes that belong to a date; none for one that the zone skipped, unless a shift of it was worked."""
        own = local_day(self.timezone, day)
        if not self._shifts:
            return own
        return merged([*without(own, self._late(day - _ONE_DAY)), *self._late(day)])

    def minutes_within(self, dates: DateRange, window: Span) -> tuple[Span, ...]:
        """The minutes of a window that belong to some dates, in order."""
        found = spans_of_dates(self.timezone, dates, window)
        if not self._shifts:
            return found
        belong: list[Span] = []
        others: list[Span] = []
        for day in dates_touching(self.timezone, window):
            is_open = (dates.first is None or dates.first <= day) and (dates.last is None or day <= dates.last)
            (belong if is_open else others).extend(span for span in self._late(day) if span.overlaps(window))
        return merged([*without(found, others), *belong])

    def _compute_late(self, day: date) -> tuple[Span, ...]:
        """The minutes of the shifts of a date that lie beyond it."""
        spans = [span for shift in self._shifts for span in shift(day)]
        return without(spans, local_day(self.timezone, day)) if spans else ()


def runs_past_midnight(schedule: Schedule) -> bool:
    """True if a shift may reach into the date after the one that it starts on."""
    weekly = (entry.span for entry in schedule.hours)
    other = (span for spans in schedule.overrides.values() for span in spans)
    return any(span.end > MINUTES_PER_DAY for spans in (weekly, other) for span in spans)
