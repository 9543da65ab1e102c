"""Limits on the number of visits that begin on one local date."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date

from kernel.spans import Minute


def full_dates(starts: Iterable[Minute], date_of: Callable[[Minute], date], most: int) -> frozenset[date]:
    """Dates that take no more visits, because `most` of the visits with these starts begin on them.

    The listing, the hold and the booking all decide by this function that a daily limit is reached.
    """
    assert most > 0, "a limit allows one visit at least"
    counts = Counter(map(date_of, starts))
    return frozenset(day for day, count in counts.items() if count >= most)
