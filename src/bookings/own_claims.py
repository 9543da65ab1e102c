"""An appointment that is to move: its claims, those who serve it, and the request for its new time."""

from dataclasses import replace
from datetime import datetime

from availability.model import Override
from availability.rules.choices import RequestedChoices
from availability.state.staff_days import OwnClaims, StaffDays
from bookings.lifecycle import moving_visit
from bookings.model import Appointment
from bookings.route_limits import check_requested, pool_of
from catalogue.model.catalogue import Catalogue
from holds.model import PlaceRequest
from kernel.ids import TenantId
from kernel.operation import Operation


async def own_claims_of(staff_days: StaffDays, tenant_id: TenantId, appointment: Appointment) -> OwnClaims:
    """Read the claims that do not block a move of the appointment. Raises StoreUnavailable."""
    own = await staff_days.own_claims(tenant_id, appointment.id)
    present = frozenset((part.role, part.resource_id) for part in appointment.parts)
    return replace(own, present=present, moving=moving_visit(appointment))


def move_request(
    catalogue: Catalogue,
    operation: Operation,
    appointment: Appointment,
    *,
    start: datetime,
    resource: str | None,
    overrides: tuple[Override, ...],
    location: str | None = None,
) -> PlaceRequest:
    """Ask for the new time of the appointment; its service, party, length and add-ons stay.

    It goes to one of those that the answers led to. Raises ValidationFailed where a customer requests another one.
    """
    check_requested(catalogue, operation, appointment, resource)
    return PlaceRequest(
        service=appointment.service_id,
        start=start,
        resource=resource,
        location=location,
        party=appointment.party,
        overrides=overrides,
        choices=RequestedChoices(kept=appointment.choices),
        pool=pool_of(catalogue, appointment),
    )
