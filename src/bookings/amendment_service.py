"""Use case that changes what is booked: party, service, length and customer details."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from availability.rules.overrides import rules_waived
from availability.state.catalogue_snapshots import CatalogueSnapshot
from bookings import lifecycle
from bookings.amendment import Amended, Amendment, amend, check_amendable
from bookings.attempts import again_if_overtaken
from bookings.audit_notes import change_note
from bookings.collaborators import Collaborators
from bookings.customers import CustomerRepository, identity
from bookings.held_visit import held_visit
from bookings.lanes import lane_spans
from bookings.lifecycle import AppointmentChange
from bookings.limits import limits_on, limits_on_days
from bookings.model import Appointment
from bookings.own_claims import own_claims_of
from bookings.phone_numbers import country_of_visit
from bookings.questions import check_amended
from bookings.repository import AppointmentRepository
from bookings.route_limits import pool_of
from catalogue.model.rules.rule import Unset
from holds.model import Hold, PlaceRequest, SlotTaken
from holds.service import Pinning
from kernel.clock import business_now
from kernel.errors import DomainError, StoreUnavailable
from kernel.ids import AppointmentId, CustomerId, ResourceId, new_customer_id, new_hold_id
from kernel.operation import Operation
from kernel.spans import Span, to_datetime
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import Transaction


class AmendmentService:
    """Amends appointments, each in one transaction."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._unit_of_work = collaborators.unit_of_work
        self._snapshots = collaborators.snapshots
        self._staff_days = collaborators.staff_days
        self._cache_sync = collaborators.cache_sync
        self._holds = collaborators.holds
        self._clock = collaborators.clock
        self._grace = collaborators.grace

    async def amend(
        self, operation: Operation, appointment_id: AppointmentId, amendment: Amendment, *, expected_version: int | None
    ) -> Amended:
        """Change the appointment at the start that it has; whoever serves now is kept, as in a move.

        Working time, bookings, holds and daily limits are judged as for a booking; notice, booking window and grid are
        not asked again. Raises NotFound, VersionConflict, InvalidTransition, CutoffPassed; SlotTaken, SlotHeld or
        NotOffered where the changed visit has no room, LimitReached, ValidationFailed, StoreUnavailable. In each case
        nothing changed, except that StoreUnavailable may hide a success.
        """
        return await again_if_overtaken(
            partial(self._amend, operation, appointment_id, amendment, expected_version=expected_version),
            expected_version=expected_version,
        )

    async def _amend(
        self, operation: Operation, appointment_id: AppointmentId, amendment: Amendment, *, expected_version: int | None
    ) -> Amended:
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = AppointmentRepository(connection, operation.tenant_id)
            row = await repository.find_with_clock(appointment_id, own=operation.own)
        appointment, _ = self._checked(row, expected_version, operation, amendment)
        country = await self._check_details(operation, appointment, amendment)
        is_of_visit, amendment = amendment.is_of_visit, amendment.without_present(appointment)
        commit_before = self._grace.commit_before()
        hold = await self._place(operation, appointment, amendment) if amendment.is_of_visit else None
        try:
            # The hold was made for the appointment as it was read, and a party is no change to it: to no other.
            expected = appointment.version if is_of_visit else expected_version
            before, after = await self._commit(
                operation, appointment_id, amendment, hold, (expected, commit_before), country=country
            )
        except StoreUnavailable:
            # Whether it changed is unknown: the hold guards the minutes until its grace ends.
            raise
        except DomainError:
            if hold is not None:
                with suppress(RedisUnavailable):
                    await self._holds.abandon(operation, hold.id)
            raise
        return Amended(
            appointment=after,
            previous_price=before.price,
            changed_resources=lifecycle.changed_resources(before, after),
        )

    async def _check_details(self, operation: Operation, appointment: Appointment, amendment: Amendment) -> str | None:
        """The country of the customer's telephone number, where details change.

        Raises ValidationFailed for an impossible number, and where a contact detail is removed that the service as it
        is now requires.
        """
        if not amendment.customer:
            return None
        snapshot = await self._snapshots.get(operation.tenant_id)
        country = country_of_visit(snapshot.catalogue, appointment)
        service = snapshot.catalogue.service_by_id.get(appointment.service_id)
        check_amended(
            () if service is None else snapshot.index.rules(service).require,
            amendment.details(appointment.customer),
            amendment.customer,
            country=country,
        )
        return country

    async def _place(self, operation: Operation, appointment: Appointment, amendment: Amendment) -> Hold:
        """Place a pinned hold on the changed visit. The appointment's own claims do not block it."""
        own = await own_claims_of(self._staff_days, operation.tenant_id, appointment)
        catalogue = None
        if isinstance(amendment.service, Unset):
            named = frozenset({appointment.service_id})
            catalogue = await self._snapshots.catalogue(operation.tenant_id, naming=named)
        request = PlaceRequest(
            service=appointment.service_id if isinstance(amendment.service, Unset) else amendment.service,
            start=to_datetime(appointment.span.start),
            location=appointment.location_id,
            party=appointment.party if isinstance(amendment.party, Unset) else amendment.party,
            # What the business waived for the booking, its customer does not waive.
            overrides=() if operation.is_by_customer else rules_waived(appointment.overrides),
            choices=amendment.choices(appointment),
            pool=() if catalogue is None else pool_of(catalogue, appointment),
        )
        own = replace(own, keeps_start=True, visit_minutes=amendment.visit_minutes(appointment))
        pinning = Pinning(hold_id=new_hold_id(), grace_ms=self._grace.pin_ms, own=own)
        return await self._holds.place_pinned(operation, request, pinning)

    async def _commit(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        amendment: Amendment,
        hold: Hold | None,
        expectations: tuple[int | None, float],
        *,
        country: str | None,
    ) -> tuple[Appointment, Appointment]:
        """Write the amendment; the appointment before and after it."""
        expected_version, commit_before = expectations
        snapshot = None
        if hold is not None:
            snapshot = await self._snapshots.current(operation.tenant_id, hold.catalogue_version, naming=hold.names)
        async with self._unit_of_work.begin(operation, commit_before=commit_before) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            row = await repository.find_with_clock(appointment_id, own=operation.own, for_update=True)
            before, now = self._checked(row, expected_version, operation, amendment)
            visit = None if snapshot is None or hold is None else held_visit(snapshot, hold)
            customer_id = await _customer_id(transaction, before, amendment, country)
            change = amend(
                before, now, amendment=amendment, actor=operation.actor, visit=visit, customer_id=customer_id
            )
            changed: list[tuple[ResourceId, Span]] = []
            if snapshot is not None and hold is not None:
                after = replace(change.appointment, overrides=hold.overrides)
                await _check_limits(repository, snapshot, before, after, by_visitor=operation.is_by_customer)
                changed = await _lay_claims_anew(repository, snapshot, change, hold)
            await repository.save(change.appointment)
            await transaction.outbox.add(change.event)
            await transaction.audit.add(change_note(before, change.appointment))
        if hold is not None:
            await self._cache_sync.drop_changed(operation.tenant_id, transaction.commit_id, claims=changed)
            with suppress(RedisUnavailable):
                await self._holds.abandon(operation, hold.id)
                # Where its booking was never settled, the hold it came from still keeps the minutes from others.
                await self._holds.abandon(operation, before.hold_id)
        return before, change.appointment

    def _checked(
        self,
        row: tuple[Appointment, datetime | None],
        expected_version: int | None,
        operation: Operation,
        amendment: Amendment,
    ) -> tuple[Appointment, datetime]:
        """The appointment, and the time of the business. Raises as `amend` where it may not be amended."""
        appointment, sandbox_now = row
        now = business_now(sandbox_now, self._clock)
        lifecycle.check_version(appointment, expected_version)
        check_amendable(appointment, now, actor=operation.actor, amendment=amendment)
        return appointment, now


