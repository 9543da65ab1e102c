"""What the audit and the housekeeping ask Postgres, past the use cases."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from holds.model import LaneClaim
from holds.reconciliation import ConflictingClaim
from kernel.ids import AppointmentId, HoldId, ResourceId, TenantId
from kernel.spans import Span, day_date, day_number, to_datetime, to_minute
from persistence.errors import postgres_errors

# Each is read in one statement, far within the time limit of one.
_TENANTS_PER_PAGE: Final = 500
_APPOINTMENTS_PER_PAGE: Final = 500
_LANES_PER_PAGE: Final = 20
# Of one page. More than this tells nobody more.
_MOST_FINDINGS: Final = 200
# Neither a claim nor a visit is longer (migration 0002, catalogue.limits): what ends later begins after the stretch.
_LONGEST: Final = timedelta(days=7)

# Every business is made with two keys, and keys are never deleted: this table, which has no row-level security, names
# all of them.
_FIND_TENANTS: Final = text(
    """
    SELECT DISTINCT tenant_id FROM api_keys
    WHERE CAST(:after AS uuid) IS NULL OR tenant_id > CAST(:after AS uuid)
    ORDER BY tenant_id LIMIT :limit
    """
)
_EXISTS: Final = text("SELECT EXISTS (SELECT FROM businesses WHERE tenant_id = :tenant_id)")
_OLDEST_EVENT: Final = text(
    """
    SELECT CAST(extract(epoch FROM now() - created_at) AS double precision) FROM outbox
    WHERE tenant_id = :tenant_id ORDER BY id LIMIT 1
    """
)
_FIND_RESOURCES: Final = text(
    """
    SELECT resources.id, resources.key, (
        SELECT count(*) FROM lanes WHERE lanes.tenant_id = :tenant_id AND lanes.resource_id = resources.id
    )
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
_FIND_BOOKED: Final = text(
    "SELECT hold_id, id FROM appointments WHERE tenant_id = :tenant_id AND hold_id = ANY(:hold_ids)"
).bindparams(bindparam("hold_ids", type_=ARRAY(TEXT)))
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
# Each part needs a lane for each of the party, claimed by the appointment for all of the part.
_FIND_UNCLAIMED: Final = text(
    """
    SELECT appointments.id, appointments.starts_at, appointments.ends_at, parts.resource_id, resources.key
    FROM appointments
        LEFT JOIN appointment_resources AS parts
            ON parts.tenant_id = appointments.tenant_id AND parts.appointment_id = appointments.id
        LEFT JOIN resources ON resources.tenant_id = parts.tenant_id AND resources.id = parts.resource_id
    WHERE appointments.tenant_id = :tenant_id AND appointments.id = ANY(:appointment_ids) AND (
        SELECT count(DISTINCT claims.lane_id) FROM claims JOIN lanes ON lanes.id = claims.lane_id
        WHERE claims.tenant_id = appointments.tenant_id AND claims.appointment_id = appointments.id
            AND lanes.resource_id = parts.resource_id AND claims.during @> tstzrange(parts.starts_at, parts.ends_at)
    ) < appointments.party
    ORDER BY appointments.starts_at, appointments.id, parts.position LIMIT :limit
    """
).bindparams(bindparam("appointment_ids", type_=ARRAY(TEXT)))
_FIND_LANES: Final = text("SELECT id FROM lanes WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit")
_FIND_WRONG_CLAIMS: Final = text(
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
class KnownResource:
    """What the audit needs to know of a resource."""

    key: str
    lane_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """A live appointment with a part that not enough lanes are claimed for."""

    appointment_id: AppointmentId
    span: Span
    resource_id: ResourceId | None
    """None: it has no parts at all."""
    resource_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongClaim:
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


class AuditRepository:
    """Reads what one business has in Postgres, in the snapshot of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def exists(self) -> bool:
        """Whether there is such a business."""
        return bool(await self._connection.scalar(_EXISTS, {"tenant_id": self._tenant_id}))

    async def oldest_event_seconds(self) -> float:
        """How long the oldest event has been in the outbox; 0 where there is none."""
        return float(await self._connection.scalar(_OLDEST_EVENT, {"tenant_id": self._tenant_id}) or 0.0)

    async def find_resources(self, resource_ids: Iterable[ResourceId]) -> dict[ResourceId, KnownResource]:
        """Those of the resources that there are, archived ones too."""
        parameters = {"tenant_id": self._tenant_id, "resource_ids": sorted(set(resource_ids))}
        rows = await self._connection.execute(_FIND_RESOURCES, parameters)
        return {ResourceId(row[0]): KnownResource(key=row[1], lane_count=row[2]) for row in rows}

    async def find_pending(self, staff_days: Collection[tuple[ResourceId, int]]) -> set[tuple[ResourceId, int]]:
        """Those of the staff-days whose change the cache has not heard of yet."""
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

    async def find_booked(self, hold_ids: Collection[HoldId]) -> dict[HoldId, AppointmentId]:
        """The appointments that the holds have become."""
        if not hold_ids:
            return {}
        parameters = {"tenant_id": self._tenant_id, "hold_ids": list(hold_ids)}
        rows = await self._connection.execute(_FIND_BOOKED, parameters)
        return {HoldId(hold_id): AppointmentId(appointment_id) for hold_id, appointment_id in rows}

    async def find_existing(self, appointment_ids: Collection[AppointmentId]) -> set[AppointmentId]:
        """Those of the appointments that there are."""
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
        """Pending and confirmed appointments that have not ended, by start; the last is the next call's `after`."""
        # What begins a week before now or earlier has ended.
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

    async def find_unclaimed(self, appointment_ids: Sequence[AppointmentId]) -> list[Unclaimed]:
        """Parts of the appointments, at most so many, for which not enough lanes are claimed."""
        parameters = {
            "tenant_id": self._tenant_id,
            "appointment_ids": list(appointment_ids),
            "limit": _MOST_FINDINGS,
        }
        return [
            Unclaimed(
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
        """The next lanes; the last is the next call's `after`."""
        parameters = {"tenant_id": self._tenant_id, "after": after, "limit": _LANES_PER_PAGE}
        return [row.id for row in await self._connection.execute(_FIND_LANES, parameters)]

    async def find_wrong_claims(self, lane_ids: Sequence[int], now: datetime) -> list[WrongClaim]:
        """Claims of the lanes, at most so many, that end after now and overlap, or belong to no live appointment."""
        parameters = {"lane_ids": list(lane_ids), "now": now, "limit": _MOST_FINDINGS}
        return [
            WrongClaim(
                resource_id=ResourceId(resource_id),
                resource_key=key,
                lane=lane,
                span=Span(to_minute(start), to_minute(end)),
                appointment_id=AppointmentId(appointment_id),
                overlaps=overlaps,
                orphaned=orphaned,
            )
            for resource_id, key, lane, start, end, appointment_id, overlaps, orphaned in (
                await self._connection.execute(_FIND_WRONG_CLAIMS, parameters)
            )
        ]


async def tenants(engine: AsyncEngine) -> AsyncIterator[TenantId]:
    """Every business, a page at a time. Raises StoreUnavailable."""
    after: TenantId | None = None
    while True:
        with postgres_errors():
            async with engine.connect() as connection:
                parameters = {"after": after, "limit": _TENANTS_PER_PAGE}
                page = [TenantId(row.tenant_id) for row in await connection.execute(_FIND_TENANTS, parameters)]
        for tenant_id in page:
            yield tenant_id
        if len(page) < _TENANTS_PER_PAGE:
            return
        after = page[-1]
