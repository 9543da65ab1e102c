"""Slots start where the grid of the service says."""

from datetime import date

import pytest

from availability.rules.bitmaps import fits, from_minutes, from_spans, set_minutes
from availability.rules.grid import clock_grid, fixed_grid, gap_grid, opening_grid, working_layers
from kernel.spans import Span, to_datetime
from kernel.zones import local_day, local_now, offset_at
from tests.support.situations import minute, readings, span

_DAY = Span(minute("00:00"), minute("00:00") + 1440)


def _starts(bits: int) -> list[str]:
    return readings(set_minutes(bits, _DAY))


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, ["09:00", "09:40", "10:20", "13:00", "13:40"]),
        (10, ["09:10", "09:50", "10:30", "13:10", "13:50"]),
        (70, ["10:10", "10:50"]),
        (200, []),
    ],
)
def test_opening_grid_starts_anew_in_each_span(offset: int, expected: list[str]) -> None:
    working = [span("09:00-11:00"), span("13:00-14:10")]

    assert _starts(opening_grid(working, step=40, offset=offset, window=_DAY)) == expected


def test_opening_grid_starts_anew_at_midnight_when_open_around_the_clock() -> None:
    dates = [Span(_DAY.start - 1440, _DAY.start), _DAY]

    starts = set_minutes(opening_grid(dates, step=1000, offset=0, window=_DAY), _DAY)

    assert readings(starts) == ["00:00", "16:40"]


def test_opening_grid_counts_from_an_opening_before_the_window() -> None:
    starts = opening_grid([Span(_DAY.start - 50, _DAY.start + 100)], step=40, offset=0, window=_DAY)

    assert _starts(starts) == ["00:30", "01:10"]


@pytest.mark.parametrize(
    ("step", "offset", "expected"),
    [(360, 0, ["00:00", "06:00", "12:00", "18:00"]), (500, 30, ["00:30", "08:50", "17:10"])],
)
def test_clock_grid_counts_from_midnight(step: int, offset: int, expected: list[str]) -> None:
    assert _starts(clock_grid("UTC", step=step, offset=offset, window=_DAY)) == expected


