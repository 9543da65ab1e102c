from datetime import UTC, datetime
from typing import Final

import pytest

from webhooks.schedule import MOST_ATTEMPTS, PAUSES_SECONDS, next_attempt, retry_after_seconds

_NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)


def _pause(attempt: int, *, retry_after: float | None = None, chance: float = 0.5) -> float | None:
    at = next_attempt(attempt, _NOW, retry_after=retry_after, chance=chance)
    return None if at is None else (at - _NOW).total_seconds()


def test_attempts_follow_the_schedule_for_three_days() -> None:
    pauses = [_pause(attempt) for attempt in range(1, 11)]

    minutes, hours = 60, 3600
    assert pauses == [
        5, 5 * minutes, 30 * minutes, 2 * hours, 5 * hours, 10 * hours, 14 * hours, 20 * hours, 24 * hours, None
    ]  # fmt: skip
    assert MOST_ATTEMPTS == 10
    assert 3 * 86_400 < sum(PAUSES_SECONDS) < 4 * 86_400


def test_pauses_vary_by_a_fifth() -> None:
    assert _pause(2, chance=0) == pytest.approx(240)
    assert _pause(2, chance=1) == pytest.approx(360)


@pytest.mark.parametrize(("asked", "pause"), [(1, 5), (60, 60), (3605, 3605), (86_400, 3605), (1e12, 3605)])
def test_retry_after_counts_from_the_pause_on_and_up_to_an_hour_beyond(asked: float, pause: float) -> None:
    assert _pause(1, retry_after=asked) == pause


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("9" * 100, 10**9),
        ("Tue, 01 Dec 2026 00:02:00 GMT", 120),
        ("Mon, 30 Nov 2026 00:02:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": text}, _NOW) == seconds


def test_absent_header_asks_for_nothing() -> None:
    assert retry_after_seconds({}, _NOW) is None
