"""On which local dates a limit on the number of visits is reached."""

from datetime import UTC, date, datetime
from functools import partial

import pytest

from availability.rules.visit_limit import full_dates
from kernel.spans import Minute, to_minute
from kernel.zones import local_date

JERUSALEM = "Asia/Jerusalem"
MONDAY, TUESDAY = date(2026, 11, 30), date(2026, 12, 1)


def utc(day: int, hour: int, month: int = 11) -> Minute:
    return to_minute(datetime(2026, month, day, hour, tzinfo=UTC))


@pytest.mark.parametrize(
    ("starts", "most", "full"),
    [
        pytest.param([], 1, set(), id="no visits"),
        pytest.param([utc(30, 8)], 2, set(), id="below"),
        pytest.param([utc(30, 8), utc(30, 9)], 2, {MONDAY}, id="at the limit"),
        pytest.param([utc(30, 8), utc(30, 8), utc(30, 8)], 2, {MONDAY}, id="above, at one start"),
        pytest.param([utc(30, 21), utc(30, 22)], 1, {MONDAY, TUESDAY}, id="each on its own local date"),
        pytest.param([utc(30, 21), utc(30, 22)], 2, set(), id="one UTC date, two local dates"),
    ],
)
def test_date_is_full_from_its_limit_on(starts: list[Minute], most: int, full: set[date]) -> None:
    assert full_dates(starts, partial(local_date, JERUSALEM), most) == full
