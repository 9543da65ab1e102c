"""Overrides: the rules that a business waives for one visit."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from availability.model import Override, Reason
from kernel.spans import Minute, to_minute, to_minute_ceiling

PAST_MINUTES: Final = 1440
"""Time since the start that `past` allows: the desk writes down what happened today, and no history."""
# The other two move a bound: no visit begins longer ago than that, or so far ahead that it is beyond every calendar.
_WAIVED: Final = {
    Override.OFF_GRID: frozenset({Reason.OFF_GRID}),
    Override.CLOSED: frozenset({Reason.CLOSED}),
    Override.LIMITS: frozenset({Reason.NOT_RELEASED, Reason.DAILY_LIMIT}),
    Override.HELD: frozenset({Reason.HELD}),
}


def overrides_of(sent: Iterable[str]) -> tuple[Override, ...]:
    """The overrides with these names, each once, in one order. Raises ValueError for an unknown name."""
    names = {Override(name) for name in sent}
    if not names:
        return ()
    return tuple(override for override in Override if override in names)


def rules_waived(overrides: Collection[Override]) -> tuple[Override, ...]:
    """The overrides that waive a rule of the business: all but the one of other holds, which the hold script judges."""
    return tuple(override for override in overrides if override is not Override.HELD) if overrides else ()


def waived_reasons(overrides: Collection[Override]) -> frozenset[Reason]:
    """The rules that do not count under the overrides. Bookings, time off and the number of places always count."""
    return frozenset[Reason]().union(*(_WAIVED.get(override, ()) for override in overrides))


def earliest_start(now: datetime, notice_minutes: int, overrides: Collection[Override] = ()) -> Minute:
    """The first minute at which a visit may begin.

    Without notice that is the minute that runs: somebody who stands in the shop has come before it is over.
    """
    if Override.PAST in overrides:
        return to_minute(now) - PAST_MINUTES
    if Override.LEAD_TIME in overrides:
        return to_minute(now)
    return to_minute_ceiling(now + timedelta(minutes=notice_minutes))
