"""Holds, the requests for them, and their refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from availability.model import Override
from availability.rules.choices import NONE_REQUESTED, RequestedChoices
from catalogue.model.choices import NO_CHOICES, Choices
from catalogue.model.rules.hold_life import HoldLife
from kernel.errors import DomainError, ValidationFailed
from kernel.ids import AppointmentId, HoldId, LocationId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Span, to_datetime


class HoldStatus(StrEnum):
    """The status of a hold by Redis' clock. A pinned hold is being confirmed; an expired one is free for others."""

    HELD = "held"
    PINNED = "pinned"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One resource's share of a visit, without buffers."""

    role: str
    resource_id: ResourceId
    span: Span
    lanes: int | None = None
    """The lanes taken of the resource; None: one for each of the party."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneClaim:
    """One lane's minutes that a hold or an appointment takes, with buffers."""

    resource_id: ResourceId
    lane: int
    """The number of the lane, 1 to the capacity."""
    span: Span
    session: str | None = None
    """Name of its session, where the resource was exclusive when it was held (availability.rules.sessions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A visit kept for a client until `expires_at`."""

    id: HoldId
    status: HoldStatus
    service_id: ServiceId
    span: Span
    """The visit, without buffers."""
    parts: tuple[Part, ...]
    claims: tuple[LaneClaim, ...]
    resource: str | None
    """The resource that was asked for, id or key; None: any."""
    party: int
    price: Money
    placed_at: datetime
    """The business's clock when it was placed: the rules were judged at this instant."""
    expires_at: datetime
    extendable_until: datetime
    appointment_id: AppointmentId | None
    overrides: tuple[Override, ...] = ()
    """The rules that the business waived for it, and that its confirmation does not ask for either."""
    catalogue_version: str | None
    """The version of the catalogue in Redis; None where Redis was not asked."""
    bitmap_versions: str = ""
    """The versions of the bitmaps when this attempt pinned the hold, for its settlement; empty: not pinned."""
    pinned_until_ms: int | None = None
    """By Redis' clock, until when this attempt has pinned it; None where it only read it, or rests on another's pin."""
    pin_shortfall_ms: int = 0
    """By how much the pin that this attempt rests on is shorter than a grace: its commit must come that much sooner."""
    gave_way: tuple[HoldId, ...] = ()
    """The holds of others that were ended for it, where it was placed just now."""
    choices: Choices = NO_CHOICES
    """The length and the add-ons that it was placed with."""
    client: str | None = field(default=None, repr=False)
    """A keyed digest of the client; None: it has none."""
    proof: str | None = field(default=None, repr=False)
    """A keyed digest of the contact that its visitor has proved to read; None: none."""
    location_id: LocationId | None = None
    """The location of the visit; None: it is that of its first resource."""
    rescheduling: AppointmentId | None = None
    """The appointment that is to move onto it, whose own minutes it may share; it becomes no other appointment."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """To the questions of the service that asked, as sent with it; none while they are sealed."""
    sealed_answers: str | None = field(default=None, repr=False)
    """The same as its record has them (holds.answer_seal)."""
    asked_service_id: ServiceId | None = None
    """The service that asked, where the answers led to another one."""
    asked_by_business: bool = False
    """True if the questions were those of the business, before a service was chosen."""

    @property
    def is_live(self) -> bool:
        """True if it keeps its minutes from others."""
        return self.status in {HoldStatus.HELD, HoldStatus.PINNED}

    @property
    def names(self) -> frozenset[str]:
        """The ids of everything in the catalogue that it names."""
        named = {self.service_id, self.asked_service_id, self.location_id, *(part.resource_id for part in self.parts)}
        return frozenset(name for name in named if name is not None)


class SlotTaken(DomainError):
    """Someone else has booked the time."""

    code = "slot_taken"

    def __init__(self) -> None:
        super().__init__("This time was just booked by someone else. Ask for the free times again.")


class SlotHeld(DomainError):
    """Somebody else is just booking the time; it may become free (fact `retry_after_seconds`)."""

    code = "slot_held"


class HoldNotFound(DomainError):
    """There is no such hold, or it was released."""

    code = "hold_not_found"


class HoldExpired(DomainError):
    """The hold's time is up; nothing was booked."""

    code = "hold_expired"


class HoldLimitReached(DomainError):
    """Client, address or visitors of the business have as many live holds as they may, or too many have lapsed."""

    code = "hold_limit_reached"


class ProofRefusal(DomainError):
    """Visitors without a proof have taken so much of the business lately that this one is asked for it."""

    code = "challenge_required"


