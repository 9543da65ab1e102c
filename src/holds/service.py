"""Use cases on holds."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from availability.model import Reason
from availability.service import AvailabilityService, StartCandidates, StartRequest
from availability.state.staff_days import OwnClaims
from holds import encoding, rules
from holds.model import Hold, HoldBusy, HoldLifeExhausted, HoldNotFound, HoldsUnavailable
from holds.register import HoldRegister
from holds.requests import PlaceRequest
from holds.store import HoldStore, Placement, Reply, ScriptAnswer, Settlement
from kernel.errors import DomainError
from kernel.ids import AppointmentId, CommitId, HoldId, TenantId, new_hold_id
from kernel.operation import Operation
from kernel.spans import to_minute, to_rfc3339
from persistence.errors import RedisUnavailable
from telemetry.measures import (
    HOLDS_EXTENDED,
    HOLDS_PLACED,
    HOLDS_REFUSED,
    HOLDS_RELEASED,
    HOLDS_REPEATED,
    HOLDS_REPLACED,
)
from telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)

# Between judging a start and placing its hold the bitmaps or the catalogue may change; each time it is judged anew.
_ATTEMPTS: Final = 6
# Redis may miss one answer and give the next; a booking that others' holds forbid must not get past on such a slip.
_SLIPS: Final = 2
# What a client is told to wait when Redis is away.
RETRY_AFTER_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinning:
    """How a hold is placed whose confirmation follows in the same request."""

    hold_id: HoldId
    grace_ms: int
    own: OwnClaims = field(default_factory=OwnClaims)


class HoldService:
    """Every method is one atomic script at its end, and safe to repeat.

    All raise HoldsUnavailable when Redis does not answer.
    """

    def __init__(
        self, *, availability: AvailabilityService, store: HoldStore, register: HoldRegister, metrics: Metrics
    ) -> None:
        self._availability = availability
        self._store = store
        self._register = register
        self._metrics = metrics

    async def place(self, operation: Operation, request: PlaceRequest) -> tuple[Hold, bool]:
        """Hold a start; False with the client's own hold when it already has just this one.

        Raises SlotTaken, SlotHeld or NotOffered when the start is not free, HoldLimitReached when the client has its
        fill of holds, HoldBusy when the hold to be replaced is being confirmed, NotFound, ValidationFailed. In each
        case nothing was placed, and a hold that was to be replaced is still there.
        """
        try:
            with _RedisNeeded():
                hold, placed_now = await self._place(operation, request, None)
        except DomainError as refusal:
            self._metrics.add(HOLDS_REFUSED, label=refusal.code)
            raise
        self._metrics.add(HOLDS_PLACED if placed_now else HOLDS_REPEATED)
        return hold, placed_now

    async def place_pinned(self, operation: Operation, request: PlaceRequest, pinning: Pinning) -> Hold:
        """Hold a start that is confirmed at once.

        Without Redis nobody can hold anything: then it is the best free lanes as Postgres has them, and whether they
        still are when the confirmation comes, the constraint decides. Raises SlotTaken, SlotHeld, NotOffered, NotFound,
        StoreUnavailable; HoldsUnavailable when Redis answers, but not well enough to tell what others hold.
        """
        for _ in range(_SLIPS):
            try:
                hold, _placed_now = await self._place(operation, request, pinning)
            except RedisUnavailable:
                candidates = await self._availability.judge(operation.tenant_id, _wish(request), pinning.own)
                if candidates.without_redis:
                    _check_offered(candidates)
                    return encoding.unplaced_hold(pinning.hold_id, candidates, request)
            else:
                return hold
        raise _unavailable()

    async def _place(self, operation: Operation, request: PlaceRequest, pinning: Pinning | None) -> tuple[Hold, bool]:
        # What is given up in the same step is in nobody's way: whoever served it keeps its place in the order.
        own = pinning.own if pinning else OwnClaims(hold_id=request.replaces)
        for attempt in range(1, _ATTEMPTS + 1):
            presumed = None
            if attempt == 1 and not own.claims:
                presumed = await self._availability.presume(operation.tenant_id, _wish(request))
            candidates = presumed or await self._availability.judge(operation.tenant_id, _wish(request), own)
            if candidates.without_redis:
                raise RedisUnavailable
            _check_offered(candidates)
            placement = self._placement(request, candidates, pinning)
            answer = await self._store.place(operation.tenant_id, placement)
            if presumed is not None and (answer.reply is Reply.LIMIT or _is_time_off(answer)):
                # The judgement tells why it is not offered, also before it matters how many holds the client has.
                continue
            if answer.reply is Reply.MISS:
                await self._availability.fill(operation.tenant_id, candidates.snapshot, answer.missing)
            elif answer.reply is Reply.SAME and pinning is not None:
                # An earlier attempt of this booking pinned it; this attempt needs all of the grace for itself.
                pinned = await self._store.pin(operation.tenant_id, pinning.hold_id, pinning.grace_ms)
                if pinned.reply in {Reply.PINNED, Reply.CONFIRMED}:
                    self._note(operation, pinned)
                    return _known(pinned), False
            elif answer.reply in {Reply.HELD, Reply.TAKEN} and candidates.is_truncated and attempt < _ATTEMPTS:
                continue  # All that were tried went to others meanwhile: whoever is left is tried next.
            elif answer.reply is not Reply.STALE:
                hold = _placed(answer, placement)
                self._note(operation, answer)
                return hold, answer.reply is not Reply.SAME
        raise _unavailable()

    def _placement(self, request: PlaceRequest, candidates: StartCandidates, pinning: Pinning | None) -> Placement:
        catalogue, service = candidates.snapshot.catalogue, candidates.service
        hold_rules = candidates.snapshot.index.rules(service).hold
        life = rules.lifetime(hold_rules, request.ttl_seconds)
        body = encoding.RequestedVisit(
            service_id=service.id,
            resource=request.resource,
            party=request.party,
            placed_at=candidates.now,
        )
        assert candidates.snapshot.version is not None, "with Redis the catalogue has a version"
        return Placement(
            hold_id=pinning.hold_id if pinning else new_hold_id(),
            catalogue_version=candidates.snapshot.version,
            ttl_ms=pinning.grace_ms if pinning else life.ttl_ms,
            longest_ms=pinning.grace_ms if pinning else life.longest_ms,
            client=None if pinning else request.client,
            most_per_client=hold_rules.max_per_client,
            fingerprint=encoding.fingerprint(catalogue, service.id, request),
            replaces=request.replaces,
            pinned=pinning is not None,
            body=body.to_text(),
            own_claims=encoding.claims_to_text(pinning.own.claims if pinning else ()),
            candidates=[
                encoding.candidate(catalogue, allocation, request.party) for allocation in candidates.allocations
            ],
        )

    async def get(self, operation: Operation, hold_id: HoldId) -> Hold:
        """The hold as it is. Raises HoldNotFound when there is none, or it was released, or expired long ago."""
        with _RedisNeeded():
            return _known(await self._store.read(operation.tenant_id, hold_id))

    async def extend(self, operation: Operation, hold_id: HoldId, ttl_seconds: int) -> Hold:
        """Let the hold live that long from now; it is never shortened.

        Raises HoldLifeExhausted when it would outlive its limit, HoldExpired, HoldBusy, HoldNotFound.
        """
        with _RedisNeeded():
            answer = await self._store.extend(operation.tenant_id, hold_id, ttl_seconds * 1000)
        hold = _known(answer)
        if answer.reply is Reply.EXHAUSTED:
            assert answer.record is not None
            left = max((answer.record.limit_ms - answer.record.now_ms) // 1000, 0)
            raise HoldLifeExhausted(
                f"The hold cannot live that long: {left} seconds from now is the most.",
                extendable_until=to_rfc3339(hold.extendable_until),
                most_seconds=left,
            )
        _check_live(answer, "extended")
        self._note(operation, answer)
        return hold

    async def release(self, operation: Operation, hold_id: HoldId) -> None:
        """Give the hold up; again and again if you like. Raises HoldBusy when it is being confirmed, or was."""
        with _RedisNeeded():
            answer = await self._store.release(operation.tenant_id, hold_id)
        _check_live(answer, "released")
        if answer.reply is Reply.RELEASED:
            self._metrics.add(HOLDS_RELEASED)

    async def pin(self, operation: Operation, hold_id: HoldId, grace_ms: int) -> Hold | None:
        """Stop the hold's clock for its confirmation; None when there is no such hold.

        Its status tells how that went: pinned; confirmed, and then it says which appointment; or expired.
        """
        with _RedisNeeded():
            answer = await self._store.pin(operation.tenant_id, hold_id, grace_ms)
        if answer.record is None:
            return None
        self._note(operation, answer)
        hold = encoding.to_hold(answer.record)
        return replace(hold, pinned_until_ms=answer.record.now_ms + grace_ms) if answer.reply is Reply.PINNED else hold

    async def unpin(self, operation: Operation, hold: Hold) -> None:
        """Give the hold back to its visitor after its confirmation was refused: it lives on, and can be given up.

        Best effort: while Redis does not answer, the pin ends by itself.
        """
        if hold.pinned_until_ms is not None:
            with suppress(RedisUnavailable):
                await self._store.unpin(operation.tenant_id, hold.id, hold.pinned_until_ms)

    async def settle(
        self,
        tenant_id: TenantId,
        booked: Sequence[tuple[Hold, AppointmentId]],
        *,
        commit_id: CommitId | None,
    ) -> None:
        """Turn holds into taken minutes, after one transaction committed the appointments of the attempts that pinned.

        Best effort: while Redis does not answer the holds still block the time, and the rows that the transaction wrote
        for the invalidator do the rest.
        """
        settlements = [
            Settlement(
                hold_id=hold.id,
                appointment_id=appointment_id,
                claims=encoding.claims_to_text(hold.claims),
                bitmap_versions=hold.bitmap_versions,
            )
            for hold, appointment_id in booked
        ]
        try:
            await self._store.settle(tenant_id, settlements, commit_id=commit_id)
        except Exception as error:  # noqa: BLE001 - it was committed, so nobody is told that it was not
            if not isinstance(error, RedisUnavailable):
                _log.exception("hold.not_settled")
            self._availability.not_settled(tenant_id)

    async def abandon(self, operation: Operation, hold_id: HoldId) -> None:
        """Release a pinned hold whose confirmation has failed for good. Raises RedisUnavailable."""
        await self._store.release(operation.tenant_id, hold_id, pinned_too=True)

    def _note(self, operation: Operation, answer: ScriptAnswer) -> None:
        """Count what a script did, and until when the business has somebody's hold."""
        assert answer.record is not None
        self._register.note(operation.tenant_id, answer.record.deadline_ms)
        if answer.reply is Reply.REPLACED:
            self._metrics.add(HOLDS_REPLACED)
        elif answer.reply is Reply.EXTENDED:
            self._metrics.add(HOLDS_EXTENDED)


