"""Use cases on appointments that exist."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeAlias

from availability.model import Override
from availability.state.catalogue_snapshots import CatalogueSnapshot
from bookings import lifecycle
from bookings.attempts import again_if_overtaken
from bookings.audit_notes import change_note, note_reading
from bookings.collaborators import Collaborators
from bookings.cursor import cursor_after, position_of
from bookings.freed_time import FreedTimeRepository
from bookings.held_visit import held_visit
from bookings.lanes import lane_spans
from bookings.lifecycle import AppointmentChange
from bookings.limits import limits_on_days
from bookings.model import Appointment, AppointmentFilter, Rescheduled, Status
from bookings.own_claims import own_claims_of
from bookings.planned_moves import PlannedMoves
from bookings.reopening import Reopening
from bookings.repository import AppointmentRepository, unknown_appointment
from bookings.route_limits import check_served_on
from catalogue.model.rules.rule import Unset
from holds import refusals
from holds.model import Hold, HoldStatus, SlotTaken
from holds.service import Pinning
from kernel.clock import business_now
from kernel.errors import DomainError, StoreUnavailable, ValidationFailed
from kernel.ids import AppointmentId, HoldId, ResourceId, new_hold_id
from kernel.operation import Operation
from kernel.spans import Span, to_minute_ceiling
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import Transaction
from telemetry.measures import (
    BOOKINGS_CANCELLED,
    BOOKINGS_DECLINED,
    BOOKINGS_EXPIRED,
    BOOKINGS_RESCHEDULED,
    RESCHEDULES_LOST,
)

_Decide: TypeAlias = Callable[[Appointment, datetime], AppointmentChange]


class AppointmentService:
    """Use cases on appointments that exist. Each is one transaction.

    All raise NotFound for an appointment that is unknown, or none of the operation's own, and StoreUnavailable when
    Postgres does not answer. Use cases that change an appointment raise VersionConflict when it does not have the
    `expected_version`, if one is given, and InvalidTransition when its status does not allow the change.
    """

    def __init__(self, collaborators: Collaborators) -> None:
        self._unit_of_work = collaborators.unit_of_work
        self._snapshots = collaborators.snapshots
        self._cache_sync = collaborators.cache_sync
        self._staff_days = collaborators.staff_days
        self._holds = collaborators.holds
        self._clock = collaborators.clock
        self._grace = collaborators.grace
        self._metrics = collaborators.metrics
        self._reopening = Reopening(collaborators)
        self._planned_moves = PlannedMoves(collaborators)

    async def get(self, operation: Operation, appointment_id: AppointmentId) -> Appointment:
        """Read the appointment."""
        async with self._unit_of_work.reading(operation) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            found = await repository.find(appointment_id, own=operation.own)
            if found is None:
                raise unknown_appointment(appointment_id)
            await note_reading(transaction, [found])
        return found

    async def find(
        self, operation: Operation, criteria: AppointmentFilter, *, after: str | None, limit: int
    ) -> tuple[list[Appointment], str | None]:
        """List up to `limit` appointments by start, with the cursor to go on from, None at the end.

        Raises ValidationFailed when `after` is no cursor of an earlier list.
        """
        position = None if after is None else position_of(after)
        async with self._unit_of_work.reading(operation) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            rows = await repository.find_page(criteria, own=operation.own, after=position, limit=limit + 1)
            page = rows[:limit]
            await note_reading(transaction, page)
        return page, cursor_after(page[-1]) if len(rows) > limit else None

    async def cancel(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        reason: str | None,
        expected_version: int | None,
    ) -> Appointment:
        """Cancel; the time is free at once.

        A customer pays the fee of the policy in force at the booking, unless the appointment is pending; anybody else
        cancels free of charge. Raises CutoffPassed when the actor is a customer and a confirmed visit has begun.
        """
        decide = partial(lifecycle.cancel, actor=operation.actor, reason=reason)
        cancelled = await self._apply(operation, appointment_id, expected_version, decide)
        self._metrics.add(BOOKINGS_CANCELLED)
        return cancelled

    async def decline(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Refuse a pending appointment, free of charge; the time is free at once."""
        declined = await self._apply(operation, appointment_id, expected_version, lifecycle.decline)
        self._metrics.add(BOOKINGS_DECLINED)
        return declined

    async def approve(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Confirm a pending appointment that has not expired. It has its time already."""
        return await self._apply(operation, appointment_id, expected_version, lifecycle.approve)

    async def complete(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Note that the visit took place, once it has begun; what is left of its time is free at once.

        The buffers after it stay: they begin now.
        """
        return await self._apply(operation, appointment_id, expected_version, lifecycle.complete)

    async def no_show(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        expected_version: int | None,
        waives_fee: bool = False,
    ) -> Appointment:
        """Note after the start that the customer did not come; what is left of the time is free at once.

        It costs the fee of the policy in force at the booking, unless the fee is waived.
        """
        decide = partial(lifecycle.no_show, waives_fee=waives_fee)
        return await self._apply(operation, appointment_id, expected_version, decide)

    async def waive_fee(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Drop the fee of a cancellation or a no-show."""
        return await self._apply(operation, appointment_id, expected_version, lifecycle.waive_fee)

    async def reopen(
        self, operation: Operation, appointment_id: AppointmentId, *, expected_version: int | None
    ) -> Appointment:
        """Undo a completion or a no-show of the last day, as Reopening.reopen does."""
        return await self._reopening.reopen(operation, appointment_id, expected_version=expected_version)

    async def annotate(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        notes: str | None | Unset,
        metadata: Mapping[str, str] | Unset,
        expected_version: int | None,
    ) -> Appointment:
        """Replace notes or metadata; an unset value leaves them as they are."""
        decide = partial(lifecycle.annotate, notes=notes, metadata=metadata)
        return await self._apply(operation, appointment_id, expected_version, decide)

    async def expire(self, operation: Operation, limit: int) -> int:
        """Cancel up to `limit` appointments that were not approved in time, and return their number.

        The times are free at once. Several processes may do this at the same time: each appointment expires once.
        """
        expired: list[Appointment] = []
        freed: list[tuple[ResourceId, Span]] = []
        async with self._unit_of_work.begin(operation) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            for before, sandbox_now in await repository.find_expired(self._clock.now(), limit):
                change = lifecycle.expire(before, business_now(sandbox_now, self._clock))
                freed += await _save(transaction, before, change)
                expired.append(change.appointment)
        self._metrics.add(BOOKINGS_EXPIRED, len(expired))
        if expired:
            await self._settle_ended(transaction, expired, freed)
        return len(expired)

    async def _apply(
        self, operation: Operation, appointment_id: AppointmentId, expected_version: int | None, decide: _Decide
    ) -> Appointment:
        """Change the appointment in one transaction, as `decide` says; its end frees what is left of its time."""
        async with self._unit_of_work.begin(operation) as transaction:
            before, now = await self._lock(transaction, appointment_id, expected_version)
            change = decide(before, now)
            freed = await _save(transaction, before, change)
        if change.appointment.status is Status.CANCELLED or freed:
            await self._settle_ended(transaction, [change.appointment], freed)
        return change.appointment

    async def _lock(
        self, transaction: Transaction, appointment_id: AppointmentId, expected_version: int | None
    ) -> tuple[Appointment, datetime]:
        """Read the appointment for a change, and the business's time."""
        repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
        appointment, sandbox_now = await repository.find_with_clock(
            appointment_id, own=transaction.operation.own, for_update=True
        )
        lifecycle.check_version(appointment, expected_version)
        return appointment, business_now(sandbox_now, self._clock)

    async def _settle_ended(
        self, transaction: Transaction, ended: Sequence[Appointment], freed: Sequence[tuple[ResourceId, Span]]
    ) -> None:
        """Update the cache and the holds after the commit that ended the appointments."""
        await self._cache_sync.drop_changed(transaction.tenant_id, transaction.commit_id, claims=freed)
        # Where its booking was never settled, the hold it came from still keeps the time from others.
        with suppress(RedisUnavailable):
            for appointment in ended:
                await self._holds.abandon(transaction.operation, appointment.hold_id)

    async def reschedule(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        start: datetime | None,
        resource: str | None,
        location: str | None = None,
        hold_id: HoldId | None,
        expected_version: int | None,
        overrides: tuple[Override, ...] = (),
        dry_run: bool = False,
    ) -> Rescheduled:
        """Move to another start, or onto a hold: the old time is free exactly when the new one is taken.

        Every role's present resource is asked first, and only who is not free is replaced; a `resource` that is asked
        for comes before them. `overrides` are the rules that the business waives; with `held`, holds of others end that
        are in the way, before anybody is replaced. Raises CutoffPassed or LimitReached by the policy in force at the
        booking, which binds customers; SlotTaken, SlotHeld or NotOffered when the start is not free; HoldNotFound,
        HoldExpired; ValidationFailed. In each case the appointment stays as it was; with `dry_run` it
        does so anyway, and the answer is what would be.
        """
        if hold_id is not None and any(asked is not None for asked in (start, resource, location)):
            detail = "sets time, resource and location: leave out start, resource and location"
            raise ValidationFailed.of("hold", detail)
        if dry_run:
            return await self._planned_moves.plan(
                operation,
                appointment_id,
                start=start,
                resource=resource,
                location=location,
                hold_id=hold_id,
                expected_version=expected_version,
                overrides=overrides,
            )
        return await again_if_overtaken(
            partial(
                self._reschedule,
                operation,
                appointment_id,
                start=start,
                resource=resource,
                location=location,
                hold_id=hold_id,
                expected_version=expected_version,
                overrides=overrides,
            ),
            expected_version=expected_version,
        )

    async def _reschedule(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        *,
        start: datetime | None,
        resource: str | None,
        location: str | None,
        hold_id: HoldId | None,
        expected_version: int | None,
        overrides: tuple[Override, ...],
    ) -> Rescheduled:
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = AppointmentRepository(connection, operation.tenant_id)
            appointment, sandbox_now = await repository.find_with_clock(appointment_id, own=operation.own)
        lifecycle.check_version(appointment, expected_version)
        lifecycle.check_movable(appointment, business_now(sandbox_now, self._clock), actor=operation.actor)
        commit_before = self._grace.commit_before()
        if hold_id is not None:
            hold = await self._pin(operation, appointment, hold_id)
        elif start is not None:
            hold = await self._place(operation, appointment, start, (resource, location), overrides)
        else:
            raise ValidationFailed.of("start", "give a start, or a hold to move onto")
        try:
            # The hold was checked against the appointment as it was read: it is for no other.
            before, moved = await self._move(operation, appointment_id, hold, appointment.version, commit_before)
        except StoreUnavailable:
            # Whether it moved is unknown: the hold guards the new time until its grace ends.
            raise
        except DomainError as refusal:
            # The caller's own hold is still good, unless its time is taken.
            if hold_id is None or isinstance(refusal, SlotTaken):
                with suppress(RedisUnavailable):
                    await self._holds.abandon(operation, hold.id)
            else:
                await self._holds.unpin(operation, hold)
            raise
        return Rescheduled(
            appointment=moved,
            previous=before,
            gave_way=hold.gave_way,
            changed_resources=lifecycle.changed_resources(before, moved),
        )

    async def _pin(self, operation: Operation, appointment: Appointment, hold_id: HoldId) -> Hold:
        """Pin the hold to move onto, after a look at it: a pin in vain would only prolong it."""
        candidate = await self._holds.get(operation, hold_id)
        lifecycle.check_hold_to_move_onto(appointment, candidate)
        catalogue = await self._snapshots.catalogue(operation.tenant_id, naming=frozenset({appointment.service_id}))
        check_served_on(catalogue, operation, appointment, candidate)
        hold = await self._holds.pin(operation, hold_id, self._grace.pin_ms)
        if hold is None or hold.status is HoldStatus.CONFIRMED:
            raise refusals.hold_not_found()
        if hold.status is not HoldStatus.PINNED:
            raise refusals.hold_expired()
        return hold

    async def _place(
        self,
        operation: Operation,
        appointment: Appointment,
        start: datetime,
        asked: tuple[str | None, str | None],
        overrides: tuple[Override, ...],
    ) -> Hold:
        """Place a pinned hold on the new time. The appointment's own claims do not block it."""
        own = await own_claims_of(self._staff_days, operation.tenant_id, appointment)
        request = await self._planned_moves.request(operation, appointment, start, asked, overrides=overrides)
        pinning = Pinning(hold_id=new_hold_id(), grace_ms=self._grace.pin_ms, own=own)
        return await self._holds.place_pinned(operation, request, pinning)

    async def _move(
        self,
        operation: Operation,
        appointment_id: AppointmentId,
        hold: Hold,
        expected_version: int,
        commit_before: float,
    ) -> tuple[Appointment, Appointment]:
        """Move the appointment onto a pinned hold; it as it was before, and as it is now."""
        snapshot = await self._snapshots.current(operation.tenant_id, hold.catalogue_version, naming=hold.names)
        visit = held_visit(snapshot, hold)
        commit_before -= hold.pin_shortfall_ms / 1000
        async with self._unit_of_work.begin(operation, commit_before=commit_before) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            before, now = await self._lock(transaction, appointment_id, expected_version)
            change = lifecycle.move(
                before, now, actor=operation.actor, hold=hold, timezone=visit.timezone, approval=visit.approval
            )
            await _check_limits(repository, snapshot, change.appointment, by_visitor=operation.is_by_customer)
            freed = await repository.remove_claims(appointment_id)
            if not await repository.add_claims(appointment_id, lane_spans(snapshot.catalogue, hold)):
                self._metrics.add(RESCHEDULES_LOST)
                raise SlotTaken
            await repository.replace_parts(change.appointment)
            await _save(transaction, before, change)
        self._metrics.add(BOOKINGS_RESCHEDULED)
        claimed = [(claim.resource_id, claim.span) for claim in hold.claims]
        await self._cache_sync.drop_changed(operation.tenant_id, transaction.commit_id, claims=[*freed, *claimed])
        with suppress(RedisUnavailable):
            await self._holds.abandon(operation, hold.id)
            # Where its booking was never settled, the hold it came from still keeps the old time from others.
            await self._holds.abandon(operation, before.hold_id)
        return before, change.appointment


async def _save(
    transaction: Transaction, before: Appointment, change: AppointmentChange
) -> list[tuple[ResourceId, Span]]:
    """Write an appointment with what reports its change, and return the time that one frees which ends."""
    repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
    await repository.save(change.appointment)
    await transaction.outbox.add(change.event)
    await transaction.audit.add(change_note(before, change.appointment))
    if change.ends_visit:
        end = to_minute_ceiling(change.appointment.updated_at)
        return await FreedTimeRepository(transaction.connection, transaction.tenant_id).give_up(
            change.appointment, end, keeps_buffers=change.appointment.status is Status.COMPLETED
        )
    if change.appointment.status is not Status.CANCELLED:
        return []
    return await repository.remove_claims(change.appointment.id)


async def _check_limits(
    repository: AppointmentRepository, snapshot: CatalogueSnapshot, moved: Appointment, *, by_visitor: bool
) -> None:
    """Raise LimitReached when the new day has no room; the number of the customer's active appointments stays."""
    service = snapshot.catalogue.service_by_id[moved.service_id]
    on_days = limits_on_days(snapshot.index, service, moved, by_visitor=by_visitor)
    if on_days:
        await repository.lock_limits(on_days)
        used_up = await repository.find_used_up(on_days, moved.updated_at, excluding=moved.id)
        if used_up is not None:
            raise used_up.refusal()
