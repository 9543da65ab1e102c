"""Which limits on numbers of visits a booking must keep, and what is refused when one is used up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from availability.rules.catalogue_index import CatalogueIndex
from bookings.model import Appointment, LimitReached
from catalogue.model.services import Service
from holds.model import Part
from kernel.ids import CustomerId, ResourceId, ServiceId
from kernel.spans import Minute, Span
from kernel.zones import local_date, local_day


class DayFull(LimitReached):
    """A resource or the service takes no more visits that day; with somebody else, or on another day, it may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A number of visits that must not be exceeded. Cancelled ones never count.

    Of a resource, of a service or of a customer. With a day it is those that begin then; without, those of the customer
    that are pending or confirmed and have not ended.
    """

    most: int
    resource_id: ResourceId | None = None
    service_id: ServiceId | None = None
    """Only visits of this service; None: of all."""
    customer_id: CustomerId | None = None
    timezone: str
    day: date | None = None
    """On that date of the zone; None: whenever."""

    def of_customer(self, customer_id: CustomerId) -> "Limit":
        """The same limit, if it is one of a customer, for that one."""
        return self if self.customer_id is None else replace(self, customer_id=customer_id)

    @property
    def lock(self) -> str:
        """Who books under limits of one name waits for whoever else does."""
        if self.customer_id is not None:
            return f"{self.customer_id}"
        return f"{self.resource_id or self.service_id} {self.day}"

    @property
    def stretch(self) -> Span | None:
        """Minutes that hold all of the date; where a clock was set back over midnight, also some of the next."""
        if self.day is None:
            return None
        spans = local_day(self.timezone, self.day)
        return Span(spans[0].start, spans[-1].end)

    def is_used_up(self, starts: Iterable[Minute]) -> bool:
        """Whether there are as many visits as there may be; `starts` are those of the stretch."""
        counted = (self.day is None or local_date(self.timezone, start) == self.day for start in starts)
        return sum(counted) >= self.most

    def refusal(self) -> LimitReached:
        """What is raised when it is used up."""
        if self.customer_id is None:
            detail = "No more visits are taken on this day. Ask for the free times again."
            return DayFull(detail, rule="daily_limit", limit=self.most)
        which = "active appointments" if self.day is None else "appointments on this day"
        return LimitReached(
            f"The customer has {self.most} {which}, which is the most allowed.", rule="customer_limit", limit=self.most
        )


def limits_on(index: CatalogueIndex, service: Service, appointment: Appointment) -> list[Limit]:
    """Every limit that the appointment must keep."""
    return [
        *_limits_on_time(index, service, appointment.span.start, appointment.parts),
        *_limits_on_customer(index, service, appointment),
    ]


def _limits_on_time(index: CatalogueIndex, service: Service, start: Minute, parts: Sequence[Part]) -> list[Limit]:
    """The daily limits of the service and of the resources that a visit at that time must keep.

    A date of the service is one of the zone that the service is shown in; a resource counts by its own.
    """
    limits = []
    most = index.rules(service).service_daily_limit
    if most is not None:
        zone = index.catalogue.timezone_of(service)
        limits.append(
            Limit(
                most=most,
                service_id=service.id,
                timezone=zone,
                day=local_date(zone, start),
            )
        )
    begins: dict[ResourceId, Minute] = {}
    for part in parts:
        begins[part.resource_id] = min(part.span.start, begins.get(part.resource_id, part.span.start))
    for resource_id, begin in begins.items():
        resource = index.catalogue.resource_by_id[resource_id]
        most = index.rules(service, resource).resource_daily_limit
        if most is not None:
            zone = resource.schedule.timezone
            limits.append(
                Limit(
                    most=most,
                    resource_id=resource_id,
                    timezone=zone,
                    day=local_date(zone, begin),
                )
            )
    return limits


def _limits_on_customer(index: CatalogueIndex, service: Service, appointment: Appointment) -> list[Limit]:
    """The limits on what the customer may have booked; one that the service sets counts that service only."""
    rules = index.rules(service)
    counting = service.id if rules.customer_limit_is_of_service else None
    limits = []
    if rules.customer_limit.daily is not None:
        limits.append(
            Limit(
                most=rules.customer_limit.daily,
                service_id=counting,
                customer_id=appointment.customer_id,
                timezone=appointment.timezone,
                day=local_date(appointment.timezone, appointment.span.start),
            )
        )
    if rules.customer_limit.active is not None:
        limits.append(
            Limit(
                most=rules.customer_limit.active,
                service_id=counting,
                customer_id=appointment.customer_id,
                timezone=appointment.timezone,
            )
        )
    return limits
