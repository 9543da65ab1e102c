"""Candidates for one start: the ways to serve it, in the order in which they are tried."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from availability.model import Override, Reason, Refusal
from availability.routing import RoutedRequest, route_request
from availability.rules.allocations import Allocation, most_allocations
from availability.rules.catalogue_candidates import (
    VisitKind,
    counted_span,
    order_allocations,
    within_daily_limits,
)
from availability.rules.choices import NONE_REQUESTED, RequestedChoices, choices_of, offers, with_length
from availability.rules.closures import closure_of_start
from availability.rules.eligibility import EVERY_RULE, StartQuery
from availability.rules.explain import largest_party, reason_for_start
from availability.rules.horizon import bookable_span
from availability.rules.lookup import location_named, resources_named, service_named
from availability.rules.present_resources import in_order_of_kept
from availability.rules.search import search
from availability.rules.search_budget import SearchBudget
from availability.rules.search_cost import estimated_steps, steps_of_reading
from availability.search_thread import MAX_LOOP_STEPS, SearchThread
from availability.state.bitmap_cache import BitmapCache
from availability.state.catalogue_snapshots import (
    CatalogueSnapshot,
    CatalogueSnapshots,
    unsettled_catalogue,
    with_choices,
)
from availability.state.daily_limits import DailyLimits, limited_resources
from availability.state.missed_commits import MissedCommits
from availability.state.staff_days import OccupiedDays, OwnClaims, StaffDays
from catalogue.model.assign import Assign
from catalogue.model.grid import Align
from catalogue.model.services import Visibility
from kernel.clock import Clock, business_now
from kernel.ids import ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, utc_days
from persistence.errors import RedisUnavailable

# Somebody would have to change the catalogue this often between two round trips for a question to fail.
_ATTEMPTS: Final = 5

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """A visit that a client asks for."""

    service: str
    """Id or key."""
    start: Minute
    resource: str | None
    """Id or key; None: any that can serve."""
    party: int
    location: str | None = None
    """Id or key; None: any."""
    overrides: tuple[Override, ...] = ()
    """The rules that the business waives."""
    holds_give_way: bool = False
    """True: holds of others end for it, and move no gap grid."""
    by_visitor: bool = False
    """True: services for staff are unknown."""
    choices: RequestedChoices = NONE_REQUESTED
    pool: tuple[ResourceId, ...] = ()
    """Resources that may serve where none is named; empty: any."""

    @property
    def resource_names(self) -> Sequence[str]:
        """Ids or keys of the resources that are asked for."""
        return self.pool if self.resource is None else (self.resource,)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCandidates:
    """The ways to serve one start, for the hold script to choose the first free one."""

    snapshot: CatalogueSnapshot
    now: datetime
    """The time of the business when the rules were applied."""
    kind: VisitKind
    allocations: tuple[Allocation, ...]
    """The best first. Empty: a rule refuses the start (see `CandidateService.reason`)."""
    is_truncated: bool = False
    """True if there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The outcome of a search of one start, and its inputs."""

    candidates: StartCandidates
    free: tuple[Allocation, ...]
    """Allocations that no hold blocks, as it was read."""
    query: StartQuery
    occupied: OccupiedDays
    budget: SearchBudget
    """The rest is for the reason."""
    steps: int
    """The steps that it was likely to take."""


class CandidateService:
    """Finds the candidates for a start, and the reason where there are none.

    The hold script judges what is free in every case, so most candidates follow from the catalogue alone. Stored state
    is read only where a rule needs it: daily limits, the least booked resource, turns, grids that follow from bookings.
    Every method raises NotFound for an unknown service or resource, ValidationFailed for choices that the service does
    not offer, StoreUnavailable when something must come from Postgres and it does not answer, and TooComplex where the
    search exceeds its budget.
    """

    def __init__(
        self,
        *,
        snapshots: CatalogueSnapshots,
        staff_days: StaffDays,
        daily_limits: DailyLimits,
        cache: BitmapCache,
        missed_commits: MissedCommits,
        search_thread: SearchThread,
        clock: Clock,
    ) -> None:
        self._snapshots = snapshots
        self._staff_days = staff_days
        self._daily_limits = daily_limits
        self._cache = cache
        self._missed_commits = missed_commits
        self._search_thread = search_thread
        self._clock = clock

    async def for_start(self, tenant_id: TenantId, request: StartRequest, own: OwnClaims) -> StartCandidates:
        """The candidates as the rules allow them now. Raises RedisUnavailable."""
        for _ in range(_ATTEMPTS):
            snapshot, kind = await self._visit_kind(tenant_id, request, own)
            if snapshot.version is None:
                # It was read without Redis, and no hold can be placed by it.
                if (await self._snapshots.reload(tenant_id, snapshot)).version is None:
                    raise RedisUnavailable
                continue
            # The script takes the minutes of the appointment to be moved for clear, whatever time off there is.
            if kind.needs_search or own.is_moving or request.overrides:
                return (await self._search(tenant_id, request, own, needs_redis=True)).candidates
            # After a commit that Redis has not heard of, the script would look at bitmaps that are not to be trusted.
            await self._missed_commits.catch_up(tenant_id, self._cache)
            now = business_now(snapshot.catalogue.business.sandbox_now, self._clock)
            allocations: Sequence[Allocation] | None = snapshot.candidates.allocations(kind, request.start, now)
            if allocations and kind.has_daily_limits:
                allocations = await self._within_daily_limits(tenant_id, snapshot, kind, allocations, own)
            if allocations and len(allocations) > 1 and kind.assign is not Assign.PRIORITY:
                allocations = await self._in_order_of_assignment(tenant_id, snapshot, kind, allocations, own)
            if allocations is not None:
                return StartCandidates(
                    snapshot=snapshot,
                    now=now,
                    kind=kind,
                    allocations=tuple(allocations),
                )
            self._snapshots.forget(tenant_id, snapshot)
        raise unsettled_catalogue()

    async def is_name_of(self, tenant_id: TenantId, name: str, resource_id: ResourceId) -> bool:
        """True if the live resource with that id has that id or key."""
        resource = (await self._snapshots.catalogue(tenant_id, naming=[resource_id])).find_resource(name)
        return resource is not None and resource.id == resource_id

    async def routed(
        self, tenant_id: TenantId, service: str, answers: Mapping[str, str], *, by_visitor: bool
    ) -> RoutedRequest | None:
        """Route that the answers to the questions of the service lead to (availability.routing)."""
        return await route_request(self._snapshots, tenant_id, service, answers, by_visitor=by_visitor)

    async def reason(self, tenant_id: TenantId, request: StartRequest, own: OwnClaims) -> Refusal | None:
        """The first rule that refuses the start as things stand; None if it can be had."""
        found = await self._search(tenant_id, request, own)
        return None if found.candidates.allocations else await self._reason(tenant_id, request, found)

    async def _reason(self, tenant_id: TenantId, request: StartRequest, found: _Search) -> Refusal | None:
        index, states = found.candidates.snapshot.index, found.occupied.states
        reason = await self._run(
            tenant_id,
            found.steps,
            lambda: reason_for_start(index, found.query, states, request.start, budget=found.budget),
        )
        closure = closure_of_start(index, found.query, request.start) if reason is Reason.CLOSED else None
        return None if reason is None else Refusal(reason, closure)

    async def largest_party(self, tenant_id: TenantId, request: StartRequest, own: OwnClaims) -> int:
        """The largest party that could be served at any time, whatever the size of the one that asks."""
        snapshot, kind = await self._visit_kind(tenant_id, request, own)
        requested = resources_named(snapshot.catalogue, request.resource_names)
        return largest_party(snapshot.index, kind.service, requested, kind.location_id)

    async def without_redis(self, tenant_id: TenantId, request: StartRequest, own: OwnClaims) -> StartCandidates | None:
        """The candidates with their free lanes as Postgres has them; None when Redis answers after all."""
        found = await self._search(tenant_id, request, own)
        return found.candidates if found.occupied.without_redis else None

    async def free_ways(
        self, tenant_id: TenantId, request: StartRequest, own: OwnClaims
    ) -> tuple[StartCandidates, Refusal | None]:
        """The ways that are free as things stand, with their free lanes; without any, the first rule that refuses.

        Where holds of others give way, also those that only these block.
        """
        found = await self._search(tenant_id, request, own)
        ways = found.candidates.allocations if request.holds_give_way else found.free
        candidates = replace(found.candidates, allocations=ways)
        return candidates, None if ways else await self._reason(tenant_id, request, found)

    def forget(self, tenant_id: TenantId, candidates: StartCandidates) -> None:
        """Read the catalogue anew the next time: a script has said that it is out of date."""
        self._snapshots.forget(tenant_id, candidates.snapshot)

    async def _visit_kind(
        self, tenant_id: TenantId, request: StartRequest, own: OwnClaims
    ) -> tuple[CatalogueSnapshot, VisitKind]:
        snapshot = await self._snapshots.get(tenant_id)
        kind = _visible_kind(snapshot, request, own)
        if kind is None or not offers(kind.service, request.choices):
            # Another process may have made it a moment ago.
            snapshot = await self._snapshots.latest(tenant_id)
            if own.is_moving:
                snapshot = await self._snapshots.with_service(tenant_id, snapshot, request.service)
            kind = _visible_kind(snapshot, request, own)
        if kind is None:
            archived = snapshot.catalogue.find_service_or_archived(request.service) if own.is_moving else None
            may_have = archived is not None and own.may_have(archived)
            service_named(snapshot.catalogue, request.service, with_archived=may_have, visitor=request.by_visitor)
            resources_named(snapshot.catalogue, request.resource_names)
            location_named(snapshot.catalogue, request.location)
            raise AssertionError("one of the names is unknown")
        choices, minutes = with_length(kind.service, choices_of(kind.service, request.choices), own.visit_minutes)
        chosen = with_choices(snapshot, kind.service.id, choices, minutes)
        if chosen is not snapshot:
            snapshot = chosen
            changed = snapshot.candidates.visit_kind(
                kind.service.id,
                request.resource,
                request.party,
                with_archived=True,
                pool=request.pool,
                location_name=request.location,
            )
            assert changed is not None, "it has all names of the other one"
            kind = changed
        return snapshot, kind

    async def _within_daily_limits(
        self,
        tenant_id: TenantId,
        snapshot: CatalogueSnapshot,
        kind: VisitKind,
        allocations: Sequence[Allocation],
        own: OwnClaims,
    ) -> Sequence[Allocation]:
        start = allocations[0].visit.start
        latest = max(claim.part.end for allocation in allocations for claim in allocation.claims)
        full_dates = await self._daily_limits.find_full_dates(
            tenant_id,
            snapshot.index,
            kind.service,
            snapshot.index.memoised(limited_resources, kind.service.id, kind.requirements.resource_ids),
            Span(start, latest),
            own=own.appointment_id,
        )
        return within_daily_limits(
            snapshot.index, kind, allocations, full_dates.service_minutes, dict(full_dates.resource_dates)
        )

    async def _in_order_of_assignment(
        self,
        tenant_id: TenantId,
        snapshot: CatalogueSnapshot,
        kind: VisitKind,
        allocations: Sequence[Allocation],
        own: OwnClaims,
    ) -> Sequence[Allocation] | None:
        """The allocations in the order of assignment; None when the catalogue is out of date."""
        serving = list(dict.fromkeys(claim.resource_id for each in allocations for claim in each.claims))
        if kind.assign is Assign.ROUND_ROBIN:
            last_assigned = await self._last_assigned(tenant_id, kind, serving)
            day = Span(0, MINUTES_PER_DAY)
            return order_allocations(kind, allocations, states={}, window=day, last_assigned=last_assigned)
        days = counted_span(kind, allocations[0].visit.start)
        occupied = await self._staff_days.load(tenant_id, snapshot, serving, days, own, with_held=False)
        if occupied is None:
            return None
        if occupied.without_redis:
            raise RedisUnavailable
        return order_allocations(kind, allocations, states=occupied.states, window=occupied.window, last_assigned={})

    async def _search(
        self, tenant_id: TenantId, request: StartRequest, own: OwnClaims, *, needs_redis: bool = False
    ) -> _Search:
        for _ in range(_ATTEMPTS):
            snapshot, kind = await self._visit_kind(tenant_id, request, own)
            query = replace(self._query(snapshot, kind, request), present=own.present, keeps_start=own.keeps_start)
            budget = SearchBudget()
            budget.spend(steps_of_reading(kind.requirements, utc_days(query.window)))
            bookable = bookable_span(snapshot.index, kind.service, query.now, query.overrides)
            matters = own.keeps_start or (bookable is not None and bookable.overlaps(query.starts))
            occupied = await self._staff_days.load(
                tenant_id, snapshot, kind.requirements.resource_ids, query.window, own, matters=matters
            )
            if occupied is not None:
                if needs_redis and occupied.without_redis:
                    raise RedisUnavailable
                if matters:
                    occupied = await self._daily_limits.apply_to(
                        tenant_id, snapshot.index, query, occupied, own=own.appointment_id
                    )
                last_assigned: Mapping[ResourceId, datetime] = {}
                if kind.service.assign is Assign.ROUND_ROBIN:
                    last_assigned = await self._last_assigned(tenant_id, kind, list(occupied.states))
                steps = budget.spent + estimated_steps(kind.requirements, occupied.window)
                search = partial(
                    _searched,
                    snapshot,
                    kind,
                    query,
                    occupied,
                    last_assigned,
                    holds_give_way=request.holds_give_way,
                    budget=budget,
                    steps=steps,
                )
                return await self._run(tenant_id, steps, search)
            self._snapshots.forget(tenant_id, snapshot)
        raise unsettled_catalogue()

    async def _last_assigned(
        self, tenant_id: TenantId, kind: VisitKind, resource_ids: Sequence[ResourceId]
    ) -> Mapping[ResourceId, datetime]:
        """The instant of each resource's last turn."""
        return await self._staff_days.last_assigned(tenant_id, kind.service.id, resource_ids, kind.shared_turns)

    async def _run(self, tenant_id: TenantId, steps: int, search: Callable[[], _Result]) -> _Result:
        if steps <= MAX_LOOP_STEPS:
            return search()
        async with self._search_thread.turn(tenant_id, steps):
            return await self._search_thread.run(search)

    def _query(self, snapshot: CatalogueSnapshot, kind: VisitKind, request: StartRequest) -> StartQuery:
        return StartQuery(
            service=kind.service,
            party=request.party,
            now=business_now(snapshot.catalogue.business.sandbox_now, self._clock),
            starts=Span(request.start, request.start + 1),
            window=snapshot.index.placement_window(kind.service, request.start),
            requested_resources=resources_named(snapshot.catalogue, request.resource_names),
            overrides=request.overrides,
            location_id=kind.location_id,
        )


