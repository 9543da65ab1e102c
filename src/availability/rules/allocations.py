"""The ways to serve one visit: which resources would be claimed, the best choice first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from availability.rules.assignment import counted_minutes, order_pool
from availability.rules.bitmaps import from_spans
from availability.rules.eligibility import STEPS_OF_OPTION, Eligibility, Present, ResourceState
from availability.rules.matching import Demand, matchings
from availability.rules.pieces import LanePiece, pieces_over
from availability.rules.places import lanes_needed, smallest_first
from availability.rules.prices import price_of_choice
from availability.rules.requirements import Need, PartOffsets, Requirements, VisitVariant
from catalogue.model.assign import Assign
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.ids import LocationId, ResourceId
from kernel.money import Money
from kernel.spans import Minute, Span

MAX_ALLOCATIONS: Final = 64
"""The most candidates of one placement. Beyond that the caller reads anew what is free."""
_MAX_CLAIMS: Final = 1024
"""Limit for all candidates of one placement: sixteen resources in each. The hold script reads every one of them."""
# Steps of the budget, as measured: a way to serve the visit, each resource in it, and each lane that is looked at.
_WAY: Final = 600
_SEAT: Final = 100
_LANE: Final = 15

FreeLanes = tuple[tuple[int, ...], tuple[LanePiece, ...]]
"""The free lanes of a claim, and the pieces where these are too few."""
NO_LANES: Final[FreeLanes] = ((), ())
RankedChoice = tuple[tuple[int, ...], ...]
"""For each role, the ranks of those chosen in the order of assignment."""
_Ranked = tuple[RankedChoice, int]
"""A choice, and the minutes that the visit lasts with it."""
ServingVariant = tuple[VisitVariant, Sequence[Sequence[ResourceId]]]
"""A variant of the visit, and the serving resources by role."""


class _Way(NamedTuple):
    """The length of a visit with those chosen, and the rules at its location."""

    variant: VisitVariant
    eligibility: Eligibility


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClaim:
    """One claim of a visit on a resource."""

    role: str
    resource_id: ResourceId
    part: Span
    """The busy minutes of the resource, without buffers."""
    blocked: Span
    """The claimed minutes: the part with its buffers."""
    lanes: int
    """The number of lanes needed (see availability.rules.places)."""
    free_lanes: tuple[int, ...]
    """Numbers of the lanes that are clear and not held over the whole blocked span."""
    pieces: tuple[LanePiece, ...] = ()
    """Minutes of several lanes, which are alike; there where these are fewer than are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """One way to serve a visit: all of its claims, or none."""

    visit: Span
    price: Money
    """For one person (see availability.rules.prices)."""
    claims: tuple[PlannedClaim, ...]
    """By role, the resources of a role in the order of assignment, the parts of a resource in order of time."""
    location_id: LocationId | None = None
    """The location of the visit, where the business has several."""


