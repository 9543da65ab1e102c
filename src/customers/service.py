"""Use cases on customers: look-up, changes, consents, export, merging."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError

from availability.state.catalogue_snapshots import CatalogueSnapshots
from bookings.audit_notes import PERSONAL
from bookings.model import Appointment, AppointmentFilter, CustomerDetails
from bookings.phone_numbers import fault_of
from bookings.repository import AppointmentRepository
from customers.events import customer_updated
from customers.model import (
    MOST_PURPOSES,
    CustomerChange,
    CustomerExists,
    CustomerQuery,
    CustomerRecord,
    PersonalExport,
    refuse_merge_into_itself,
)
from customers.repository import StoredCustomerRepository, unknown_customer
from kernel.errors import ValidationFailed, VersionConflict
from kernel.ids import CustomerId, TenantId, is_id
from kernel.operation import Operation
from kernel.pages import MAX_PAGE_SIZE, Page, decode_cursor, encode_cursor, unusable_cursor
from kernel.spans import to_datetime
from kernel.zones import country_of
from persistence.audit import AuditNote
from persistence.unit_of_work import Transaction, UnitOfWork

DETAILS: Final = ("name", "email", "phone", "timezone")
"""Personal fields of a customer, as the API spells them."""
MOST_SEARCHED: Final = 2000
"""Names that one request opens and compares: some hundredths of a second. The next page goes on from there."""
_BATCH: Final = 200
_ATTEMPTS: Final = 3
"""Somebody may book by the new address while it is given to a customer; then it is looked for again."""


class CustomerService:
    """Use cases on customers. Each is one transaction.

    All raise NotFound for a customer who is unknown, or none of the operation's own, and StoreUnavailable. Who was
    merged into another is that one.
    """

    def __init__(self, *, unit_of_work: UnitOfWork, snapshots: CatalogueSnapshots) -> None:
        self._unit_of_work = unit_of_work
        self._snapshots = snapshots

    async def find_id(self, operation: Operation, customer_id: CustomerId) -> CustomerId:
        """The id under which the customer is stored now; nothing personal is read."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            return await StoredCustomerRepository(connection, operation.tenant_id).find_id(
                customer_id, own=operation.own
            )

    async def get(self, operation: Operation, customer_id: CustomerId) -> CustomerRecord:
        """Read a customer."""
        async with self._unit_of_work.reading(operation) as transaction:
            found = await _repository(transaction).find(customer_id, own=operation.own)
            await _note_reading(transaction, [found])
        return found

    async def find(
        self, operation: Operation, query: CustomerQuery, *, limit: int, cursor: str | None
    ) -> Page[CustomerRecord]:
        """List customers, those who were added last first.

        An address finds the customer who is stored under it, exactly. A part of a name is looked for in up to
        MOST_SEARCHED customers, whose names are opened for it: a page may have fewer than `limit`, or none, and a
        cursor all the same. Raises ValidationFailed.
        """
        before = None if cursor is None else _position_of(cursor)
        countries = await self._countries(operation.tenant_id)
        async with self._unit_of_work.reading(operation) as transaction:
            repository = _repository(transaction)
            if query.has_address:
                page = Page(
                    data=tuple(await _find_by_address(repository, query, countries, operation)), next_cursor=None
                )
            else:
                page = await _find_by_name(repository, query.name_part, operation, before, limit)
            await _note_reading(transaction, page.data)
        return page

    async def change(
        self, operation: Operation, customer_id: CustomerId, change: CustomerChange, *, expected_version: int | None
    ) -> CustomerRecord:
        """Change contact details; appointments keep what was given when they were booked.

        Raises VersionConflict, ValidationFailed, CustomerExists where another customer has the new address.
        """
        country = _only(await self._countries(operation.tenant_id))
        for attempt in range(_ATTEMPTS):
            try:
                return await self._change(operation, customer_id, change, country, expected_version)
            except IntegrityError:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError

    async def set_consent(
        self, operation: Operation, customer_id: CustomerId, *, purpose: str, granted: bool, source: str
    ) -> CustomerRecord:
        """Note what a customer says about a purpose; to say the same again changes nothing. Raises ValidationFailed."""
        async with self._unit_of_work.begin(operation) as transaction:
            repository = _repository(transaction)
            found = _living(await repository.find(customer_id, own=operation.own, for_update=True))
            known = {consent.purpose: consent for consent in found.consents}
            in_force = known.get(purpose)
            if in_force is not None and (in_force.granted, in_force.source) == (granted, source):
                return found
            if in_force is None and len(known) >= MOST_PURPOSES:
                raise ValidationFailed.of("purpose", f"must be one of the {MOST_PURPOSES} that the customer has")
            await repository.add_consent(found.id, purpose=purpose, granted=granted, source=source)
            await _note_change(transaction, found.id, await repository.touch(found.id), (f"consents.{purpose}",))
            return await repository.find(found.id, own=None)

    async def merge(self, operation: Operation, customer_id: CustomerId, into: CustomerId) -> CustomerRecord:
        """Let two customers be one: appointments, consents and addresses of the first belong to the other from now on.

        The details of the other stay. Raises ValidationFailed where both are the same already.
        """
        async with self._unit_of_work.begin(operation) as transaction:
            repository = _repository(transaction)
            ids = [await repository.find_id(one, own=operation.own) for one in (customer_id, into)]
            # In one order in every transaction, so that two merges never wait for each other in a circle.
            locked = {one: await repository.find(one, own=None, for_update=True) for one in sorted(set(ids))}
            first, other = (_living(locked[one]) for one in ids)
            if first.id == other.id:
                raise refuse_merge_into_itself()
            await repository.merge(first.id, other.id)
            version = await repository.touch(other.id)
            await transaction.outbox.add(customer_updated(other.id, version, ("merged",), merged=first.id))
            await transaction.audit.add(
                AuditNote(subject=other.id, more_subjects=[first.id], fields=("merged",)),
            )
            return await repository.find(other.id, own=None)

    async def export(
        self, operation: Operation, customer_id: CustomerId
    ) -> tuple[PersonalExport, Sequence[Appointment]]:
        """Everything that is stored about a customer; of another's appointments nothing, where only own ones exist."""
        async with self._unit_of_work.reading(operation) as transaction:
            repository = _repository(transaction)
            found = _living(await repository.find(customer_id, own=operation.own))
            merged = await repository.find_merged(found.id)
            export = PersonalExport(customer=found, merged=merged, consents=await repository.find_consents(found.id))
            booked = await _all_appointments(transaction, found.id)
            if not operation.is_by_customer:
                ids = [*(one.id for one in merged), *(one.id for one in booked)]
                note = AuditNote(subject=found.id, more_subjects=ids, fields=(*DETAILS, "consents", *PERSONAL))
                await transaction.audit.add(note)
        return export, booked

    async def _change(
        self,
        operation: Operation,
        customer_id: CustomerId,
        change: CustomerChange,
        country: str | None,
        expected_version: int | None,
    ) -> CustomerRecord:
        async with self._unit_of_work.begin(operation) as transaction:
            repository = _repository(transaction)
            found = _living(await repository.find(customer_id, own=operation.own, for_update=True))
            if expected_version is not None and found.version != expected_version:
                detail = f"The object is at version {found.version}."
                raise VersionConflict(detail, version=found.version)
            details, fields = change.changed(found.details)
            if not fields:
                return found
            _check_phone(details, fields, country)
            other = await repository.find_other(details, country, found.id)
            if other is not None and not {"email", "phone"}.isdisjoint(fields):
                raise CustomerExists(other if await repository.is_own(other, operation.own) else None)
            await _note_change(transaction, found.id, await repository.save(found.id, details, country), fields)
            return await repository.find(found.id, own=None)

    async def _countries(self, tenant_id: TenantId) -> set[str | None]:
        """The countries whose numbers need no country code at some location of the business."""
        catalogue = await self._snapshots.catalogue(tenant_id)
        return {one.country or country_of(one.timezone) for one in catalogue.locations} or {None}


