from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cli.walkthrough import next_open_day, walkthrough

_EXAMPLE: Final = Path(__file__).resolve().parents[3] / "examples" / "barbershop.yaml"
_SATURDAY: Final = date(2026, 11, 21)
_WEEKDAYS_OFF: Final[dict[str, Any]] = {
    "key": "noa",
    "hours": [{"days": ["sun", "mon"], "start": "09:00", "end": "18:00"}],
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, date(2026, 11, 22)),
        ({"overrides": [{"date": date(2026, 11, 22), "spans": []}]}, date(2026, 11, 23)),
        ({"overrides": [{"date": "2026-11-22", "spans": []}]}, date(2026, 11, 23)),
        (
            {"time_off": [{"start": "2026-11-22T00:00:00+02:00", "end": "2026-11-24T00:00:00+02:00"}]},
            date(2026, 11, 29),
        ),
    ],
    ids=["hours", "closed", "closed, as text", "time off"],
)
def test_next_open_day_is_first_working_date_after_today(more: dict[str, Any], expected: date) -> None:
    resource = _WEEKDAYS_OFF | more

    day = next_open_day(resource, timezone="Asia/Jerusalem", today=_SATURDAY)

    assert day == expected


def test_walkthrough_names_keys_and_a_day_of_the_business() -> None:
    document = yaml.safe_load(_EXAMPLE.read_text())
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    lines = list(
        walkthrough(document, url="http://127.0.0.1:8080", secret_key="hfs_s", publishable_key="hfp_p", now=now)
    )

    assert "URL=http://127.0.0.1:8080 KEY=hfs_s" in lines
    assert any("hfp_p" in line for line in lines)
    assert any("from=2026-11-22&to=2026-11-22" in line for line in lines)
