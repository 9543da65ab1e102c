"""The catalogue as frozen values: a business, its locations, resources, services and rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeVar

from kernel.ids import LocationId, ResourceId, ServiceId, TenantId, TimeOffId
from kernel.money import Money
from kernel.spans import MINUTES_PER_DAY


class Weekday(StrEnum):
    """A day of the week as documents spell it, Monday first as `date.weekday()` counts."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @property
    def number(self) -> int:
        """0 for Monday to 6 for Sunday, as `date.weekday()` counts."""
        return list(Weekday).index(self)


_WEEKDAYS: Final = tuple(Weekday)


class Mode(StrEnum):
    """Whether the business takes real bookings."""

    LIVE = "live"
    SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True, order=True)
class WallSpan:
    """Wall-clock minutes since local midnight, half-open: 0 <= start < 1440, start < end <= start + 1440.

    An end past 1440 lies on the next date; the span belongs to the date it starts on.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        assert 0 <= self.start < MINUTES_PER_DAY, "a span starts on its own date"
        assert self.start < self.end <= self.start + MINUTES_PER_DAY, "a span is at most a day long"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySpan:
    """A span of the wall clock on certain days of the week, in force between two dates (both inclusive)."""

    days: tuple[Weekday, ...]
    span: WallSpan
    valid_from: date | None = None
    valid_until: date | None = None

    def applies_on(self, day: date) -> bool:
        """Whether the span starts on that local date."""
        return (
            _WEEKDAYS[day.weekday()] in self.days
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_until is None or day <= self.valid_until)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a resource works, on the wall clock of its zone."""

    timezone: str
    """An IANA name."""
    hours: tuple[WeeklySpan, ...] = ()
    breaks: tuple[WeeklySpan, ...] = ()
    overrides: Mapping[date, tuple[WallSpan, ...]] = field(default_factory=dict)
    """Replaces the weekly hours of exactly that date; no spans means closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOff:
    """An absolute span in which a resource takes no bookings."""

    id: TimeOffId
    start: datetime
    end: datetime
    reason: str | None = None


class Unset(StrEnum):
    """The mark of a rule that a level does not set, apart from null, which sets "no limit"."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingWindow:
    """Bookable until the end of the local date that many days after today's."""

    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDaysWindow:
    """Bookable until the end of the last of that many coming local dates with working time, today among them."""

    business_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWindow:
    """Bookable on local dates between the two, both inclusive; an absent one is no limit."""

    from_date: date | None
    until_date: date | None


