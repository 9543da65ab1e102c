"""Working time follows the wall clock, whatever the clock does."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from availability.rules.working_time import dates_touching, working_spans
from catalogue.model.schedules import Schedule, WeeklySpan
from catalogue.model.wall_clock import Weekday
from kernel.spans import Span, to_datetime, to_minute
from tests.support.situations import daily, wall


def _utc(text: str) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(part).replace(tzinfo=UTC) for part in text.split("/"))
    return start, end


def _as_datetimes(spans: tuple[Span, ...]) -> list[tuple[datetime, datetime]]:
    return [(to_datetime(found.start), to_datetime(found.end)) for found in spans]


@pytest.mark.parametrize(
    ("timezone", "hours", "day", "expected"),
    [
        pytest.param("Asia/Jerusalem", "09:00-18:00", "2026-12-01", ["2026-12-01T07:00/2026-12-01T16:00"], id="plain"),
        pytest.param("UTC", "22:00-02:00", "2026-06-01", ["2026-06-01T22:00/2026-06-02T02:00"], id="past midnight"),
        pytest.param("UTC", "00:00-24:00", "2026-06-01", ["2026-06-01T00:00/2026-06-02T00:00"], id="whole day"),
        pytest.param(
            "Asia/Jerusalem", "01:00-04:00", "2026-03-27", ["2026-03-26T23:00/2026-03-27T01:00"], id="spring: shorter"
        ),
        pytest.param(
            "Asia/Jerusalem", "00:00-03:00", "2026-10-25", ["2026-10-24T21:00/2026-10-25T01:00"], id="autumn: longer"
        ),
        pytest.param(
            "Asia/Jerusalem",
            "01:15-01:45",
            "2026-10-25",
            ["2026-10-24T22:15/2026-10-24T22:45", "2026-10-24T23:15/2026-10-24T23:45"],
            id="autumn: a repeated reading counts twice",
        ),
        pytest.param(
            "Asia/Jerusalem", "02:30-05:00", "2026-03-27", ["2026-03-27T00:00/2026-03-27T02:00"], id="opens in the gap"
        ),
        pytest.param("Asia/Jerusalem", "02:10-02:50", "2026-03-27", [], id="all in the gap"),
        pytest.param(
            "Africa/Cairo", "00:00-02:00", "2026-04-24", ["2026-04-23T22:00/2026-04-23T23:00"], id="midnight missing"
        ),
        pytest.param("Pacific/Apia", "09:00-17:00", "2011-12-30", [], id="date missing"),
        pytest.param(
            "Australia/Lord_Howe", "01:00-03:00", "2026-10-04", ["2026-10-03T14:30/2026-10-03T16:00"], id="half an hour"
        ),
        pytest.param(
            "Antarctica/Troll", "00:00-04:00", "2026-03-29", ["2026-03-29T00:00/2026-03-29T02:00"], id="two hours"
        ),
    ],
)
def test_working_spans_follow_the_wall_clock(timezone: str, hours: str, day: str, expected: list[str]) -> None:
    schedule = Schedule(timezone=timezone, hours=daily(hours))

    spans = working_spans(schedule, date.fromisoformat(day))

    assert _as_datetimes(spans) == [_utc(text) for text in expected]


def test_working_spans_merge_when_they_touch_or_overlap() -> None:
    schedule = Schedule(timezone="UTC", hours=daily("09:00-12:00", "12:00-14:00", "13:00-15:00", "16:00-17:00"))

    spans = working_spans(schedule, date(2026, 6, 1))

    assert _as_datetimes(spans) == [
        _utc("2026-06-01T09:00/2026-06-01T15:00"),
        _utc("2026-06-01T16:00/2026-06-01T17:00"),
    ]


def test_override_replaces_the_weekly_hours_of_exactly_its_date() -> None:
    schedule = Schedule(
        timezone="UTC", hours=daily("22:00-02:00"), overrides={date(2026, 6, 2): (wall("09:00-10:00"),)}
    )

    before, overridden, after = (working_spans(schedule, date(2026, 6, day)) for day in (1, 2, 3))

    assert _as_datetimes(before) == [_utc("2026-06-01T22:00/2026-06-02T02:00")]
    assert _as_datetimes(overridden) == [_utc("2026-06-02T09:00/2026-06-02T10:00")]
    assert _as_datetimes(after) == [_utc("2026-06-03T22:00/2026-06-04T02:00")]


def test_override_without_spans_is_closed() -> None:
    schedule = Schedule(timezone="UTC", hours=daily("09:00-17:00"), overrides={date(2026, 6, 2): ()})

    assert working_spans(schedule, date(2026, 6, 2)) == ()


def test_breaks_are_cut_out_of_weekly_hours_and_overrides() -> None:
    weekly = Schedule(timezone="UTC", hours=daily("09:00-17:00"), breaks=daily("13:00-13:30"))
    overridden = replace(weekly, hours=(), overrides={date(2026, 6, 1): (wall("09:00-17:00"),)})

    expected = [_utc("2026-06-01T09:00/2026-06-01T13:00"), _utc("2026-06-01T13:30/2026-06-01T17:00")]
    assert _as_datetimes(working_spans(weekly, date(2026, 6, 1))) == expected
    assert _as_datetimes(working_spans(overridden, date(2026, 6, 1))) == expected


def test_break_of_the_next_date_is_cut_out_of_a_shift_past_midnight() -> None:
    tuesday = WeeklySpan(days=(Weekday.TUE,), span=wall("00:30-01:00"))
    schedule = Schedule(timezone="UTC", hours=daily("22:00-02:00"), breaks=(tuesday,))

    monday, sunday = (working_spans(schedule, date(2026, *day)) for day in ((6, 1), (5, 31)))

    assert _as_datetimes(monday) == [
        _utc("2026-06-01T22:00/2026-06-02T00:30"),
        _utc("2026-06-02T01:00/2026-06-02T02:00"),
    ]
    assert _as_datetimes(sunday) == [_utc("2026-05-31T22:00/2026-06-01T02:00")]


def test_break_past_midnight_is_cut_out_of_the_next_date() -> None:
    schedule = Schedule(timezone="UTC", hours=daily("00:00-08:00"), breaks=daily("23:00-01:00"))

    assert _as_datetimes(working_spans(schedule, date(2026, 6, 1))) == [_utc("2026-06-01T01:00/2026-06-01T08:00")]


@pytest.mark.parametrize(("day", "works"), [(1, False), (2, True), (3, True), (4, False)])
def test_weekly_hours_are_in_force_between_their_dates_inclusive(day: int, *, works: bool) -> None:
    season = replace(daily("09:00-10:00")[0], valid_from=date(2026, 6, 2), valid_until=date(2026, 6, 3))
    schedule = Schedule(timezone="UTC", hours=(season,))

    assert bool(working_spans(schedule, date(2026, 6, day))) is works


def test_dates_touching_holds_the_date_whose_shift_reaches_in() -> None:
    midnight = to_minute(datetime(2026, 6, 2, tzinfo=UTC))

    dates = dates_touching("UTC", Span(midnight, midnight + 1))

    assert {date(2026, 6, 1), date(2026, 6, 2)} <= set(dates)