def folded(name: str) -> str:
    """A name as it is compared: without accents, and in one case."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _repository(transaction: Transaction) -> StoredCustomerRepository:
    return StoredCustomerRepository(transaction.connection, transaction.tenant_id)


async def _find_by_address(
    repository: StoredCustomerRepository, query: CustomerQuery, countries: set[str | None], operation: Operation
) -> list[CustomerRecord]:
    """The customers whom every address in the query finds, and whose names have the part of it."""
    found: dict[CustomerId, CustomerRecord] | None = None
    for details in (
        CustomerDetails(name="", email=query.email),
        CustomerDetails(name="", phone=query.phone),
    ):
        if details.email is None and details.phone is None:
            continue
        of_address = {one.id: one for one in await repository.find_by_address(details, countries, own=operation.own)}
        found = of_address if found is None else {key: found[key] for key in found.keys() & of_address.keys()}
    part = None if query.name_part is None else folded(query.name_part)
    return [one for one in (found or {}).values() if part is None or part in folded(one.details.name)]


async def _find_by_name(
    repository: StoredCustomerRepository, part: str | None, operation: Operation, before: str | None, limit: int
) -> Page[CustomerRecord]:
    """The next customers whose names have the part, among the next MOST_SEARCHED; without one, the next at all."""
    matches: list[CustomerRecord] = []
    wanted, batch, searched = None if part is None else folded(part), limit + 1 if part is None else _BATCH, 0
    while True:
        rows = await repository.find_page(own=operation.own, before=before, limit=batch)
        for row in rows:
            if len(matches) == limit:
                return Page(data=tuple(matches), next_cursor=encode_cursor(before or ""))
            before = row.id
            if wanted is None or wanted in folded(row.details.name):
                matches.append(row)
        searched += len(rows)
        if len(rows) < batch:
            return Page(data=tuple(matches), next_cursor=None)
        if searched >= MOST_SEARCHED:
            return Page(data=tuple(matches), next_cursor=encode_cursor(before or ""))


async def _all_appointments(transaction: Transaction, customer_id: CustomerId) -> list[Appointment]:
    """Every appointment of a customer that the operation may see, by start."""
    repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
    found: list[Appointment] = []
    while True:
        after = (to_datetime(found[-1].span.start), str(found[-1].id)) if found else None
        page = await repository.find_page(
            AppointmentFilter(customer_id=customer_id), own=transaction.operation.own, after=after, limit=MAX_PAGE_SIZE
        )
        found += page
        if len(page) < MAX_PAGE_SIZE:
            return found


def _living(customer: CustomerRecord) -> CustomerRecord:
    """The customer. Raises NotFound for one who was erased: there is nothing to change or to tell."""
    if customer.erased_at is not None:
        raise unknown_customer(customer.id)
    return customer


async def _note_reading(transaction: Transaction, found: Sequence[CustomerRecord]) -> None:
    """Note that the personal data of customers was read, by anybody but themselves."""
    if found and not transaction.operation.is_by_customer:
        first, *others = [one.id for one in found]
        await transaction.audit.add(AuditNote(subject=first, more_subjects=others, fields=DETAILS))


async def _note_change(transaction: Transaction, customer_id: CustomerId, version: int, fields: Sequence[str]) -> None:
    await transaction.outbox.add(customer_updated(customer_id, version, fields))
    await transaction.audit.add(AuditNote(subject=customer_id, fields=fields))


def _check_phone(details: CustomerDetails, fields: Sequence[str], country: str | None) -> None:
    if "phone" in fields and details.phone is not None:
        fault = fault_of(details.phone, country)
        if fault is not None:
            raise ValidationFailed.of("phone", fault)


def _only(countries: set[str | None]) -> str | None:
    """The one country; None where there are several, so that a number needs its country code."""
    return next(iter(countries)) if len(countries) == 1 else None


def _position_of(cursor: str) -> str:
    position = decode_cursor(cursor)
    if not is_id(position):
        raise unusable_cursor()
    return position