Window = RollingWindow | BusinessDaysWindow | FixedWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLife:
    """How long a hold lives, and how many of them one client may have at once."""

    ttl_seconds: int = 300
    max_total_seconds: int = 1200
    max_per_client: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLimit:
    """How much one customer may have booked; None is no limit."""

    active: int | None = None
    """Appointments that are pending or confirmed and have not ended."""
    daily: int | None = None
    """Appointments that begin on one local date and were not cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationPolicy:
    """What a late cancellation or a no-show costs, as hundredths of the price."""

    free_until_minutes: int = 0
    """Free of charge up to that many minutes before the start (the boundary itself is free)."""
    fee_percent: int = 0
    no_show_fee_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReschedulePolicy:
    """Until when, and how often, an appointment may be moved, by whomever."""

    until_minutes: int = 0
    """Up to that many minutes before the start (the boundary itself is allowed)."""
    max_times: int | None = None


DEFAULT_APPROVAL_MINUTES: Final = 1440
"""A day: whoever asks in the evening has an answer by the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Appointments wait until the business approves them, though not for ever."""

    within_minutes: int | None = None
    """How long after the booking; None: DEFAULT_APPROVAL_MINUTES. At the latest when the visit starts."""

    @property
    def minutes(self) -> int:
        """How long an appointment waits at most."""
        return DEFAULT_APPROVAL_MINUTES if self.within_minutes is None else self.within_minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules one level sets: business, service or, nearest of all, resource. The nearer level wins, rule by rule.

    A resource sets neither `hold` nor `customer_limit`: those are kept before, or whoever, serves.
    """

    lead_time_minutes: int | Unset = UNSET
    window: Window | None | Unset = UNSET
    daily_limit: int | None | Unset = UNSET
    """Of a resource: its own visits. Of a service: the service's. Of a business: those of each service."""
    customer_limit: CustomerLimit | None | Unset = UNSET
    buffers_inside_hours: bool | Unset = UNSET
    hold: HoldLife | Unset = UNSET
    cancellation: CancellationPolicy | Unset = UNSET
    reschedule: ReschedulePolicy | Unset = UNSET
    approval: Approval | None | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveRules:
    """The rules in force for a service with a certain resource: of the nearest level that sets them, else as here."""

    lead_time_minutes: int = 0
    window: Window | None = None
    service_daily_limit: int | None = None
    resource_daily_limit: int | None = None
    customer_limit: CustomerLimit = field(default_factory=CustomerLimit)
    customer_limit_is_of_service: bool = False
    """Whether only the customer's appointments of this service count, because the service sets the limit."""
    buffers_inside_hours: bool = False
    hold: HoldLife = field(default_factory=HoldLife)
    cancellation: CancellationPolicy = field(default_factory=CancellationPolicy)
    reschedule: ReschedulePolicy = field(default_factory=ReschedulePolicy)
    approval: Approval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place of the business, with the zone its clocks show."""

    id: LocationId
    key: str
    name: str
    timezone: str
    version: int = 1
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One of the places of a resource: no two claims of a lane overlap, ever."""

    id: int
    """The key of the lane's row: what the exclusion constraint compares."""
    number: int
    """1 to the resource's capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Somebody or something that is booked: a member of staff, a room, a device, a class."""

    id: ResourceId
    key: str
    kind: str
    name: str
    location_id: LocationId
    capacity: int
    schedule: Schedule
    lanes: tuple[Lane, ...]
    """In order of their number. Those beyond the capacity are kept for claims made before it was lowered."""
    rules: Rules = field(default_factory=Rules)
    version: int = 1
    archived: bool = False


class Align(StrEnum):
    """Where the slots of a service start (see availability.rules.search)."""

    OPENING = "opening"
    CLOCK = "clock"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where the slots of a service start."""

    align: Align = Align.OPENING
    step_minutes: int | None = None
    """None: the service's duration."""
    offset_minutes: int = 0
    """Moves the first slot only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTerms:
    """What differs when a certain resource serves: None leaves the service's own."""

    duration_minutes: int | None = None
    price: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One entry of what a service needs: `count` of a pool, for the whole visit or a part of it."""

    role: str
    any_of: tuple[ResourceId, ...]
    """The pool in order. Empty when the pool is given by `kind`."""
    kind: str | None = None
    """Every live resource of that kind, in catalogue order."""
    count: int = 1
    offset_minutes: int = 0
    """Minutes after the start of the visit at which this entry begins."""
    duration_minutes: int | None = None
    """None: to the end of the visit."""
    terms: Mapping[ResourceId, ResourceTerms] = field(default_factory=dict)


class Assign(StrEnum):
    """Who gets the appointment when any of a pool will do (see availability.rules.assignment)."""

    PRIORITY = "priority"
    LEAST_BOOKED = "least_booked"
    ROUND_ROBIN = "round_robin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that can be booked."""

    id: ServiceId
    key: str
    name: str
    duration_minutes: int
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    buffers_inside_hours: bool = False
    price: Money
    grid: Grid = field(default_factory=Grid)
    requires: tuple[Requirement, ...]
    assign: Assign = Assign.LEAST_BOOKED
    rules: Rules = field(default_factory=Rules)
    version: int = 1
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """A tenant: one business with its defaults."""

    id: TenantId
    name: str
    timezone: str
    currency: str
    mode: Mode = Mode.LIVE
    rules: Rules = field(default_factory=Rules)
    token_secret: bytes
    """Signs the tokens that customers get for their appointments (see bookings.token)."""
    sandbox_now: datetime | None = None
    """Where a sandbox's own clock stands; None: it has the real time (see kernel.clock.business_now)."""
    version: int = 1


