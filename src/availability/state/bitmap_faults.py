"""Faults in the cached bitmaps of a staff-day, compared with Postgres."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from availability.rules.bitmaps import every_minute, from_spans, to_spans
from availability.state.encoding import DAY_BYTES, decode_days
from kernel.spans import MINUTES_PER_DAY, Span


class BitmapShape(StrEnum):
    """The fit of a cached value to the number of lanes of its resource."""

    WHOLE = "whole"
    SHORT = "short"
    """It was made when the resource had fewer lanes. Readers take it for absent."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitmapFault:
    """A run of minutes that the cache shows as what they are not."""

    lane: int | None
    """None: the bitmap of time off."""
    span: Span
    shown_clear: bool
    """True: it would be offered, and the constraint would refuse it. False: it is kept from sale."""


def bitmap_shape(cached: bytes, lane_count: int) -> BitmapShape:
    """The shape of a value, by its length."""
    blocks, rest = divmod(len(cached), DAY_BYTES)
    if rest or not 0 < blocks <= lane_count + 1:
        return BitmapShape.BROKEN
    return BitmapShape.WHOLE if blocks == lane_count + 1 else BitmapShape.SHORT


def bitmap_faults(
    day: int, cached: bytes, *, time_off: Sequence[Span], claims_by_lane: Sequence[Sequence[Span]]
) -> list[BitmapFault]:
    """The differences between a whole value and Postgres."""
    window = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
    shown_on, shown_lanes = decode_days([cached])
    on = every_minute(window) & ~from_spans(time_off, window)
    faults = [*_differences(None, shown_on, on, window)]
    for number, (shown, claims) in enumerate(zip(shown_lanes, claims_by_lane, strict=True), start=1):
        faults += _differences(number, shown, on & ~from_spans(claims, window), window)
    return faults


def _differences(lane: int | None, shown: int, wanted: int, window: Span) -> Iterator[BitmapFault]:
    for bits, shown_clear in ((shown & ~wanted, True), (wanted & ~shown, False)):
        for span in to_spans(bits, window):
            yield BitmapFault(lane=lane, span=span, shown_clear=shown_clear)