async def _lay_claims_anew(
    repository: AppointmentRepository, snapshot: CatalogueSnapshot, change: AppointmentChange, hold: Hold
) -> list[tuple[ResourceId, Span]]:
    """Replace claims and parts; the minutes that were or are claimed. Raises SlotTaken."""
    appointment = change.appointment
    freed = await repository.remove_claims(appointment.id)
    if not await repository.add_claims(appointment.id, lane_spans(snapshot.catalogue, hold)):
        raise SlotTaken
    await repository.replace_parts(appointment)
    return [*freed, *((claim.resource_id, claim.span) for claim in hold.claims)]


async def _check_limits(
    repository: AppointmentRepository,
    snapshot: CatalogueSnapshot,
    before: Appointment,
    after: Appointment,
    *,
    by_visitor: bool,
) -> None:
    """Raise LimitReached where the changed visit, with the overrides that count for the change, exceeds a limit.

    The number of the customer's active appointments stays, unless it is counted by service.
    """
    service = snapshot.catalogue.service_by_id[after.service_id]
    changes = (before.service_id, before.customer_id) != (after.service_id, after.customer_id)
    limits = (limits_on if changes else limits_on_days)(snapshot.index, service, after, by_visitor=by_visitor)
    if limits:
        await repository.lock_limits(limits)
        used_up = await repository.find_used_up(limits, after.updated_at, excluding=after.id)
        if used_up is not None:
            raise used_up.refusal()


async def _customer_id(
    transaction: Transaction, before: Appointment, amendment: Amendment, country: str | None
) -> CustomerId:
    """The customer by the new address where the business changes it; a customer keeps what counts for their limits."""
    details = amendment.details(before.customer)
    if transaction.operation.is_by_customer or identity(details, country) in {
        None,
        identity(before.customer, country),
    }:
        return before.customer_id
    customers = CustomerRepository(transaction.connection, transaction.tenant_id)
    return await customers.find_or_add(replace(before, customer=details, customer_id=new_customer_id()), country)
