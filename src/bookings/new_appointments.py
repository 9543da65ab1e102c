"""Insert of new appointments with all that belongs to them, in one statement for a whole group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings import customers
from bookings.lanes import LaneSpan, lane_row
from bookings.lifecycle import AppointmentChange
from bookings.repository import part_rows, to_columns
from kernel.ids import AppointmentId, CustomerId, TenantId
from kernel.operation import Operation
from persistence import audit, outbox
from persistence.audit import AuditNote
from persistence.business_keys import BusinessKeys
from persistence.key_ring import KeyRing

# Customers, then appointments, then claims, each in one order in every transaction, so that bookings at the same time
# never wait for each other in a circle; each part begins when the one before it has ended. Plain inserts that collide
# would wait so in any order: with ON CONFLICT the later one learns that its row is missing, at once or as soon as the
# earlier one has committed. Of two that claim the same minutes here, the first of the group wins every lane. All lanes
# of an exclusive resource are in the place of its first, in order of time: any two may be in each other's way.
_INSERT: Final = text(
    f"""
    WITH entry AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS entry (
            id text, hold_id text, service_id text, customer_id text, status text, starts_at timestamptz,
            ends_at timestamptz, timezone text, location_id text, party integer, price_minor bigint,
            price_currency text, policy jsonb, overrides jsonb, choices jsonb, led_to jsonb, times_rescheduled integer,
            approve_by timestamptz, is_proved boolean, client text, version integer, created_at timestamptz,
            updated_at timestamptz, {customers.BOOKING_RECORD}, parts jsonb, lanes jsonb, event jsonb, note jsonb,
            rank integer
        )
    ), {customers.FIND_OR_ADD}, booked AS (
        INSERT INTO appointments (
            tenant_id, id, hold_id, service_id, customer_id, status, starts_at, ends_at, timezone, location_id, party,
            price_minor, price_currency, policy, overrides, choices, led_to, times_rescheduled, approve_by,
            is_proved, client, version, created_at, updated_at, {customers.BOOKING_COLUMNS}
        )
        SELECT
            :tenant_id, id, hold_id, service_id, owner.customer_id, status, starts_at, ends_at, timezone, location_id,
            party, price_minor, price_currency, policy, overrides, choices, led_to, times_rescheduled, approve_by,
            is_proved, client, version, created_at, updated_at, {customers.BOOKING_COLUMNS}
        FROM entry JOIN owner ON owner.given_id = entry.customer_id
        ORDER BY hold_id
        ON CONFLICT (tenant_id, hold_id) DO NOTHING
        RETURNING id, customer_id
    ), added_parts AS (
        -- By the database's clock: turns go on where the business's own clock stands still.
        INSERT INTO appointment_resources (
            tenant_id, appointment_id, position, role, resource_id, starts_at, ends_at, lanes, assigned_at
        )
        SELECT :tenant_id, id, part.position, part.role, part.resource_id, part.starts_at, part.ends_at, part.lanes,
            now()
        FROM booked JOIN entry USING (id), jsonb_to_recordset(entry.parts) AS part (
            position integer, role text, resource_id text, starts_at timestamptz, ends_at timestamptz, lanes integer
        )
    ), claimed AS (
        INSERT INTO claims (tenant_id, appointment_id, lane_id, during, session_lane_id, session)
        SELECT :tenant_id, id, lane.lane_id, tstzrange(lane.starts_at, lane.ends_at), lane.session_lane_id, lane.session
        FROM booked JOIN entry USING (id), jsonb_to_recordset(entry.lanes) AS lane (
            lane_id bigint, starts_at timestamptz, ends_at timestamptz, session_lane_id bigint, session inet
        )
        ORDER BY coalesce(lane.session_lane_id, lane.lane_id), lane.starts_at, lane.lane_id, entry.rank
        ON CONFLICT DO NOTHING
        RETURNING appointment_id
    ), reported AS (
        INSERT INTO outbox ({outbox.COLUMNS})
        SELECT event.tenant_id, event.name, event.subject,
            event.data || jsonb_build_object('customer_id', booked.customer_id), event.actor, event.request_id
        FROM booked JOIN entry USING (id), jsonb_to_record(entry.event) AS event ({outbox.RECORD})
    ), noted AS (
        INSERT INTO audit_entries ({audit.COLUMNS})
        SELECT note.* FROM booked JOIN entry USING (id), jsonb_to_record(entry.note) AS note ({audit.RECORD})
        RETURNING tenant_id, id
    ), queued AS (
        INSERT INTO audit_queue (tenant_id, entry_id) SELECT tenant_id, id FROM noted
    ), keys AS ({customers.BOOKING_KEYS})
    SELECT booked.id, booked.customer_id, count(claimed.appointment_id) AS claims
    FROM booked LEFT JOIN claimed ON claimed.appointment_id = booked.id
    GROUP BY booked.id, booked.customer_id
    """  # noqa: S608 - of our own text alone
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAppointment:
    """An appointment to insert, the lanes it is to claim, and the operation that books it."""

    operation: Operation
    change: AppointmentChange
    """The appointment with a fresh id for its customer, in place of which a stored customer may be found."""
    lanes: Sequence[LaneSpan]
    country: str | None
    """The country of a telephone number without a country code; None: unknown."""

    @property
    def id(self) -> AppointmentId:
        """The id of the appointment."""
        return self.change.appointment.id


class InsertResult(NamedTuple):
    """Rows that one new appointment got."""

    customer_id: CustomerId
    claims: int
    """Fewer than the lanes: other claims have some of them, and the caller must roll back."""


class NewAppointmentRepository:
    """Inserts new appointments of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, group: Sequence[NewAppointment]) -> Mapping[AppointmentId, InsertResult]:
        """Insert the appointments with their customers, parts, claims and events, and count the rows of each.

        An appointment is absent from the result when its hold has become an appointment before, or when another
        transaction added its customer a moment ago, whom the next insert finds. In both cases the caller must roll
        back.
        """
        keys = BusinessKeys.of(self._connection)
        ring = await keys.find(self._connection, self._tenant_id)
        booked = [(new.change.appointment, new.country) for new in group]
        parameters = customers.parameters(self._tenant_id, booked, ring)
        parameters["entries"] = customers.to_json([_row(new, rank, ring, keys) for rank, new in enumerate(group)])
        rows = await self._connection.execute(_INSERT, parameters)
        return {AppointmentId(row.id): InsertResult(CustomerId(row.customer_id), row.claims) for row in rows}


def _row(new: NewAppointment, rank: int, ring: KeyRing | None, keys: BusinessKeys) -> Mapping[str, object]:
    key = None if ring is None else ring.new_personal_key(new.id)
    if key is not None:
        keys.note_personal_key(new.operation.tenant_id, new.id, key)
    return {
        **to_columns(new.operation.tenant_id, new.change.appointment, key),
        **customers.key_columns(key),
        "parts": part_rows(new.change.appointment),
        "lanes": [lane_row(lane) for lane in new.lanes],
        "event": outbox.row_of(new.change.event, new.operation),
        "note": audit.row_of(AuditNote(subject=new.id), new.operation),
        "rank": rank,
    }