class HoldLifeExhausted(DomainError):
    """The hold cannot be extended that far, nor replaced by another one on its time."""

    code = "hold_life_exhausted"


class HoldsUnavailable(DomainError):
    """Redis does not answer: no holds for now; direct booking still works."""

    code = "holds_unavailable"


class MoveHoldRefusal(DomainError):
    """The hold is on the new time of an appointment, and becomes no appointment itself."""

    code = "invalid_transition"


class HoldBusy(DomainError):
    """The hold is being confirmed, or was: it can no longer be extended, replaced or released."""

    code = "invalid_transition"


NETWORK_BYTES: Final = {4: 3, 8: 6}
"""Bytes of the network of an address: a /24 of IPv4, a /48 of IPv6, of which an address has a /64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """The life of a hold at first, and with all extensions, in milliseconds."""

    ttl_ms: int
    longest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The sender of a request with a publishable key, whose live holds are limited."""

    address: bytes | None
    """The network address that visitors are told apart by; None where all of them seem to come from one."""
    is_proven: bool = False
    """True if a person was shown to be at the browser."""
    may_be_asked: bool = False
    """True if that can be asked for."""

    @property
    def network(self) -> bytes | None:
        """The neighbourhood of the address, which most likely has one owner; None where that is unknown."""
        return None if self.address is None else self.address[: NETWORK_BYTES[len(self.address)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimits:
    """The most live holds that publishable keys may have; 0: as many as they like."""

    per_address: int
    """From one address, in one business; the rules of a service may allow less."""
    per_network: int
    """From one neighbourhood of addresses, in one business."""
    per_business: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFilter:
    """The holds that a list has; None: any."""

    service_id: ServiceId | None = None
    resource_id: ResourceId | None = None
    location_id: LocationId | None = None
    resources_there: frozenset[ResourceId] = frozenset()
    """Those of the location: it has the holds that name none and are led by them."""
    starts_from: datetime | None = None
    starts_before: datetime | None = None

    def admits(self, hold: Hold) -> bool:
        """True if the hold meets all conditions."""
        return (
            self.service_id in {None, hold.service_id}
            and (self.resource_id is None or any(part.resource_id == self.resource_id for part in hold.parts))
            and (self.location_id is None or self._is_there(hold))
            and (self.starts_from is None or to_datetime(hold.span.start) >= self.starts_from)
            and (self.starts_before is None or to_datetime(hold.span.start) < self.starts_before)
        )

    def _is_there(self, hold: Hold) -> bool:
        if hold.location_id is None:
            return hold.parts[0].resource_id in self.resources_there
        return hold.location_id == self.location_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRequest:
    """A start that a client wants to hold or book."""

    service: str
    """Id or key; empty: the answers choose it, by the routes of the business."""
    start: datetime
    resource: str | None = None
    """Id or key; None: any that can serve."""
    location: str | None = None
    """Id or key; None: any."""
    party: int = 1
    client: str | None = None
    """The visitor, as the caller names them: a repeated request gives the same hold, and live holds are counted."""
    ttl_seconds: int | None = None
    """None: as the service's rules say."""
    replaces: HoldId | None = None
    """A hold to give up in the same step, only if the new one is placed."""
    replaces_optional: bool = False
    """True: placed also where the hold to be replaced is gone."""
    overrides: tuple[Override, ...] = ()
    """The rules that the business waives. With `held` the holds of others in the way end, unless being confirmed."""
    rescheduling: AppointmentId | None = None
    """The appointment that is to move onto the hold; None: it is for a new one."""
    by_visitor: bool = False
    """True: services for staff are unknown."""
    choices: RequestedChoices = NONE_REQUESTED
    answers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """To the questions of the service; they may lead to another service, or to certain resources."""
    asked_service_id: ServiceId | None = field(default=None, repr=False)
    """The service that asked, where the answers have led to another one."""
    asked_by_business: bool = field(default=False, repr=False)
    """True if the business asked, and the answers have led to the service."""
    pool: tuple[ResourceId, ...] = field(default=(), repr=False)
    """The resources that the answers have led to; empty: any."""

    def lifetime(self, rules: HoldLife) -> Lifetime:
        """The requested life, else that of the rules. Raises ValidationFailed when it is longer than they allow."""
        longest = rules.max_total_seconds
        if self.ttl_seconds is not None and self.ttl_seconds > longest:
            raise ValidationFailed.of("ttl_seconds", f"a hold of this service lives {longest} seconds at most")
        return Lifetime(ttl_ms=1000 * min(self.ttl_seconds or rules.ttl_seconds, longest), longest_ms=1000 * longest)
