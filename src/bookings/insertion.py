"""New appointments, inserted with all that belongs to them in one statement, however many they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings import booking
from bookings.model import Appointment, CustomerDetails
from bookings.repository import LaneSpan, values_of
from kernel.ids import CustomerId, TenantId
from kernel.operation import Operation
from kernel.spans import to_datetime

# What is known of an existing customer is not changed: anybody may type anybody's address.
_CUSTOMERS: Final = """
    known AS (
        SELECT customers.identity, customers.id
        FROM customers JOIN (SELECT DISTINCT identity FROM wanted) AS named USING (identity)
        WHERE customers.tenant_id = :tenant_id
    ), added AS (
        INSERT INTO customers (tenant_id, id, identity, name, email, phone, timezone)
        SELECT
            :tenant_id, customer_id, identity, customer ->> 'name', customer ->> 'email', customer ->> 'phone',
            customer ->> 'timezone'
        FROM wanted
        WHERE NOT EXISTS (SELECT FROM known WHERE known.identity = wanted.identity)
        ORDER BY identity
        ON CONFLICT (tenant_id, identity) DO NOTHING
        RETURNING identity, id
    )
"""
_FIND_OR_ADD_CUSTOMERS: Final = text(
    """
    WITH wanted AS (
        SELECT * FROM jsonb_to_recordset(CAST(:customers AS jsonb))
            AS entry (customer_id text, identity text, customer jsonb)
    ),
    """  # noqa: S608 - of our own text alone
    + _CUSTOMERS
    + "SELECT identity, id FROM known UNION ALL SELECT identity, id FROM added"
)
# Customers, then appointments, then claims, each in one order for everybody, so that those who book at once never wait
# for each other in a circle; each part begins when the one before it has ended. Plain inserts that collide would wait
# so in any order: this way the later one learns that its row is not there, at once, or as soon as the earlier one has
# committed.
_ADD: Final = text(
    """
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS entry (
            id text, hold_id text, service_id text, customer_id text, identity text, customer jsonb, status text,
            starts_at timestamptz, ends_at timestamptz, timezone text, party integer, price_minor bigint,
            price_currency text, policy jsonb, notes text, metadata jsonb, times_rescheduled integer,
            approve_by timestamptz, version integer, created_at timestamptz, updated_at timestamptz,
            parts jsonb, lanes jsonb, event text, data jsonb, actor text, request_id text
        )
    ),
    """  # noqa: S608 - as above
    + _CUSTOMERS
    + """
    , whose AS (
        -- Who gave no address is the one just added. Whom another transaction has added since we looked is in neither.
        SELECT wanted.id, coalesce(known.id, added.id) AS customer_id
        FROM wanted
        LEFT JOIN known USING (identity)
        LEFT JOIN added ON added.identity = wanted.identity OR added.id = wanted.customer_id
        WHERE coalesce(known.id, added.id) IS NOT NULL
    ), booked AS (
        INSERT INTO appointments (
            tenant_id, id, hold_id, service_id, customer_id, customer, status, starts_at, ends_at, timezone, party,
            price_minor, price_currency, policy, notes, metadata, times_rescheduled, approve_by, version, created_at,
            updated_at
        )
        SELECT
            :tenant_id, id, hold_id, service_id, whose.customer_id, customer, status, starts_at, ends_at, timezone,
            party, price_minor, price_currency, policy, notes, metadata, times_rescheduled, approve_by, version,
            created_at, updated_at
        FROM wanted JOIN whose USING (id)
        ORDER BY hold_id
        ON CONFLICT (tenant_id, hold_id) DO NOTHING
        RETURNING id, customer_id
    ), added_parts AS (
        -- By the database's clock: where the business's own stands still, whose turn it is must not.
        INSERT INTO appointment_resources (
            tenant_id, appointment_id, position, role, resource_id, starts_at, ends_at, assigned_at
        )
        SELECT :tenant_id, id, part.position, part.role, part.resource_id, part.starts_at, part.ends_at, now()
        FROM booked JOIN wanted USING (id), jsonb_to_recordset(wanted.parts) AS part (
            position integer, role text, resource_id text, starts_at timestamptz, ends_at timestamptz
        )
    ), claimed AS (
        INSERT INTO claims (tenant_id, appointment_id, lane_id, during)
        SELECT :tenant_id, id, lane.lane_id, tstzrange(lane.starts_at, lane.ends_at)
        FROM booked JOIN wanted USING (id), jsonb_to_recordset(wanted.lanes) AS lane (
            lane_id bigint, starts_at timestamptz, ends_at timestamptz
        )
        ORDER BY lane.lane_id, lane.starts_at
        ON CONFLICT DO NOTHING
        RETURNING lane_id
    ), told AS (
        INSERT INTO outbox (tenant_id, name, subject, actor, request_id, data)
        SELECT :tenant_id, event, id, actor, request_id, data || jsonb_build_object('customer_id', booked.customer_id)
        FROM booked JOIN wanted USING (id)
    )
    SELECT booked.id, booked.customer_id, (SELECT count(*) FROM claimed) AS claims FROM booked
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An appointment to be inserted, and the lanes it is to claim."""

    operation: Operation
    """Who books."""
    appointment: Appointment
    """With a fresh id for its customer, who may turn out to be a known one."""
    lanes: Sequence[LaneSpan]


@dataclass(frozen=True, slots=True)
class Inserted:
    """How much of what was to be inserted was: where it is not all, the caller must roll back."""

    appointments: Sequence[Appointment]
    """Fewer than entries: a hold had made one already; or a customer was added at the same time, and is known now."""
    claims: int
    """Fewer than lanes: somebody else has a lane."""

    def is_all_of(self, entries: Sequence[Entry]) -> bool:
        """Whether nothing is missing."""
        return len(self.appointments) == len(entries) and self.claims == sum(len(entry.lanes) for entry in entries)


class InsertionRepository:
    """Inserts appointments of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def with_customers(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries for the customers with the same e-mail address, else telephone number, else for new ones.

        What is known of an existing customer is not changed: anybody may type anybody's address. The transaction of
        whoever waits sees a customer that another one adds at the same time.
        """
        named = {identity(entry.appointment.customer): entry.appointment for entry in entries}
        named.pop(None, None)
        snapshot: dict[str | None, CustomerId] = {}
        while named.keys() - snapshot.keys():
            customers = [
                {"customer_id": one.customer_id, "identity": name, "customer": one.customer}
                for name, one in named.items()
            ]
            asked = {"tenant_id": self._tenant_id, "customers": orjson.dumps(customers).decode()}
            rows = await self._connection.execute(_FIND_OR_ADD_CUSTOMERS, asked)
            snapshot = {name: CustomerId(customer_id) for name, customer_id in rows}
        return [_with_customer(entry, snapshot.get(identity(entry.appointment.customer))) for entry in entries]

    async def add(self, entries: Sequence[Entry]) -> Inserted:
        """Insert the appointments with their customers, parts, claims and events; in the order of the entries.

        The customers are found or added as by `with_customers`, and what is known of them is not changed.
        """
        wanted = orjson.dumps([_row(entry) for entry in entries]).decode()
        rows = (await self._connection.execute(_ADD, {"tenant_id": self._tenant_id, "entries": wanted})).all()
        customers = {appointment_id: CustomerId(customer_id) for appointment_id, customer_id, _ in rows}
        inserted = [entry for entry in entries if entry.appointment.id in customers]
        return Inserted(
            [_with_customer(entry, customers[entry.appointment.id]).appointment for entry in inserted],
            rows[0].claims if rows else 0,
        )


def identity(details: CustomerDetails) -> str | None:
    """What tells customers apart: the e-mail address in lower case, else the digits of the telephone number."""
    if details.email:
        return f"email:{details.email.strip().lower()}"
    if details.phone:
        return f"phone:{''.join(character for character in details.phone if character.isdigit() or character == '+')}"
    return None


def _row(entry: Entry) -> Mapping[str, object]:
    appointment = entry.appointment
    booked = booking.event("booked", appointment)
    return {
        **values_of(appointment),
        "identity": identity(appointment.customer),
        "parts": [
            {
                "position": position,
                "role": part.role,
                "resource_id": part.resource_id,
                "starts_at": to_datetime(part.span.start),
                "ends_at": to_datetime(part.span.end),
            }
            for position, part in enumerate(appointment.parts)
        ],
        "lanes": [
            {"lane_id": lane, "starts_at": to_datetime(span.start), "ends_at": to_datetime(span.end)}
            for lane, span in entry.lanes
        ],
        "event": booked.name,
        "data": booked.data,
        "actor": str(entry.operation.actor),
        "request_id": entry.operation.request_id,
    }


def _with_customer(entry: Entry, customer_id: CustomerId | None) -> Entry:
    if customer_id in {None, entry.appointment.customer_id}:
        return entry
    return replace(entry, appointment=replace(entry.appointment, customer_id=customer_id))
