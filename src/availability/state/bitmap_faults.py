"""Faults in the cached bitmaps of a staff-day, compared with Postgres."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from availability.rules.bitmaps import every_minute, from_spans, to_spans
from availability.rules.sessions import SessionMinutes
from availability.state.encoding import DAY_BYTES, bitmaps_of, decode_days, decode_sessions, is_whole
from kernel.spans import MINUTES_PER_DAY, Span


class BitmapShape(StrEnum):
    """The fit of a cached value to the number of lanes of its resource."""

    WHOLE = "whole"
    SHORT = "short"
    """It was made when the resource had fewer lanes, or was not exclusive, or was so. Readers take it for absent."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitmapFault:
    """A run of minutes that the cache shows as what they are not."""

    lane: int | None
    """None: the bitmap of time off."""
    span: Span
    shown_clear: bool
    """True: it would be offered, and the constraint would refuse it. False: it is kept from sale."""
    session: str | None = None
    """Name of a session that the minutes are of, or are not."""


def bitmap_shape(cached: bytes, lane_count: int, *, exclusive: bool = False) -> BitmapShape:
    """The shape of a value, by its length and where its bitmaps end."""
    blocks, rest = divmod(len(bitmaps_of(cached)), DAY_BYTES)
    if rest or not 0 < blocks <= lane_count + 1:
        return BitmapShape.BROKEN
    return BitmapShape.WHOLE if is_whole(cached, lane_count, exclusive=exclusive) else BitmapShape.SHORT


def bitmap_faults(
    day: int,
    cached: bytes,
    *,
    time_off: Sequence[Span],
    claims_by_lane: Sequence[Sequence[Span]],
    sessions: Iterable[SessionMinutes] = (),
) -> list[BitmapFault]:
    """The differences between a whole value and Postgres."""
    window = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
    shown_on, shown_lanes = decode_days([cached])
    on = every_minute(window) & ~from_spans(time_off, window)
    faults = [*_differences(None, shown_on, on, window)]
    for number, (shown, claims) in enumerate(zip(shown_lanes, claims_by_lane, strict=True), start=1):
        faults += _differences(number, shown, on & ~from_spans(claims, window), window)
    wanted = {one for one in sessions if one.session is not None}
    for session, span in sorted(wanted.symmetric_difference(decode_sessions([cached]))):
        shown_clear = (session, span) in wanted
        faults.append(BitmapFault(lane=None, span=span, shown_clear=shown_clear, session=session and session.name))
    return faults


def _differences(lane: int | None, shown: int, wanted: int, window: Span) -> Iterator[BitmapFault]:
    for bits, shown_clear in ((shown & ~wanted, True), (wanted & ~shown, False)):
        for span in to_spans(bits, window):
            yield BitmapFault(lane=lane, span=span, shown_clear=shown_clear)
