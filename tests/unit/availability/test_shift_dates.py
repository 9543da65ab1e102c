"""Minutes belong to the date of the shift that covers them."""

from collections.abc import Callable
from datetime import date

import pytest

from availability.rules.booking_window import DateRange
from availability.rules.shift_dates import ShiftDates, runs_past_midnight
from availability.rules.working_time import working_spans
from catalogue.model.schedules import Schedule
from kernel.spans import Span
from kernel.zones import local_day
from tests.support.situations import MONDAY, daily, minute, wall

_TUESDAY = date(2026, 6, 2)


def _shifts(schedule: Schedule) -> Callable[[date], tuple[Span, ...]]:
    return lambda day: working_spans(schedule, day)


def _dates(*hours: str, timezone: str = "UTC") -> ShiftDates:
    return ShiftDates(timezone, [_shifts(Schedule(timezone=timezone, hours=daily(*hours)))])


@pytest.mark.parametrize(
    ("hours", "clock", "day"),
    [
        (["20:00-04:00"], "03:59", MONDAY),
        (["20:00-04:00"], "04:00", _TUESDAY),
        (["20:00-04:00"], "20:00", _TUESDAY),
        # Hours of both dates.
        (["20:00-04:00", "02:00-10:00"], "03:00", MONDAY),
        (["20:00-04:00", "02:00-10:00"], "05:00", _TUESDAY),
        (["00:00-23:59"], "00:30", _TUESDAY),
    ],
)
def test_minute_belongs_to_the_shift_that_began_first(hours: list[str], clock: str, day: date) -> None:
    assert _dates(*hours).date_of(minute(clock, _TUESDAY)) == day


def test_every_minute_belongs_to_one_date() -> None:
    # The clocks of Berlin are set back on the 25th of October 2026, at night.
    dates = _dates("22:00-05:00", "01:00-09:00", timezone="Europe/Berlin")
    first, last = date(2026, 10, 23), date(2026, 10, 27)
    days = [date(2026, 10, number) for number in range(23, 28)]
    window = Span(local_day("Europe/Berlin", first)[0].start, local_day("Europe/Berlin", last)[-1].end)

    found = {m: day for day in days for span in dates.minutes_of(day) for m in range(span.start, span.end)}

    assert sum(span.minutes for day in days for span in dates.minutes_of(day)) == len(found)
    assert all(dates.date_of(m) == day for m, day in found.items())
    for range_of_dates in (DateRange(days[1], days[3]), DateRange(None, days[2]), DateRange(days[2], None)):
        within = {m for span in dates.minutes_within(range_of_dates, window) for m in range(span.start, span.end)}
        low, high = range_of_dates.first or date.min, range_of_dates.last or date.max
        assert within == {m for m in range(window.start, window.end) if low <= dates.date_of(m) <= high}


def test_hours_until_midnight_need_no_look_at_shifts() -> None:
    day = wall("20:00-23:00")
    night = wall("20:00-04:00")

    assert not runs_past_midnight(Schedule(timezone="UTC", hours=daily("20:00-23:00"), overrides={MONDAY: (day,)}))
    assert runs_past_midnight(Schedule(timezone="UTC", hours=daily("20:00-04:00")))
    assert runs_past_midnight(Schedule(timezone="UTC", hours=daily("20:00-23:00"), overrides={MONDAY: (night,)}))
