"""Personal data of customers in Postgres: the columns that hold it, their values, and the search for a customer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypedDict

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.model import Appointment, CustomerDetails
from bookings.phone_numbers import digits, e164, older_spellings
from kernel.ids import CustomerId, TenantId

BOOKING_COLUMNS: Final = "customer, notes, metadata, details_digest, answers"
"""Columns of `appointments` with personal data that a new appointment fills."""
BOOKING_RECORD: Final = "customer jsonb, notes text, metadata jsonb, details_digest text, answers jsonb"
"""Definition of their values in a row that a statement is given as JSON."""
# The stored details of a customer are never changed: anyone may type anyone's address (docs/adr/0012).
FIND_OR_ADD: Final = """
    person AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:customers AS jsonb)) AS person (
            id text, identity text, name text, email text, phone text, timezone text
        )
    ), stored AS (
        -- Of several, the one stored in the newest spelling.
        SELECT DISTINCT ON (spelling.identity) spelling.identity, customers.id
        FROM jsonb_to_recordset(CAST(:spellings AS jsonb)) AS spelling (identity text, stored text, rank integer)
        JOIN customers ON customers.identity = spelling.stored
        WHERE customers.tenant_id = :tenant_id
        ORDER BY spelling.identity, spelling.rank
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
    answers: Mapping[str, str]
    details_digest: str | None
    cancel_reason: str | None


class CustomerRepository:
    """Customers of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_or_add(self, appointment: Appointment, country: str | None) -> CustomerId:
        """Find the customer with the same e-mail address, else telephone number; else add a new one.

        The country is that of a number without a country code.
        A customer that another transaction is adding at the same time is waited for, and found. Without an address
        nothing is done: the insert of the appointment adds the customer.
        """
        if identity(appointment.customer, country) is None:
            return appointment.customer_id
        while True:
            rows = (
                await self._connection.execute(_OWNERS, parameters(self._tenant_id, [(appointment, country)]))
            ).all()
            if rows:
                return CustomerId(rows[0].customer_id)
            # The other transaction has committed meanwhile, so the next statement sees the customer.


def parameters(tenant_id: TenantId, appointments: Iterable[tuple[Appointment, str | None]]) -> dict[str, object]:
    """Build the parameters of FIND_OR_ADD from appointments with a fresh id for each customer, and their countries."""
    appointments = list(appointments)
    people: Sequence[Mapping[str, object]] = [
        {
            "id": appointment.customer_id,
            "identity": identity(appointment.customer, country),
            "name": appointment.customer.name,
            "email": appointment.customer.email,
            "phone": appointment.customer.phone,
            "timezone": appointment.customer.timezone,
        }
        for appointment, country in appointments
    ]
    spellings = {
        (named, stored): rank
        for appointment, country in appointments
        if (named := identity(appointment.customer, country)) is not None
        for rank, stored in enumerate((named, *_older_identities(appointment.customer, country)))
    }
    named_spellings = [
        {"identity": named, "stored": stored, "rank": rank} for (named, stored), rank in spellings.items()
    ]
    return {
        "tenant_id": tenant_id,
        "customers": orjson.dumps(people).decode(),
        "spellings": orjson.dumps(named_spellings).decode(),
    }


def identity(details: CustomerDetails, country: str | None) -> str | None:
    """Derive the text that tells customers apart: the e-mail address in lower case, else the telephone number.

    The number is in E.164; its digits as typed where it has no country code and the country is unknown.
    """
    if details.email:
        return f"email:{details.email.strip().lower()}"
    if details.phone:
        return f"phone:{e164(details.phone, country) or digits(details.phone)}"
    return None


def _older_identities(details: CustomerDetails, country: str | None) -> Sequence[str]:
    """Identities by the digits as typed, under which customers were stored before numbers were compared in E.164."""
    if details.email or not details.phone:
        return ()
    return [f"phone:{spelling}" for spelling in older_spellings(details.phone, country)]


def to_columns(appointment: Appointment) -> dict[str, object]:
    """Encode the personal data of an appointment as columns of its row."""
    return {
        "customer": appointment.customer,
        "notes": appointment.notes,
        "metadata": dict(appointment.metadata),
        "answers": dict(appointment.answers) or None,
        "details_digest": appointment.details_digest,
        "cancel_reason": appointment.cancel_reason,
    }


def from_columns(row: Row[Any]) -> PersonalFields:
    """Decode the personal data of an appointment's row."""
    return PersonalFields(
        customer=CustomerDetails(**row.customer),
        notes=row.notes,
        metadata=row.metadata,
        answers=row.answers or {},
        details_digest=row.details_digest,
        cancel_reason=row.cancel_reason,
    )
