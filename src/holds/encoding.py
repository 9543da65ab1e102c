"""The record of a hold in Redis: how it is written and read."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import orjson

from availability.model import Override
from availability.rules.allocations import Allocation
from availability.rules.catalogue_candidates import VisitKind
from availability.rules.sessions import session_name
from availability.state.repository import BusySpan
from catalogue.model.catalogue import Catalogue
from catalogue.model.choices import Choices, choices_record, stored_choices
from holds.faults import ListEntry, ObservedHold
from holds.model import Hold, HoldStatus, LaneClaim, Part, PlaceRequest
from holds.store import Candidate, CandidateClaim, HoldRecord, ObservedRecord
from kernel.ids import AppointmentId, LocationId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Span


def request_to_text(
    kind: VisitKind, request: PlaceRequest, placed_at: datetime, choices: Choices, *, sealed_answers: str | None
) -> str:
    """The part of a record that does not depend on the resource that serves."""
    body: dict[str, object] = {
        "service": kind.service.id,
        "resource": request.resource,
        "party": request.party,
        "placed_at": placed_at.isoformat(),
    }
    if request.rescheduling is not None:
        body["rescheduling"] = request.rescheduling
    if request.overrides:
        body["overrides"] = request.overrides
    if choices:
        body["choices"] = choices_record(choices)
    if sealed_answers is not None:
        body["sealed_answers"] = sealed_answers
    if request.asked_service_id is not None:
        body["asked"] = request.asked_service_id
    if request.asked_by_business:
        body["asked_by_business"] = True
    return orjson.dumps(body).decode()


def candidate(catalogue: Catalogue, kind: VisitKind, allocation: Allocation, price: Money) -> Candidate:
    """An allocation as the hold script takes it, at that price for all of the party."""
    resource_by_id, party, service_id = catalogue.resource_by_id, kind.party, kind.service.id
    choice: dict[str, object] = {
        "visit": [allocation.visit.start, allocation.visit.end],
        "price": [price.amount_minor, price.currency],
        "parts": [[claim.role, claim.resource_id, claim.part.start, claim.part.end] for claim in allocation.claims],
    }
    lanes = [claim.lanes for claim in allocation.claims]
    if lanes != [party] * len(lanes):
        choice["lanes"] = lanes
    if allocation.location_id is not None:
        choice["location"] = allocation.location_id
    return Candidate(
        choice=orjson.dumps(choice).decode(),
        claims=tuple(
            [
                CandidateClaim(
                    resource_id=claim.resource_id,
                    lane_count=len(resource_by_id[claim.resource_id].lanes),
                    capacity=resource_by_id[claim.resource_id].capacity,
                    count=claim.lanes,
                    span=claim.blocked,
                    allows_pieces=resource_by_id[claim.resource_id].allows_pieces,
                    session=session_name(resource_by_id[claim.resource_id], service_id, allocation.visit.start),
                )
                for claim in allocation.claims
            ]
        ),
    )


def to_hold(record: HoldRecord) -> Hold:
    """The record as a hold."""
    request, choice = orjson.loads(record.body), orjson.loads(record.choice)
    location_id = choice.get("location")
    return Hold(
        id=record.id,
        status=_status(record),
        service_id=ServiceId(request["service"]),
        span=Span(*choice["visit"]),
        parts=tuple(
            [
                Part(role=role, resource_id=ResourceId(resource_id), span=Span(start, end), lanes=lanes)
                for (role, resource_id, start, end), lanes in zip(choice["parts"], _lanes(choice), strict=True)
            ]
        ),
        claims=claims_from_text(record.claims),
        resource=request["resource"],
        party=request["party"],
        price=Money(amount_minor=choice["price"][0], currency=choice["price"][1]),
        # An older program has none.
        overrides=tuple([Override(name) for name in request.get("overrides", ())]),
        placed_at=datetime.fromisoformat(request["placed_at"]),
        expires_at=datetime.fromtimestamp(record.deadline_ms / 1000, UTC),
        extendable_until=datetime.fromtimestamp(record.limit_ms / 1000, UTC),
        appointment_id=record.appointment_id,
        catalogue_version=record.catalogue_version,
        bitmap_versions=record.bitmap_versions,
        client=record.client or None,
        proof=record.proof or None,
        gave_way=record.gave_way,
        choices=stored_choices(request.get("choices")),
        location_id=None if location_id is None else LocationId(location_id),
        rescheduling=_rescheduling(request),
        # An older program left them as they were sent.
        answers=request.get("answers", {}),
        sealed_answers=request.get("sealed_answers"),
        asked_service_id=request.get("asked"),
        asked_by_business=request.get("asked_by_business", False),
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
        rescheduling=_rescheduling(orjson.loads(record.body)) if record else None,
    )


def _lanes(choice: Mapping[str, Any]) -> Iterable[int | None]:
    """The lanes of each part; none where the record names none, as an older program's does not."""
    return choice.get("lanes") or repeat(None, len(choice["parts"]))


def _rescheduling(request: Mapping[str, Any]) -> AppointmentId | None:
    moving = request.get("rescheduling")
    return None if moving is None else AppointmentId(moving)


def _status(record: HoldRecord) -> HoldStatus:
    """By the clock of Redis, at the instant of the answer."""
    expired = record.state != "confirmed" and record.deadline_ms <= record.now_ms
    return HoldStatus.EXPIRED if expired else HoldStatus(record.state)


def claims_from_text(text: str) -> tuple[LaneClaim, ...]:
    """Claims as lua/shared/holds.lua writes them: "<resource>:<lane>:<start>:<end>[:<session>] …"."""
    claims = []
    for claim in text.split():
        resource_id, lane, start, end, *session = claim.split(":")
        claims.append(
            LaneClaim(
                resource_id=ResourceId(resource_id),
                lane=int(lane),
                span=Span(int(start), int(end)),
                session=session[0] if session else None,
            )
        )
    return tuple(claims)


def claims_to_text(claims: Iterable[LaneClaim | BusySpan]) -> str:
    """The reverse of `claims_from_text`."""
    return " ".join(
        f"{claim.resource_id}:{claim.lane}:{claim.span.start}:{claim.span.end}"
        + (f":{claim.session}" if claim.session else "")
        for claim in claims
    )
