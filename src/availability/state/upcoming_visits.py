"""Live appointments that are still to come, as Postgres has them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from availability.rules.affected import UpcomingPart
from catalogue.affected import AffectedAppointment
from catalogue.limits import MAX_STAY_BLOCKED_MINUTES
from kernel.ids import AppointmentId, LocationId, ResourceId, ServiceId, TenantId
from kernel.spans import Span, to_minute

# A visit that is still going on began no earlier than this before now.
_LONGEST_VISIT: Final = timedelta(minutes=MAX_STAY_BLOCKED_MINUTES)
# More than any business has booked ahead; their parts take a second or two to be judged.
_MOST_PARTS: Final = 100_000

_FIND_PARTS: Final = text(
    """
    SELECT parts.appointment_id, appointments.service_id, appointments.location_id, parts.role, parts.resource_id,
        parts.starts_at, parts.ends_at, appointments.starts_at AS visit_starts_at
    FROM appointment_resources AS parts
    JOIN appointments ON appointments.tenant_id = parts.tenant_id AND appointments.id = parts.appointment_id
    WHERE parts.tenant_id = :tenant_id AND parts.resource_id = ANY(:resource_ids)
        AND parts.starts_at > :earliest AND parts.ends_at > :now AND appointments.status IN ('pending', 'confirmed')
    UNION ALL
    SELECT appointments.id, appointments.service_id, appointments.location_id, parts.role, parts.resource_id,
        parts.starts_at, parts.ends_at, appointments.starts_at
    FROM appointments
    JOIN appointment_resources AS parts
        ON parts.tenant_id = appointments.tenant_id AND parts.appointment_id = appointments.id
    WHERE appointments.tenant_id = :tenant_id AND appointments.service_id = ANY(:service_ids)
        AND appointments.starts_at > :earliest AND appointments.ends_at > :now
        AND appointments.status IN ('pending', 'confirmed')
    ORDER BY visit_starts_at, appointment_id, starts_at
    LIMIT :most
    """
).bindparams(bindparam("resource_ids", type_=ARRAY(TEXT)), bindparam("service_ids", type_=ARRAY(TEXT)))
_DESCRIBE: Final = text(
    """
    SELECT appointments.id, appointments.starts_at, appointments.ends_at, services.key AS service, (
        SELECT array_agg(named.key ORDER BY named.position) FROM (
            SELECT resources.key, min(parts.position) AS position
            FROM appointment_resources AS parts
            JOIN resources ON resources.tenant_id = parts.tenant_id AND resources.id = parts.resource_id
            WHERE parts.tenant_id = appointments.tenant_id AND parts.appointment_id = appointments.id
            GROUP BY resources.key
        ) AS named
    ) AS resources
    FROM appointments
    JOIN services ON services.tenant_id = appointments.tenant_id AND services.id = appointments.service_id
    WHERE appointments.tenant_id = :tenant_id AND appointments.id = ANY(:ids)
    ORDER BY appointments.starts_at, appointments.id
    """
).bindparams(bindparam("ids", type_=ARRAY(TEXT)))


class UpcomingVisitRepository:
    """Live appointments of a business that have not ended, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_parts(
        self, resource_ids: Collection[ResourceId], service_ids: Collection[ServiceId], now: datetime
    ) -> list[UpcomingPart]:
        """The parts of these resources, and all parts of visits of these services, in order of the visits' starts."""
        rows = await self._connection.execute(
            _FIND_PARTS,
            {
                "tenant_id": self._tenant_id,
                "resource_ids": list(resource_ids),
                "service_ids": list(service_ids),
                "earliest": now - _LONGEST_VISIT,
                "now": now,
                "most": _MOST_PARTS,
            },
        )
        return [
            UpcomingPart(
                appointment_id=AppointmentId(row.appointment_id),
                service_id=ServiceId(row.service_id),
                role=row.role,
                resource_id=ResourceId(row.resource_id),
                location_id=None if row.location_id is None else LocationId(row.location_id),
                span=Span(to_minute(row.starts_at), to_minute(row.ends_at)),
            )
            for row in rows
        ]

    async def describe(self, ids: Sequence[AppointmentId]) -> tuple[AffectedAppointment, ...]:
        """These appointments in order of their starts, with the keys of what they need."""
        rows = await self._connection.execute(_DESCRIBE, {"tenant_id": self._tenant_id, "ids": list(ids)})
        return tuple(
            AffectedAppointment(
                id=row.id, start=row.starts_at, end=row.ends_at, service=row.service, resources=tuple(row.resources)
            )
            for row in rows
        )
