from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from cli.demo import Example
from cli.walkthrough import next_open_day, walkthrough
from tests.support.documents import EXAMPLES, example

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

    day = next_open_day([resource], timezone="Asia/Jerusalem", today=_SATURDAY)

    assert day == expected


def test_next_open_day_is_one_on_which_all_are_there() -> None:
    closed = {"overrides": [{"date": "2026-11-22", "spans": []}]}
    weekdays = [{"days": ["sun", "tue"], "start": "08:00", "end": "12:00"}]
    resources = [_WEEKDAYS_OFF | closed, {"key": "room", "hours": weekdays}]

    day = next_open_day(resources, timezone="Asia/Jerusalem", today=_SATURDAY)

    # Noa alone would be there on the 23rd, the room alone on the 22nd.
    assert day == date(2026, 11, 29)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("barbershop", "service=haircut&resource=noa&from=2026-11-22&to=2026-11-22"),
        # A class is not full after one booking.
        ("gym", "service=personal-training&resource=lena&from=2026-11-23&to=2026-11-23"),
        ("consultant", "service=intro-call&resource=london-desk&from=2026-11-23&to=2026-11-23"),
        ("clinic", "service=consultation&resource=dr-adler&from=2026-11-23&to=2026-11-23"),
    ],
)
def test_walkthrough_names_keys_and_a_day_of_the_business(name: str, query: str) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    lines = list(
        walkthrough(
            example(name),
            url="http://127.0.0.1:8080",
            secret_key="hfs_s",
            publishable_key="hfp_p",
            operator_key="op",
            now=now,
        )
    )

    assert "URL=http://127.0.0.1:8080 KEY=hfs_s" in lines
    assert any("hfp_p" in line for line in lines)
    assert any(query in line for line in lines)


def test_walkthrough_waits_for_the_end_of_holidays() -> None:
    # The desk has hours on the 21st, but Ada is away until the fourth of January.
    now = datetime(2026, 12, 18, 12, tzinfo=UTC)

    lines = list(
        walkthrough(example("consultant"), url="", secret_key="", publishable_key="", operator_key="", now=now)
    )

    assert any("from=2027-01-05&to=2027-01-05" in line for line in lines)


def test_every_example_can_be_shown() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == set(Example)
