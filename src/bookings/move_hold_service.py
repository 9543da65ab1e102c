"""Holds on the new time of an appointment that is to move."""

from dataclasses import replace

from availability.rules.choices import RequestedChoices, check_kept
from bookings import lifecycle
from bookings.collaborators import Collaborators
from bookings.model import Appointment
from bookings.own_claims import own_claims_of
from bookings.repository import AppointmentRepository
from bookings.route_limits import check_requested, pool_of
from catalogue.model.catalogue import Catalogue
from holds.model import Hold, PlaceRequest, Visitor
from kernel.clock import business_now
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import AppointmentId
from kernel.operation import Operation


class MoveHoldService:
    """Places holds that may share minutes with the appointment they are for."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._unit_of_work = collaborators.unit_of_work
        self._snapshots = collaborators.snapshots
        self._staff_days = collaborators.staff_days
        self._holds = collaborators.holds
        self._clock = collaborators.clock

    async def place(
        self, operation: Operation, appointment_id: AppointmentId, request: PlaceRequest, visitor: Visitor | None
    ) -> tuple[Hold, bool]:
        """Hold a start for a move of the appointment, which goes on to have its present time until it is moved.

        Raises NotFound for an unknown appointment; InvalidTransition, CutoffPassed or LimitReached where the actor
        could not move it now; ValidationFailed where service or party are not the appointment's, or choices are sent;
        StoreUnavailable; and as HoldService.place.
        """
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = AppointmentRepository(connection, operation.tenant_id)
            appointment, sandbox_now = await repository.find_with_clock(appointment_id, own=operation.own)
        lifecycle.check_movable(appointment, business_now(sandbox_now, self._clock), actor=operation.actor)
        catalogue = await self._snapshots.catalogue(operation.tenant_id, naming=frozenset({appointment.service_id}))
        _check_same_visit(catalogue, appointment, request)
        own = await own_claims_of(self._staff_days, operation.tenant_id, appointment)
        check_kept(request.choices)
        check_requested(catalogue, operation, appointment, request.resource)
        kept = RequestedChoices(kept=appointment.choices)
        pool = pool_of(catalogue, appointment)
        request = replace(request, service=appointment.service_id, choices=kept, pool=pool)
        return await self._holds.place(operation, request, visitor, own=own)


def _check_same_visit(catalogue: Catalogue, appointment: Appointment, request: PlaceRequest) -> None:
    service = catalogue.service_by_id[appointment.service_id]
    faults = []
    if request.service not in {service.id, service.key}:
        faults.append(FieldError("service", f'must be that of the appointment: "{service.key}"'))
    if request.party != appointment.party:
        faults.append(FieldError("party", f"must be that of the appointment: {appointment.party}"))
    if faults:
        raise ValidationFailed(faults)