def _wish(request: PlaceRequest) -> StartRequest:
    return StartRequest(
        service=request.service, start=to_minute(request.start), resource=request.resource, party=request.party
    )


def _check_offered(candidates: StartCandidates) -> None:
    """Raise the refusal of a start that nobody can serve."""
    if not candidates.allocations:
        assert candidates.reason is not None, "a start without allocations was refused for a reason"
        raise rules.refusal(candidates.reason)


class _RedisNeeded:
    """Tells the client what it means that Redis does not answer."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RedisUnavailable):
            raise _unavailable() from error


def _unavailable() -> HoldsUnavailable:
    return HoldsUnavailable(
        "Holds are not available for the moment. Try again.", retry_after_seconds=RETRY_AFTER_SECONDS
    )


def _placed(answer: ScriptAnswer, placement: Placement) -> Hold:
    """The hold, or the refusal the script's reply stands for."""
    match answer.reply:
        case Reply.PLACED | Reply.REPLACED | Reply.SAME:
            return _known(answer)
        case Reply.LIMIT:
            raise rules.limit_refusal(placement.most_per_client)
        case Reply.HELD:
            raise rules.refusal(Reason.HELD, answer.retry_after_ms)
        case Reply.TAKEN:
            raise rules.refusal(Reason.FULLY_BOOKED)
        case Reply.REPLACING:
            raise _busy("The hold to be replaced is just being confirmed.", status="pinned", wanted="replaced")
        case _:
            raise AssertionError(answer.reply)


def _is_time_off(answer: ScriptAnswer) -> bool:
    return answer.reply is Reply.TAKEN and not answer.is_booked


def _known(answer: ScriptAnswer) -> Hold:
    if answer.record is None:
        raise HoldNotFound("There is no such hold: it was released, or expired long ago, or never was.")
    return encoding.to_hold(answer.record)


def _check_live(answer: ScriptAnswer, wanted: str) -> None:
    """Raise what a reply says of a hold that cannot be changed (any more)."""
    match answer.reply:
        case Reply.EXPIRED:
            raise rules.expiry_refusal()
        case Reply.PINNED:
            raise _busy("The hold is just being confirmed.", status="pinned", wanted=wanted)
        case Reply.CONFIRMED:
            raise _busy("The hold became an appointment. Cancel that instead.", status="confirmed", wanted=wanted)
        case _:
            return


def _busy(detail: str, *, status: str, wanted: str) -> HoldBusy:
    return HoldBusy(detail, **{"from": status, "to": wanted})
