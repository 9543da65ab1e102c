"""What a hold is, and what may be refused of one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from kernel.errors import DomainError
from kernel.ids import AppointmentId, HoldId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Span

_SLOT_TAKEN: Final = "This time has just been booked. List the available times again."


class HoldStatus(StrEnum):
    """What a hold is by Redis' clock. A pinned hold is being confirmed; an expired one is free for others."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneClaim:
    """One lane's minutes that a hold or an appointment takes, with buffers."""

    resource_id: ResourceId
    lane: int
    """The number of the lane, 1 to the capacity."""
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A visit kept for somebody until `expires_at`."""

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
    catalogue_version: str | None
    """What Redis says the catalogue is at; None where it was not asked."""
    bitmap_versions: str = ""
    """What the attempt that pinned it has seen of the bitmaps, by which that attempt settles; empty: nothing."""
    pinned_until_ms: int | None = None
    """By Redis' clock, until when this attempt has pinned it; None where it only read it."""

    @property
    def names(self) -> frozenset[str]:
        """The ids of everything in the catalogue that it names."""
        return frozenset({self.service_id, *(part.resource_id for part in self.parts)})


class SlotTaken(DomainError):
    """The time is booked by someone else."""

    code = "slot_taken"

    def __init__(self, detail: str = _SLOT_TAKEN, /, **facts: object) -> None:
        super().__init__(detail, **facts)


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
    """The client has as many live holds as it may."""

    code = "hold_limit_reached"


class HoldLifeExhausted(DomainError):
    """The hold cannot be extended that far."""

    code = "hold_life_exhausted"


class HoldsUnavailable(DomainError):
    """Redis does not answer: no holds for now; direct booking still works."""

    code = "holds_unavailable"


class HoldBusy(DomainError):
    """The hold is being confirmed, or was: it can no longer be extended, replaced or released."""

    code = "invalid_transition"
