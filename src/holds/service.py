"""Use cases on holds."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from availability.cache_sync import CacheSync
from availability.candidates import CandidateService, StartCandidates, StartRequest
from availability.state.staff_days import OwnClaims, StaffDays
from holds import encoding, refusals
from holds.direct import hold_without_redis
from holds.model import Hold, HoldLifeExhausted, PlaceRequest
from holds.register import HoldRegister
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

# Between finding the candidates and placing the hold, bitmaps or catalogue may change; then both are done again.
_ATTEMPTS: Final = 6
# Redis may miss one answer and give the next; such a slip must not let a booking past the holds of others.
_SLIPS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinning:
    """A hold to be placed pinned, because its confirmation follows in the same request."""

    hold_id: HoldId
    grace_ms: int
    own: OwnClaims = field(default_factory=OwnClaims)


class HoldService:
    """Every method ends in one atomic script, and is safe to repeat.

    All raise HoldsUnavailable when Redis does not answer.
    """

    def __init__(
        self,
        *,
        candidates: CandidateService,
        staff_days: StaffDays,
        cache_sync: CacheSync,
        store: HoldStore,
        register: HoldRegister,
        metrics: Metrics,
    ) -> None:
        self._candidates = candidates
        self._staff_days = staff_days
        self._cache_sync = cache_sync
        self._store = store
        self._register = register
        self._metrics = metrics

    async def place(self, operation: Operation, request: PlaceRequest) -> tuple[Hold, bool]:
        """Hold a start; False with the client's own hold when it already has just this one.

        Raises SlotTaken, SlotHeld or NotOffered when the start is not free, HoldLimitReached when the client has as
        many holds as it may, HoldBusy when the hold to be replaced is being confirmed, NotFound, ValidationFailed. In
        each case nothing was placed, and a hold that was to be replaced is still there.
        """
        try:
            hold, is_new = await self._place(operation.tenant_id, request, None)
        except RedisUnavailable as error:
            refusal = refusals.holds_unavailable()
            self._metrics.add(HOLDS_REFUSED, label=refusal.code)
            raise refusal from error
        except DomainError as refusal:
            self._metrics.add(HOLDS_REFUSED, label=refusal.code)
            raise
        self._metrics.add(HOLDS_PLACED if is_new else HOLDS_REPEATED)
        return hold, is_new

    async def place_pinned(self, operation: Operation, request: PlaceRequest, pinning: Pinning) -> Hold:
        """Hold a start that is confirmed at once.

        Without Redis no hold exists: the answer is the best free lanes as Postgres has them, and the constraint decides
        whether they still are when the confirmation comes. Raises SlotTaken, SlotHeld, NotOffered, NotFound,
        StoreUnavailable; HoldsUnavailable when Redis answers, but not well enough to tell what others hold.
        """
        for _ in range(_SLIPS):
            try:
                hold, _is_new = await self._place(operation.tenant_id, request, pinning)
            except RedisUnavailable:
                direct = await self._without_redis(operation.tenant_id, request, pinning)
                if direct is not None:
                    return direct
            else:
                return hold
        raise refusals.holds_unavailable()

    async def _place(self, tenant_id: TenantId, request: PlaceRequest, pinning: Pinning | None) -> tuple[Hold, bool]:
        """Find the candidates and let the script take the first that is free; once more after a change in between."""
        start = _start_request(request)
        # A hold given up in the same step blocks nothing, and its resource keeps its place in the order.
        own = pinning.own if pinning else OwnClaims(hold_id=request.replaces)
        for _ in range(_ATTEMPTS):
            candidates = await self._candidates.for_start(tenant_id, start, own)
            if not candidates.allocations:
                await self._refuse_by_rules(tenant_id, start, own)
                continue
            placement = _placement(request, start, candidates, pinning)
            answer = await self._store.place(tenant_id, placement)
            match answer.reply:
                case Reply.PLACED | Reply.REPLACED:
                    return self._noted(tenant_id, answer), True
                case Reply.SAME:
                    hold = await self._repeated(tenant_id, answer, pinning)
                    if hold is not None:
                        return hold, False
                case Reply.MISS:
                    await self._staff_days.fill(tenant_id, candidates.snapshot, answer.missing)
                case Reply.STALE:
                    self._candidates.forget(tenant_id, candidates)
                case _:
                    if _needs_reason(answer, candidates):
                        await self._refuse_by_rules(tenant_id, start, own)
                    _check_refused(answer, candidates, placement)
        raise refusals.holds_unavailable()

    async def _refuse_by_rules(self, tenant_id: TenantId, start: StartRequest, own: OwnClaims) -> None:
        """Raise the refusal of the first rule that forbids the start; return if none does by now."""
        reason = await self._candidates.reason(tenant_id, start, own)
        if reason is not None:
            raise refusals.by_reason(reason)

    async def _repeated(self, tenant_id: TenantId, answer: ScriptAnswer, pinning: Pinning | None) -> Hold | None:
        """The caller's hold once more; None if it ended just now.

        An earlier attempt of a booking may have pinned it: this attempt needs all of the grace for itself.
        """
        if pinning is not None:
            answer = await self._store.pin(tenant_id, pinning.hold_id, pinning.grace_ms)
            if answer.reply not in {Reply.PINNED, Reply.CONFIRMED}:
                return None
        return self._noted(tenant_id, answer)

    async def _without_redis(self, tenant_id: TenantId, request: PlaceRequest, pinning: Pinning) -> Hold | None:
        """The best free lanes by Postgres alone; None when Redis answers after all."""
        start = _start_request(request)
        candidates = await self._candidates.without_redis(tenant_id, start, pinning.own)
        if candidates is None:
            return None
        if not candidates.allocations:
            await self._refuse_by_rules(tenant_id, start, pinning.own)
            return None
        return hold_without_redis(pinning.hold_id, candidates, request)

    async def get(self, operation: Operation, hold_id: HoldId) -> Hold:
        """The hold as it is. Raises HoldNotFound when there is none, or it was released, or expired long ago."""
        with _RedisNeeded():
            return _hold_of(await self._store.read(operation.tenant_id, hold_id))

    async def extend(self, operation: Operation, hold_id: HoldId, ttl_seconds: int) -> Hold:
        """Let the hold live that long from now; it is never shortened.

        Raises HoldLifeExhausted when it would outlive its limit, HoldExpired, HoldBusy, HoldNotFound.
        """
        with _RedisNeeded():
            answer = await self._store.extend(operation.tenant_id, hold_id, ttl_seconds * 1000)
        hold = _hold_of(answer)
        if answer.reply is Reply.EXHAUSTED:
            assert answer.record is not None
            left = max((answer.record.limit_ms - answer.record.now_ms) // 1000, 0)
            raise HoldLifeExhausted(
                f"The hold cannot live that long. It may live {left} more seconds at most.",
                extendable_until=to_rfc3339(hold.extendable_until),
                most_seconds=left,
            )
        _check_live(answer, "extended")
        return self._noted(operation.tenant_id, answer)

    async def release(self, operation: Operation, hold_id: HoldId) -> None:
        """Give the hold up; repeating it is harmless. Raises HoldBusy when it is being confirmed, or was."""
        with _RedisNeeded():
            answer = await self._store.release(operation.tenant_id, hold_id)
        _check_live(answer, "released")
        if answer.reply is Reply.RELEASED:
            self._metrics.add(HOLDS_RELEASED)

    async def pin(self, operation: Operation, hold_id: HoldId, grace_ms: int) -> Hold | None:
        """Stop the hold's clock for its confirmation; None when there is no such hold.

        Its status is pinned; confirmed, with the id of the appointment; or expired.
        """
        with _RedisNeeded():
            answer = await self._store.pin(operation.tenant_id, hold_id, grace_ms)
        if answer.record is None:
            return None
        hold = self._noted(operation.tenant_id, answer)
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
            self._cache_sync.note_missed(tenant_id)

    async def abandon(self, operation: Operation, hold_id: HoldId) -> None:
        """Release a pinned hold whose confirmation has failed for good. Raises RedisUnavailable."""
        await self._store.release(operation.tenant_id, hold_id, pinned_too=True)

    def _noted(self, tenant_id: TenantId, answer: ScriptAnswer) -> Hold:
        """The hold of an answer, counted, and noted as one that the business has until its deadline."""
        if answer.record is None:
            raise refusals.hold_not_found()
        self._register.note(tenant_id, answer.record.deadline_ms)
        if answer.reply is Reply.REPLACED:
            self._metrics.add(HOLDS_REPLACED)
        elif answer.reply is Reply.EXTENDED:
            self._metrics.add(HOLDS_EXTENDED)
        return encoding.to_hold(answer.record)


def _start_request(request: PlaceRequest) -> StartRequest:
    return StartRequest(
        service=request.service, start=to_minute(request.start), resource=request.resource, party=request.party
    )


def _placement(
    request: PlaceRequest, start: StartRequest, candidates: StartCandidates, pinning: Pinning | None
) -> Placement:
    snapshot, kind = candidates.snapshot, candidates.kind
    life = request.lifetime(kind.hold_life)
    assert snapshot.version is not None, "with Redis the catalogue has a version"
    return Placement(
        hold_id=pinning.hold_id if pinning else new_hold_id(),
        catalogue_version=snapshot.version,
        ttl_ms=pinning.grace_ms if pinning else life.ttl_ms,
        longest_ms=pinning.grace_ms if pinning else life.longest_ms,
        client=None if pinning else request.client,
        most_per_client=kind.hold_life.max_per_client,
        fingerprint=f"{kind.service.id}|{start.start}|{kind.resource_id or ''}|{kind.party}",
        replaces=request.replaces,
        pinned=pinning is not None,
        body=encoding.request_to_text(kind, request, candidates.now),
        own_claims=encoding.claims_to_text(pinning.own.claims) if pinning else "",
        candidates=[
            encoding.candidate(snapshot.catalogue, allocation, request.party) for allocation in candidates.allocations
        ],
    )


def _needs_reason(answer: ScriptAnswer, candidates: StartCandidates) -> bool:
    """True if the rules must explain a refusal.

    They come before a client's number of holds; time off and daily limits are theirs to tell from bookings.
    """
    match answer.reply:
        case Reply.LIMIT:
            return True
        case Reply.TAKEN:
            return candidates.kind.has_daily_limits or not answer.is_booked
        case _:
            return False


def _check_refused(answer: ScriptAnswer, candidates: StartCandidates, placement: Placement) -> None:
    """Raise the refusal of the script, unless another attempt may go better.

    All candidates may have gone to others meanwhile while there are more; time off may have ended just now.
    """
    if answer.reply in {Reply.HELD, Reply.TAKEN} and candidates.is_truncated:
        return
    if answer.reply is not Reply.TAKEN or answer.is_booked:
        raise refusals.of_answer(answer, placement)


def _hold_of(answer: ScriptAnswer) -> Hold:
    if answer.record is None:
        raise refusals.hold_not_found()
    return encoding.to_hold(answer.record)


class _RedisNeeded:
    """Turns the absence of Redis into a refusal for the client."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RedisUnavailable):
            raise refusals.holds_unavailable() from error


def _check_live(answer: ScriptAnswer, to: str) -> None:
    """Raise the refusal of a change to a hold that can no longer be changed."""
    match answer.reply:
        case Reply.EXPIRED:
            raise refusals.hold_expired()
        case Reply.PINNED:
            raise refusals.hold_pinned(to)
        case Reply.CONFIRMED:
            raise refusals.hold_confirmed(to)
        case _:
            return
