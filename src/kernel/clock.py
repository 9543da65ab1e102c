"""The one home of "now"."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the current instant. Pure code never asks it: it is given `now` as an argument."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)


def business_now(sandbox_now: datetime | None, clock: Clock) -> datetime:
    """The time of a business: its sandbox clock, which stands still, where one is set; the real time otherwise.

    Every rule about time is asked with this, and only the life of holds with the time of Redis.
    """
    return clock.now() if sandbox_now is None else sandbox_now
