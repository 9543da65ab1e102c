"""Whether a store counts as answering."""

from collections.abc import Callable
from enum import StrEnum


class State(StrEnum):
    """What callers may do."""

    CLOSED = "closed"
    """The store answers: everybody may ask it."""
    OPEN = "open"
    """It does not: nobody asks, so nobody waits."""
    HALF_OPEN = "half_open"
    """One asks, for all, whether it answers again."""


class Breaker:
    """One per store and process. It does no I/O and knows no time but that of the clock it is given.

    Only silence and lost connections count as failures. A store that refuses something, or reports that it took too
    long, has answered.
    """

    def __init__(self, *, failures: int, pause_seconds: float, clock: Callable[[], float]) -> None:
        self._most_failures = failures
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._state = State.CLOSED
        self._failures = 0
        self._opened_at = 0.0

    @property
    def state(self) -> State:
        """As it is now."""
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether everybody may ask."""
        return self._state is State.CLOSED

    @property
    def pause_left_seconds(self) -> float:
        """How long until somebody may ask again."""
        if self._state is not State.OPEN:
            return 0.0
        return max(self._opened_at + self._pause_seconds - self._clock(), 0.0)

    def try_half_open(self) -> bool:
        """Become half-open if the pause is over; whoever is told True asks, and reports what came of it."""
        if self._state is not State.OPEN or self.pause_left_seconds > 0:
            return False
        self._state = State.HALF_OPEN
        return True

    def failed(self) -> None:
        """It did not answer: open after that many times in a row, and at once when half-open."""
        self._failures += 1
        if self._state is State.HALF_OPEN or self._failures >= self._most_failures:
            self._state = State.OPEN
            self._opened_at = self._clock()

    def answered(self) -> None:
        """It answered."""
        self._state = State.CLOSED
        self._failures = 0
