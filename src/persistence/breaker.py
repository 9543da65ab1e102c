"""Circuit breaker of one store."""

from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """State of a breaker, by which callers decide whether to ask the store."""

    CLOSED = "closed"
    """The store answers: any caller may ask it."""
    OPEN = "open"
    """The store does not answer: no caller asks, so none waits."""
    HALF_OPEN = "half_open"
    """One caller asks, for all, if it answers again."""


class Breaker:
    """Count of failures that opens after too many; one per store and process, without I/O, on the clock it is given.

    Only silence and lost connections count as failures. A store that refuses something, or reports that it took too
    long, has answered.
    """

    def __init__(self, *, failures: int, pause_seconds: float, clock: Callable[[], float]) -> None:
        self._most_failures = failures
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._state = BreakerState.CLOSED
        self.is_closed = True
        """True while any caller may ask."""
        self._failures = 0
        self._opened_at = 0.0

    @property
    def state(self) -> BreakerState:
        """The current state."""
        return self._state

    @property
    def pause_left_seconds(self) -> float:
        """Time until a caller may ask again."""
        if self._state is not BreakerState.OPEN:
            return 0.0
        return max(self._opened_at + self._pause_seconds - self._clock(), 0.0)

    def try_half_open(self) -> bool:
        """Become half-open if the pause is over. The caller that gets True must ask, and record the outcome."""
        if self._state is not BreakerState.OPEN or self.pause_left_seconds > 0:
            return False
        self._state = BreakerState.HALF_OPEN
        return True

    def record_failure(self) -> None:
        """Note that the store did not answer: open after that many times in a row, and at once when half-open."""
        self._failures += 1
        if self._state is BreakerState.HALF_OPEN or self._failures >= self._most_failures:
            self._state = BreakerState.OPEN
            self.is_closed = False
            self._opened_at = self._clock()

    def record_success(self) -> None:
        """Note that the store answered: close."""
        self._state = BreakerState.CLOSED
        self.is_closed = True
        self._failures = 0
