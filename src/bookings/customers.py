"""Personal data of customers in Postgres: the columns that hold it, their values, and the search for a customer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypedDict

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.model import Appointment, CustomerDetails
from bookings.phone_numbers import digits, e164, older_spellings
from kernel.ids import CustomerId, TenantId
from persistence.business_keys import BusinessKeys
from persistence.key_ring import KeyRing, PersonalKey
from persistence.personal_keys import PersonalKeys
from persistence.sealing import SecretPlace, SecretUnreadable

BOOKING_COLUMNS: Final = "customer, notes, metadata, details_digest, answers, personal"
"""Columns of `appointments` with personal data that a new appointment fills."""
BOOKING_RECORD: Final = (
    "customer jsonb, notes text, metadata jsonb, details_digest text, answers jsonb, personal bytea, "
    "key_number integer, personal_key bytea"
)
"""Definition of their values, and of the personal key, in a row that a statement is given as JSON."""
# The stored details of a customer are never changed: anyone may type anyone's address (docs/adr/0012).
FIND_OR_ADD: Final = """
    person AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:customers AS jsonb)) AS person (
            id text, identity text, number_index text, name text, email text, phone text, timezone text,
            personal bytea, key_number integer, personal_key bytea
        )
    ), stored AS (
        -- Of several, the one stored in the newest spelling.
        SELECT DISTINCT ON (spelling.identity) spelling.identity,
            coalesce(customers.merged_into, customers.id) AS id
        FROM jsonb_to_recordset(CAST(:spellings AS jsonb)) AS spelling (identity text, stored text, rank integer)
        JOIN customers ON customers.identity = spelling.stored
        WHERE customers.tenant_id = :tenant_id
        ORDER BY spelling.identity, spelling.rank
    ), added AS (
        INSERT INTO customers (tenant_id, id, identity, number_index, name, email, phone, timezone, personal)
        SELECT :tenant_id, id, identity, number_index, name, email, phone, timezone, personal
        FROM person
        WHERE NOT EXISTS (SELECT FROM stored WHERE stored.identity = person.identity)
        ORDER BY identity
        ON CONFLICT (tenant_id, identity) DO NOTHING
        RETURNING identity, id
    ), added_key AS (
        INSERT INTO personal_keys (tenant_id, subject, customer_id, number, sealed)
        SELECT :tenant_id, id, id, key_number, personal_key
        FROM added JOIN person USING (id) WHERE personal_key IS NOT NULL
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


BOOKING_KEYS: Final = """
    INSERT INTO personal_keys (tenant_id, subject, customer_id, number, sealed)
    SELECT :tenant_id, id, booked.customer_id, key_number, personal_key
    FROM booked JOIN entry USING (id) WHERE personal_key IS NOT NULL
"""
"""Statement that keeps the personal keys of the new appointments `booked`, which `entry` has."""


class PersonalFields(TypedDict):
    """Fields of an appointment that hold personal data, or tell how they are stored."""

    customer: CustomerDetails
    notes: str | None
    metadata: Mapping[str, str]
    answers: Mapping[str, str]
    details_digest: str | None
    cancel_reason: str | None
    personal_key: bytes | None
    is_erased: bool


# What a program that knows no seals reads of a sealed row, and writes back with its own changes (migration 0038).
_PLACEHOLDER: Final = CustomerDetails(name="Sealed")
_PLACEHOLDER_MEMBERS: Final[Mapping[str, str | None]] = asdict(_PLACEHOLDER)
NOTHING_PERSONAL: Final[Mapping[str, object]] = {
    "customer": _PLACEHOLDER,
    "notes": None,
    "metadata": {},
    "answers": None,
    "details_digest": None,
    "cancel_reason": None,
}
PERSONAL_COLUMNS: Final = frozenset({*NOTHING_PERSONAL, "personal"})
"""The columns of `appointments` with personal data."""
_ERASED_FIELDS: Final = PersonalFields(
    customer=CustomerDetails(name="Erased"),
    notes=None,
    metadata={},
    answers={},
    details_digest=None,
    cancel_reason=None,
    personal_key=None,
    is_erased=True,
)
# Nothing is left of rows in plain text; what sealed rows have does not open without its key.
_ERASE_APPOINTMENTS: Final = text(
    """
    UPDATE appointments SET customer = CAST(:placeholder AS jsonb), notes = NULL, metadata = '{}', answers = NULL,
        details_digest = NULL, cancel_reason = NULL, client = NULL, personal = coalesce(personal, '')
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id
    """
).bindparams(placeholder=orjson.dumps(_PLACEHOLDER).decode())
# Answers and bodies that were kept in plain text, or sealed by the business for want of another key.
_ERASE_ANSWERS: Final = text(
    """
    WITH visit AS (
        SELECT id FROM appointments WHERE tenant_id = :tenant_id AND customer_id = :customer_id
        UNION ALL SELECT :customer_id
    ),
    delivery AS (
        UPDATE webhook_deliveries SET response_body = NULL
        WHERE tenant_id = :tenant_id AND subject IN (SELECT id FROM visit) AND response_body IS NOT NULL
    )
    UPDATE idempotency_keys SET body = NULL, status = NULL, sealed = '', subject = :customer_id
    WHERE tenant_id = :tenant_id AND (
        subject IN (SELECT id FROM visit)
        OR body IS NOT NULL AND EXISTS (SELECT FROM visit WHERE position(convert_to(id, 'UTF8') IN body) > 0)
    )
    """
)
# The index of an address is found by whoever has the address, so it is personal: it stays for those alone who have the
# same address, and are not erased. Whoever books again after their erasure is asked again.
_ERASE_SUPPRESSIONS: Final = text(
    """
    WITH address AS (
        SELECT unnest(ARRAY[identity, number_index]) AS stored FROM customers
        WHERE tenant_id = :tenant_id AND id = :customer_id
    )
    DELETE FROM suppressions USING address
    WHERE suppressions.tenant_id = :tenant_id
        AND address_index IN (stored, 'sha256:' || encode(sha256(convert_to(stored, 'UTF8')), 'hex'))
        AND NOT EXISTS (
            SELECT FROM customers AS other
            WHERE other.tenant_id = :tenant_id AND other.id <> :customer_id AND other.erased_at IS NULL
                AND (other.identity = stored OR other.number_index = stored)
        )
    """
)
_ERASE_CUSTOMER: Final = text(
    """
    UPDATE customers SET identity = NULL, number_index = NULL, name = :name, email = NULL, phone = NULL,
        timezone = NULL, personal = coalesce(personal, '')
    WHERE tenant_id = :tenant_id AND id = :customer_id
    """
).bindparams(name=_PLACEHOLDER.name)

_FIND_PLAIN: Final = text(
    """
    SELECT id, identity, name, email, phone, timezone FROM customers
    WHERE tenant_id = :tenant_id AND id = ANY (:ids) AND personal IS NULL
    FOR UPDATE
    """
)
_HAS_IDENTITY: Final = text(
    """
    SELECT EXISTS (
        SELECT FROM customers
        WHERE tenant_id = :tenant_id AND identity = ANY (CAST(:identities AS text[]))
            AND coalesce(merged_into, id) = :customer_id
    )
    """
)
_PUT_TO_KNOWN: Final = text(
    """
    WITH known AS (
        SELECT coalesce(merged_into, id) AS id FROM customers WHERE tenant_id = :tenant_id AND identity = :identity
    ), moved AS (
        UPDATE appointments SET customer_id = known.id FROM known WHERE tenant_id = :tenant_id AND customer_id = :id
    )
    SELECT id FROM known
    """
)
_SEAL_CUSTOMER: Final = text(
    """
    UPDATE customers SET name = :name, email = :email, phone = :phone, timezone = :timezone, personal = :personal,
        identity = :identity, number_index = :number_index
    WHERE tenant_id = :tenant_id AND id = :id
    """
)


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
        ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id)
        values = parameters(self._tenant_id, [(appointment, country)], ring)
        while True:
            rows = (await self._connection.execute(_OWNERS, values)).all()
            if rows:
                return CustomerId(rows[0].customer_id)
            # The other transaction has committed meanwhile, so the next statement sees the customer.

    async def has_address(self, customer_id: CustomerId, details: CustomerDetails, country: str | None) -> bool:
        """Tell whether the address of the details, by which customers are told apart, is that of this customer."""
        ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id)
        identities = list(stored_identities(details, country, ring))
        values = {"tenant_id": self._tenant_id, "identities": identities, "customer_id": customer_id}
        return bool(await self._connection.scalar(_HAS_IDENTITY, values))

    async def seal(self, ids: Sequence[str], ring: KeyRing) -> None:
        """Seal what is personal in plain text of these customers.

        A program that knows no blind index may have added somebody who is a customer already: their visits are put to
        that customer, who is erased with them.
        """
        found = await self._connection.execute(_FIND_PLAIN, {"tenant_id": self._tenant_id, "ids": list(ids)})
        for row in found.all():
            index = stored_identity(row.identity, ring)
            named = {"tenant_id": self._tenant_id, "id": row.id, "identity": index}
            known = await self._connection.scalar(_PUT_TO_KNOWN, named)
            key = ring.new_personal_key(row.id)
            details = CustomerDetails(name=row.name, email=row.email, phone=row.phone, timezone=row.timezone)
            sealed = sealed_customer(details, row.identity, key, customer_place(self._tenant_id, row.id))
            values = {
                **sealed,
                **named,
                "identity": None if known else index,
                "number_index": stored_number(details, None, ring),
            }
            await self._connection.execute(_SEAL_CUSTOMER, values)
            await PersonalKeys(self._connection, self._tenant_id).add(row.id, CustomerId(known or row.id), key)

    async def erase(self, customer_id: CustomerId) -> None:
        """Make everything personal of a customer unreadable for good, in old copies of the database as well.

        The customer and their appointments stay, as those of an erased person. Nobody is found by their address.
        """
        of_customer = {"tenant_id": self._tenant_id, "customer_id": customer_id}
        # First: whoever reads an appointment for a change waits here, and finds its key gone.
        await self._connection.execute(_ERASE_APPOINTMENTS, of_customer)
        await self._connection.execute(_ERASE_SUPPRESSIONS, of_customer)
        await self._connection.execute(_ERASE_CUSTOMER, of_customer)
        await self._connection.execute(_ERASE_ANSWERS, of_customer)
        await PersonalKeys(self._connection, self._tenant_id).shred(customer_id)


