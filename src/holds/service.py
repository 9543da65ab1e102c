"""Use cases on holds."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from availability.cache_sync import CacheSync
from availability.candidates import CandidateService, StartCandidates, StartRequest
from availability.model import Override, Reason, Refusal
from availability.rules.allocations import Allocation
from availability.rules.catalogue_candidates import VisitKind
from availability.rules.overrides import rules_waived
from availability.rules.present_resources import groups_by_kept
from availability.rules.prices import price_after_move, total_price
from availability.state.staff_days import OwnClaims, StaffDays
from catalogue.model.choices import Choices
from catalogue.model.grid import Align
from catalogue.model.quotas import Quota, QuotaOf, no_quota
from holds import encoding, refusals
from holds.answer_seal import client_name, digest_of_answers, seal_answers
from holds.budgets import NETWORK, budgets_of, lapses_of, with_quota
from holds.cursor import START, cursor_after, position_of
from holds.direct import hold_without_redis
from holds.model import (
    BudgetLimits,
    Hold,
    HoldFilter,
    HoldLifeExhausted,
    HoldNotFound,
    HoldStatus,
    PlaceRequest,
    Visitor,
)
from holds.own import is_limited, limited, may_see
from holds.register import HoldRegister
from holds.shares import shares_of
from holds.store import MOST_PER_PAGE, HoldRecord, HoldStore, Placement, Reply, ScriptAnswer, Settlement, Share
from kernel.errors import DomainError
from kernel.ids import AppointmentId, CommitId, HoldId, TenantId, new_hold_id
from kernel.money import Money
from kernel.operation import Operation
from kernel.spans import to_minute, to_rfc3339
from persistence.errors import RedisUnavailable
from persistence.set_aside import set_aside
from telemetry.measures import (
    HOLDS_EXTENDED,
    HOLDS_OVERRIDDEN,
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
    visitor: Visitor | None = None
    """The visitor who books; None for the business itself, and for what is no new visit."""


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
        budget_limits: BudgetLimits,
        metrics: Metrics,
        quota_of: QuotaOf = no_quota,
    ) -> None:
        self._candidates = candidates
        self._staff_days = staff_days
        self._cache_sync = cache_sync
        self._store = store
        self._register = register
        self._budget_limits = budget_limits
        self._quota_of = quota_of
        self._metrics = metrics

    async def place(
        self,
        operation: Operation,
        request: PlaceRequest,
        visitor: Visitor | None = None,
        *,
        own: OwnClaims | None = None,
    ) -> tuple[Hold, bool]:
        """Hold a start; False with the client's own hold when it already has just this one.

        `own`: the claims of the appointment that is to move onto it, which do not block it.
        Without a `visitor` it is for the business itself, which has no budgets. Raises SlotTaken, SlotHeld or
        NotOffered when the start is not free, HoldLimitReached when the client or the visitor has as many holds as it
        may; when the hold to be replaced is gone HoldExpired or HoldNotFound, HoldBusy when it is being confirmed or
        was, HoldLifeExhausted when the new one would keep its time for longer than it may; NotFound, ValidationFailed.
        In each case nothing was placed, and a hold that was to be replaced is as it was.
        """
        try:
            # A hold given up in the same step blocks nothing, and its resource keeps its place in the order.
            own = OwnClaims(hold_id=request.replaces) if own is None else replace(own, hold_id=request.replaces)
            request = await self._routed(operation, await limited(operation, request, self._candidates))
            hold, is_new = await self._place(operation.tenant_id, request, own, visitor=visitor)
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
        request = await self._routed(operation, await limited(operation, request, self._candidates))
        for _ in range(_SLIPS):
            try:
                hold, _is_new = await self._place(operation.tenant_id, request, pinning.own, pinning)
            except RedisUnavailable:
                direct = await self._without_redis(operation.tenant_id, request, pinning)
                if direct is not None:
                    return direct
            else:
                return hold
        raise refusals.holds_unavailable()

    async def _routed(self, operation: Operation, request: PlaceRequest) -> PlaceRequest:
        """The request for what its answers lead to. Raises NotFound and ValidationFailed."""
        if not request.answers:
            return request
        routed = await self._candidates.routed(
            operation.tenant_id, request.service, request.answers, by_visitor=request.by_visitor
        )
        if routed is None:
            return request
        routed.check_requested([] if request.resource is None else [request.resource])
        routing = routed.routing
        return replace(
            request,
            service=routing.service.id,
            asked_service_id=routing.asking_service_id,
            asked_by_business=routing.is_by_business,
            pool=routing.resource_ids,
            by_visitor=False,
            choices=routing.choices(request.choices),
        )

    async def _place(
        self,
        tenant_id: TenantId,
        request: PlaceRequest,
        own: OwnClaims,
        pinning: Pinning | None = None,
        *,
        visitor: Visitor | None = None,
    ) -> tuple[Hold, bool]:
        """Find the candidates and let the script take the first that is free; once more after a change in between."""
        start = _start_request(request)
        for _ in range(_ATTEMPTS):
            candidates = await self._candidates.for_start(tenant_id, start, own)
            if not candidates.allocations and not _may_be_own(request, candidates, pinning):
                await self._refuse_by_rules(tenant_id, start, own)
                continue
            answer = await self._ask(tenant_id, request, candidates, own, pinning=pinning, visitor=visitor)
            match answer.reply:
                case Reply.PLACED | Reply.REPLACED:
                    return self._noted(tenant_id, answer), True
                case Reply.SAME:
                    hold = await self._repeated(tenant_id, answer, pinning)
                    if hold is not None:
                        return hold, False
                case Reply.MISS:
                    await self._staff_days.fill(tenant_id, candidates.snapshot, answer.missing, needed=True)
                case Reply.STALE:
                    self._candidates.forget(tenant_id, candidates)
                case _:
                    _check_askable(visitor, answer)
                    if _needs_reason(answer, candidates):
                        await self._refuse_by_rules(tenant_id, start, own)
                    _check_refused(answer, candidates)
        raise refusals.holds_unavailable()

    async def _ask(
        self,
        tenant_id: TenantId,
        request: PlaceRequest,
        candidates: StartCandidates,
        own: OwnClaims,
        *,
        pinning: Pinning | None,
        visitor: Visitor | None,
    ) -> ScriptAnswer:
        """The answer to the first candidates that find their minutes, else why the best of them do not.

        Where holds are to give way, they do before present resources are replaced; else all candidates are one group.
        """
        if Override.HELD not in request.overrides:
            one = self._placement(tenant_id, request, candidates, own, pinning, visitor)
            return await self._store.place(tenant_id, one)
        answers: list[ScriptAnswer] = []
        for group in groups_by_kept(candidates.allocations, own.present):
            one = self._placement(tenant_id, request, replace(candidates, allocations=group), own, pinning, visitor)
            answers.append(await self._store.place(tenant_id, one))
            if answers[-1].reply not in {Reply.HELD, Reply.TAKEN}:
                return answers[-1]
        return next((answer for answer in answers if answer.reply is Reply.HELD), answers[-1])

    async def choose(self, operation: Operation, request: PlaceRequest, own: OwnClaims) -> Hold:
        """The hold that `place_pinned` would give now, without placing it.

        Raises as that, but for what only the script can tell; without Redis, holds of others are not known.
        """
        start = _start_request(await limited(operation, request, self._candidates))
        candidates, refusal = await self._candidates.free_ways(operation.tenant_id, start, own)
        if not candidates.allocations:
            await self._refuse_by_rules(operation.tenant_id, start, own)
            raise refusals.by_rule(refusal or Refusal(Reason.FULLY_BOOKED))
        return hold_without_redis(new_hold_id(), candidates, request)

    async def _refuse_by_rules(self, tenant_id: TenantId, start: StartRequest, own: OwnClaims) -> None:
        """Raise the refusal of the first rule that forbids the start; return if none does by now."""
        refusal = await self._candidates.reason(tenant_id, start, own)
        if refusal is not None and refusal.reason is Reason.PARTY_TOO_LARGE:
            raise refusals.party_too_large(await self._candidates.largest_party(tenant_id, start, own))
        if refusal is not None:
            raise refusals.by_rule(refusal)

    async def _repeated(self, tenant_id: TenantId, answer: ScriptAnswer, pinning: Pinning | None) -> Hold | None:
        """The caller's hold once more; None if it ended just now.

        An earlier attempt of a booking may have pinned it: this attempt needs all of the grace for itself.
        """
        if pinning is None:
            return self._noted(tenant_id, answer)
        hold = await self._pin(tenant_id, pinning.hold_id, pinning.grace_ms)
        return hold if hold is not None and hold.status is not HoldStatus.EXPIRED else None

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
            hold = _hold_of(await self._store.read(operation.tenant_id, hold_id))
        if not may_see(operation, hold):
            raise refusals.hold_not_found()
        return hold

    async def find(
        self, operation: Operation, criteria: HoldFilter, *, after: str | None, limit: int
    ) -> tuple[list[Hold], str | None]:
        """List up to `limit` live holds in the order in which they end, with the cursor to go on from, None at the end.

        Raises ValidationFailed when `after` is no cursor of an earlier list.
        """
        position = START if after is None else position_of(after)
        found: list[Hold] = []
        while True:
            with _RedisNeeded():
                page = await self._store.page(operation.tenant_id, position, MOST_PER_PAGE)
            for number, (position, record) in enumerate(page, 1):
                hold = self._readable(record)
                if hold is not None and hold.is_live and criteria.admits(hold) and may_see(operation, hold):
                    found.append(hold)
                if len(found) == limit:
                    is_last = number == len(page) < MOST_PER_PAGE
                    return found, None if is_last else cursor_after(position)
            if len(page) < MOST_PER_PAGE:
                return found, None

    def _readable(self, record: HoldRecord | None) -> Hold | None:
        """The record as a hold; None for one that is lost or makes no sense, which may not hide all others."""
        hold = None
        if record is not None:
            with set_aside(self._metrics, "holds", hold=record.id):
                hold = encoding.to_hold(record)
        return hold

    async def extend(self, operation: Operation, hold_id: HoldId, ttl_seconds: int) -> Hold:
        """Let the hold live that long from now; it is never shortened.

        Raises HoldLifeExhausted when it would outlive its limit, HoldExpired, HoldBusy, HoldNotFound.
        """
        await self._check_own(operation, hold_id)
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
        try:
            await self._check_own(operation, hold_id)
        except HoldNotFound:
            return
        with _RedisNeeded():
            answer = await self._store.release(operation.tenant_id, hold_id)
        _check_live(answer, "released")
        if answer.reply is Reply.RELEASED:
            self._metrics.add(HOLDS_RELEASED)

    async def pin(self, operation: Operation, hold_id: HoldId, grace_ms: int) -> Hold | None:
        """Stop the hold's clock for its confirmation; None when there is no such hold.

        Its status is pinned; confirmed, with the id of the appointment; or expired. Once its longest life is over its
        clock is not stopped again: what is left of an earlier attempt's pin is less by `pin_shortfall_ms`.
        """
        try:
            await self._check_own(operation, hold_id)
        except HoldNotFound:
            return None
        with _RedisNeeded():
            return await self._pin(operation.tenant_id, hold_id, grace_ms)

    async def _check_own(self, operation: Operation, hold_id: HoldId) -> None:
        """Raise HoldNotFound if the hold does not exist for the operation. It takes a look only where some do not."""
        if is_limited(operation):
            await self.get(operation, hold_id)

    async def _pin(self, tenant_id: TenantId, hold_id: HoldId, grace_ms: int) -> Hold | None:
        answer = await self._store.pin(tenant_id, hold_id, grace_ms)
        if answer.record is None:
            return None
        hold, left_ms = self._noted(tenant_id, answer), answer.record.pin_left_ms
        match answer.reply:
            case Reply.EXPIRED:
                return replace(hold, status=HoldStatus.EXPIRED)
            case Reply.PINNED if left_ms < grace_ms:
                # Another attempt may still be at work under this pin: it is not this one's to end.
                return replace(hold, pin_shortfall_ms=grace_ms - left_ms)
            case Reply.PINNED:
                return replace(hold, pinned_until_ms=answer.record.now_ms + grace_ms)
            case _:
                return hold

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

    def _placement(  # noqa: PLR0917 - one argument per part of the hold
        self,
        tenant_id: TenantId,
        request: PlaceRequest,
        candidates: StartCandidates,
        own: OwnClaims,
        pinning: Pinning | None,
        visitor: Visitor | None,
    ) -> Placement:
        """The arguments of the script. A pinned hold is that of a booking, which ends at once: no budget counts it."""
        snapshot, kind = candidates.snapshot, candidates.kind
        life = request.lifetime(kind.hold_life)
        assert snapshot.version is not None, "with Redis the catalogue has a version"
        secret = snapshot.catalogue.business.token_secret
        hold_id = pinning.hold_id if pinning else new_hold_id()
        sealed = seal_answers(request.answers, hold_id, secret) if request.answers else None
        budgets = () if pinning else budgets_of(self._budget_limits, kind.hold_life, visitor, secret)
        return Placement(
            hold_id=hold_id,
            catalogue_version=snapshot.version,
            ttl_ms=pinning.grace_ms if pinning else life.ttl_ms,
            longest_ms=pinning.grace_ms if pinning else life.longest_ms,
            client=None if pinning else client_name(request.client, secret),
            most_per_client=kind.hold_life.max_per_client,
            fingerprint=_fingerprint(kind, request, snapshot.choices, secret),
            replaces=request.replaces,
            replaces_optional=request.replaces_optional,
            budgets=budgets if pinning else with_quota(budgets, self._quota_of(tenant_id, Quota.LIVE_HOLDS)),
            lapses=lapses_of(budgets, kind.hold_life),
            shares=self._shares(request, candidates, pinning.visitor if pinning else visitor),
            overrides_held=Override.HELD in request.overrides,
            pinned=pinning is not None,
            body=encoding.request_to_text(kind, request, candidates.now, snapshot.choices, sealed_answers=sealed),
            own_claims=encoding.claims_to_text(own.claims),
            candidates=[
                encoding.candidate(snapshot.catalogue, kind, allocation, _price(allocation, request, own))
                for allocation in candidates.allocations
            ],
        )

    def _shares(self, request: PlaceRequest, candidates: StartCandidates, visitor: Visitor | None) -> Sequence[Share]:
        """The shares that the visit counts in. A visit that moves takes nothing more."""
        if visitor is None or request.rescheduling is not None:
            return ()
        snapshot = candidates.snapshot
        return shares_of(
            snapshot.index,
            candidates.kind.hold_life,
            visitor,
            start=request.start,
            now=candidates.now,
            secret=snapshot.catalogue.business.token_secret,
        )

    def _noted(self, tenant_id: TenantId, answer: ScriptAnswer) -> Hold:
        """The hold of an answer, counted, and noted as one that the business has until its deadline."""
        if answer.record is None:
            raise refusals.hold_not_found()
        self._register.note(tenant_id, answer.record.deadline_ms)
        if answer.record.gave_way:
            self._metrics.add(HOLDS_OVERRIDDEN, len(answer.record.gave_way))
        if answer.reply is Reply.REPLACED:
            self._metrics.add(HOLDS_REPLACED)
        elif answer.reply is Reply.EXTENDED:
            self._metrics.add(HOLDS_EXTENDED)
        return encoding.to_hold(answer.record)


def _price(allocation: Allocation, request: PlaceRequest, own: OwnClaims) -> Money:
    """The price of a visit for all of the party; of one that moves to another start, by the rule on its price."""
    price = total_price(allocation.price, request.party)
    if own.moving is None or own.keeps_start:
        return price
    return price_after_move(own.moving, price, with_requested_resource=request.resource is not None)


def _start_request(request: PlaceRequest) -> StartRequest:
    return StartRequest(
        service=request.service,
        start=to_minute(request.start),
        resource=request.resource,
        party=request.party,
        location=request.location,
        overrides=rules_waived(request.overrides),
        holds_give_way=Override.HELD in request.overrides,
        by_visitor=request.by_visitor,
        choices=request.choices,
        pool=request.pool,
    )


def _may_be_own(request: PlaceRequest, candidates: StartCandidates, pinning: Pinning | None) -> bool:
    """True if nothing but the caller's own hold may be in the way, as on a gap grid, which holds move.

    The script knows the caller's holds: without candidates it gives back that of the same start, or places none.
    """
    return candidates.kind.service.grid.align is Align.GAP and (request.client is not None or pinning is not None)


def _fingerprint(kind: VisitKind, request: PlaceRequest, choices: Choices, secret: bytes) -> str:
    """A digest of what a client asks for: a repetition has the same. A hold under other rules is another hold."""
    visit = f"{kind.service.id}|{to_minute(request.start)}|{kind.resource_id or ''}|{kind.party}"
    if kind.location_id is not None:
        visit = f"{visit}|{kind.location_id}"
    if not (request.rescheduling or request.overrides or choices or request.answers):
        return visit
    waived = ",".join(rules_waived(request.overrides))
    answers = digest_of_answers(request.answers, secret) if request.answers else ""
    more = [request.rescheduling, waived, _named(choices), answers]
    return "|".join([visit, *(part for part in more if part)])


def _named(choices: Choices) -> str:
    """The choices by their names; nothing where none were made."""
    minutes = [] if choices.duration is None else [str(choices.duration.minutes)]
    return "+".join([*minutes, *(add_on.key for add_on in choices.add_ons)])


def _needs_reason(answer: ScriptAnswer, candidates: StartCandidates) -> bool:
    """True if the rules must explain a refusal.

    They come before a client's number of holds, but not before budgets, whose refusal is to cost little. Time off and
    daily limits are theirs to tell from bookings.
    """
    match answer.reply:
        case Reply.LIMIT:
            return answer.used_up is not None and answer.used_up.name == "client"
        case Reply.TAKEN:
            return candidates.kind.has_daily_limits or not candidates.allocations or not answer.is_booked
        case _:
            return False


def _check_askable(visitor: Visitor | None, answer: ScriptAnswer) -> None:
    """Raise ProofRefusal in place of the refusal of a whole network, where the visitor can be asked."""
    is_networks = answer.used_up is not None and answer.used_up.name.startswith(NETWORK)
    if is_networks and visitor is not None and visitor.may_be_asked:
        raise refusals.proof_required()


def _check_refused(answer: ScriptAnswer, candidates: StartCandidates) -> None:
    """Raise the refusal of the script, unless another attempt may go better.

    All candidates may have gone to others meanwhile while there are more; time off may have ended just now.
    """
    if answer.reply in {Reply.HELD, Reply.TAKEN} and candidates.is_truncated:
        return
    if answer.reply is not Reply.TAKEN or answer.is_booked:
        raise refusals.of_answer(answer)


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
