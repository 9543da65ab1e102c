"""Limits on the numbers of visits that a booking must keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from availability.model import Override
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.shift_dates import ShiftDates
from availability.rules.visit_limit import full_dates
from bookings.model import Appointment, LimitReached
from catalogue.model.rules.verification import Verification
from catalogue.model.services import Service
from holds.model import Part
from kernel.ids import CustomerId, ResourceId, ServiceId
from kernel.periods import Period
from kernel.spans import Minute, Span

_PROVE: Final = {
    Verification.EMAIL: "Somebody else may have given this e-mail address: prove that it is yours for a hold.",
    Verification.SMS: "Somebody else may have given this telephone number: prove that it is yours for a hold.",
}


class DayFull(LimitReached):
    """The service or a resource takes no more visits that day; another resource or another day may have room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A number of visits of a resource, a service or a customer that must not be exceeded.

    With a day it counts the visits that begin in the period around it; without one, the customer's pending and
    confirmed visits that have not ended. Cancelled visits never count.
    """

    most: int
    resource_id: ResourceId | None = None
    service_id: ServiceId | None = None
    """Counts visits of this service only; None: of every service."""
    customer_id: CustomerId | None = None
    dates: ShiftDates
    day: date | None = None
    """One of the dates; None: any."""
    period: Period = Period.DAY
    counts_proved: bool = False
    """True: of a customer's visits those count whose contact was proved, and those of the same client."""
    client: str | None = None
    unproved: Verification | None = None
    """The kind of code by which the visitor would be counted so; None: they are, or have no address, or need none."""

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
        """Minutes that cover the period; where shifts or clock go beyond midnight, also some of the date after it."""
        if self.day is None:
            return None
        first, last = self.period.dates_around(self.day)
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        # A date that the zone skipped has no minutes; the date of the visit has some.
        start = next(spans[0].start for day in days if (spans := self.dates.minutes_of(day)))
        end = next(spans[-1].end for day in reversed(days) if (spans := self.dates.minutes_of(day)))
        return Span(start, end)

    def is_used_up(self, starts: Sequence[Minute]) -> bool:
        """Decide whether one more visit would exceed the limit, given the starts of the visits in the stretch."""
        if self.day is None:
            return len(starts) >= self.most
        if self.period is Period.DAY:
            return self.day in full_dates(starts, self.dates.date_of, self.most)
        first, last = self.period.dates_around(self.day)
        return sum(first <= self.dates.date_of(start) <= last for start in starts) >= self.most

    def refusal(self) -> LimitReached:
        """Build the refusal of a booking that would exceed the limit."""
        if self.customer_id is None:
            counted = "service" if self.resource_id is None else "resource"
            detail = f"The {counted} has {_visits(self.most)} on {self.day}, the most allowed. List the times again."
            return DayFull(detail, rule="daily_limit", limit=self.most, date=f"{self.day}")
        counted, facts = self._counted_of_customer("appointment" if self.most == 1 else "appointments")
        sentence = f"The customer already has {self.most} {counted}, the most allowed."
        if self.unproved is not None:
            sentence = f"{sentence} {_PROVE[self.unproved]}"
            facts = {**facts, "verification": self.unproved.value}
        return LimitReached(sentence, rule="customer_limit", limit=self.most, **facts)

    def _counted_of_customer(self, appointments: str) -> tuple[str, dict[str, str]]:
        """The words for what is counted, with the facts of a refusal."""
        if self.day is None:
            return f"active {appointments}", {}
        if self.period is Period.DAY:
            return f"{appointments} on {self.day}", {"date": f"{self.day}"}
        first, last = self.period.dates_around(self.day)
        facts = {"period": self.period.value, "from": f"{first}", "until": f"{last}"}
        return f"{appointments} in the {self.period} from {first} to {last}", facts


def _visits(number: int) -> str:
    return "1 visit" if number == 1 else f"{number} visits"


def limits_on(
    index: CatalogueIndex, service: Service, appointment: Appointment, *, by_visitor: bool = False
) -> list[Limit]:
    """Collect every limit that the appointment must keep: none where the business waived them.

    `by_visitor`: its customer books or moves it, whom nobody may keep from it who has typed their address.
    """
    if Override.LIMITS in appointment.overrides:
        return []
    return [
        *_limits_on_time(index, service, appointment.span.start, appointment.parts),
        *_limits_on_customer(index, service, appointment, by_visitor=by_visitor),
    ]


def limits_on_days(
    index: CatalogueIndex, service: Service, appointment: Appointment, *, by_visitor: bool
) -> list[Limit]:
    """Collect the limits that a move must keep: the number of the customer's active appointments stays."""
    on_all = limits_on(index, service, appointment, by_visitor=by_visitor)
    # A move has no hold to prove anything for.
    return [replace(limit, unproved=None) for limit in on_all if limit.day is not None]


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


def _limits_on_customer(
    index: CatalogueIndex, service: Service, appointment: Appointment, *, by_visitor: bool
) -> list[Limit]:
    """Collect the limits on the customer; a limit that the service sets counts visits of that service only."""
    rules = index.rules(service)
    limit = rules.customer_limit
    dates = index.shift_dates_of_service(service)
    active = Limit(
        most=limit.active or 0,
        service_id=service.id if rules.customer_limit_is_of_service else None,
        customer_id=appointment.customer_id,
        dates=dates,
        counts_proved=by_visitor and appointment.is_proved,
        client=appointment.client,
        unproved=appointment.customer.told_apart_by if by_visitor and not appointment.is_proved else None,
    )
    by_period = {Period.DAY: limit.daily, Period.WEEK: limit.weekly, Period.MONTH: limit.monthly}
    day = dates.date_of(appointment.span.start)
    limits = [
        replace(active, most=most, day=day, period=period) for period, most in by_period.items() if most is not None
    ]
    return limits if limit.active is None else [*limits, active]
