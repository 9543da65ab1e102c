"""Utilisation of a resource on one date, from cached bitmaps. Pure arithmetic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from availability.rules.bitmaps import from_spans
from availability.rules.working_time import working_spans
from availability.state.encoding import decode_days, is_whole
from catalogue.model.resources import Resource
from kernel.spans import MINUTES_PER_DAY, Span, merged, utc_days


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMinutes:
    """Minutes of one of the places of a resource that a live hold keeps."""

    lane: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUse:
    """A local date of a resource in minutes, those of each place counted."""

    offered: int
    """Working time without time off; 0: nobody works."""
    booked: int
    """By appointments, with their buffers."""
    held: int
    """By live holds."""


def day_use(resource: Resource, day: date, cached: Mapping[int, bytes], held: Iterable[HeldMinutes]) -> DayUse | None:
    """The use of the working time of a date; None where one of its UTC days is not cached.

    `cached` has the value of each UTC day (see availability.rules.bitmaps.encode_day), or an empty one.
    """
    working = merged(span for part in resource.schedule.parts for span in working_spans(part, day))
    if not working:
        return DayUse(offered=0, booked=0, held=0)
    days = utc_days(Span(working[0].start, working[-1].end))
    values = [cached.get(number, b"") for number in days]
    # One that was made when the resource was another is no better than none.
    exclusive = resource.exclusive is not None
    if not all(is_whole(value, len(resource.lanes), exclusive=exclusive) for value in values):
        return None
    window = Span(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY)
    on, lanes = decode_days(values)
    offered = on & from_spans(working, window)
    # Lanes beyond the capacity are kept for what was booked before it was lowered: nothing is offered on them.
    clear = {lane.number: offered & bits for lane, bits in zip(resource.lanes, lanes, strict=True)}
    places = range(1, resource.capacity + 1)
    kept = {number: from_spans((place.span for place in held if place.lane == number), window) for number in places}
    return DayUse(
        offered=offered.bit_count() * resource.capacity,
        booked=sum((offered & ~clear[number]).bit_count() for number in places),
        held=sum((clear[number] & kept[number]).bit_count() for number in places),
    )
