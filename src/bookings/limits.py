"""Limits on the numbers of visits that a booking must keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from availability.model import Override
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.shift_dates import ShiftDates
from availability.rules.visit_limit import full_dates
from bookings.model import Appointment, LimitReached
from catalogue.model.services import Service
from holds.model import Part
from kernel.ids import CustomerId, ResourceId, ServiceId
from kernel.spans import Minute, Span


class DayFull(LimitReached):
    """The service or a resource takes no more visits that day; another resource or another day may have room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A number of visits of a resource, a service or a customer that must not be exceeded.

    With a day it counts the visits that begin on it; without one, the customer's pending and confirmed visits that have
    not ended. Cancelled visits never count.
    """

    most: int
    resource_id: ResourceId | None = None
    service_id: ServiceId | None = None
    """Counts visits of this service only; None: of every service."""
    customer_id: CustomerId | None = None
    dates: ShiftDates
    day: date | None = None
    """One of the dates; None: any."""

    def of_customer(self, customer_id: CustomerId) -> "Limit":
        """Put a limit on a customer to the customer that was found; any other limit stays as it is."""
        return self if self.customer_id is None else replace(self, customer_id=customer_id)

    @property
    def lock(self) -> str:
        """Name of the lock that bookings under this limit take, so that one waits for the other."""
        if self.customer_id is not None:
            return f"{self.customer_id}"
        return f"{self.resource_id or self.service_id} {self.day}"

    @property
    def stretch(self) -> Span | None:
        """Minutes that cover the date; where its shifts or its clock go beyond midnight, also some of the next date."""
        if self.day is None:
            return None
        spans = self.dates.minutes_of(self.day)
        return Span(spans[0].start, spans[-1].end)

    def is_used_up(self, starts: Sequence[Minute]) -> bool:
        """Decide whether one more visit would exceed the limit, given the starts of the visits in the stretch."""
        if self.day is None:
            return len(starts) >= self.most
        return self.day in full_dates(starts, self.dates.date_of, self.most)

    def refusal(self) -> LimitReached:
        """Build the refusal of a booking that would exceed the limit."""
        if self.customer_id is None:
            counted = "service" if self.resource_id is None else "resource"
            detail = f"The {counted} has {_visits(self.most)} on {self.day}, the most allowed. List the times again."
            return DayFull(detail, rule="daily_limit", limit=self.most, date=f"{self.day}")
        appointments = "appointment" if self.most == 1 else "appointments"
        counted = f"active {appointments}" if self.day is None else f"{appointments} on {self.day}"
        facts = {} if self.day is None else {"date": f"{self.day}"}
        return LimitReached(
            f"The customer already has {self.most} {counted}, the most allowed.",
            rule="customer_limit",
            limit=self.most,
            **facts,
        )


def _visits(number: int) -> str:
    return "1 visit" if number == 1 else f"{number} visits"


def limits_on(index: CatalogueIndex, service: Service, appointment: Appointment) -> list[Limit]:
    """Collect every limit that the appointment must keep: none where the business waived them."""
    if Override.LIMITS in appointment.overrides:
        return []
    return [
        *_limits_on_time(index, service, appointment.span.start, appointment.parts),
        *_limits_on_customer(index, service, appointment),
    ]


def limits_on_days(index: CatalogueIndex, service: Service, appointment: Appointment) -> list[Limit]:
    """Collect the limits that a move must keep: the number of the customer's active appointments stays."""
    return [limit for limit in limits_on(index, service, appointment) if limit.day is not None]


def _limits_on_time(index: CatalogueIndex, service: Service, start: Minute, parts: Sequence[Part]) -> list[Limit]:
    """Collect the daily limits of the service and of the resources.

    The service counts by dates of the zone in which it is listed, a resource by dates of its own zone; the hours of a
    shift after midnight count to the date on which it began.
    """
    limits = []
    most = index.rules(service).service_daily_limit
    if most is not None:
        dates = index.shift_dates_of_service(service)
        limits.append(Limit(most=most, service_id=service.id, dates=dates, day=dates.date_of(start)))
    begins: dict[ResourceId, Minute] = {}
    for part in parts:
        begins[part.resource_id] = min(part.span.start, begins.get(part.resource_id, part.span.start))
    for resource_id, begin in begins.items():
        resource = index.catalogue.resource_by_id[resource_id]
        most = index.rules(service, resource).resource_daily_limit
        if most is not None:
            dates = index.shift_dates(resource)
            limits.append(Limit(most=most, resource_id=resource_id, dates=dates, day=dates.date_of(begin)))
    return limits


def _limits_on_customer(index: CatalogueIndex, service: Service, appointment: Appointment) -> list[Limit]:
    """Collect the limits on the customer; a limit that the service sets counts visits of that service only."""
    rules = index.rules(service)
    counting = service.id if rules.customer_limit_is_of_service else None
    limits = []
    dates = index.shift_dates_of_service(service)
    if rules.customer_limit.daily is not None:
        limits.append(
            Limit(
                most=rules.customer_limit.daily,
                service_id=counting,
                customer_id=appointment.customer_id,
                dates=dates,
                day=dates.date_of(appointment.span.start),
            )
        )
    if rules.customer_limit.active is not None:
        limits.append(
            Limit(
                most=rules.customer_limit.active,
                service_id=counting,
                customer_id=appointment.customer_id,
                dates=dates,
            )
        )
    return limits
