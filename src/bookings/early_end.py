"""Time that a visit gives back when it ends early: the minutes of its claims that are left."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holds.model import Part
from kernel.ids import ResourceId
from kernel.spans import Minute, Span, merged


class StoredClaim(NamedTuple):
    """A claim as its row has it."""

    lane_id: int
    """Key of the lane's row."""
    resource_id: ResourceId
    span: Span


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


def joined_claims(kept: Iterable[StoredClaim], freed: Iterable[StoredClaim]) -> list[StoredClaim]:
    """Put the two sides of a split together again."""
    resources: dict[int, ResourceId] = {}
    spans: dict[int, list[Span]] = {}
    for claim in (*kept, *freed):
        resources[claim.lane_id] = claim.resource_id
        spans.setdefault(claim.lane_id, []).append(claim.span)
    return [StoredClaim(lane, resources[lane], span) for lane in spans for span in merged(spans[lane])]


def _kept_until(claim: StoredClaim, claims: Iterable[StoredClaim], parts: Sequence[Part], end: Minute) -> Minute:
    """The minute up to which the resource is needed: the end of the visit, or of the buffer after it.

    A stretch without a break may be claimed in pieces on several lanes; the buffer lies at the end of the last one.
    """
    spans = merged([other.span for other in claims if other.resource_id == claim.resource_id])
    stretch = next(span for span in spans if span.overlaps(claim.span))
    own = [part.span for part in parts if part.resource_id == claim.resource_id and part.span.overlaps(stretch)]
    if not own or min(own).start >= end:
        return end
    last = max(span.end for span in own)
    return stretch.end if last <= end else end + (stretch.end - last)