_Rule = TypeVar("_Rule")


def _nearest(levels: Iterable[_Rule | Unset], fallback: _Rule) -> _Rule:
    """The rule of the first level that sets it."""
    for rule in levels:
        if not isinstance(rule, Unset):
            return rule
    return fallback


@dataclass(frozen=True)
class Catalogue:
    """Everything a business has set up, read in one database snapshot. Archived objects are included and marked."""

    business: Business
    locations: tuple[Location, ...]
    resources: tuple[Resource, ...]
    """In the order of the document, which is the order of a pool given by kind."""
    services: tuple[Service, ...]

    @cached_property
    def location_by_id(self) -> Mapping[LocationId, Location]:
        """Every location, archived ones too."""
        return {location.id: location for location in self.locations}

    @cached_property
    def resource_by_id(self) -> Mapping[ResourceId, Resource]:
        """Every resource, archived ones too."""
        return {resource.id: resource for resource in self.resources}

    @cached_property
    def service_by_id(self) -> Mapping[ServiceId, Service]:
        """Every service, archived ones too."""
        return {service.id: service for service in self.services}

    @cached_property
    def ids(self) -> frozenset[str]:
        """Of all services and resources, archived ones too."""
        return frozenset({*self.service_by_id, *self.resource_by_id})

    @cached_property
    def _live_resources(self) -> Mapping[str, Resource]:
        live = [resource for resource in self.resources if not resource.archived]
        return {resource.key: resource for resource in live} | {resource.id: resource for resource in live}

    @cached_property
    def _live_services(self) -> Mapping[str, Service]:
        live = [service for service in self.services if not service.archived]
        return {service.key: service for service in live} | {service.id: service for service in live}

    def find_resource(self, name: str) -> Resource | None:
        """The live resource with that id or key."""
        return self._live_resources.get(name)

    def find_service(self, name: str) -> Service | None:
        """The live service with that id or key."""
        return self._live_services.get(name)

    def pool(self, requirement: Requirement) -> tuple[Resource, ...]:
        """The live resources that may meet an entry, in pool order."""
        if requirement.kind is not None:
            return tuple(r for r in self.resources if not r.archived and r.kind == requirement.kind)
        found = (self.resource_by_id[resource_id] for resource_id in requirement.any_of)
        return tuple(resource for resource in found if not resource.archived)

    def timezone_of(self, service: Service) -> str:
        """The zone a service is shown in unless the query names one: that of the first resource it may use."""
        for requirement in service.requires:
            for resource in self.pool(requirement):
                return resource.schedule.timezone
        return self.business.timezone

    def rules_for(self, service: Service, resource: Resource | None = None) -> EffectiveRules:
        """The rules in force for a service; with a resource, for visits that it leads."""
        own = service.rules
        nearest = resource.rules if resource is not None else Rules()
        limits = (own, self.business.rules)
        levels = (nearest, *limits)
        default = EffectiveRules()
        return EffectiveRules(
            lead_time_minutes=_nearest([level.lead_time_minutes for level in levels], default.lead_time_minutes),
            window=_nearest([level.window for level in levels], default.window),
            service_daily_limit=_nearest([level.daily_limit for level in limits], default.service_daily_limit),
            resource_daily_limit=_nearest([nearest.daily_limit], default.resource_daily_limit),
            customer_limit=_nearest([level.customer_limit for level in limits], None) or default.customer_limit,
            customer_limit_is_of_service=own.customer_limit is not UNSET,
            buffers_inside_hours=_nearest(
                [
                    nearest.buffers_inside_hours,
                    own.buffers_inside_hours,
                    service.buffers_inside_hours or UNSET,
                    self.business.rules.buffers_inside_hours,
                ],
                default.buffers_inside_hours,
            ),
            hold=_nearest([level.hold for level in limits], default.hold),
            cancellation=_nearest([level.cancellation for level in levels], default.cancellation),
            reschedule=_nearest([level.reschedule for level in levels], default.reschedule),
            approval=_nearest([level.approval for level in levels], default.approval),
        )
