"""Grace period of a hold under confirmation: time to commit, plus a margin."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grace:
    """The two ends of one promise: no commit is sent after `commit_seconds`, and no pin ends before `pin_ms`."""

    commit_seconds: float
    """From before the pin until COMMIT is sent."""
    margin_seconds: float
    """Time for COMMIT to be carried out, and for two clocks to count a little differently."""

    @property
    def pin_ms(self) -> int:
        """Duration of the pin."""
        return round(1000 * (self.commit_seconds + self.margin_seconds))

    def commit_before(self) -> float:
        """End of a confirmation that begins now, by time.monotonic(); to be read before the hold is pinned."""
        return time.monotonic() + self.commit_seconds
