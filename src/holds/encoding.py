"""How a hold's facts are written into its record, and read back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from availability.rules.allocations import Allocation
from availability.service import StartCandidates
from availability.state.repository import BusySpan
from catalogue.model import Catalogue
from holds.faults import ListEntry, ObservedHold
from holds.model import Hold, HoldStatus, LaneClaim, Part
from holds.requests import PlaceRequest
from holds.store import Candidate, CandidateClaim, HoldRecord, ObservedRecord
from kernel.ids import HoldId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Span, to_minute


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedVisit:
    """What is known of a hold before it is known who serves."""

    service_id: ServiceId
    resource: str | None
    """The resource that was asked for; None: any."""
    party: int
    placed_at: datetime

    def to_text(self) -> str:
        """As it stands in the record."""
        return _json(
            {
                "service": self.service_id,
                "resource": self.resource,
                "party": self.party,
                "placed_at": self.placed_at.isoformat(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "RequestedVisit":
        """The reverse of `to_text`."""
        fields = orjson.loads(text)
        return cls(
            service_id=ServiceId(fields["service"]),
            resource=fields["resource"],
            party=fields["party"],
            placed_at=datetime.fromisoformat(fields["placed_at"]),
        )


def fingerprint(catalogue: Catalogue, service_id: ServiceId, request: PlaceRequest) -> str:
    """One word that is equal for two requests of the same thing, by whichever names."""
    resource = catalogue.find_resource(request.resource) if request.resource else None
    return f"{service_id}|{to_minute(request.start)}|{resource.id if resource else ''}|{request.party}"


def candidate(catalogue: Catalogue, allocation: Allocation, party: int) -> Candidate:
    """An allocation as the hold script takes it."""
    price = _total(allocation.price, party)
    return Candidate(
        choice=_json(
            {
                "visit": [allocation.visit.start, allocation.visit.end],
                "price": [price.amount_minor, price.currency],
                "parts": [
                    [claim.role, claim.resource_id, claim.part.start, claim.part.end] for claim in allocation.claims
                ],
            }
        ),
        claims=tuple(
            CandidateClaim(
                resource_id=claim.resource_id,
                lane_count=len(catalogue.resource_by_id[claim.resource_id].lanes),
                capacity=catalogue.resource_by_id[claim.resource_id].capacity,
                count=claim.lanes,
                span=claim.blocked,
            )
            for claim in allocation.claims
        ),
    )


def to_hold(record: HoldRecord) -> Hold:
    """The record as a hold."""
    body, choice = RequestedVisit.from_text(record.body), orjson.loads(record.choice)
    return Hold(
        id=record.id,
        status=_status(record),
        service_id=body.service_id,
        span=Span(*choice["visit"]),
        parts=tuple(
            Part(role=role, resource_id=ResourceId(resource_id), span=Span(start, end))
            for role, resource_id, start, end in choice["parts"]
        ),
        claims=claims_from_text(record.claims),
        resource=body.resource,
        party=body.party,
        price=Money(amount_minor=choice["price"][0], currency=choice["price"][1]),
        placed_at=body.placed_at,
        expires_at=_instant(record.deadline_ms),
        extendable_until=_instant(record.limit_ms),
        appointment_id=record.appointment_id,
        catalogue_version=record.catalogue_version,
        bitmap_versions=record.bitmap_versions,
    )


def to_observed_hold(observed: ObservedRecord) -> ObservedHold:
    """The record and its list entries, for comparison (holds.faults)."""
    record = observed.record
    return ObservedHold(
        hold_id=observed.hold_id,
        status=None if record is None else _status(record),
        deadline_ms=record.deadline_ms if record else 0,
        claims=claims_from_text(record.claims) if record else (),
        client=observed.client,
        fingerprint=observed.fingerprint,
        appointment_id=record.appointment_id if record else None,
        entries=frozenset(ListEntry(list_name, text) for list_name, text in observed.entries),
    )


def _status(record: HoldRecord) -> HoldStatus:
    """By the clock of Redis, at the instant of the answer."""
    expired = record.state != "confirmed" and record.deadline_ms <= record.now_ms
    return HoldStatus.EXPIRED if expired else HoldStatus(record.state)


def unplaced_hold(hold_id: HoldId, candidates: StartCandidates, request: PlaceRequest) -> Hold:
    """What would be held if Redis were there: the best allocation, each claim on its first free lanes.

    Lanes are chosen claim by claim, so that two overlapping claims of one resource do not get the same one.
    """
    allocation = candidates.allocations[0]
    claims: list[LaneClaim] = []
    for wanted in allocation.claims:
        taken = {
            claim.lane
            for claim in claims
            if claim.resource_id == wanted.resource_id and claim.span.overlaps(wanted.blocked)
        }
        free = [lane for lane in wanted.free_lanes if lane not in taken][: wanted.lanes]
        claims += [LaneClaim(resource_id=wanted.resource_id, lane=lane, span=wanted.blocked) for lane in free]
    return Hold(
        id=hold_id,
        status=HoldStatus.PINNED,
        service_id=candidates.service.id,
        span=allocation.visit,
        parts=tuple(
            Part(role=claim.role, resource_id=claim.resource_id, span=claim.part) for claim in allocation.claims
        ),
        claims=tuple(claims),
        resource=request.resource,
        party=request.party,
        price=_total(allocation.price, request.party),
        placed_at=candidates.now,
        # It does not live: it is confirmed at once.
        expires_at=candidates.now,
        extendable_until=candidates.now,
        appointment_id=None,
        catalogue_version=None,
    )


def _total(price: Money, party: int) -> Money:
    """The price of a visit is per person."""
    return Money(amount_minor=price.amount_minor * party, currency=price.currency)


def claims_from_text(text: str) -> tuple[LaneClaim, ...]:
    """Claims as lua/shared/holds.lua writes them: "<resource>:<lane>:<start>:<end> …"."""
    claims = []
    for claim in text.split():
        resource_id, lane, start, end = claim.split(":")
        claims.append(LaneClaim(resource_id=ResourceId(resource_id), lane=int(lane), span=Span(int(start), int(end))))
    return tuple(claims)


def claims_to_text(claims: Iterable[LaneClaim | BusySpan]) -> str:
    """The reverse of `claims_from_text`."""
    return " ".join(f"{claim.resource_id}:{claim.lane}:{claim.span.start}:{claim.span.end}" for claim in claims)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