def parameters(
    tenant_id: TenantId, appointments: Iterable[tuple[Appointment, str | None]], ring: KeyRing | None
) -> dict[str, object]:
    """Build the parameters of FIND_OR_ADD from appointments with a fresh id for each customer, and their countries.

    Without a ring customers are stored in plain text.
    """
    rows: list[Mapping[str, object]] = []
    spellings: dict[tuple[str, str], int] = {}
    for appointment, country in appointments:
        stored = stored_identities(appointment.customer, country, ring)
        rows.append(_customer_row(appointment, country, stored[0] if stored else None, tenant_id, ring))
        spellings |= {(stored[0], spelling): rank for rank, spelling in enumerate(stored)}
    named_spellings = [
        {"identity": named, "stored": spelling, "rank": rank} for (named, spelling), rank in spellings.items()
    ]
    return {"tenant_id": tenant_id, "customers": to_json(rows), "spellings": to_json(named_spellings)}


def _customer_row(
    appointment: Appointment, country: str | None, stored: str | None, tenant_id: TenantId, ring: KeyRing | None
) -> Mapping[str, object]:
    details, customer_id = appointment.customer, appointment.customer_id
    row = {"id": customer_id, "identity": stored, "number_index": stored_number(details, country, ring)}
    if ring is None:
        return {**row, **asdict(details)}
    key, named = ring.new_personal_key(customer_id), identity(details, country)
    return {**row, **sealed_customer(details, named, key, customer_place(tenant_id, customer_id)), **key_columns(key)}