def allocations(
    at_locations: Sequence[Eligibility], start: Minute, last_assigned: Mapping[ResourceId, datetime]
) -> tuple[Allocation, ...]:
    """Every way to serve a visit at a start in the order in which they are to be tried, up to MAX_ALLOCATIONS.

    Of a visit that moves, the ways that keep the most of its present resources come first. Resources that can serve at
    two of the locations do so at the former.

    Where there are more, they are the best and, of the rest, first those that share nobody: the best ones may all need
    the same resource, and many who come at once are to find somebody each.

    Empty when the start is not offered. The window must cover `CatalogueIndex.placement_window`: `least_booked` counts
    the claimed minutes of a local day, week or month.
    """
    if not at_locations:
        return ()
    requirements, query = at_locations[0].requirements, at_locations[0].query
    most = most_allocations(requirements)
    orders = [_assignment_order(at_locations, role, start, last_assigned) for role in range(len(requirements.roles))]
    ranks = [ranks_of(order) for order in orders]
    ways: dict[_Ranked, _Way] = {}
    apart: list[_Ranked] = []
    for eligibility in reversed(at_locations):
        found, others = _ways_of(eligibility, _AbleInOrder(eligibility, start, orders), ranks, most)
        ways |= found
        apart += others

    def wish(ranked: _Ranked) -> tuple[int, _Ranked]:
        return -_kept(requirements, resources_of_choice(ranked[0], orders), query.present), ranked

    best = sorted(ways, key=wish)
    if len(best) > most:
        tried = dict.fromkeys([*best[: most // 2], *sorted(apart), *best])
        best = sorted(islice(tried, most), key=wish)

    def at(ranked: _Ranked) -> Allocation:
        variant, eligibility = ways[ranked]
        serving = (variant, resources_of_choice(ranked[0], orders))

        def free_lanes(resource: Resource, part: PartOffsets, needed: int) -> FreeLanes:
            return _free_lanes(eligibility, start, resource, (part, needed))

        percent_off = eligibility.percent_off(serving[1][0][0], start)
        allocation = allocation_at(start, query.service, requirements, serving, free_lanes, percent_off=percent_off)
        location_id = eligibility.location_id
        return allocation if location_id is None else replace(allocation, location_id=location_id)

    return tuple(map(at, best))


def _ways_of(
    eligibility: Eligibility, able: "_AbleInOrder", ranks: Sequence[Mapping[ResourceId, int]], most: int
) -> tuple[dict[_Ranked, _Way], list[_Ranked]]:
    """The ways to serve a visit at one location; and, where they are many, some that share nobody."""
    ways: dict[_Ranked, _Way] = {}
    apart: list[_Ranked] = []
    for variant in eligibility.requirements.variants:
        way = _Way(variant, eligibility)
        demands = [able.demand(need, variant) for need in variant.needs]
        steps = _WAY + _SEAT * sum(need.count for need in variant.needs)
        for chosen in islice(matchings(demands), most + 1):
            eligibility.budget.spend(steps)
            ways[choice_of(variant.needs, chosen, ranks), variant.visit_minutes] = way
        if len(ways) > most:
            for chosen in islice(_disjoint_choices(demands), most):
                eligibility.budget.spend(steps)
                apart.append((choice_of(variant.needs, chosen, ranks), variant.visit_minutes))
                ways[apart[-1]] = way
    return ways, apart


def _kept(requirements: Requirements, by_role: Sequence[Sequence[ResourceId]], present: Present) -> int:
    """The number of present resources that go on to serve in their roles."""
    if not present:
        return 0
    return sum(
        (role.name, resource_id) in present
        for role, mine in zip(requirements.roles, by_role, strict=True)
        for resource_id in mine
    )


def most_allocations(requirements: Requirements) -> int:
    """The most candidates of one placement, so that the claims of them all are not too many."""
    claims = sum(role.count * len(role.entries) for role in requirements.roles)
    return max(min(MAX_ALLOCATIONS, _MAX_CLAIMS // claims), 1)


def _disjoint_choices(demands: Sequence[Demand]) -> Iterator[list[list[ResourceId]]]:
    """Ways to meet the wishes, each the first without anybody of those before it."""
    used: frozenset[ResourceId] = frozenset()
    while (chosen := next(matchings(demands, used), None)) is not None:
        yield chosen
        used = used.union(*chosen)


class _AbleInOrder:
    """The resources that can fill each role of a visit at one start, in the order of assignment."""

    def __init__(self, eligibility: Eligibility, start: Minute, orders: Sequence[Sequence[ResourceId]]) -> None:
        self._eligibility = eligibility
        self._start = start
        self._orders = orders
        self._able: dict[tuple[int, int], dict[ResourceId, bool]] = {}

    def demand(self, need: Need, variant: VisitVariant) -> Demand:
        """The options of a need that can meet it in a variant."""
        order, options = self._orders[need.role], frozenset(need.options)
        self._eligibility.budget.spend(STEPS_OF_OPTION // 4 * len(order))
        able = self._able.setdefault((need.role, variant.visit_minutes), {})
        unknown = [resource_id for resource_id in order if resource_id in options and resource_id not in able]
        if unknown:
            able |= dict.fromkeys(unknown, False)
            found = self._eligibility.able_at(self._start, need.role, variant, unknown)
            able |= dict.fromkeys(found, True)
        return Demand(tuple([r for r in order if r in options and able[r]]), need.count)


def _assignment_order(
    at_locations: Sequence[Eligibility], role: int, start: Minute, last_assigned: Mapping[ResourceId, datetime]
) -> tuple[ResourceId, ...]:
    """The resources that can fill a role at the start: those that serve in it now, then in the order of assignment."""
    able: set[ResourceId] = set()
    for each in at_locations:
        asked: set[tuple[int, tuple[ResourceId, ...]]] = set()
        for variant in each.requirements.variants:
            for need in variant.needs:
                if need.role == role and (variant.visit_minutes, need.options) not in asked:
                    asked.add((variant.visit_minutes, need.options))
                    unknown = [resource_id for resource_id in need.options if resource_id not in able]
                    able.update(each.able_at(start, role, variant, unknown))
    eligibility = at_locations[0]
    pool = eligibility.requirements.roles[role].pool
    assign = eligibility.query.service.assign
    booked: Mapping[ResourceId, int] = {}
    if assign.period is not None:
        lanes = sum(len(eligibility.states[r].lanes) for r in able)
        eligibility.budget.spend(_LANE * lanes)
        booked = {r: booked_minutes(assign, pool[r], eligibility.states[r], start, eligibility.window) for r in able}
    order = order_pool(assign, [r for r in pool if r in able], booked_minutes=booked, last_assigned=last_assigned)
    order = smallest_first(order, pool)
    name, present = eligibility.requirements.roles[role].name, eligibility.query.present
    return tuple(sorted(order, key=lambda resource_id: (name, resource_id) not in present)) if present else order


def booked_minutes(assign: Assign, resource: Resource, state: ResourceState, start: Minute, window: Span) -> int:
    """The minutes claimed on the lanes of a resource in the period of the start that counts."""
    counted = from_spans(counted_minutes(assign, resource.schedule.timezone, start), window)
    return sum((counted & state.time_off_free & ~lane).bit_count() for lane in state.lanes)


def ranks_of(order: Sequence[ResourceId]) -> Mapping[ResourceId, int]:
    """The place of each resource in an order of assignment."""
    return {resource_id: rank for rank, resource_id in enumerate(order)}


def choice_of(
    needs: Sequence[Need], chosen: Sequence[Sequence[ResourceId]], ranks: Sequence[Mapping[ResourceId, int]]
) -> RankedChoice:
    """A choice of resources by role; comparing two choices tells which is tried first."""
    by_role: list[list[int]] = [[] for _ in ranks]
    for need, resource_ids in zip(needs, chosen, strict=True):
        by_role[need.role] += map(ranks[need.role].__getitem__, resource_ids)
    return tuple([tuple(sorted(mine)) for mine in by_role])


def resources_of_choice(choice: RankedChoice, orders: Sequence[Sequence[ResourceId]]) -> list[list[ResourceId]]:
    """The resources of a choice, by role."""
    return [[order[rank] for rank in ranks] for ranks, order in zip(choice, orders, strict=True)]


def allocation_at(
    start: Minute,
    service: Service,
    requirements: Requirements,
    way: ServingVariant,
    free_lanes: Callable[[Resource, PartOffsets, int], FreeLanes],
    *,
    percent_off: int = 0,
) -> Allocation:
    """The claims and price of a visit with those chosen for each role."""
    variant, chosen = way
    return Allocation(
        visit=Span(start, start + variant.visit_minutes),
        price=price_of_choice(service, requirements, chosen).at(start, percent_off),
        claims=tuple(
            PlannedClaim(
                role=role.name,
                resource_id=resource_id,
                part=Span(start + part.start, start + part.end),
                blocked=Span(start + part.blocked_start, start + part.blocked_end),
                lanes=needed,
                free_lanes=whole,
                pieces=pieces,
            )
            for role, mine, parts in zip(requirements.roles, chosen, variant.parts, strict=True)
            for resource_id in mine
            for part in parts
            for needed in (lanes_needed(role.pool[resource_id], requirements.party, role.uses),)
            for whole, pieces in (free_lanes(role.pool[resource_id], part, needed),)
        ),
    )


def _free_lanes(
    eligibility: Eligibility, start: Minute, resource: Resource, wanted: tuple[PartOffsets, int]
) -> FreeLanes:
    part, needed = wanted
    blocked = Span(start + part.blocked_start, start + part.blocked_end)
    if not eligibility.window.contains(blocked):
        return NO_LANES
    minutes, later = (1 << blocked.minutes) - 1, eligibility.window.end - blocked.end
    free = eligibility.free_lanes(resource)
    eligibility.budget.spend(_LANE * len(free))
    whole = tuple(
        [lane.number for lane, bits in zip(resource.lanes, free, strict=False) if bits >> later & minutes == minutes]
    )
    if len(whole) >= needed or not resource.allows_pieces:
        return whole, ()
    numbered = [(lane.number, bits >> later & minutes) for lane, bits in zip(resource.lanes, free, strict=False)]
    eligibility.budget.spend(_LANE * len(numbered) * blocked.minutes // 4)
    return whole, pieces_over(blocked, numbered, needed)
