"""How many visits use a limit up."""

from datetime import UTC, date, datetime

from availability.rules.shift_dates import ShiftDates
from availability.rules.visit_limit import full_dates
from bookings.limits import Limit
from kernel.ids import ResourceId
from kernel.periods import Period
from kernel.spans import Minute, Span, to_minute

BY_THE_CLOCK = ShiftDates("Asia/Jerusalem", ())
MONDAY, TUESDAY = date(2026, 11, 30), date(2026, 12, 1)


def utc(day: int, hour: int, month: int = 11) -> Minute:
    return to_minute(datetime(2026, month, day, hour, tzinfo=UTC))


def test_booking_counts_as_the_listing_does() -> None:
    starts = [utc(30, 8), utc(30, 21), utc(30, 22)]

    used_up = {
        day
        for day in (MONDAY, TUESDAY)
        if Limit(most=2, resource_id=ResourceId("res_1"), dates=BY_THE_CLOCK, day=day).is_used_up(starts)
    }

    assert used_up == full_dates(starts, BY_THE_CLOCK.date_of, 2) == {MONDAY}


def test_limit_without_a_date_counts_every_visit() -> None:
    limit = Limit(most=2, resource_id=ResourceId("res_1"), dates=BY_THE_CLOCK)

    assert [limit.is_used_up(starts) for starts in ([], [utc(30, 8)], [utc(30, 8), utc(1, 8, 12)])] == [
        False, False, True,
    ]  # fmt: skip


def test_weeks_run_from_monday_to_sunday_and_months_by_the_calendar() -> None:
    assert Period.WEEK.dates_around(MONDAY) == (MONDAY, date(2026, 12, 6))
    assert Period.WEEK.dates_around(date(2027, 1, 3)) == (date(2026, 12, 28), date(2027, 1, 3))
    assert Period.MONTH.dates_around(MONDAY) == (date(2026, 11, 1), MONDAY)
    assert Period.MONTH.dates_around(date(2028, 2, 1)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert Period.MONTH.dates_around(date(2026, 12, 31)) == (date(2026, 12, 1), date(2026, 12, 31))


def test_limit_of_a_week_counts_its_local_dates_alone() -> None:
    # Monday begins at 22:00 UTC of Sunday, in Jerusalem; so does the next one.
    week = Limit(most=2, resource_id=ResourceId("res_1"), dates=BY_THE_CLOCK, day=TUESDAY, period=Period.WEEK)

    assert week.stretch == Span(utc(29, 22), utc(6, 22, 12))
    assert week.is_used_up([utc(29, 22), utc(6, 21, 12)])
    assert not week.is_used_up([utc(29, 21), utc(30, 8), utc(6, 22, 12)])