def sealed_customer(
    details: CustomerDetails, named: str | None, key: PersonalKey, place: SecretPlace
) -> Mapping[str, object]:
    """The columns of a customer's row, sealed, with the text that tells them apart."""
    return {**_PLACEHOLDER_MEMBERS, "personal": key.seal(orjson.dumps({"customer": details, "identity": named}), place)}


def to_json(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a parameter of a statement; bytes as Postgres reads them."""
    return orjson.dumps(rows, default=_hexadecimal).decode()


def _hexadecimal(value: object) -> str:
    assert isinstance(value, bytes)
    return f"\\x{value.hex()}"


def key_columns(key: PersonalKey | None) -> Mapping[str, object]:
    """The personal key of a row that a statement is given as JSON."""
    return {} if key is None else {"key_number": key.number, "personal_key": key.sealed}


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


def stored_identity(named: str | None, ring: KeyRing | None) -> str | None:
    """An identity as new rows have it: the blind index of what is sealed."""
    return named if named is None or ring is None else ring.blind_index(named)


def stored_number(details: CustomerDetails, country: str | None, ring: KeyRing | None) -> str | None:
    """The telephone number, in the form of an identity: by it also those with an e-mail address are found."""
    number = CustomerDetails(name=details.name, phone=details.phone)
    return stored_identity(identity(number, country), ring)


def stored_identities(details: CustomerDetails, country: str | None, ring: KeyRing | None) -> Sequence[str]:
    """All forms in which a customer's identity may be stored, the newest first; none of somebody without an address."""
    named = identity(details, country)
    if named is None:
        return ()
    plain = [named, *_older_identities(details, country)]
    return plain if ring is None else [*map(ring.blind_index, plain), *plain]


def to_columns(tenant_id: TenantId, appointment: Appointment, key: PersonalKey | None) -> dict[str, object]:
    """Encode the personal data of an appointment as columns of its row: sealed by its key, else in plain text."""
    values: dict[str, object] = {
        "customer": appointment.customer,
        "notes": appointment.notes,
        "metadata": dict(appointment.metadata),
        "answers": dict(appointment.answers) or None,
        "details_digest": appointment.details_digest,
        "cancel_reason": appointment.cancel_reason,
        "personal": None,
    }
    if key is None:
        return values
    stored = orjson.dumps({name: value for name, value in values.items() if value})
    return {**NOTHING_PERSONAL, "personal": key.seal(stored, _appointment_place(tenant_id, appointment.id))}


def from_columns(row: Row[Any], key: bytes | None, ring: KeyRing | None) -> PersonalFields:
    """Decode the personal data of an appointment's row; a sealed one without its key is erased.

    Raises SecretUnreadable.
    """
    if row.personal is None:
        return _plain_fields(row)
    if key is None:
        return _ERASED_FIELDS
    if ring is None:
        message = "No HOLDFAST_MASTER_KEY is set, and personal data was sealed by one."
        raise SecretUnreadable(message)
    place = _appointment_place(row.tenant_id, row.id)
    stored = orjson.loads(ring.open_personal_key(key, row.id).open(row.personal, place))
    # What stands in plain text was written since by a program that knows no seals.
    customer = stored["customer"]
    if row.customer != _PLACEHOLDER_MEMBERS:
        customer = {**customer, **_changed_members(row.customer)}
    return PersonalFields(
        customer=CustomerDetails(**customer),
        notes=row.notes or stored.get("notes"),
        metadata=row.metadata or stored.get("metadata", {}),
        answers=row.answers or stored.get("answers", {}),
        details_digest=row.details_digest or stored.get("details_digest"),
        cancel_reason=row.cancel_reason or stored.get("cancel_reason"),
        personal_key=key,
        is_erased=False,
    )


def is_still_erased(appointment: Appointment) -> bool:
    """True if nothing personal was added to the appointment of an erased person."""
    return appointment.is_erased and all(getattr(appointment, name) == value for name, value in _ERASED_FIELDS.items())


def _plain_fields(row: Row[Any]) -> PersonalFields:
    return PersonalFields(
        customer=CustomerDetails(**row.customer),
        notes=row.notes,
        metadata=row.metadata,
        answers=row.answers or {},
        details_digest=row.details_digest,
        cancel_reason=row.cancel_reason,
        personal_key=None,
        is_erased=False,
    )


def _changed_members(customer: Mapping[str, str | None]) -> Mapping[str, str]:
    """The members of a customer's details that are not those of the placeholder."""
    return {name: value for name, value in customer.items() if value is not None and value != _PLACEHOLDER.name}


def _appointment_place(tenant_id: TenantId, appointment_id: str) -> SecretPlace:
    return SecretPlace(tenant_id=tenant_id, purpose="appointments.personal", row=appointment_id)


def customer_place(tenant_id: TenantId, customer_id: str) -> SecretPlace:
    """The place of what is personal in a customer's row."""
    return SecretPlace(tenant_id=tenant_id, purpose="customers.personal", row=customer_id)
