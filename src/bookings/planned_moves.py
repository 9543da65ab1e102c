"""Use case that tells what a move would come to, and changes nothing."""

from dataclasses import replace
from datetime import datetime

from availability.model import Override
from bookings import lifecycle
from bookings.audit_notes import note_reading
from bookings.collaborators import Collaborators
from bookings.held_visit import held_visit
from bookings.limits import limits_on_days
from bookings.model import Appointment, Rescheduled
from bookings.own_claims import move_request, own_claims_of
from bookings.repository import AppointmentRepository
from bookings.route_limits import check_served_on
from holds import refusals
from holds.model import Hold, PlaceRequest
from kernel.clock import business_now
from kernel.errors import ValidationFailed
from kernel.ids import AppointmentId, HoldId
from kernel.operation import Operation


class PlannedMoves:
    """Works moves out by the rules of AppointmentService.reschedule, as things stand, and stores nothing."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._unit_of_work = collaborators.unit_of_work
        self._snapshots = collaborators.snapshots
        self._staff_days = collaborators.staff_days
        self._holds = collaborators.holds
        self._clock = collaborators.clock

    async def plan(
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
        """The appointment as the move would leave it, but for its version. Raises as AppointmentService.reschedule."""
        async with self._unit_of_work.reading(operation) as transaction:
            repository = AppointmentRepository(transaction.connection, operation.tenant_id)
            appointment, sandbox_now = await repository.find_with_clock(appointment_id, own=operation.own)
            await note_reading(transaction, [appointment])
        now = business_now(sandbox_now, self._clock)
        lifecycle.check_version(appointment, expected_version)
        lifecycle.check_movable(appointment, now, actor=operation.actor)
        if hold_id is not None:
            hold = await self._hold(operation, appointment, hold_id)
        elif start is not None:
            hold = await self._choose(operation, appointment, start, (resource, location), overrides=overrides)
        else:
            raise ValidationFailed.of("start", "give a start, or a hold to move onto")
        moved = await self._moved(operation, appointment, hold, now)
        return Rescheduled(
            appointment=replace(moved, version=appointment.version, updated_at=appointment.updated_at),
            previous=appointment,
            gave_way=(),
            changed_resources=lifecycle.changed_resources(appointment, moved),
            is_planned=True,
        )

    async def _hold(self, operation: Operation, appointment: Appointment, hold_id: HoldId) -> Hold:
        hold = await self._holds.get(operation, hold_id)
        lifecycle.check_hold_to_move_onto(appointment, hold)
        catalogue = await self._snapshots.catalogue(operation.tenant_id, naming=frozenset({appointment.service_id}))
        check_served_on(catalogue, operation, appointment, hold)
        if not hold.is_live:
            raise refusals.hold_expired()
        return hold

    async def _choose(
        self,
        operation: Operation,
        appointment: Appointment,
        start: datetime,
        asked: tuple[str | None, str | None],
        *,
        overrides: tuple[Override, ...],
    ) -> Hold:
        """The hold that a move would be given now."""
        own = await own_claims_of(self._staff_days, operation.tenant_id, appointment)
        request = await self.request(operation, appointment, start, asked, overrides=overrides)
        return await self._holds.choose(operation, request, own)

    async def request(
        self,
        operation: Operation,
        appointment: Appointment,
        start: datetime,
        asked: tuple[str | None, str | None],
        *,
        overrides: tuple[Override, ...],
    ) -> PlaceRequest:
        """The hold that a move asks for; `asked`: the resource and the location that it names."""
        resource, location = asked
        catalogue = await self._snapshots.catalogue(operation.tenant_id, naming=frozenset({appointment.service_id}))
        return move_request(
            catalogue,
            operation,
            appointment,
            start=start,
            resource=resource,
            overrides=overrides,
            location=location,
        )

    async def _moved(self, operation: Operation, appointment: Appointment, hold: Hold, now: datetime) -> Appointment:
        """The appointment after the move. Raises LimitReached when the new day has no room."""
        snapshot = await self._snapshots.current(operation.tenant_id, hold.catalogue_version, naming=hold.names)
        visit = held_visit(snapshot, hold)
        moved = lifecycle.move(
            appointment, now, actor=operation.actor, hold=hold, timezone=visit.timezone, approval=visit.approval
        ).appointment
        service = snapshot.catalogue.service_by_id[moved.service_id]
        on_days = limits_on_days(snapshot.index, service, moved, by_visitor=operation.is_by_customer)
        if on_days:
            async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
                repository = AppointmentRepository(connection, operation.tenant_id)
                used_up = await repository.find_used_up(on_days, now, excluding=appointment.id)
            if used_up is not None:
                raise used_up.refusal()
        return moved