def _visible_kind(snapshot: CatalogueSnapshot, request: StartRequest, own: OwnClaims) -> VisitKind | None:
    """The kind of the visit; None where a name is unknown to the caller, or means what the visit cannot be."""
    kind = snapshot.candidates.visit_kind(
        request.service,
        request.resource,
        request.party,
        with_archived=own.is_moving,
        pool=request.pool,
        location_name=request.location,
    )
    if kind is None or not own.may_have(kind.service):
        return None
    is_hidden = request.by_visitor and kind.service.visibility is Visibility.STAFF
    return None if is_hidden else kind


def _searched(
    snapshot: CatalogueSnapshot,
    kind: VisitKind,
    query: StartQuery,
    occupied: OccupiedDays,
    last_assigned: Mapping[ResourceId, datetime],
    *,
    holds_give_way: bool,
    budget: SearchBudget,
    steps: int,
) -> _Search:
    """Free allocations first, then those that only holds block: the script knows the holds of the very moment.

    Holds also move a gap grid. A start that they leave free, but off the grid, is not blocked by them; it can be had
    where they give way.
    """
    query = replace(query, window=occupied.window, full_minutes=occupied.full_minutes)
    index, start = snapshot.index, query.starts.start
    allocations = search(index, query, occupied.states, budget=budget).allocations(start, last_assigned)
    free_now, is_truncated = allocations, len(allocations) == most_allocations(kind.requirements)
    if any(any(state.held) for state in occupied.states.values()):
        enforced = EVERY_RULE - {Reason.HELD}
        offers = search(index, query, occupied.states, enforced=enforced, budget=budget)
        unheld = offers.allocations(start, last_assigned)
        free = {_resource_ids(allocation) for allocation in allocations}
        if unheld and kind.service.grid.align is Align.GAP and not holds_give_way:
            enforced = EVERY_RULE - {Reason.OFF_GRID}
            offers = search(index, query, occupied.states, enforced=enforced, budget=budget)
            free |= {_resource_ids(allocation) for allocation in offers.allocations(start, last_assigned)}
        allocations += tuple(allocation for allocation in unheld if _resource_ids(allocation) not in free)
        # Present resources that holds block are asked before others that are free: a hold may give way, or have ended.
        allocations = in_order_of_kept(allocations, query.present)
    candidates = StartCandidates(
        snapshot=snapshot,
        now=query.now,
        kind=kind,
        allocations=allocations,
        is_truncated=is_truncated,
    )
    return _Search(candidates=candidates, free=free_now, query=query, occupied=occupied, budget=budget, steps=steps)


def _resource_ids(allocation: Allocation) -> tuple[ResourceId, ...]:
    return tuple(claim.resource_id for claim in allocation.claims)
