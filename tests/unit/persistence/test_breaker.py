import pytest

from persistence.breaker import Breaker, BreakerState

PAUSE = 0.25


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=2, pause_seconds=PAUSE, clock=clock)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    breaker.record_failure()
    breaker.record_failure()
    return breaker


def test_breaker_is_closed_at_first(breaker: Breaker) -> None:
    assert breaker.state is BreakerState.CLOSED
    assert breaker.is_closed


def test_breaker_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    breaker.record_failure()
    after_one = breaker.state

    breaker.record_failure()

    assert (after_one, breaker.state) == (BreakerState.CLOSED, BreakerState.OPEN)


def test_breaker_stays_closed_when_an_answer_came_in_between(breaker: Breaker) -> None:
    breaker.record_failure()
    breaker.record_success()

    breaker.record_failure()

    assert breaker.is_closed


def test_nobody_asks_before_the_pause_is_over(opened: Breaker, clock: Clock) -> None:
    clock.seconds += PAUSE - 0.01

    asks = opened.try_half_open()

    assert not asks
    assert opened.state is BreakerState.OPEN
    assert opened.pause_left_seconds == pytest.approx(0.01)


def test_one_asks_when_the_pause_is_over(opened: Breaker, clock: Clock) -> None:
    clock.seconds += PAUSE

    asks = [opened.try_half_open(), opened.try_half_open()]

    assert asks == [True, False]
    assert opened.state is BreakerState.HALF_OPEN


def test_breaker_closes_when_whoever_asked_is_answered(opened: Breaker, clock: Clock) -> None:
    clock.seconds += PAUSE
    opened.try_half_open()

    opened.record_success()
    opened.record_failure()

    assert opened.is_closed


def test_breaker_opens_for_another_pause_when_whoever_asked_is_not_answered(opened: Breaker, clock: Clock) -> None:
    clock.seconds += PAUSE
    opened.try_half_open()
    clock.seconds += 5

    opened.record_failure()

    assert opened.state is BreakerState.OPEN
    assert opened.pause_left_seconds == PAUSE
    assert not opened.try_half_open()
