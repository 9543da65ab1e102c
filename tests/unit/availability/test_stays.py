"""Lengths and starts of stays, zone by zone."""

from datetime import UTC, datetime

import pytest

from availability.rules.bitmaps import is_set
from availability.rules.stays import lengths_of, starts_lasting
from catalogue.model.stays import Stay
from kernel.spans import MINUTES_PER_DAY, Span, to_minute

_THREE = Stay(nights=3, check_in=15 * 60, check_out=11 * 60)
_USUAL = 3 * MINUTES_PER_DAY - 4 * 60


@pytest.mark.parametrize(
    ("timezone", "changes"),
    [
        ("Asia/Kathmandu", [0]),
        ("Europe/Berlin", [-60, 0, 60]),
        ("Antarctica/Troll", [-120, 0, 120]),
        ("Australia/Lord_Howe", [-30, 0, 30]),
    ],
)
def test_stay_lasts_as_long_as_the_clocks_of_a_zone_make_it(timezone: str, changes: list[int]) -> None:
    assert lengths_of(_THREE, timezone) == tuple(_USUAL + change for change in changes)


def test_stay_of_which_a_change_leaves_nothing_has_no_such_length() -> None:
    short = Stay(nights=1, check_in=23 * 60 + 30, check_out=15)

    assert short.minutes == 45
    assert lengths_of(short, "Europe/Berlin") == (45, 105)


def test_booked_stay_that_is_changed_where_it_is_has_one_length() -> None:
    stay = Stay(nights=3, check_in=900, check_out=660, fixed_minutes=500)

    assert (stay.minutes, lengths_of(stay, "Europe/Berlin")) == (500, (500,))


def test_each_check_in_belongs_to_one_length() -> None:
    # Clocks in Berlin are set ahead on 28 March.
    window = Span(*(to_minute(datetime(2027, 3, day, tzinfo=UTC)) for day in (23, 31)))
    check_ins = {day: to_minute(datetime(2027, 3, day, 14 if day < 28 else 13, tzinfo=UTC)) for day in range(23, 31)}

    usual, shorter, longer = (
        {day for day, minute in check_ins.items() if is_set(starts, minute, window)}
        for starts in (starts_lasting(_THREE, _USUAL + change, "Europe/Berlin", window) for change in (0, -60, 60))
    )

    assert (shorter, longer) == ({25, 26, 27}, set())
    assert usual == {23, 24, 28, 29, 30}
