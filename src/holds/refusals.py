"""The refusals of holds and starts, in words for the client."""

from datetime import UTC, datetime
from typing import Final

from availability.model import NotOffered, Reason, Refusal
from holds.budgets import QUOTA
from holds.model import (
    HoldBusy,
    HoldExpired,
    HoldLifeExhausted,
    HoldLimitReached,
    HoldNotFound,
    HoldsUnavailable,
    MoveHoldRefusal,
    ProofRefusal,
    SlotHeld,
    SlotTaken,
)
from holds.store import Budget, HoldRecord, Reply, ScriptAnswer
from kernel.errors import DomainError
from kernel.ids import AppointmentId
from kernel.spans import to_rfc3339

# How long a client is told to wait when Redis is away.
RETRY_AFTER_SECONDS: Final = 2

_WITHOUT_IT: Final = "Place the new one without `replaces`, or with `replaces_optional`."
_HOLDERS: Final = {
    "client": ("This client already has", "Release, confirm or replace one first."),
    "address": ("From this address there are already", "Release, confirm or replace one first."),
    "network": ("From this network there are already", "Book directly, or try again later."),
    "business": ("The visitors of this business already have", "Book directly, or try again later."),
}
_LAPSES: Final = "lapses"
_SHARE: Final = "share"
_UNPROVEN: Final = "unproven"
_SENTENCES: Final = {
    Reason.NO_RESOURCE: "No active resource can serve this, or not the requested one.",
    Reason.PARTY_TOO_LARGE: "The service takes no party of this size.",
    Reason.OUTSIDE_WINDOW: "The date is outside the booking window.",
    Reason.LEAD_TIME: "The start is in the past or too soon: the service needs more notice.",
    Reason.CLOSED: "The visit does not fit into the working hours.",
    Reason.OFF_GRID: "No slot starts at this minute.",
    Reason.NOT_RELEASED: "This part of the day opens when an earlier part of it is filled.",
    Reason.TIME_OFF: "Every resource that could serve has time off.",
    Reason.DAILY_LIMIT: "No more visits are possible on this day: its daily limit is reached.",
}


def by_rule(refusal: Refusal) -> DomainError:
    """The refusal of a start by a rule, as things stand."""
    reason = refusal.reason
    if reason is Reason.FULLY_BOOKED:
        return SlotTaken()
    if reason is Reason.HELD:
        return slot_held(0)
    if refusal.closure is not None:
        detail = f"Closed: {refusal.closure}. Ask for the free times again."
        return NotOffered(detail, reason=reason.value, closure=refusal.closure)
    return NotOffered(f"{_SENTENCES[reason]} Ask for the free times again.", reason=reason.value)


def party_too_large(largest: int) -> NotOffered:
    """The refusal of a party for which the service has no room at any time."""
    people = "1 person" if largest == 1 else f"{largest} people"
    return NotOffered(
        f"The service takes at most {people} at once. Book for fewer.",
        reason=Reason.PARTY_TOO_LARGE.value,
        largest_party=largest,
    )


def of_answer(answer: ScriptAnswer) -> DomainError:
    """The refusal that a reply of the hold script stands for."""
    match answer.reply:
        case Reply.HELD:
            return slot_held(answer.retry_after_ms)
        case Reply.TAKEN:
            return SlotTaken()
        case Reply.LIMIT:
            assert answer.used_up is not None
            return budget_used_up(answer.used_up, answer.retry_after_ms)
        case _:
            return _of_replaced(answer)


def _of_replaced(answer: ScriptAnswer) -> DomainError:
    """The refusal because of the hold to be replaced."""
    match answer.reply, answer.record:
        case Reply.MISSING, _:
            return HoldNotFound(f"There is no hold to be replaced: it was released, or expired long ago. {_WITHOUT_IT}")
        case Reply.EXPIRED, _:
            return HoldExpired(f"The hold to be replaced has expired. {_WITHOUT_IT}")
        case Reply.REPLACING, HoldRecord(state="confirmed"):
            return hold_confirmed("replaced")
        case Reply.REPLACING, _:
            return hold_pinned("replaced")
        case Reply.EXHAUSTED, HoldRecord() as record:
            return HoldLifeExhausted(
                "The hold to be replaced has kept this time for as long as it may. Confirm it, or take another time.",
                extendable_until=to_rfc3339(datetime.fromtimestamp(record.limit_ms / 1000, UTC)),
            )
        case _:
            raise AssertionError(answer.reply)


