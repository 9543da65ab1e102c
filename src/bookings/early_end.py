"""Time that a visit gives back when it ends early: the minutes of its claims that are left."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from availability.rules.bitmaps import every_minute, from_spans
from availability.rules.pieces import pieces_over
from bookings.lanes import StoredSession
from holds.model import Part
from kernel.ids import ResourceId
from kernel.spans import Minute, Span, merged


class StoredClaim(NamedTuple):
    """A claim as its row has it."""

    lane_id: int
    """Key of the lane's row."""
    resource_id: ResourceId
    span: Span
    session: StoredSession | None = None


class LaneInUse(NamedTuple):
    """A lane, and what others have on it."""

    lane_id: int
    """Key of the lane's row."""
    claimed: Sequence[Span]
    held: Sequence[Span]


def split_claims(
    claims: Iterable[StoredClaim], parts: Sequence[Part], end: Minute, *, keeps_buffers: bool
) -> tuple[list[StoredClaim], list[StoredClaim]]:
    """Split the claims of a visit that ends at the minute into those that it keeps and those that it frees.

    With `keeps_buffers` a part that has begun keeps the buffer after it, which then begins at the end: somebody was
    there, so there is something to clean. Otherwise nothing is needed from the minute on.
    """
    claims, kept, freed = list(claims), [], []
    for claim in claims:
        until = _kept_until(claim, claims, parts, end) if keeps_buffers else end
        until = min(max(until, claim.span.start), claim.span.end)
        if claim.span.start < until:
            kept.append(claim._replace(span=Span(claim.span.start, until)))
        if until < claim.span.end:
            freed.append(claim._replace(span=Span(until, claim.span.end)))
    return kept, freed


def claims_from(now: Minute, claims: Iterable[StoredClaim]) -> list[StoredClaim]:
    """The rest of the claims from a minute on."""
    return [
        claim._replace(span=Span(max(claim.span.start, now), claim.span.end))
        for claim in claims
        if claim.span.end > now
    ]


def lanes_over(
    span: Span, lanes: Sequence[LaneInUse], count: int, *, past_holds: bool, allows_pieces: bool
) -> list[tuple[int, Span]]:
    """Cover a span so many times by lanes without claims and holds, the first of those; none where it cannot be done.

    Whole lanes come before pieces of them. With `past_holds`, holds are in nobody's way.
    """
    every = every_minute(span)
    free = [
        (lane.lane_id, every & ~from_spans([*lane.claimed, *(() if past_holds else lane.held)], span)) for lane in lanes
    ]
    whole = [lane_id for lane_id, minutes in free if minutes == every]
    if len(whole) >= count:
        return [(lane_id, span) for lane_id in whole[:count]]
    if not allows_pieces:
        return []
    return [(piece.lane, piece.span) for piece in pieces_over(span, free, count)]


def _kept_until(claim: StoredClaim, claims: Iterable[StoredClaim], parts: Sequence[Part], end: Minute) -> Minute:
    """The minute up to which the resource is needed: the end of the visit, or of the buffer after it.

    A part may be claimed in pieces on several lanes, with a gap since a reopening; the buffer follows the last one.
    """
    of_resource = [part.span for part in parts if part.resource_id == claim.resource_id]
    spans = merged([*of_resource, *(other.span for other in claims if other.resource_id == claim.resource_id)])
    stretch = next(span for span in spans if span.overlaps(claim.span))
    own = [span for span in of_resource if span.overlaps(stretch)]
    if not own or min(own).start >= end:
        return end
    last = max(span.end for span in own)
    return stretch.end if last <= end else end + (stretch.end - last)