@pytest.mark.parametrize("timezone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_clock_grid_holds_round_readings_of_the_zone(timezone: str) -> None:
    starts = set_minutes(clock_grid(timezone, step=60, offset=0, window=_DAY), _DAY)

    assert len(starts) == 24
    assert all((start + offset_at(timezone, start)) % 60 == 0 for start in starts)


@pytest.mark.parametrize(
    ("timezone", "day"),
    [
        ("Asia/Jerusalem", date(2026, 3, 27)),
        ("Asia/Beirut", date(2026, 10, 24)),
        ("Africa/Cairo", date(2026, 4, 24)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("America/St_Johns", date(2006, 10, 29)),
        ("Pacific/Apia", date(2011, 12, 30)),
    ],
)
def test_clock_grid_follows_the_readings_when_the_clock_changes(timezone: str, day: date) -> None:
    noon = minute("12:00", day)
    window = Span(noon - 2100, noon + 2100)

    starts = set_minutes(clock_grid(timezone, step=50, offset=10, window=window), window)

    local = {start: local_now(timezone, to_datetime(start)) for start in range(window.start, window.end)}
    clocks = {start: reading.hour * 60 + reading.minute for start, reading in local.items()}
    assert starts == [start for start, reading in clocks.items() if reading >= 10 and (reading - 10) % 50 == 0]


@pytest.mark.parametrize(
    ("hours", "taken", "minimum_gap", "expected"),
    [
        pytest.param("09:00-12:00", [], 60, ["09:00", "10:00", "11:00"], id="empty"),
        pytest.param("09:00-11:20", [], 60, ["09:00", "10:20"], id="flush with either end"),
        pytest.param(
            "09:00-11:20", [], 20, ["09:00", "09:20", "09:40", "10:00", "10:20"], id="shorter gaps are of use"
        ),
        pytest.param("09:00-11:00", ["09:40-10:00"], 60, ["10:00"], id="exact fit"),
        pytest.param("09:00-10:30", [], 60, [], id="each start leaves a gap"),
        pytest.param("09:00-10:30", [], 30, ["09:00", "09:30"], id="gap of just the least"),
        pytest.param("09:00-12:30", ["11:07-11:30"], 60, ["09:00", "10:07", "11:30"], id="around a booking"),
    ],
)
def test_gap_grid_leaves_no_gap_that_is_of_no_use(
    hours: str, taken: list[str], minimum_gap: int, expected: list[str]
) -> None:
    assert _starts(_gap_grid([span(hours)], taken, step=20, minimum_gap=minimum_gap)) == expected


def test_gap_grid_takes_the_ends_of_a_stretch_in_which_a_gap_cannot_be_avoided() -> None:
    starts = _gap_grid([span("09:00-10:30"), span("11:00-13:00")], [], step=20, allow_unavoidable=True)

    assert _starts(starts) == ["09:00", "09:30", "11:00", "12:00"]


def test_gap_grid_counts_steps_from_the_offset_and_keeps_the_ends() -> None:
    starts = _gap_grid([span("09:00-12:00")], [], step=30, offset=15, minimum_gap=15)

    assert _starts(starts) == ["09:00", "09:15", "09:45", "10:15", "10:45", "11:00"]


def test_gap_grid_counts_anew_at_midnight_and_sees_no_gap_in_it() -> None:
    dates = [Span(_DAY.start - 1440, _DAY.start), Span(_DAY.start, _DAY.start + 300)]
    window = Span(_DAY.start - 1440, _DAY.start + 1440)
    possible = from_spans([Span(_DAY.start - 700, _DAY.start + 240)], window)

    starts = gap_grid(
        working_layers(dates, window), possible, step=400, offset=0, minimum_gap=60, allow_unavoidable=False
    )

    # From 12:20 the day before, and from midnight; the last one possible is 03:59.
    assert [start - _DAY.start for start in set_minutes(starts, window)] == [-700, -300, 0, 239]


def _gap_grid(
    working: list[Span],
    taken: list[str],
    *,
    step: int,
    offset: int = 0,
    minimum_gap: int = 60,
    allow_unavoidable: bool = False,
) -> int:
    """For visits of an hour."""
    free = from_spans(working, _DAY) & ~from_spans(map(span, taken), _DAY)
    return gap_grid(
        working_layers(working, _DAY),
        fits(free, 60),
        step=step,
        offset=offset,
        minimum_gap=minimum_gap,
        allow_unavoidable=allow_unavoidable,
    )


@pytest.mark.parametrize(
    ("timezone", "day", "expected"),
    [
        ("Europe/Berlin", date(2026, 3, 28), ["02:30", "18:15"]),
        # Half past two is skipped, ...
        ("Europe/Berlin", date(2026, 3, 29), ["18:15"]),
        # ... and shown twice.
        ("Europe/Berlin", date(2026, 10, 25), ["02:30", "02:30", "18:15"]),
    ],
)
def test_fixed_starts_are_readings_of_the_clock(timezone: str, day: date, expected: list[str]) -> None:
    (today,) = local_day(timezone, day)

    bits = fixed_grid(timezone, from_minutes([150, 1095], Span(0, 1440)), window=today)

    found = [local_now(timezone, to_datetime(start)) for start in set_minutes(bits, today)]
    assert [f"{reading:%H:%M}" for reading in found] == expected


def test_layers_keep_touching_spans_apart() -> None:
    first, second, third = span("09:00-10:00"), span("10:00-11:00"), span("12:00-13:00")

    layers = working_layers([first, second, third], _DAY)

    assert layers == (from_spans([first, third], _DAY), from_spans([second], _DAY))
