"""Pieces of lanes that are alike: minutes on one lane after minutes on another are as good as all of them on one."""

from collections.abc import Sequence
from typing import NamedTuple

from availability.rules.bitmaps import Numbers, ahead, lesser, to_spans
from availability.rules.requirements import PartOffsets
from kernel.spans import Minute, Span


class LanePiece(NamedTuple):
    """Minutes on one lane."""

    lane: int
    """The number of the lane."""
    span: Span


def least_ahead(numbers: Numbers, part: PartOffsets, window: Span) -> Numbers:
    """For each start, the least number in any minute of the part with its buffers. After the window all are zero."""
    covered, length = 1, part.blocked_end - part.blocked_start
    while covered < length:
        step = min(covered, length - covered)
        numbers = lesser(numbers, tuple([digit << step for digit in numbers]))
        covered += step
    return tuple([ahead(digit, part.blocked_start, window) for digit in numbers])


def pieces_over(span: Span, lanes: Sequence[tuple[int, int]], count: int) -> tuple[LanePiece, ...]:
    """Pieces that cover a span `count` times, few of them; none where too few lanes are free in some minute.

    `lanes` are numbers of lanes, each with a bitmap of its free minutes over the span. Where a piece ends, its place
    goes on with the lane that is free the longest, the first of those. lua/shared/lanes.lua chooses in the same way.
    """
    runs_by_lane = {number: to_spans(bits, span) for number, bits in lanes}
    pieces: list[LanePiece] = []
    open_until: list[Minute] = [span.start] * count
    while open_until and min(open_until) < span.end:
        at = min(open_until)
        open_until.remove(at)
        busy = {piece.lane for piece in pieces if piece.span.start <= at < piece.span.end}
        free = [
            (-run.end, number)
            for number, runs in runs_by_lane.items()
            if number not in busy
            for run in runs
            if run.start <= at < run.end
        ]
        if not free:
            return ()
        end, lane = min(free)
        pieces.append(LanePiece(lane, Span(at, -end)))
        open_until.append(-end)
    return tuple(pieces)
