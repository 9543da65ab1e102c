"""Holds of direct bookings while Redis is away: chosen from Postgres, placed nowhere."""

from availability.candidates import StartCandidates
from availability.rules.pieces import LanePiece
from availability.rules.prices import total_price
from availability.rules.sessions import session_name
from holds.model import Hold, HoldStatus, LaneClaim, Part, PlaceRequest
from kernel.ids import HoldId


def hold_without_redis(hold_id: HoldId, candidates: StartCandidates, request: PlaceRequest) -> Hold:
    """The best allocation, each claim on its first free lanes, or in pieces where these are too few.

    Lanes are chosen claim by claim, so that two overlapping claims of one resource do not get the same one.
    """
    allocation = candidates.allocations[0]
    claims: list[LaneClaim] = []
    for planned in allocation.claims:
        used = {
            claim.lane
            for claim in claims
            if claim.resource_id == planned.resource_id and claim.span.overlaps(planned.blocked)
        }
        free = [lane for lane in planned.free_lanes if lane not in used][: planned.lanes]
        pieces = planned.pieces if len(free) < planned.lanes else [LanePiece(lane, planned.blocked) for lane in free]
        resource = candidates.snapshot.catalogue.resource_by_id[planned.resource_id]
        session = session_name(resource, candidates.kind.service.id, allocation.visit.start)
        claims += [
            LaneClaim(resource_id=planned.resource_id, lane=lane, span=span, session=session) for lane, span in pieces
        ]
    return Hold(
        id=hold_id,
        status=HoldStatus.PINNED,
        service_id=candidates.kind.service.id,
        span=allocation.visit,
        parts=tuple(
            Part(role=claim.role, resource_id=claim.resource_id, span=claim.part, lanes=claim.lanes)
            for claim in allocation.claims
        ),
        claims=tuple(claims),
        resource=request.resource,
        party=request.party,
        price=total_price(allocation.price, request.party),
        placed_at=candidates.now,
        # It does not live: it is confirmed at once.
        expires_at=candidates.now,
        extendable_until=candidates.now,
        appointment_id=None,
        catalogue_version=None,
        overrides=request.overrides,
        choices=candidates.snapshot.choices,
        answers=request.answers,
        asked_service_id=request.asked_service_id,
        location_id=allocation.location_id,
        asked_by_business=request.asked_by_business,
    )
