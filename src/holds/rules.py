"""What the rules say of a hold before Redis is asked, and what a refusal is called."""

from dataclasses import dataclass

from availability.model import NotOffered, Reason
from catalogue.model import HoldLife
from holds.model import HoldExpired, HoldLimitReached, SlotHeld, SlotTaken
from kernel.errors import DomainError, ValidationFailed

_EXPLAINED = {
    Reason.NO_RESOURCE: "Nobody can serve this: no resource of the service is in use, or not the one asked for.",
    Reason.OUTSIDE_WINDOW: "The date is outside the booking window.",
    Reason.LEAD_TIME: "The start is in the past or too soon: the service asks for more notice.",
    Reason.CLOSED: "There is no working time for the whole visit.",
    Reason.OFF_GRID: "No slot starts at this minute.",
    Reason.TIME_OFF: "Whoever could serve is away.",
    Reason.DAILY_LIMIT: "No more visits are taken on this day.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long a hold lives, in milliseconds."""

    ttl_ms: int
    longest_ms: int


def lifetime(rules: HoldLife, ttl_seconds: int | None) -> Lifetime:
    """The life asked for, else the rules'. Raises ValidationFailed when it is longer than the rules allow in all."""
    longest = rules.max_total_seconds
    if ttl_seconds is not None and ttl_seconds > longest:
        raise ValidationFailed.of("ttl_seconds", f"a hold of this service lives {longest} seconds at most")
    return Lifetime(ttl_ms=1000 * min(ttl_seconds or rules.ttl_seconds, longest), longest_ms=1000 * longest)


def refusal(reason: Reason, retry_after_ms: int = 0) -> DomainError:
    """The refusal of a start for that reason."""
    if reason is Reason.FULLY_BOOKED:
        return SlotTaken()
    if reason is Reason.HELD:
        seconds = -(-retry_after_ms // 1000)
        return SlotHeld(
            f"Somebody is booking this time. It may become free in {seconds} seconds.", retry_after_seconds=seconds
        )
    return NotOffered(f"{_EXPLAINED[reason]} Ask for the free times again.", reason=reason.value)


def limit_refusal(most: int) -> HoldLimitReached:
    """The refusal of one more hold for a client."""
    return HoldLimitReached(
        f"This client has {most} live holds, the most allowed. Release one, confirm one, or replace one.", limit=most
    )


def expiry_refusal() -> HoldExpired:
    """The refusal of what needs a live hold."""
    return HoldExpired("The hold has expired. Place a new one, or confirm with if_free to try for the time anyway.")
