"""Repository of customers: look-up, changes, consents and merges, with what is personal sealed as bookings seal it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Row, Select, and_, exists, false, func, or_, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.customers import (
    customer_place,
    identity,
    sealed_customer,
    stored_identities,
    stored_identity,
    stored_number,
)
from bookings.model import CustomerDetails
from customers.model import MOST_CHANGES, Consent, CustomerRecord
from kernel.errors import NotFound
from kernel.ids import CustomerId, TenantId
from kernel.operation import Own
from persistence.business_keys import BusinessKeys
from persistence.key_ring import KeyRing
from persistence.personal_keys import PersonalKeys, key_of
from persistence.sealing import SecretUnreadable
from persistence.tables import appointment_resources, appointments, consents, customers

_ERASED: Final = CustomerDetails(name="Erased")
_ADD_CONSENT: Final = text(
    """
    INSERT INTO consents (tenant_id, customer_id, purpose, number, granted, source)
    SELECT :tenant_id, :customer_id, :purpose, coalesce(max(number), 0) + 1, :granted, :source
    FROM consents WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND purpose = :purpose
    RETURNING number
    """
)
_IN_FORCE: Final = text(
    """
    SELECT DISTINCT ON (customer_id, purpose) customer_id, purpose, granted, source, at FROM consents
    WHERE tenant_id = :tenant_id AND customer_id = ANY (:ids)
    ORDER BY customer_id, purpose, number DESC
    """
)
_FIND_PAST: Final = text(
    """
    SELECT id FROM customers
    WHERE tenant_id = :tenant_id AND created_at < :before AND erased_at IS NULL AND merged_into IS NULL
        AND NOT EXISTS (
            SELECT FROM appointments
            WHERE appointments.tenant_id = :tenant_id AND appointments.customer_id = customers.id
                AND appointments.ends_at >= :before
        )
    ORDER BY id LIMIT :limit
    """
)
_HAS_COME: Final = text(
    """
    SELECT EXISTS (
        SELECT FROM appointments WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND ends_at >= :since
    )
    """
)
_DROP_OLD_CONSENTS: Final = text(
    """
    DELETE FROM consents
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND purpose = :purpose AND number <= :number
    """
)
# Numbered anew in the order of time, so that what was said last is in force, to whichever of the two it was said.
_MERGE_CONSENTS: Final = text(
    """
    WITH moved AS (
        DELETE FROM consents WHERE tenant_id = :tenant_id AND customer_id IN (:customer_id, :into)
        RETURNING purpose, number, granted, source, at
    )
    INSERT INTO consents (tenant_id, customer_id, purpose, number, granted, source, at)
    SELECT :tenant_id, :into, purpose, row_number() OVER (PARTITION BY purpose ORDER BY at, number), granted, source, at
    FROM moved
    """
)
_MERGE_APPOINTMENTS: Final = text(
    """
    UPDATE appointments SET customer_id = :into, version = version + 1, updated_at = now()
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id
    """
)
_MERGE_KEYS: Final = text(
    "UPDATE personal_keys SET customer_id = :into WHERE tenant_id = :tenant_id AND customer_id = :customer_id"
)
_MERGE_CUSTOMERS: Final = text(
    """
    UPDATE customers SET merged_into = :into, version = version + 1, updated_at = now()
    WHERE tenant_id = :tenant_id AND (id = :customer_id OR merged_into = :customer_id)
    """
)

_LOCK_PERSON: Final = text(
    """
    SELECT id, erased_at FROM customers
    WHERE tenant_id = :tenant_id AND (id = :customer_id OR merged_into = :customer_id)
    ORDER BY id FOR UPDATE
    """
)
_MARK: Final = text(
    """
    UPDATE customers SET erased_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = :tenant_id AND id = ANY (:ids) AND erased_at IS NULL
    """
)


def unknown_customer(customer_id: CustomerId) -> NotFound:
    """The refusal of a customer whom the business does not have."""
    return NotFound(f'There is no customer "{customer_id}".')


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerIds:
    """Ids of a customer and of all who were merged into them, locked until the transaction ends."""

    id: CustomerId
    """The id under which they are stored now."""
    erased_at: Mapping[CustomerId, datetime | None]
    """The instant of the erasure of each; None: nobody has erased it."""

    @property
    def is_erased(self) -> bool:
        """True if nothing is left of any of them."""
        return None not in self.erased_at.values()


class StoredCustomerRepository:
    """Customers of one business, inside the caller's transaction. Of who was merged there is the one they are now."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_id(self, customer_id: CustomerId, *, own: Own | None) -> CustomerId:
        """The id under which the customer is stored now. Raises NotFound, also for one who is none of `own`."""
        column = customers.c
        named = select(func.coalesce(column.merged_into, column.id)).where(
            column.tenant_id == self._tenant_id, column.id == customer_id
        )
        statement = select(column.id).where(
            column.tenant_id == self._tenant_id, column.id == named.scalar_subquery(), self._is_of(own)
        )
        found = (await self._connection.execute(statement)).scalar_one_or_none()
        if found is None:
            raise unknown_customer(customer_id)
        return CustomerId(found)

    async def is_own(self, customer_id: CustomerId, own: Own | None) -> bool:
        """True for a customer who is one of `own`."""
        column = customers.c
        named = select(column.id).where(column.tenant_id == self._tenant_id, column.id == customer_id, self._is_of(own))
        return await self._connection.scalar(named) is not None

    async def find(self, customer_id: CustomerId, *, own: Own | None, for_update: bool = False) -> CustomerRecord:
        """The customer, with the consents in force. Raises NotFound, also for one who is none of `own`."""
        statement = self._select().where(customers.c.id == await self.find_id(customer_id, own=own))
        if for_update:
            statement = statement.with_for_update(of=customers)
        (found,) = await self._records((await self._connection.execute(statement)).all())
        if for_update and found.merged_into is not None:
            # Merged while this waited for the lock.
            return await self.find(found.id, own=own, for_update=True)
        return found

    async def find_page(self, *, own: Own | None, before: str | None, limit: int) -> list[CustomerRecord]:
        """The next customers, those who were added last first; who was merged or erased is left out."""
        column = customers.c
        statement = self._select().where(column.merged_into.is_(None), column.erased_at.is_(None), self._is_of(own))
        if before is not None:
            statement = statement.where(column.id < before)
        rows = await self._connection.execute(statement.order_by(column.id.desc()).limit(limit))
        return await self._records(rows.all())

    async def find_by_address(
        self, details: CustomerDetails, countries: Collection[str | None], *, own: Own | None
    ) -> list[CustomerRecord]:
        """The customers with an e-mail address, or else a telephone number of one of the countries."""
        ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id)
        spellings = {one for country in countries for one in stored_identities(details, country, ring)}
        column = customers.c
        named = select(func.coalesce(column.merged_into, column.id)).where(
            column.tenant_id == self._tenant_id,
            or_(column.identity.in_(spellings), column.number_index.in_(spellings)),
        )
        statement = self._select().where(column.id.in_(named), column.erased_at.is_(None), self._is_of(own))
        return await self._records((await self._connection.execute(statement.order_by(column.id.desc()))).all())

    async def find_merged(self, customer_id: CustomerId) -> list[CustomerRecord]:
        """The customers who were merged into this one."""
        statement = self._select().where(customers.c.merged_into == customer_id).order_by(customers.c.id)
        return await self._records((await self._connection.execute(statement)).all())

    async def find_other(self, details: CustomerDetails, country: str | None, but: CustomerId) -> CustomerId | None:
        """Another customer whom the address names."""
        if identity(details, country) is None:
            return None
        ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id)
        column = customers.c
        statement = select(func.coalesce(column.merged_into, column.id)).where(
            column.tenant_id == self._tenant_id,
            column.identity.in_(stored_identities(details, country, ring)),
            column.id != but,
        )
        found = (await self._connection.execute(statement.limit(1))).scalar_one_or_none()
        return None if found is None else CustomerId(found)

    async def save(self, customer_id: CustomerId, details: CustomerDetails, country: str | None) -> int:
        """Write new details of a customer who was found for update; the new version."""
        named = identity(details, country)
        ring, key = await self._key_of(customer_id)
        values: dict[str, object] = {
            "name": details.name,
            "email": details.email,
            "phone": details.phone,
            "timezone": details.timezone,
            "identity": stored_identity(named, ring),
            "number_index": stored_number(details, country, ring),
        }
        if key is not None:
            place = customer_place(self._tenant_id, customer_id)
            values = {**values, **sealed_customer(details, named, key, place)}
        return await self.touch(customer_id, **values)

    async def touch(self, customer_id: CustomerId, **values: object) -> int:
        """Count a change of the customer; the new version."""
        column = customers.c
        statement = (
            update(customers)
            .where(column.tenant_id == self._tenant_id, column.id == customer_id)
            .values(version=column.version + 1, updated_at=func.now(), **values)
            .returning(column.version)
        )
        return int((await self._connection.execute(statement)).scalar_one())

    async def add_consent(self, customer_id: CustomerId, *, purpose: str, granted: bool, source: str) -> None:
        """Add what a customer said about a purpose; the latest of it is in force."""
        named = {"tenant_id": self._tenant_id, "customer_id": customer_id, "purpose": purpose}
        number = await self._connection.scalar(_ADD_CONSENT, {**named, "granted": granted, "source": source})
        await self._connection.execute(_DROP_OLD_CONSENTS, {**named, "number": int(number or 0) - MOST_CHANGES})

    async def find_consents(self, customer_id: CustomerId) -> list[Consent]:
        """Everything that a customer has said about any purpose, the earliest first."""
        column = consents.c
        statement = (
            select(consents)
            .where(column.tenant_id == self._tenant_id, column.customer_id == customer_id)
            .order_by(column.at, column.purpose, column.number)
        )
        return [_consent(row) for row in await self._connection.execute(statement)]

    async def merge(self, customer_id: CustomerId, into: CustomerId) -> None:
        """Let everything of a customer be another's; whoever books by an address of either is the latter from now on.

        The row stays for its addresses, and is erased with that of the other.
        """
        parameters = {"tenant_id": self._tenant_id, "customer_id": customer_id, "into": into}
        for statement in (_MERGE_CUSTOMERS, _MERGE_APPOINTMENTS, _MERGE_KEYS, _MERGE_CONSENTS):
            await self._connection.execute(statement, parameters)

    async def lock_person(self, customer_id: CustomerId) -> CustomerIds | None:
        """Lock a customer, as they are stored now, and those merged into them; None for one who is unknown."""
        former, named = None, await self._id_now(customer_id)
        while named is not None and named != former:
            # A merge that this waits for may have given the customer another id.
            await self._lock(named)
            former, named = named, await self._id_now(customer_id)
        if named is None:
            return None
        # Once more: whoever was merged while this waited is seen now.
        return CustomerIds(id=named, erased_at=await self._lock(named))

    async def mark_erased(self, ids: Collection[CustomerId]) -> None:
        """Note of customers that nothing is left of them."""
        await self._connection.execute(_MARK, {"tenant_id": self._tenant_id, "ids": list(ids)})

    async def find_past(self, before: datetime, limit: int) -> list[CustomerId]:
        """Customers who were added, and whose last appointment has ended, before an instant."""
        parameters = {"tenant_id": self._tenant_id, "before": before, "limit": limit}
        return [CustomerId(one) for one in await self._connection.scalars(_FIND_PAST, parameters)]

    async def has_come(self, customer_id: CustomerId, since: datetime) -> bool:
        """True if the customer has an appointment that ends then or later."""
        parameters = {"tenant_id": self._tenant_id, "customer_id": customer_id, "since": since}
        return bool(await self._connection.scalar(_HAS_COME, parameters))

    async def _id_now(self, customer_id: CustomerId) -> CustomerId | None:
        column = customers.c
        found = await self._connection.scalar(
            select(func.coalesce(column.merged_into, column.id)).where(
                column.tenant_id == self._tenant_id, column.id == customer_id
            )
        )
        return None if found is None else CustomerId(found)

    async def _lock(self, customer_id: CustomerId) -> Mapping[CustomerId, datetime | None]:
        named = {"tenant_id": self._tenant_id, "customer_id": customer_id}
        rows = await self._connection.execute(_LOCK_PERSON, named)
        return {CustomerId(row.id): row.erased_at for row in rows}

    async def _key_of(self, customer_id: CustomerId) -> tuple[KeyRing | None, Any]:
        """The ring and the personal key of a customer, who is given one where there is a ring and no key yet."""
        keys = PersonalKeys(self._connection, self._tenant_id)
        sealed = (await keys.find([customer_id])).get(customer_id)
        ring = await BusinessKeys.of(self._connection).find(
            self._connection, self._tenant_id, () if sealed is None else (sealed,)
        )
        if ring is None:
            return None, None
        if sealed is not None:
            return ring, ring.open_personal_key(sealed, customer_id)
        key = ring.new_personal_key(customer_id)
        await keys.add(customer_id, customer_id, key)
        return ring, key

    def _select(self) -> Select[Any]:
        return select(customers, key_of(self._tenant_id, customers.c.id)).where(
            customers.c.tenant_id == self._tenant_id
        )

    async def _records(self, rows: Sequence[Row[Any]]) -> list[CustomerRecord]:
        sealed = [row.personal_key for row in rows if row.personal_key is not None]
        ring = None
        if sealed:
            ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id, sealed)
        in_force = await self._consents_in_force([row.id for row in rows])
        return [_record(row, ring, in_force.get(row.id, ())) for row in rows]

    async def _consents_in_force(self, ids: Sequence[str]) -> dict[str, tuple[Consent, ...]]:
        found: dict[str, tuple[Consent, ...]] = {}
        for row in await self._connection.execute(_IN_FORCE, {"tenant_id": self._tenant_id, "ids": list(ids)}):
            found[row.customer_id] = (*found.get(row.customer_id, ()), _consent(row))
        return found

    def _is_of(self, own: Own | None) -> ColumnElement[bool]:
        """Build the condition that a customer belongs to an actor: those of its visits, or itself; None: any does."""
        if own is None:
            return true()
        if own.customer_id is not None:
            return customers.c.id == own.customer_id
        if own.resource_id is None:
            return false()
        part = appointment_resources.c
        return exists().where(
            and_(
                appointments.c.tenant_id == self._tenant_id,
                appointments.c.customer_id == customers.c.id,
                part.tenant_id == self._tenant_id,
                part.appointment_id == appointments.c.id,
                part.resource_id == own.resource_id,
            )
        )


