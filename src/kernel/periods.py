"""Periods of the calendar over which visits are counted."""

from datetime import date, timedelta
from enum import StrEnum


class Period(StrEnum):
    """Dates whose visits are counted together: one date, the week from Monday to Sunday, or the calendar month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def dates_around(self, day: date) -> tuple[date, date]:
        """The first and the last date of the period that a date lies in."""
        if self is Period.DAY:
            return day, day
        if self is Period.WEEK:
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=6)
        first = day.replace(day=1)
        # 31 days after the first of any month lies in the next one.
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
