"""The booking window opens whole local dates."""

from datetime import UTC, date, datetime, timedelta

import pytest

from availability.rules.booking_window import DateRange, bookable_dates, spans_of_dates, within_horizon
from catalogue.model.rules.window import BusinessDaysWindow, FixedWindow, RollingWindow, Window
from kernel.spans import Span, to_datetime, to_minute

_FRIDAY = date(2026, 6, 5)


def _works_on_weekdays(day: date) -> bool:
    return day.weekday() < 5


@pytest.mark.parametrize(
    ("window", "today", "expected"),
    [
        (None, _FRIDAY, DateRange(None, None)),
        (RollingWindow(days=0), _FRIDAY, DateRange(None, _FRIDAY)),
        (RollingWindow(days=60), _FRIDAY, DateRange(None, date(2026, 8, 4))),
        (BusinessDaysWindow(business_days=1), _FRIDAY, DateRange(None, _FRIDAY)),
        (BusinessDaysWindow(business_days=2), _FRIDAY, DateRange(None, date(2026, 6, 8))),
        (BusinessDaysWindow(business_days=1), date(2026, 6, 6), DateRange(None, date(2026, 6, 8))),
        (
            FixedWindow(from_date=date(2026, 7, 1), until_date=date(2026, 7, 31)),
            _FRIDAY,
            DateRange(date(2026, 7, 1), date(2026, 7, 31)),
        ),
        (FixedWindow(from_date=None, until_date=_FRIDAY), _FRIDAY, DateRange(None, _FRIDAY)),
    ],
)
def test_window_opens_dates(window: Window | None, today: date, expected: DateRange) -> None:
    assert bookable_dates(window, today, _works_on_weekdays) == expected


def test_window_of_business_days_ends_when_nobody_ever_works() -> None:
    first, last = bookable_dates(BusinessDaysWindow(business_days=20), _FRIDAY, lambda _: False)

    assert first is None
    assert last is not None
    assert last > _FRIDAY + timedelta(days=365)


@pytest.mark.parametrize(
    ("open_dates", "expected"),
    [
        (DateRange(None, None), DateRange(None, _FRIDAY + timedelta(days=730))),
        (DateRange(date(2020, 1, 1), None), DateRange(date(2020, 1, 1), _FRIDAY + timedelta(days=730))),
        (DateRange(date(2029, 1, 9), None), DateRange(date(2029, 1, 9), date(2029, 1, 9) + timedelta(days=730))),
        (DateRange(None, date(2026, 8, 4)), DateRange(None, date(2026, 8, 4))),
        (DateRange(None, date(2199, 12, 31)), DateRange(None, _FRIDAY + timedelta(days=1100))),
        (DateRange(date(2198, 12, 31), None), DateRange(date(2198, 12, 31), date(2200, 1, 1))),
    ],
)
def test_horizon_ends_every_window(open_dates: DateRange, expected: DateRange) -> None:
    assert within_horizon(open_dates, _FRIDAY) == expected


def test_dates_open_with_their_first_local_minute_and_close_with_their_last() -> None:
    start = to_minute(datetime(2026, 11, 28, tzinfo=UTC))

    spans = spans_of_dates(
        "Asia/Jerusalem", DateRange(date(2026, 12, 1), date(2026, 12, 2)), Span(start, start + 14400)
    )

    assert [(to_datetime(found.start), to_datetime(found.end)) for found in spans] == [
        (datetime(2026, 11, 30, 22, tzinfo=UTC), datetime(2026, 12, 2, 22, tzinfo=UTC))
    ]


def test_dates_that_lie_elsewhere_open_nothing() -> None:
    start = to_minute(datetime(2026, 11, 28, tzinfo=UTC))

    assert spans_of_dates("UTC", DateRange(date(2027, 1, 1), None), Span(start, start + 1440)) == ()
    assert spans_of_dates("UTC", DateRange(None, date(2026, 1, 1)), Span(start, start + 1440)) == ()


def test_dates_are_told_by_the_clock_where_it_is_set_back_over_midnight() -> None:
    # St. John's, 2006-10-29: at 00:01 it was 23:01 of the day before once more.
    midnight = to_minute(datetime(2006, 10, 29, 2, 30, tzinfo=UTC))
    around = Span(midnight, midnight + 90)

    before = spans_of_dates("America/St_Johns", DateRange(None, date(2006, 10, 28)), around)

    assert before == (Span(midnight + 1, midnight + 60),)


def test_dates_without_limits_open_everything() -> None:
    start = to_minute(datetime(2026, 11, 28, tzinfo=UTC))

    assert spans_of_dates("UTC", DateRange(None, None), Span(start, start + 1440)) == (Span(start, start + 1440),)