def _record(row: Row[Any], ring: KeyRing | None, in_force: Sequence[Consent]) -> CustomerRecord:
    return CustomerRecord(
        id=CustomerId(row.id),
        details=_details(row, ring),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        erased_at=row.erased_at,
        merged_into=None if row.merged_into is None else CustomerId(row.merged_into),
        consents=tuple(in_force),
    )


def _details(row: Row[Any], ring: KeyRing | None) -> CustomerDetails:
    """Open the personal part of a customer's row; without its key nothing is left of it. Raises SecretUnreadable."""
    if row.erased_at is not None or (row.personal is not None and row.personal_key is None):
        return _ERASED
    if row.personal is None:
        return CustomerDetails(name=row.name, email=row.email, phone=row.phone, timezone=row.timezone)
    if ring is None:
        message = "No HOLDFAST_MASTER_KEY is set, and personal data was sealed by one."
        raise SecretUnreadable(message)
    opened = ring.open_personal_key(row.personal_key, row.id).open(
        row.personal, customer_place(TenantId(row.tenant_id), row.id)
    )
    return CustomerDetails(**orjson.loads(opened)["customer"])


def _consent(row: Row[Any]) -> Consent:
    return Consent(purpose=row.purpose, granted=row.granted, source=row.source, at=row.at)
