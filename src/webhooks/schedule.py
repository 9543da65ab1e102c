"""Schedule of the attempts at a delivery."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

PAUSES_SECONDS: Final[Sequence[float]] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Pauses after the first attempt, the second and so on. The first attempt is made at once."""
MOST_ATTEMPTS: Final = len(PAUSES_SECONDS) + 1
JITTER: Final = 0.2
"""Share by which a pause varies, so that what failed together is not tried again together."""
IN_ORDER_UNTIL: Final = 3
"""Attempts at an event for which later events of the same subject wait: those within about five minutes."""
_LATEST_SECONDS: Final = 3600.0
"""The longest that Retry-After can add to a pause."""


def next_attempt(attempt: int, now: datetime, *, retry_after: float | None, chance: float) -> datetime | None:
    """The time of the attempt after that many, or None after the last one.

    `retry_after`: the seconds that the endpoint asked for; heeded from the pause on, up to an hour beyond it. `chance`,
    from 0 to 1, places the pause within its JITTER.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    pause = PAUSES_SECONDS[attempt - 1] * (1 - JITTER + 2 * JITTER * chance)
    if retry_after is not None:
        pause = min(max(pause, retry_after), pause + _LATEST_SECONDS)
    return now + timedelta(seconds=pause)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that a header Retry-After asks for, by number or date; None without one, or with one that is none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        # Of a number of any length.
        return float(min(int(text[:10]), 10**9))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), 0.0)
