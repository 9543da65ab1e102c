"""Working time: the wall-clock hours of a schedule as UTC minutes."""

from collections.abc import Iterable
from datetime import date, timedelta

from catalogue.model.schedules import Schedule
from catalogue.model.wall_clock import WallSpan
from kernel.spans import Span, merged, without
from kernel.zones import local_date, wall_span


def working_spans(schedule: Schedule, day: date) -> tuple[Span, ...]:
    """The working time that belongs to a local date, in order; spans that touch are one, those at two locations too.

    An override replaces the weekly hours of exactly that date, and a closure empties it: so it does to an override,
    unless that holds despite closures. A shift past midnight belongs to the date it starts on.
    Breaks are wall-clock minutes in which nobody works, so each is cut out of whatever shift covers it: those of the
    date itself, of the day before (a break may run past midnight) and of the next one (a shift may).
    """
    if schedule.at:
        return merged(span for part in schedule.parts for span in working_spans(part, day))
    if schedule.closure_on(day) is not None:
        return ()
    override = schedule.overrides.get(day)
    hours = override if override is not None else [weekly.span for weekly in schedule.hours if weekly.applies_on(day)]
    worked = merged(_on_the_clock(schedule.timezone, day, hours))
    if not worked or not schedule.breaks:
        return worked
    return without(worked, (pause for near in _neighbours(day) for pause in _breaks(schedule, near)))


def dates_touching(timezone: str, span: Span) -> list[date]:
    """Every local date whose working time may reach into the span, in order.

    A shift reaches into the next date at most. One more date on each side covers clocks that are set back over
    midnight: there, a later minute may belong to an earlier date.
    """
    first = local_date(timezone, span.start) - timedelta(days=2)
    last = local_date(timezone, span.end - 1) + timedelta(days=1)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _on_the_clock(timezone: str, day: date, walls: Iterable[WallSpan]) -> Iterable[Span]:
    """The UTC minutes that read as those wall-clock spans of the date."""
    return (span for wall in walls for span in wall_span(timezone, day, wall.start, wall.end))


def _neighbours(day: date) -> tuple[date, date, date]:
    return day - timedelta(days=1), day, day + timedelta(days=1)


def _breaks(schedule: Schedule, day: date) -> Iterable[Span]:
    """The breaks that start on the date."""
    return _on_the_clock(schedule.timezone, day, (weekly.span for weekly in schedule.breaks if weekly.applies_on(day)))
