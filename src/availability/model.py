"""Questions about free times, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import ClassVar, Generic, NamedTuple, TypeVar

from availability.rules.choices import NONE_REQUESTED, RequestedChoices
from catalogue.model.choices import NO_CHOICES, Choices
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.reschedule import ReschedulePolicy
from kernel.errors import DomainError
from kernel.ids import AppointmentId, HoldId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Minute


class Reason(StrEnum):
    """The rule that refuses a start, or that left a day without any: the first one in this order."""

    NO_RESOURCE = "no_resource"
    PARTY_TOO_LARGE = "party_too_large"
    OUTSIDE_WINDOW = "outside_window"
    LEAD_TIME = "lead_time"
    CLOSED = "closed"
    OFF_GRID = "off_grid"
    NOT_RELEASED = "not_released"
    TIME_OFF = "time_off"
    FULLY_BOOKED = "fully_booked"
    DAILY_LIMIT = "daily_limit"
    HELD = "held"


class Override(StrEnum):
    """A rule that the business waives for a visit; `held` ends the holds of visitors that are in its way."""

    HELD = "held"
    LEAD_TIME = "lead_time"
    OFF_GRID = "off_grid"
    CLOSED = "closed"
    LIMITS = "limits"
    PAST = "past"


class Refusal(NamedTuple):
    """The rule that refuses a start."""

    reason: Reason
    closure: str | None = None
    """Name of the closure that takes the hours of a closed start."""


class NotOffered(DomainError):
    """The time cannot be booked by the rules of the business; fact `reason` is a Reason, `closure` a closure's name."""

    code: ClassVar[str] = "not_offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    """A request for a listing."""

    service: str
    """Id or key; empty: the answers choose it, by the routes of the business."""
    first: date
    last: date
    """Dates of the viewer's zone, both inclusive."""
    resources: tuple[str, ...] = ()
    """Ids or keys; empty: any."""
    timezone: str | None = None
    """The viewer's zone; None: that of the location."""
    party: int = 1
    hold_id: HoldId | None = None
    """The viewer's own hold: does not hide its time."""
    rescheduling: AppointmentId | None = None
    """The viewer's own appointment: does not hide its time."""
    location: str | None = None
    """Id or key; None: any."""
    explain: bool = False
    overrides: tuple[Override, ...] = ()
    """The rules that the business waives."""
    by_visitor: bool = False
    """True: services for staff are unknown."""
    choices: RequestedChoices = NONE_REQUESTED
    answers: Mapping[str, str] = field(default_factory=dict)
    """To the questions of the service; they may lead to another service, or to certain resources."""


class PriceRange(NamedTuple):
    """The least and the most that a visit may cost, for all of the party; equal where it has one price."""

    lowest: Money
    highest: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingVisit:
    """A booked visit that is to move, as far as it decides the price of its new time."""

    service_id: ServiceId
    party: int
    price: Money
    """For all of the party."""
    policy: ReschedulePolicy
    resource_ids: frozenset[ResourceId]
    """Resources that serve it: a move asks them first."""
    choices: Choices = NO_CHOICES
    """Its length and add-ons, which a move keeps."""
    led_to: tuple[ResourceId, ...] = ()
    """Resources that answers at the booking led to, to one of which it moves; empty: to any."""
    is_along_route: bool = False
    """True if the resources in question are those, and none is requested."""


class Slot(NamedTuple):
    """A start that is offered, with those whose visit would end at the same time.

    A tuple, like search.Offer: a listing makes thousands, and a dataclass takes four times as long to make.
    """

    start: Minute
    end: Minute
    resources: tuple[str, ...]
    """Keys of the resources that could serve, in pool order (of the service's first requirement)."""
    remaining: int
    """Places left with them."""
    prices: PriceRange
    held_by_you: bool = False
    location: str | None = None
    """Key of the location of the visit, where the business has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One date of the viewer's zone."""

    date: date
    slots: tuple[Slot, ...]
    reason: Reason | None = None
    """The reason why there is none; only where it was asked for."""
    closure: str | None = None
    """Name of the closure that takes the hours of a closed date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """One date of the viewer's zone at a glance."""

    date: date
    slots: int
    """The number of slots: a start counts once for each end it has."""
    first: Minute | None
    """The first start, if there is any."""
    reason: Reason | None = None
    closure: str | None = None
    """Both as of a Day."""


Rendered = TypeVar("Rendered")


@dataclass(frozen=True, kw_only=True)
class BookingTerms:
    """Terms of visits of a service, unless whoever leads them has terms of their own."""

    name: str
    """Of the service."""
    cancellation: CancellationPolicy
    needs_approval: bool


@dataclass(frozen=True, kw_only=True)
class RoutingOutcome:
    """Service and resources that answers led to."""

    asked: str | None
    """Key of the service whose questions were answered; None: they were those of the business."""
    answers: Mapping[str, str]
    """Answers that decided, by question."""
    service: str
    """Key of the service to book."""
    resources: tuple[str, ...]
    """Keys of those who may serve; empty: any that can."""
    duration_minutes: int | None = None
    """The length; None: as the customer chooses."""
    terms: BookingTerms | None = None
    """Set where the service is another one than that which asked: customers may know of it by their answers alone."""


@dataclass(frozen=True, kw_only=True)
class DatedAnswer(Generic[Rendered]):
    """An answer for each of the viewer's dates."""

    service: str
    """Key."""
    timezone: str
    days: tuple[Rendered, ...]
    routing: RoutingOutcome | None = None
    """None: the service that was named."""


@dataclass(frozen=True, kw_only=True)
class Listing(DatedAnswer[Day]):
    """Every slot, by the viewer's dates: in order of their starts, those of one start in order of their ends."""

    reason: Reason | None = None
    """Rule that came nearest to leaving a slot, where a search for the next ones found none."""
