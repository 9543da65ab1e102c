"""How many visits use a limit up."""

from datetime import UTC, date, datetime

from availability.rules.shift_dates import ShiftDates
from availability.rules.visit_limit import full_dates
from bookings.limits import Limit
from kernel.ids import ResourceId
from kernel.spans import Minute, to_minute

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
