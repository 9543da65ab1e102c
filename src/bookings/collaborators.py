"""Services and settings shared by the use cases on appointments."""

from dataclasses import dataclass

from availability.service import AvailabilityService
from bookings.grace import Grace
from holds.service import HoldService
from kernel.clock import Clock
from persistence.unit_of_work import UnitOfWork
from telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """Everything that BookingService and AppointmentService work with."""

    unit_of_work: UnitOfWork
    availability: AvailabilityService
    holds: HoldService
    clock: Clock
    grace: Grace
    metrics: Metrics
