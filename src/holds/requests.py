"""What a caller may ask of holds."""

from dataclasses import dataclass
from datetime import datetime

from kernel.ids import HoldId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRequest:
    """A start somebody wants kept, or booked."""

    service: str
    """Id or key."""
    start: datetime
    resource: str | None = None
    """Id or key; None: any that can serve."""
    party: int = 1
    client: str | None = None
    """Who asks, in the caller's words: asking twice gives the same hold, and live holds are counted by it."""
    ttl_seconds: int | None = None
    """None: as the service's rules say."""
    replaces: HoldId | None = None
    """A hold to give up in the same step, only if the new one is placed."""
