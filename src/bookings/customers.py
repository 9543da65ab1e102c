"""Personal data of customers in Postgres: the columns that hold it, their values, and the search for a customer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypedDict

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.model import Appointment, CustomerDetails
from kernel.ids import CustomerId, TenantId

BOOKING_COLUMNS: Final = "customer, notes, metadata, details_digest"
"""Columns of `appointments` with personal data that a new appointment fills."""
BOOKING_RECORD: Final = "customer jsonb, notes text, metadata jsonb, details_digest text"
"""Definition of their values in a row that a statement is given as JSON."""
# The stored details of a customer are never changed: anyone may type anyone's address (docs/adr/0012).
FIND_OR_ADD: Final = """
    person AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:customers AS jsonb)) AS person (
            id text, identity text, name text, email text, phone text, timezone text
        )
    ), stored AS (
        SELECT customers.identity, customers.id
        FROM customers JOIN (SELECT DISTINCT identity FROM person) AS named USING (identity)
        WHERE customers.tenant_id = :tenant_id
    ), added AS (
        INSERT INTO customers (tenant_id, id, identity, name, email, phone, timezone)
        SELECT :tenant_id, id, identity, name, email, phone, timezone
        FROM person
        WHERE NOT EXISTS (SELECT FROM stored WHERE stored.identity = person.identity)
        ORDER BY identity
        ON CONFLICT (tenant_id, identity) DO NOTHING
        RETURNING identity, id
    ), owner AS (
        -- A customer whom another transaction has added since the search is in neither, and so not here.
        SELECT person.id AS given_id, coalesce(stored.id, added.id) AS customer_id
        FROM person
        LEFT JOIN stored USING (identity)
        LEFT JOIN added ON added.identity = person.identity OR added.id = person.id
        WHERE coalesce(stored.id, added.id) IS NOT NULL
    )
"""
"""Common table expressions that end in `owner (given_id, customer_id)`; their parameters are `parameters`."""
_OWNERS: Final = text(f"WITH {FIND_OR_ADD} SELECT given_id, customer_id FROM owner")  # noqa: S608 - our own text


class PersonalFields(TypedDict):
    """Fields of an appointment that hold personal data."""

    customer: CustomerDetails
    notes: str | None
    metadata: Mapping[str, str]
    details_digest: str | None
    cancel_reason: str | None


class CustomerRepository:
    """Customers of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_or_add(self, appointment: Appointment) -> CustomerId:
        """Find the customer with the same e-mail address, else telephone number; else add a new one.

        A customer that another transaction is adding at the same time is waited for, and found. Without an address
        nothing is done: the insert of the appointment adds the customer.
        """
        if identity(appointment.customer) is None:
            return appointment.customer_id
        while True:
            rows = (await self._connection.execute(_OWNERS, parameters(self._tenant_id, [appointment]))).all()
            if rows:
                return CustomerId(rows[0].customer_id)
            # The other transaction has committed meanwhile, so the next statement sees the customer.


def parameters(tenant_id: TenantId, appointments: Iterable[Appointment]) -> dict[str, object]:
    """Build the parameters of FIND_OR_ADD from appointments with a fresh id for each customer."""
    people: Sequence[Mapping[str, object]] = [
        {
            "id": appointment.customer_id,
            "identity": identity(appointment.customer),
            "name": appointment.customer.name,
            "email": appointment.customer.email,
            "phone": appointment.customer.phone,
            "timezone": appointment.customer.timezone,
        }
        for appointment in appointments
    ]
    return {"tenant_id": tenant_id, "customers": orjson.dumps(people).decode()}


def identity(details: CustomerDetails) -> str | None:
    """Derive the text that tells customers apart: the e-mail address in lower case, else the telephone's digits."""
    if details.email:
        return f"email:{details.email.strip().lower()}"
    if details.phone:
        return f"phone:{''.join(character for character in details.phone if character.isdigit() or character == '+')}"
    return None


def to_columns(appointment: Appointment) -> dict[str, object]:
    """Encode the personal data of an appointment as columns of its row."""
    return {
        "customer": appointment.customer,
        "notes": appointment.notes,
        "metadata": dict(appointment.metadata),
        "details_digest": appointment.details_digest,
        "cancel_reason": appointment.cancel_reason,
    }


def from_columns(row: Row[Any]) -> PersonalFields:
    """Decode the personal data of an appointment's row."""
    return PersonalFields(
        customer=CustomerDetails(**row.customer),
        notes=row.notes,
        metadata=row.metadata,
        details_digest=row.details_digest,
        cancel_reason=row.cancel_reason,
    )
