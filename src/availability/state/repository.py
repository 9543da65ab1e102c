"""Claims, time off and visits of resources, as Postgres has them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BOOLEAN, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from availability.model import MovingVisit
from catalogue.limits import MAX_STAY_BLOCKED_MINUTES
from catalogue.model.choices import stored_choices
from catalogue.model.rules.reschedule import RESCHEDULE
from kernel.ids import AppointmentId, ResourceId, ServiceId, TenantId
from kernel.money import Money
from kernel.spans import Minute, Span, to_datetime, to_minute

# Few claims are longer than a week, and those have an index of their own (claims_long_end_idx); none is longer than a
# stay (claims_during_check). What ends later than that begins after the stretch.
_WEEK: Final = timedelta(days=7)
_LONGEST_CLAIM: Final = timedelta(minutes=MAX_STAY_BLOCKED_MINUTES)

# The name of a session (availability.rules.sessions), looked up for claims of exclusive resources alone.
_SESSION: Final = """(
            SELECT service_id || '@' || CAST(extract(epoch FROM starts_at) / 60 AS bigint) FROM appointments
            WHERE appointments.tenant_id = claims.tenant_id AND appointments.id = claims.appointment_id
        )"""
# One statement, so one snapshot. The end is bounded on both sides: the cost is that of the stretch, not of history.
_FIND_BUSY: Final = text(
    f"""
    SELECT lanes.resource_id, lanes.number AS lane, lower(claims.during), upper(claims.during), claims.appointment_id,
        CASE WHEN lanes.resource_id = ANY(:exclusive) THEN {_SESSION} END
    FROM lanes JOIN claims ON claims.lane_id = lanes.id
    WHERE lanes.tenant_id = :tenant_id AND lanes.resource_id = ANY(:resource_ids)
        AND upper(claims.during) > :start AND upper(claims.during) < :last_end AND lower(claims.during) < :end
        AND upper(claims.during) - lower(claims.during) <= interval '7 days'
    UNION ALL
    SELECT lanes.resource_id, lanes.number, lower(claims.during), upper(claims.during), claims.appointment_id,
        CASE WHEN lanes.resource_id = ANY(:exclusive) THEN {_SESSION} END
    FROM lanes JOIN claims ON claims.lane_id = lanes.id
    WHERE lanes.tenant_id = :tenant_id AND lanes.resource_id = ANY(:resource_ids)
        AND upper(claims.during) > :start AND upper(claims.during) < :last_long_end AND lower(claims.during) < :end
        AND upper(claims.during) - lower(claims.during) > interval '7 days'
    UNION ALL
    SELECT resource_id, NULL, lower(during), upper(during), NULL, NULL
    FROM time_off
    WHERE tenant_id = :tenant_id AND resource_id = ANY(:resource_ids)
        AND upper(during) > :start AND lower(during) < :end
    """  # noqa: S608 - of our own text alone
).bindparams(bindparam("resource_ids", type_=ARRAY(TEXT)), bindparam("exclusive", type_=ARRAY(TEXT)))

_FIND_CLAIMS: Final = text(
    f"""
    SELECT lanes.resource_id, lanes.number AS lane, lower(claims.during), upper(claims.during), claims.appointment_id,
        CASE WHEN resources.exclusive IS NOT NULL AND NOT EXISTS (
            SELECT FROM appointments AS own JOIN appointments AS others ON others.tenant_id = own.tenant_id
                    AND others.service_id = own.service_id AND others.starts_at = own.starts_at AND others.id <> own.id
                JOIN claims AS taken ON taken.tenant_id = others.tenant_id AND taken.appointment_id = others.id
                JOIN lanes AS places ON places.id = taken.lane_id
            WHERE own.tenant_id = claims.tenant_id AND own.id = claims.appointment_id
                AND places.resource_id = lanes.resource_id
        ) THEN {_SESSION} END
    FROM claims JOIN lanes ON lanes.id = claims.lane_id
        JOIN resources ON resources.tenant_id = lanes.tenant_id AND resources.id = lanes.resource_id
    WHERE claims.tenant_id = :tenant_id AND claims.appointment_id = :appointment_id
    ORDER BY lanes.resource_id, lanes.number, claims.during
    """  # noqa: S608 - of our own text alone
)
# Newer members of a policy may stand beside those that version 0.1 knows.
_FIND_MOVING_VISIT: Final = text(
    """
    SELECT service_id, party, price_minor, price_currency, policy -> 'reschedule' AS known,
        policy -> 'more' -> 'reschedule' AS newer, choices, led_to, ARRAY(
            SELECT DISTINCT parts.resource_id FROM appointment_resources AS parts
            WHERE parts.tenant_id = appointments.tenant_id AND parts.appointment_id = appointments.id
        ) AS resource_ids
    FROM appointments
    WHERE tenant_id = :tenant_id AND id = :appointment_id
    """
)
# A visit counts where it begins: a resource that comes and goes within one is counted once.
_FIND_VISITS: Final = text(
    """
    SELECT parts.resource_id, parts.starts_at
    FROM appointment_resources AS parts
    JOIN appointments ON appointments.tenant_id = parts.tenant_id AND appointments.id = parts.appointment_id
    WHERE parts.tenant_id = :tenant_id AND parts.resource_id = ANY(:resource_ids)
        AND parts.starts_at >= :start AND parts.starts_at < :end
        AND appointments.status <> 'cancelled' AND appointments.id <> :excluding
        AND NOT EXISTS (
            SELECT FROM appointment_resources AS earlier
            WHERE earlier.tenant_id = parts.tenant_id AND earlier.appointment_id = parts.appointment_id
                AND earlier.resource_id = parts.resource_id AND earlier.starts_at < parts.starts_at
        )
    UNION ALL
    SELECT NULL, starts_at
    FROM appointments
    WHERE tenant_id = :tenant_id AND service_id = :service_id AND starts_at >= :start AND starts_at < :end
        AND status <> 'cancelled' AND id <> :excluding
    """
).bindparams(bindparam("resource_ids", type_=ARRAY(TEXT)), bindparam("service_id", type_=TEXT))
# One step into the index for each resource, however many visits it had.
_FIND_LAST_ASSIGNED: Final = text(
    """
    SELECT asked.resource_id, (
        -- From the newest on, it ends at the first that counts; of those that do not, it looks at so many at most.
        SELECT recent.assigned_at FROM (
            SELECT appointment_id, assigned_at FROM appointment_resources
            WHERE tenant_id = :tenant_id AND resource_id = asked.resource_id
            ORDER BY assigned_at DESC LIMIT :most
        ) AS recent JOIN appointments ON appointments.tenant_id = :tenant_id AND appointments.id = recent.appointment_id
        WHERE appointments.status <> 'cancelled' AND (asked.is_shared OR appointments.service_id = :service_id)
        ORDER BY recent.assigned_at DESC LIMIT 1
    )
    FROM unnest(:resource_ids, :shared) AS asked (resource_id, is_shared)
    """
).bindparams(bindparam("resource_ids", type_=ARRAY(TEXT)), bindparam("shared", type_=ARRAY(BOOLEAN)))
MOST_TURNS: Final = 500
"""The assignments of a resource that are looked at for its last turn; without one among them it never had any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusySpan:
    """Minutes in which a resource, or one lane of it, takes nothing else."""

    resource_id: ResourceId
    lane: int | None
    """The number of the lane; None for time off, which takes all of them."""
    span: Span
    appointment_id: AppointmentId | None
    session: str | None = None
    """Name of the session, where an exclusive resource is claimed; of a visit that moves only if it is alone in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """The starts of visits that were not cancelled."""

    of_resources: Mapping[ResourceId, Sequence[Minute]]
    """For each resource that has any: when its share of them begins."""
    of_service: Sequence[Minute]


class BusyRepository:
    """Reads claims, time off, visits and assignments."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find_busy(
        self,
        tenant_id: TenantId,
        resource_ids: Sequence[ResourceId],
        stretch: Span,
        *,
        exclusive: Iterable[ResourceId] = (),
    ) -> list[BusySpan]:
        """Every claim and time off of the resources that touches the stretch, as of one instant.

        Claims of those in `exclusive` come with their sessions.
        """
        rows = await self._connection.execute(
            _FIND_BUSY,
            {
                "tenant_id": tenant_id,
                "resource_ids": list(resource_ids),
                "exclusive": list(exclusive),
                "start": to_datetime(stretch.start),
                "end": to_datetime(stretch.end),
                "last_end": to_datetime(stretch.end) + _WEEK,
                "last_long_end": to_datetime(stretch.end) + _LONGEST_CLAIM,
            },
        )
        return [_busy(*row) for row in rows]

    async def find_claims(self, tenant_id: TenantId, appointment_id: AppointmentId) -> list[BusySpan]:
        """The claims of one appointment, with the sessions that nobody else is in; none once it is cancelled."""
        rows = await self._connection.execute(_FIND_CLAIMS, {"tenant_id": tenant_id, "appointment_id": appointment_id})
        return [_busy(*row) for row in rows]

    async def find_moving_visit(self, tenant_id: TenantId, appointment_id: AppointmentId) -> MovingVisit | None:
        """The appointment as far as it decides its price after a move."""
        row = (
            await self._connection.execute(
                _FIND_MOVING_VISIT, {"tenant_id": tenant_id, "appointment_id": appointment_id}
            )
        ).one_or_none()
        if row is None:
            return None
        return MovingVisit(
            service_id=ServiceId(row.service_id),
            party=row.party,
            price=Money(amount_minor=row.price_minor, currency=row.price_currency),
            policy=RESCHEDULE.stored({**row.known, **(row.newer or {})}),
            resource_ids=frozenset(map(ResourceId, row.resource_ids)),
            choices=stored_choices(row.choices),
            led_to=tuple(map(ResourceId, row.led_to or ())),
        )

    async def find_visits(
        self,
        tenant_id: TenantId,
        resource_ids: Sequence[ResourceId],
        service_id: ServiceId | None,
        stretch: Span,
        *,
        excluding: AppointmentId | None,
    ) -> Visits:
        """Visits of the resources and of the service that begin in the stretch, as of one instant."""
        rows = await self._connection.execute(
            _FIND_VISITS,
            {
                "tenant_id": tenant_id,
                "resource_ids": list(resource_ids),
                "service_id": service_id,
                "start": to_datetime(stretch.start),
                "end": to_datetime(stretch.end),
                "excluding": excluding or "",
            },
        )
        of_resources: defaultdict[ResourceId, list[Minute]] = defaultdict(list)
        of_service: list[Minute] = []
        for resource_id, starts_at in rows:
            (of_service if resource_id is None else of_resources[resource_id]).append(to_minute(starts_at))
        return Visits(of_resources=of_resources, of_service=of_service)

    async def find_last_assigned(
        self,
        tenant_id: TenantId,
        service_id: ServiceId,
        resource_ids: Sequence[ResourceId],
        shared: AbstractSet[ResourceId],
    ) -> dict[ResourceId, datetime]:
        """The instant of each resource's last turn; resources without one are left out.

        A turn is a visit of the service, for resources in `shared` of any, that was not cancelled.
        """
        rows = await self._connection.execute(
            _FIND_LAST_ASSIGNED,
            {
                "tenant_id": tenant_id,
                "service_id": service_id,
                "resource_ids": list(resource_ids),
                "shared": [resource_id in shared for resource_id in resource_ids],
                "most": MOST_TURNS,
            },
        )
        return {ResourceId(resource_id): assigned_at for resource_id, assigned_at in rows if assigned_at is not None}


def _busy(
    resource_id: str,
    lane: int | None,
    start: datetime,
    end: datetime,
    *of_claim: str | None,
) -> BusySpan:
    appointment_id, session = of_claim
    return BusySpan(
        resource_id=ResourceId(resource_id),
        lane=lane,
        span=Span(to_minute(start), to_minute(end)),
        appointment_id=AppointmentId(appointment_id) if appointment_id else None,
        session=session,
    )
