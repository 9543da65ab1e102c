"""Queries that compare tables of several packages, in the snapshot of one business."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.limits import MAX_STAY_BLOCKED_MINUTES
from holds.faults import ConflictingClaim
from holds.model import LaneClaim
from kernel.ids import AppointmentId, HoldId, ResourceId, TenantId
from kernel.spans import Span, day_date, day_number, to_datetime, to_minute

# Each is read in one statement, far within the time limit of one.
_APPOINTMENTS_PER_PAGE: Final = 500
_LANES_PER_PAGE: Final = 20
# Of one page. A longer list says no more.
_MOST_FOUND: Final = 200
# Neither a claim nor a visit is longer (claims_during_check): what ends later begins after the stretch.
_LONGEST: Final = timedelta(minutes=MAX_STAY_BLOCKED_MINUTES)

_FIND_RESOURCES: Final = text(
    """
    SELECT resources.id, resources.key, (
        SELECT count(*) FROM lanes WHERE lanes.tenant_id = :tenant_id AND lanes.resource_id = resources.id
    ), resources.exclusive IS NOT NULL
    FROM resources
    WHERE resources.tenant_id = :tenant_id AND resources.id = ANY(:resource_ids)
    """
).bindparams(bindparam("resource_ids", type_=ARRAY(TEXT)))
_FIND_PENDING: Final = text(
    """
    SELECT resource_id, first_day, last_day FROM invalidations
    WHERE tenant_id = :tenant_id AND resource_id = ANY(:resource_ids)
        AND last_day >= :first_day AND first_day <= :last_day
    """
).bindparams(bindparam("resource_ids", type_=ARRAY(TEXT)))
_FIND_EXISTING: Final = text(
    "SELECT id FROM appointments WHERE tenant_id = :tenant_id AND id = ANY(:appointment_ids)"
).bindparams(bindparam("appointment_ids", type_=ARRAY(TEXT)))
_FIND_CLAIMS_ON: Final = text(
    """
    SELECT DISTINCT lanes.resource_id, lanes.number, lower(claims.during), upper(claims.during), appointments.id,
        appointments.hold_id
    FROM unnest(CAST(:resource_ids AS text[]), CAST(:numbers AS integer[]), CAST(:starts AS timestamptz[]),
            CAST(:ends AS timestamptz[])) AS held (resource_id, number, starts, ends)
        JOIN lanes ON lanes.tenant_id = :tenant_id AND lanes.resource_id = held.resource_id
            AND lanes.number = held.number
        JOIN claims ON claims.lane_id = lanes.id AND upper(claims.during) > held.starts
            AND upper(claims.during) < held.ends + :longest AND lower(claims.during) < held.ends
        JOIN appointments ON appointments.tenant_id = claims.tenant_id AND appointments.id = claims.appointment_id
    """
)
_FIND_LIVE_APPOINTMENTS: Final = text(
    """
    SELECT id, starts_at FROM appointments
    WHERE tenant_id = :tenant_id AND status IN ('pending', 'confirmed') AND ends_at > :now
        AND (starts_at, id) > (:after_start, :after_id)
    ORDER BY starts_at, id LIMIT :limit
    """
)
_FIND_UNCLAIMED: Final = text(
    """
    WITH clock AS (SELECT greatest(:now, sandbox_now) AS now FROM businesses WHERE tenant_id = :tenant_id)
    SELECT appointments.id, appointments.starts_at, appointments.ends_at, parts.resource_id, resources.key
    FROM clock, appointments
        LEFT JOIN appointment_resources AS parts
            ON parts.tenant_id = appointments.tenant_id AND parts.appointment_id = appointments.id
        LEFT JOIN resources ON resources.tenant_id = parts.tenant_id AND resources.id = parts.resource_id
    WHERE appointments.tenant_id = :tenant_id AND appointments.id = ANY(:appointment_ids) AND (
        parts.position IS NULL OR (
            -- A place may be in pieces on several lanes, so minutes are counted. No two claims of one lane overlap.
            -- What is over is not looked at: a visit that was reopened did not take back what was over by then.
            SELECT coalesce(
                sum(
                    least(upper(claims.during), parts.ends_at)
                    - greatest(lower(claims.during), parts.starts_at, clock.now)
                ),
                interval '0'
            )
            FROM claims JOIN lanes ON lanes.id = claims.lane_id
            WHERE claims.tenant_id = appointments.tenant_id AND claims.appointment_id = appointments.id
                AND lanes.resource_id = parts.resource_id AND claims.during
                    && tstzrange(greatest(parts.starts_at, clock.now), greatest(parts.ends_at, clock.now))
        ) < coalesce(parts.lanes, appointments.party)
            * (greatest(parts.ends_at, clock.now) - greatest(parts.starts_at, clock.now))
    )
    ORDER BY appointments.starts_at, appointments.id, parts.position LIMIT :limit
    """
).bindparams(bindparam("appointment_ids", type_=ARRAY(TEXT)))
_FIND_LANES: Final = text("SELECT id FROM lanes WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit")
_FIND_FAULTY_CLAIMS: Final = text(
    """
    WITH coming AS (
        SELECT lane_id, during, appointment_id, max(upper(during)) OVER (
            PARTITION BY lane_id ORDER BY lower(during), upper(during) ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS taken_until
        FROM claims WHERE lane_id = ANY(:lane_ids) AND upper(during) > :now
    )
    SELECT lanes.resource_id, resources.key, lanes.number, lower(coming.during), upper(coming.during),
        coming.appointment_id, coalesce(coming.taken_until > lower(coming.during), false) AS overlaps,
        appointments.status IS NULL OR appointments.status = 'cancelled' AS orphaned
    FROM coming
        JOIN lanes ON lanes.id = coming.lane_id
        JOIN resources ON resources.tenant_id = lanes.tenant_id AND resources.id = lanes.resource_id
        LEFT JOIN appointments
            ON appointments.tenant_id = lanes.tenant_id AND appointments.id = coming.appointment_id
    WHERE appointments.status IS NULL OR appointments.status = 'cancelled'
        OR coming.taken_until > lower(coming.during)
    ORDER BY lanes.resource_id, lanes.number, coming.during LIMIT :limit
    """
).bindparams(bindparam("lane_ids", type_=ARRAY(BIGINT)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSummary:
    """Key and lanes of a resource."""

    key: str
    lane_count: int
    exclusive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclaimedPart:
    """A part of a live appointment for which not enough lanes are claimed."""

    appointment_id: AppointmentId
    span: Span
    resource_id: ResourceId | None
    """None: it has no parts at all."""
    resource_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyClaim:
    """A claim that should not be there."""

    resource_id: ResourceId
    resource_key: str
    lane: int
    span: Span
    appointment_id: AppointmentId
    overlaps: bool
    """With an earlier one of its lane."""
    orphaned: bool
    """Its appointment was cancelled, or is not there."""


class ReconciliationRepository:
    """Facts of one business, in the snapshot of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_resources(self, resource_ids: Iterable[ResourceId]) -> dict[ResourceId, ResourceSummary]:
        """The resources that exist, archived ones too, by id."""
        parameters = {"tenant_id": self._tenant_id, "resource_ids": sorted(set(resource_ids))}
        rows = await self._connection.execute(_FIND_RESOURCES, parameters)
        return {
            ResourceId(resource_id): ResourceSummary(key=key, lane_count=lane_count, exclusive=exclusive)
            for resource_id, key, lane_count, exclusive in rows
        }

    async def find_pending(self, staff_days: Collection[tuple[ResourceId, int]]) -> set[tuple[ResourceId, int]]:
        """The staff-days whose change the cache has not heard of yet."""
        days = [day for _, day in staff_days]
        parameters = {
            "tenant_id": self._tenant_id,
            "resource_ids": sorted({resource_id for resource_id, _ in staff_days}),
            "first_day": day_date(min(days)),
            "last_day": day_date(max(days)),
        }
        rows = (await self._connection.execute(_FIND_PENDING, parameters)).all()
        waiting = {
            (ResourceId(resource_id), day)
            for resource_id, first, last in rows
            for day in range(max(day_number(first), min(days)), min(day_number(last), max(days)) + 1)
        }
        return waiting.intersection(staff_days)

    async def find_existing(self, appointment_ids: Collection[AppointmentId]) -> set[AppointmentId]:
        """The appointments that exist."""
        if not appointment_ids:
            return set()
        parameters = {"tenant_id": self._tenant_id, "appointment_ids": list(appointment_ids)}
        return {AppointmentId(row.id) for row in await self._connection.execute(_FIND_EXISTING, parameters)}

    async def find_claims_on(self, held: Sequence[LaneClaim]) -> list[ConflictingClaim]:
        """Every committed claim that shares a minute and a lane with one of these."""
        if not held:
            return []
        parameters = {
            "tenant_id": self._tenant_id,
            "resource_ids": [claim.resource_id for claim in held],
            "numbers": [claim.lane for claim in held],
            "starts": [to_datetime(claim.span.start) for claim in held],
            "ends": [to_datetime(claim.span.end) for claim in held],
            "longest": _LONGEST,
        }
        return [
            ConflictingClaim(
                resource_id=ResourceId(resource_id),
                lane=lane,
                span=Span(to_minute(start), to_minute(end)),
                appointment_id=AppointmentId(appointment_id),
                hold_id=HoldId(hold_id),
            )
            for resource_id, lane, start, end, appointment_id, hold_id in await self._connection.execute(
                _FIND_CLAIMS_ON, parameters
            )
        ]

    async def find_live_page(
        self, now: datetime, after: tuple[datetime, AppointmentId] | None
    ) -> list[tuple[datetime, AppointmentId]]:
        """Pending and confirmed appointments that have not ended, by start; the last is `after` of the next call."""
        # What begins earlier than that has ended.
        after_start, after_id = after or (now - _LONGEST, AppointmentId(""))
        parameters = {
            "tenant_id": self._tenant_id,
            "now": now,
            "after_start": after_start,
            "after_id": after_id,
            "limit": _APPOINTMENTS_PER_PAGE,
        }
        rows = await self._connection.execute(_FIND_LIVE_APPOINTMENTS, parameters)
        return [(row.starts_at, AppointmentId(row.id)) for row in rows]

    async def find_unclaimed(self, appointment_ids: Sequence[AppointmentId], now: datetime) -> list[UnclaimedPart]:
        """Parts of the appointments, at most so many, for which not enough lanes are claimed from now on."""
        parameters = {
            "tenant_id": self._tenant_id,
            "appointment_ids": list(appointment_ids),
            "now": now,
            "limit": _MOST_FOUND,
        }
        return [
            UnclaimedPart(
                appointment_id=AppointmentId(appointment_id),
                span=Span(to_minute(start), to_minute(end)),
                resource_id=ResourceId(resource_id) if resource_id else None,
                resource_key=key,
            )
            for appointment_id, start, end, resource_id, key in await self._connection.execute(
                _FIND_UNCLAIMED, parameters
            )
        ]

    async def find_lanes(self, after: int) -> list[int]:
        """The next lanes; the last is `after` of the next call."""
        parameters = {"tenant_id": self._tenant_id, "after": after, "limit": _LANES_PER_PAGE}
        return [row.id for row in await self._connection.execute(_FIND_LANES, parameters)]

    async def find_faulty_claims(self, lane_ids: Sequence[int], now: datetime) -> list[FaultyClaim]:
        """Claims of the lanes, at most so many, that end after now and overlap, or belong to no live appointment."""
        parameters = {"lane_ids": list(lane_ids), "now": now, "limit": _MOST_FOUND}
        return [
            FaultyClaim(
                resource_id=ResourceId(resource_id),
                resource_key=key,
                lane=lane,
                span=Span(to_minute(start), to_minute(end)),
                appointment_id=AppointmentId(appointment_id),
                overlaps=overlaps,
                orphaned=orphaned,
            )
            for resource_id, key, lane, start, end, appointment_id, overlaps, orphaned in (
                await self._connection.execute(_FIND_FAULTY_CLAIMS, parameters)
            )
        ]
