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
    """What time it is for a business: where a sandbox has set a clock of its own that stands still, else what it is.

    Every rule about time is asked with this, and only the life of holds with the time of Redis.
    """
    return clock.now() if sandbox_now is None else sandbox_now
