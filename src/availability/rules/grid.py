"""Grids: the minutes at which the slots of a service start on one resource."""

from collections.abc import Iterable
from functools import reduce
from operator import or_

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
    return fixed_grid(timezone, comb(MINUTES_PER_DAY, offset, step), window=window)


def fixed_grid(timezone: str, readings: int, *, window: Span) -> int:
    """Wall-clock readings, given as a bitmap of a day of 1,440 minutes, on each local date.

    A reading that the clock skips is no start, and one that it shows twice is two.
    """
    bits = 0
    for piece, ahead_of_utc in constant_offsets(timezone, window):
        first_day = (piece.start + ahead_of_utc) // MINUTES_PER_DAY
        last_day = (piece.end - 1 + ahead_of_utc) // MINUTES_PER_DAY
        for day in range(first_day, last_day + 1):
            midnight = day * MINUTES_PER_DAY - ahead_of_utc
            date = Span(midnight, midnight + MINUTES_PER_DAY)
            inside = Span(max(date.start, piece.start), min(date.end, piece.end))
            # The zone may change its offset within the date: only the readings of this piece are kept.
            teeth = readings >> (date.end - inside.end) & every_minute(inside)
            bits |= shifted_into(teeth, inside, window)
    return bits


def gap_grid(
    layers: Iterable[int], possible: int, *, step: int, offset: int, minimum_gap: int, allow_unavoidable: bool
) -> int:
    """Starts that leave no gap on either side, or one of `minimum_gap` minutes or more.

    `possible` are the minutes at which a visit could start, `layers` the working time (see working_layers). The gap
    before a start is the minutes by which the visit could begin earlier, the gap after it those by which it could begin
    later. Of each stretch of possible starts, the first and the last are looked at, and within one layer those that are
    `offset` and then whole steps from its first, in elapsed minutes. Where the stretch has no start at all without a
    shorter gap, `allow_unavoidable` takes its first and last ones nevertheless.

    What the window cuts off is not known: it must reach `minimum_gap` minutes beyond the starts that are asked about,
    and hold every span of working time in which they lie.
    """
    before, after = possible >> 1, possible << 1
    ends = possible & ~before | possible & ~after
    room = fits(possible, minimum_gap)
    starts = reduce(or_, (_steps(layer & possible, step=step, offset=offset) for layer in layers), ends)
    kept = starts & (~before | room >> minimum_gap) & (~after | room << 1)
    return kept | ends if allow_unavoidable else kept


def _steps(possible: int, *, step: int, offset: int) -> int:
    """From `offset` minutes after the first minute of each run on, one every `step`, while the run lasts."""
    first = possible & ~(possible >> 1)
    starts = (first & fits(possible, offset + 1)) >> offset
    # Steps are taken by doubling, as long as the run goes on for all of them.
    goes_on, stride = fits(possible, step + 1), step
    while goes_on:
        starts |= (starts & goes_on) >> stride
        goes_on &= goes_on << stride
        stride *= 2
    return starts


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
