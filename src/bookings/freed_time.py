"""Claims that visits gave up when they ended early, in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.early_end import StoredClaim, joined_claims, split_claims
from bookings.lanes import LaneSpan
from bookings.model import Appointment
from bookings.repository import AppointmentRepository
from holds import refusals
from holds.model import SlotTaken
from kernel.ids import AppointmentId, ResourceId, TenantId
from kernel.spans import Minute, Span, to_datetime, to_minute

# A claim is at most a week long (claims_during_check): one that ends later than this begins after the stretch.
_LONGEST_CLAIM: Final = timedelta(days=7)
_FIND_CLAIMS: Final = text(
    """
    SELECT claims.lane_id, lanes.resource_id, lower(claims.during), upper(claims.during)
    FROM claims JOIN lanes ON lanes.id = claims.lane_id
    WHERE claims.tenant_id = :tenant_id AND claims.appointment_id = :appointment_id
    ORDER BY claims.lane_id, claims.during
    """
)
_FIND_FREED: Final = text(
    """
    SELECT freed.lane_id, lanes.resource_id, freed.starts_at, freed.ends_at
    FROM appointments,
        jsonb_to_recordset(appointments.freed) AS freed (lane_id bigint, starts_at timestamptz, ends_at timestamptz)
        JOIN lanes ON lanes.id = freed.lane_id
    WHERE appointments.tenant_id = :tenant_id AND appointments.id = :appointment_id
    ORDER BY freed.lane_id, freed.starts_at
    """
)
_NOTE_FREED: Final = text(
    "UPDATE appointments SET freed = CAST(:freed AS jsonb) WHERE tenant_id = :tenant_id AND id = :appointment_id"
)
# The lanes that the visit had come first. The end is bounded on both sides: the cost is that of the stretch.
_FIND_CLEAR_LANES: Final = text(
    """
    SELECT lanes.id, lanes.number
    FROM lanes JOIN resources ON resources.tenant_id = lanes.tenant_id AND resources.id = lanes.resource_id
    WHERE lanes.tenant_id = :tenant_id AND lanes.resource_id = :resource_id
        AND (lanes.number <= resources.capacity OR lanes.id = ANY(:own))
        AND NOT EXISTS (
            SELECT FROM claims
            WHERE claims.lane_id = lanes.id AND upper(claims.during) > :start AND upper(claims.during) < :last_end
                AND lower(claims.during) < :end
        )
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
        self, appointment_id: AppointmentId, now: Minute, held: Mapping[ResourceId, frozenset[int]]
    ) -> list[tuple[ResourceId, Span]]:
        """Claim the freed time again, unless it is over, and return the spans whose cached state has changed.

        `held` names the lanes that live holds have in it. Another lane of the same resource will do, and one lane
        serves each claim from beginning to end. Raises SlotTaken or SlotHeld when there are too few: the caller must
        roll back.
        """
        freed = await self.find(appointment_id)
        if not freed:
            return []
        await self._note(appointment_id, ())
        if all(claim.span.end <= now for claim in freed):
            return []
        whole = joined_claims(await self._find(_FIND_CLAIMS, appointment_id), freed)
        await self._appointments.remove_claims(appointment_id)
        groups: dict[tuple[ResourceId, Span], list[int]] = {}
        for claim in whole:
            groups.setdefault((claim.resource_id, claim.span), []).append(claim.lane_id)
        for (resource_id, span), own in groups.items():
            lanes = await self._find_clear_lanes(resource_id, span, own, held.get(resource_id, frozenset()))
            if not await self._appointments.add_claims(appointment_id, [(lane, span) for lane in lanes]):
                raise SlotTaken
        return list(groups)

    async def _find_clear_lanes(
        self, resource_id: ResourceId, span: Span, own: Sequence[int], held: frozenset[int]
    ) -> list[int]:
        """Find as many lanes as the visit had, its own first."""
        rows = await self._connection.execute(
            _FIND_CLEAR_LANES,
            {
                "tenant_id": self._tenant_id,
                "resource_id": resource_id,
                "own": list(own),
                "start": to_datetime(span.start),
                "end": to_datetime(span.end),
                "last_end": to_datetime(span.end) + _LONGEST_CLAIM,
            },
        )
        clear = rows.all()
        free = [row.id for row in clear if row.number not in held]
        if len(free) < len(own):
            raise SlotTaken if len(clear) < len(own) else refusals.slot_held(0)
        return free[: len(own)]

    async def _find(self, statement: TextClause, appointment_id: AppointmentId) -> list[StoredClaim]:
        rows = await self._connection.execute(
            statement, {"tenant_id": self._tenant_id, "appointment_id": appointment_id}
        )
        return [
            StoredClaim(lane_id, ResourceId(resource_id), _span(start, end))
            for lane_id, resource_id, start, end in rows
        ]

    async def _note(self, appointment_id: AppointmentId, freed: Iterable[StoredClaim]) -> None:
        entries = [
            {
                "lane_id": claim.lane_id,
                "starts_at": to_datetime(claim.span.start),
                "ends_at": to_datetime(claim.span.end),
            }
            for claim in freed
        ]
        await self._connection.execute(
            _NOTE_FREED,
            {
                "tenant_id": self._tenant_id,
                "appointment_id": appointment_id,
                "freed": orjson.dumps(entries).decode() if entries else None,
            },
        )


def _lane_spans(claims: Iterable[StoredClaim]) -> list[LaneSpan]:
    return [(claim.lane_id, claim.span) for claim in claims]


def _span(start: datetime, end: datetime) -> Span:
    return Span(to_minute(start), to_minute(end))
