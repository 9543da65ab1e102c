from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from webhooks.health import WELL, EndpointHealth, after_failure, is_lost

_START: Final = datetime(2026, 12, 1, tzinfo=UTC)


def _after(*hours: float) -> EndpointHealth:
    """The health of an endpoint that failed at these hours, and never answered."""
    health = WELL
    for hour in hours:
        health = after_failure(health, _START + timedelta(hours=hour))
    return health


def test_endpoint_is_lost_after_five_days_of_nothing_but_failure() -> None:
    until = [float(hour) for hour in range(0, 121, 6)]

    assert not is_lost(_after(*until[:-1]))
    assert is_lost(_after(*until))


def test_failures_of_one_event_alone_do_not_lose_an_endpoint() -> None:
    """Its attempts end after three days."""
    schedule = [0, 0.002, 0.09, 0.6, 2.6, 7.6, 17.6, 31.6, 51.6, 75.6]

    assert not is_lost(_after(*schedule))


def test_two_isolated_failures_a_week_apart_are_no_outage() -> None:
    assert not is_lost(_after(0, 170))
    assert not is_lost(_after(0, 0.1, 170, 170.1))


def test_two_failures_half_a_day_apart_begin_an_outage() -> None:
    assert not _after(0, 11.9).is_lasting
    assert _after(0, 12).is_lasting
    assert not is_lost(_after(0, 12, 119))
    assert is_lost(_after(0, 12, 120))


def test_outage_is_forgiven_when_nothing_was_tried_for_long() -> None:
    assert not is_lost(_after(0, 12, 12 + 241))
    assert is_lost(_after(0, 12, 12 + 239))


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, None), (4, None), (5, 5), (6, 10), (8, 40), (11, 300), (50, 300)]
)
def test_rests_grow_with_failures_in_a_row(failures: int, seconds: int | None) -> None:
    health = _after(*[0] * failures)

    expected = None if seconds is None else _START + timedelta(seconds=seconds)
    assert health.rests_until == expected


@pytest.mark.parametrize(("asked", "given"), [(60, 60), (3600, 3600), (86_400, 3600)])
def test_endpoint_is_left_alone_for_as_long_as_it_asks_up_to_an_hour(asked: float, given: float) -> None:
    health = after_failure(WELL, _START, rest_seconds=asked)

    assert health.rests_until == _START + timedelta(seconds=given)
