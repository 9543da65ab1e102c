"""The claims of an appointment that is to move, with those who serve it."""

from dataclasses import replace

from availability.state.staff_days import OwnClaims, StaffDays
from bookings.lifecycle import moving_visit
from bookings.model import Appointment
from kernel.ids import TenantId


async def own_claims_of(staff_days: StaffDays, tenant_id: TenantId, appointment: Appointment) -> OwnClaims:
    """Read the claims that do not block a move of the appointment. Raises StoreUnavailable."""
    own = await staff_days.own_claims(tenant_id, appointment.id)
    present = frozenset((part.role, part.resource_id) for part in appointment.parts)
    return replace(own, present=present, moving=moving_visit(appointment))
