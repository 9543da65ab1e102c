"""Quiet hours: whether an instant is in them, and the last instant before and the first one after."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from catalogue.model.notifications.quiet_hours import QuietHours
from kernel.zones import UnknownZoneError
from kernel.zones import zone as zone_named

MARGIN: Final = timedelta(minutes=5)
"""A reminder that is sent before quiet hours is sent so long before: a queue may make it a little later."""
_LONGEST: Final = timedelta(hours=30)
"""Quiet hours last less than a day, and a change of the clock adds a few hours at most."""


def zone_of(name: str | None, default: str) -> tzinfo:
    """The receiver's zone, or that of the visit where none is known, or the name is none."""
    try:
        return zone_named(name or default)
    except UnknownZoneError:
        return zone_named(default)


def is_quiet(at: datetime, hours: QuietHours | None, zone: tzinfo) -> bool:
    """True if the clock on the wall is in the quiet hours: the begin is, the end is not."""
    return hours is not None and _contains(hours, at.astimezone(zone).time())


def quiet_span(at: datetime, hours: QuietHours, zone: tzinfo) -> tuple[datetime, datetime]:
    """The quiet hours around an instant that is in them, as instants: the first one in them, and the first one after.

    Walls are followed minute by minute around changes of the clock: a quiet hour that is shown twice is quiet twice.
    """
    assert is_quiet(at, hours, zone), "the instant is in quiet hours"
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    begin = _edge(minute, hours, zone, forward=False)
    end = _edge(minute, hours, zone, forward=True)
    return begin, end


def moved_out(at: datetime, *, start: datetime, hours: QuietHours | None, zone: tzinfo) -> datetime:
    """The instant of a reminder that is not in quiet hours: as soon as they end, unless the visit has begun by then.

    Then it is the last moment before they begin.
    """
    if hours is None or not is_quiet(at, hours, zone):
        return at
    begin, end = quiet_span(at, hours, zone)
    return end if end < start else begin - MARGIN


def _edge(minute: datetime, hours: QuietHours, zone: tzinfo, *, forward: bool) -> datetime:
    """The first minute that is not quiet any more; backward, the first one that is."""
    step = timedelta(minutes=1 if forward else -1)
    last = minute
    while abs(last - minute) < _LONGEST:
        following = last + step
        if not is_quiet(following, hours, zone):
            return following if forward else last
        last = following
    return last


def _contains(hours: QuietHours, wall: time) -> bool:
    if hours.begin <= hours.end:
        return hours.begin <= wall < hours.end
    return wall >= hours.begin or wall < hours.end
