"""Limits that answers at the booking set for moves and amendments: who may serve."""

from availability.rules.route_pool import check_among, route_pool
from bookings.model import Appointment
from catalogue.model.catalogue import Catalogue
from holds.model import Hold
from kernel.errors import ValidationFailed
from kernel.ids import ResourceId
from kernel.operation import Operation


def pool_of(catalogue: Catalogue, appointment: Appointment) -> tuple[ResourceId, ...]:
    """The resources that a move or an amendment chooses from where none is requested; empty: all that can serve."""
    return route_pool(catalogue, catalogue.service_by_id[appointment.service_id], appointment.led_to)


def check_requested(catalogue: Catalogue, operation: Operation, appointment: Appointment, name: str | None) -> None:
    """Raise ValidationFailed where a customer requests a resource that the answers do not lead to.

    The business may give the visit to anybody.
    """
    if operation.is_by_customer and name is not None:
        check_among(catalogue, pool_of(catalogue, appointment), [name])


def check_served_on(catalogue: Catalogue, operation: Operation, appointment: Appointment, hold: Hold) -> None:
    """Raise ValidationFailed where a customer would move onto a hold with others than those the answers lead to.

    A hold that was placed for this move was checked then.
    """
    pool = set(pool_of(catalogue, appointment))
    if not operation.is_by_customer or hold.rescheduling is not None or not pool:
        return
    if pool.isdisjoint(part.resource_id for part in hold.parts):
        keys = ", ".join(f'"{resource.key}"' for resource in catalogue.resources if resource.id in pool)
        raise ValidationFailed.of("hold", f"must be with one of those that the answers at the booking led to: {keys}")
