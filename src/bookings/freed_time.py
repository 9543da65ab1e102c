"""Claims that visits gave up when they ended early, in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import orjson
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.early_end import LaneInUse, StoredClaim, claims_from, lanes_over, split_claims
from bookings.lanes import LaneSpan, StoredSession, lane_row
from bookings.model import Appointment
from bookings.repository import AppointmentRepository
from catalogue.limits import MAX_STAY_BLOCKED_MINUTES
from catalogue.model.resources import LaneKind
from holds import refusals
from holds.model import SlotTaken
from kernel.ids import AppointmentId, ResourceId, TenantId
from kernel.spans import Minute, Span, to_datetime, to_minute

HeldLanes: TypeAlias = Mapping[tuple[ResourceId, int], Sequence[Span]]
"""Minutes of lanes that live holds have, by resource and number of the lane."""

# As in availability.state.repository: what ends later than this begins after the stretch.
_WEEK: Final = timedelta(days=7)
_LONGEST_CLAIM: Final = timedelta(minutes=MAX_STAY_BLOCKED_MINUTES)
_FIND_CLAIMS: Final = text(
    """
    SELECT claims.lane_id, lanes.resource_id, lower(claims.during), upper(claims.during), claims.session_lane_id,
        host(claims.session)
    FROM claims JOIN lanes ON lanes.id = claims.lane_id
    WHERE claims.tenant_id = :tenant_id AND claims.appointment_id = :appointment_id
    ORDER BY claims.lane_id, claims.during
    """
)
_FIND_FREED: Final = text(
    """
    SELECT freed.lane_id, lanes.resource_id, freed.starts_at, freed.ends_at, freed.session_lane_id, freed.session
    FROM appointments,
        jsonb_to_recordset(appointments.freed) AS freed (
            lane_id bigint, starts_at timestamptz, ends_at timestamptz, session_lane_id bigint, session text
        )
        JOIN lanes ON lanes.id = freed.lane_id
    WHERE appointments.tenant_id = :tenant_id AND appointments.id = :appointment_id
    ORDER BY freed.lane_id, freed.starts_at
    """
)
_NOTE_FREED: Final = text(
    "UPDATE appointments SET freed = CAST(:freed AS jsonb) WHERE tenant_id = :tenant_id AND id = :appointment_id"
)
# The lanes that the visit had come first. The end is bounded on both sides: the cost is that of the stretch.
_FIND_LANES: Final = text(
    """
    SELECT lanes.id, lanes.number,
        resources.capacity > 1 AND resources.lane_kind = :alike AND resources.exclusive IS NULL AS allows_pieces,
        lower(claims.during), upper(claims.during)
    FROM lanes JOIN resources ON resources.tenant_id = lanes.tenant_id AND resources.id = lanes.resource_id
        LEFT JOIN LATERAL (
            SELECT during FROM claims
            WHERE claims.lane_id = lanes.id AND upper(during) > :start AND upper(during) < :last_end
                AND lower(during) < :end AND upper(during) - lower(during) <= interval '7 days'
            UNION ALL
            SELECT during FROM claims
            WHERE claims.lane_id = lanes.id AND upper(during) > :start AND upper(during) < :last_long_end
                AND lower(during) < :end AND upper(during) - lower(during) > interval '7 days'
        ) AS claims ON true
    WHERE lanes.tenant_id = :tenant_id AND lanes.resource_id = :resource_id
        AND (lanes.number <= resources.capacity OR lanes.id = ANY(:own))
    ORDER BY lanes.id = ANY(:own) DESC, lanes.number
    """
).bindparams(bindparam("own", type_=ARRAY(BIGINT)))


class FreedTimeRepository:
    """Gives up and takes back the time of one business's visits, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._appointments = AppointmentRepository(connection, tenant_id)

    async def find(self, appointment_id: AppointmentId) -> list[StoredClaim]:
        """Find the claims that the visit gave up when it ended early."""
        return await self._find(_FIND_FREED, appointment_id)

    async def give_up(self, ended: Appointment, end: Minute, *, keeps_buffers: bool) -> list[tuple[ResourceId, Span]]:
        """Free what is left at the minute, remember it, and return the spans whose cached state has changed."""
        kept, freed = split_claims(
            await self._find(_FIND_CLAIMS, ended.id), ended.parts, end, keeps_buffers=keeps_buffers
        )
        if not freed:
            return []
        changed = await self._appointments.remove_claims(ended.id)
        added = await self._appointments.add_claims(ended.id, _lane_spans(kept))
        assert added, "the claims lie within those that were removed"
        await self._note(ended.id, freed)
        return changed

    async def take_back(
        self, appointment_id: AppointmentId, now: Minute, held: HeldLanes
    ) -> list[tuple[ResourceId, Span]]:
        """Claim what is left of the freed time from now on, and return the spans whose cached state has changed.

        `held` is what live holds have of it. Another lane of the same resource will do, and pieces of several where
        lanes are alike. Raises SlotTaken or SlotHeld when there are too few: the caller must roll back.
        """
        freed = await self.find(appointment_id)
        if not freed:
            return []
        await self._note(appointment_id, ())
        groups: dict[tuple[ResourceId, Span, StoredSession | None], list[int]] = {}
        for claim in claims_from(now, freed):
            groups.setdefault((claim.resource_id, claim.span, claim.session), []).append(claim.lane_id)
        for (resource_id, span, session), own in groups.items():
            lanes, in_pieces = await self._find_lanes(resource_id, span, own, held)
            found = lanes_over(span, lanes, len(own), past_holds=False, allows_pieces=in_pieces)
            if not found and lanes_over(span, lanes, len(own), past_holds=True, allows_pieces=in_pieces):
                raise refusals.slot_held(0)
            claims = [LaneSpan(lane_id, minutes, session) for lane_id, minutes in found]
            if not found or not await self._appointments.add_claims(appointment_id, claims):
                raise SlotTaken
        return [(resource_id, span) for resource_id, span, _ in groups]

    async def _find_lanes(
        self, resource_id: ResourceId, span: Span, own: Sequence[int], held: HeldLanes
    ) -> tuple[list[LaneInUse], bool]:
        """Find the lanes that may serve, the visit's own first, and whether pieces of them will do."""
        rows = await self._connection.execute(
            _FIND_LANES,
            {
                "tenant_id": self._tenant_id,
                "resource_id": resource_id,
                "alike": LaneKind.ALIKE.value,
                "own": list(own),
                "start": to_datetime(span.start),
                "end": to_datetime(span.end),
                "last_end": to_datetime(span.end) + _WEEK,
                "last_long_end": to_datetime(span.end) + _LONGEST_CLAIM,
            },
        )
        lanes: dict[int, LaneInUse] = {}
        claimed: dict[int, list[Span]] = {}
        found = rows.all()
        for lane_id, number, _, start, end in found:
            spans = claimed.setdefault(lane_id, [])
            lanes.setdefault(lane_id, LaneInUse(lane_id, spans, held.get((resource_id, number), ())))
            if start is not None:
                spans.append(_span(start, end))
        return list(lanes.values()), bool(found) and found[0].allows_pieces

    async def _find(self, statement: TextClause, appointment_id: AppointmentId) -> list[StoredClaim]:
        rows = await self._connection.execute(
            statement, {"tenant_id": self._tenant_id, "appointment_id": appointment_id}
        )
        return [
            StoredClaim(
                lane_id,
                ResourceId(resource_id),
                _span(start, end),
                None if token is None else StoredSession(first_lane, token),
            )
            for lane_id, resource_id, start, end, first_lane, token in rows
        ]

    async def _note(self, appointment_id: AppointmentId, freed: Iterable[StoredClaim]) -> None:
        entries = [lane_row(lane) for lane in _lane_spans(freed)]
        await self._connection.execute(
            _NOTE_FREED,
            {
                "tenant_id": self._tenant_id,
                "appointment_id": appointment_id,
                "freed": orjson.dumps(entries).decode() if entries else None,
            },
        )


def _lane_spans(claims: Iterable[StoredClaim]) -> list[LaneSpan]:
    return [LaneSpan(claim.lane_id, claim.span, claim.session) for claim in claims]


def _span(start: datetime, end: datetime) -> Span:
    return Span(to_minute(start), to_minute(end))
