"""The check-ins and check-outs of stays, by the wall clock."""

from datetime import date, timedelta
from functools import lru_cache

from availability.rules.bitmaps import from_minutes
from availability.rules.working_time import dates_touching
from catalogue.limits import FIRST_YEAR, LAST_YEAR, MAX_NIGHTS
from catalogue.model.stays import Stay
from kernel.spans import Minute, Span
from kernel.zones import offset_runs, wall_span


def starts_lasting(stay: Stay, minutes: int, timezone: str, window: Span) -> int:
    """Set: each check-in of the window whose check-out is so many minutes later.

    There is one on each date. A stay whose check-in or check-out falls on a reading that the clock skips does not take
    place; of a reading that it shows twice the first counts.
    """
    found: list[Minute] = []
    for day in dates_touching(timezone, window):
        start = _first(timezone, day, stay.check_in)
        if start is not None and window.start <= start < window.end:
            end = _first(timezone, day + timedelta(days=stay.nights), stay.check_out)
            if end is not None and end - start == minutes:
                found.append(start)
    return from_minutes(found, window)


def lengths_of(stay: Stay, timezone: str) -> tuple[int, ...]:
    """The minutes that a stay may last in a zone, by which clocks are changed meanwhile."""
    if stay.fixed_minutes is not None:
        return (stay.fixed_minutes,)
    # A clock that is set ahead makes a stay shorter, and may leave nothing of one from shortly before midnight.
    lengths = {stay.minutes - change for change in _changes(timezone)}
    return tuple(sorted(minutes for minutes in lengths if minutes > 0))


@lru_cache(maxsize=1024)
def _changes(timezone: str) -> tuple[int, ...]:
    """By how many minutes the offset from UTC may differ between the ends of a stay."""
    found, runs = {0}, offset_runs(timezone, FIRST_YEAR, LAST_YEAR)
    for place, (_, last, offset) in enumerate(runs):
        for first, _, later in runs[place + 1 :]:
            # The days of a run are known to a week on either side.
            if first - last > MAX_NIGHTS + 1:
                break
            found.add(later - offset)
    return tuple(sorted(found))


def _first(timezone: str, day: date, reading: int) -> Minute | None:
    spans = wall_span(timezone, day, reading, reading + 1)
    return spans[0].start if spans else None
