"""Slots start where the grid of the service says."""

from datetime import date

import pytest

from availability.rules.bitmaps import every_minute, from_spans, set_minutes
from availability.rules.grid import clock_grid, gap_grid, opening_grid, working_layers
from kernel.spans import Span, to_datetime
from kernel.zones import local_now, offset_at
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


def test_gap_grid_starts_anew_after_everything_that_is_taken() -> None:
    taken = [span("09:50-10:25"), span("11:00-11:30")]
    layers = working_layers([span("09:00-12:00")], _DAY)

    starts = gap_grid(layers, every_minute(_DAY) & ~from_spans(taken, _DAY), step=20, offset=0)

    assert _starts(starts) == ["09:00", "09:20", "09:40", "10:25", "10:45", "11:30", "11:50"]


def test_gap_grid_moves_the_first_start_by_the_offset_and_never_out_of_its_stretch() -> None:
    layers = working_layers([span("09:00-09:05"), span("10:00-10:30")], _DAY)

    assert _starts(gap_grid(layers, every_minute(_DAY), step=20, offset=5)) == ["10:05", "10:25"]


def test_layers_keep_touching_spans_apart() -> None:
    first, second, third = span("09:00-10:00"), span("10:00-11:00"), span("12:00-13:00")

    layers = working_layers([first, second, third], _DAY)

    assert layers == (from_spans([first, third], _DAY), from_spans([second], _DAY))