def slot_held(retry_after_ms: int) -> SlotHeld:
    """The refusal of a start that only the holds of others block."""
    seconds = -(-retry_after_ms // 1000)
    return SlotHeld(
        f"This time is held by someone else. It may become free in {seconds} seconds.", retry_after_seconds=seconds
    )


def budget_used_up(used_up: Budget, retry_after_ms: int) -> HoldLimitReached | ProofRefusal:
    """The refusal of one more hold where a budget has no room for it."""
    kind = used_up.name.partition(":")[0]
    seconds = -(-retry_after_ms // 1000)
    if kind == _UNPROVEN:
        return proof_required()
    if kind == _SHARE:
        return HoldLimitReached(
            f"From this address as much of this day was taken lately as may be: {used_up.most} minutes. Choose another "
            f"day, or try again in {seconds} seconds.",
            budget=kind,
            limit=used_up.most,
            retry_after_seconds=seconds,
        )
    if kind == _LAPSES:
        return HoldLimitReached(
            f"From this address {used_up.most} holds have lapsed lately, neither confirmed nor released. Book "
            f"directly, or hold again in {seconds} seconds.",
            budget=kind,
            limit=used_up.most,
            retry_after_seconds=seconds,
        )
    if kind == QUOTA:
        return HoldLimitReached(
            f"The operator of this engine grants this business {used_up.most} live holds, and it has as many. Book "
            "directly, or try again later.",
            budget=kind,
            limit=used_up.most,
            retry_after_seconds=max(seconds, 1),
        )
    holders, advice = _HOLDERS[kind]
    return HoldLimitReached(
        f"{holders} {used_up.most} live holds, the maximum. {advice} The first of them ends in {seconds} seconds.",
        budget=kind,
        limit=used_up.most,
        retry_after_seconds=seconds,
    )


def proof_required() -> ProofRefusal:
    """The refusal of a visitor who can be asked for a proof, and gave none."""
    return ProofRefusal("Much of this business was taken lately. Show that a person is booking.")


def hold_expired() -> HoldExpired:
    """The refusal of a change that needs a live hold."""
    return HoldExpired("The hold has expired. Place a new one, or confirm with if_free to try for the time anyway.")


def hold_not_found() -> HoldNotFound:
    """The refusal where there is no hold, or no longer."""
    return HoldNotFound("Unknown hold: it was released, expired long ago, or never existed.")


def hold_pinned(to: str) -> HoldBusy:
    """The refusal of a change to a hold that is being confirmed."""
    return _busy("The hold is being confirmed.", status="pinned", to=to)


def hold_confirmed(to: str) -> HoldBusy:
    """The refusal of a change to a hold that became an appointment."""
    return _busy("The hold became an appointment. Cancel the appointment instead.", status="confirmed", to=to)


def hold_for_move(appointment_id: AppointmentId) -> MoveHoldRefusal:
    """The refusal of a booking by a hold for a move."""
    return MoveHoldRefusal(
        f"The hold is for a move of the appointment {appointment_id}. Send it to that appointment's reschedule.",
        **{"from": "held", "to": "confirmed"},
    )


def holds_unavailable() -> HoldsUnavailable:
    """The refusal while Redis does not answer."""
    return HoldsUnavailable(
        "Holds are unavailable at the moment. Please retry.", retry_after_seconds=RETRY_AFTER_SECONDS
    )


def _busy(detail: str, *, status: str, to: str) -> HoldBusy:
    return HoldBusy(detail, **{"from": status, "to": to})
