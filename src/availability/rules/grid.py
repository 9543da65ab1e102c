"""Grids: the minutes at which the slots of a service start on one resource."""

from collections.abc import Iterable

from availability.rules.bitmaps import comb, every_minute, fits, from_spans, shifted_into
from kernel.spans import MINUTES_PER_DAY, Span
from kernel.zones import constant_offsets


def opening_grid(working: Iterable[Span], *, step: int, offset: int, window: Span) -> int:
    """From the first minute of each span of working time of a local date, in elapsed minutes.

    `working` holds the spans of each date apart: two that touch are two when their dates differ.
    """
    bits = 0
    for span in working:
        bits |= shifted_into(comb(span.minutes, offset, step), span, window)
    return bits


def clock_grid(timezone: str, *, step: int, offset: int, window: Span) -> int:
    """Wall-clock multiples of the step, counted from `offset` minutes after each local midnight."""
    bits = 0
    for piece, ahead_of_utc in constant_offsets(timezone, window):
        first_day = (piece.start + ahead_of_utc) // MINUTES_PER_DAY
        last_day = (piece.end - 1 + ahead_of_utc) // MINUTES_PER_DAY
        for day in range(first_day, last_day + 1):
            midnight = day * MINUTES_PER_DAY - ahead_of_utc
            date = Span(midnight, midnight + MINUTES_PER_DAY)
            inside = Span(max(date.start, piece.start), min(date.end, piece.end))
            # The zone may change its offset within the date: only the readings of this piece are kept.
            teeth = comb(MINUTES_PER_DAY, offset, step) >> (date.end - inside.end) & every_minute(inside)
            bits |= shifted_into(teeth, inside, window)
    return bits


def gap_grid(layers: Iterable[int], clear: int, *, step: int, offset: int) -> int:
    """From the first minute of each free stretch of working time, in elapsed minutes.

    `layers` are the working time (see working_layers), `clear` says which minutes are free. A stretch that the window
    cuts off has no known beginning, so the window must cover every span of working time that is asked about.
    """
    bits = 0
    for layer in layers:
        free = layer & clear
        first = free & ~(free >> 1)
        starts = (first & fits(free, offset + 1)) >> offset
        # Steps are taken by doubling, as long as the stretch goes on for all of them.
        goes_on, stride = fits(free, step + 1), step
        while goes_on:
            starts |= (starts & goes_on) >> stride
            goes_on &= goes_on << stride
            stride *= 2
        bits |= starts
    return bits


def working_layers(working: Iterable[Span], window: Span) -> tuple[int, ...]:
    """Spans of working time as bitmaps, in none of which two spans touch: so no stretch runs from one into the other.

    One bitmap is enough, but where a shift begins when the one of the day before ends, or earlier.
    """
    layers: list[list[Span]] = []
    for span in sorted(working):
        apart = next((layer for layer in layers if layer[-1].end < span.start), None)
        if apart is None:
            layers.append([span])
        else:
            apart.append(span)
    return tuple(from_spans(layer, window) for layer in layers)
