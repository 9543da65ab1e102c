"""Ways to serve a visit that follow from the catalogue alone; the hold script finds out which of them is free."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from typing import Final

from availability.model import Reason
from availability.rules.allocations import (
    NO_LANES,
    Allocation,
    PlannedClaim,
    RankedChoice,
    ServingVariant,
    allocation_at,
    booked_minutes,
    choice_of,
    most_allocations,
    ranks_of,
    resources_of_choice,
)
from availability.rules.assignment import counted_minutes, order_pool
from availability.rules.bitmaps import every_minute
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import Eligibility, ResourceState, StartQuery
from availability.rules.matching import Demand, matchings
from availability.rules.places import smallest_first
from availability.rules.prices import AllocationPrice, price_of_choice
from availability.rules.release import first_too_far
from availability.rules.requirements import Requirements, VisitVariant
from availability.rules.search_budget import SearchBudget
from catalogue.model.assign import Assign, Turns
from catalogue.model.grid import Align
from catalogue.model.resources import Resource
from catalogue.model.rules.hold_life import HoldLife
from catalogue.model.rules.rule import Unset
from catalogue.model.services import Service
from kernel.ids import LocationId, ResourceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, to_minute_ceiling
from kernel.zones import local_now

# Bookings, holds and time off change none of these; the hold script looks at those itself. Notice changes with every
# minute, so it is compared for each start.
_FIXED_RULES: Final = frozenset({Reason.NO_RESOURCE, Reason.OUTSIDE_WINDOW, Reason.CLOSED, Reason.OFF_GRID})
# A start's mask is some 400 bytes; resources of one schedule and one set of rules share it.
_MASKS_KEPT: Final = 8192
# One for each resource of each service, say.
_KINDS_KEPT: Final = 4096

_LocalDates = tuple[tuple[str, date], ...]
"""Today's date in each zone: booking windows take no more than that from the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Combination:
    """Certain resources serving together."""

    variant: VisitVariant
    serving: tuple[tuple[int, Resource, ResourceId], ...]
    """The resources, each with the index of its role in Requirements.roles, and its twin (CatalogueIndex.twin)."""
    notice_minutes: int
    """The longest notice among them."""
    rolling_hours: int | None
    """Distance within which the visit may begin by all of them; None: no limit."""
    at_zero: Allocation
    """The allocation of a visit that starts at minute 0."""
    price: AllocationPrice
    judged_location: LocationId | None
    """The location for which they are judged (availability.rules.visit_locations)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitKind:
    """All visits of one service and party, with one resource or any: what they have in common at every start."""

    service: Service
    hold_life: HoldLife
    party: int
    resource_id: ResourceId | None
    """The requested resource; None: any that can serve."""
    location_id: LocationId | None
    """The location asked for; None: any."""
    requirements: Requirements
    assign: Assign
    """The order in which combinations are tried; PRIORITY where there is no choice."""
    needs_search: bool
    """True if free times must be searched: the grid follows from bookings, or there are too many combinations."""
    combinations: tuple[_Combination, ...]
    """In pool order; empty if a search is needed."""
    has_daily_limits: bool
    shared_turns: frozenset[ResourceId]
    """The resources that take turns over all services, not over this one alone."""
    zones: tuple[str, ...]
    """The zones whose dates decide which booking windows are open, and where the horizon is."""


@dataclass(frozen=True, slots=True)
class _Mask:
    """The starts of one UTC day at which a resource can fill a role by all rules but notice, were nothing taken."""

    window: Span
    starts: int


class CatalogueCandidates:
    """The ways to serve each start of a business, were nothing taken. Keep one beside each catalogue in use."""

    def __init__(self, index: CatalogueIndex) -> None:
        self._remember(index)
        self._masks: dict[tuple[object, ...], _Mask] = {}

    def with_index(self, index: CatalogueIndex) -> "CatalogueCandidates":
        """Candidates by an index that differs in the terms of services alone (see CatalogueIndex.with_service)."""
        candidates = copy(self)
        candidates._remember(index)  # noqa: SLF001 - it is one of ours
        return candidates

    def _remember(self, index: CatalogueIndex) -> None:
        self._index = index
        self.visit_kind = lru_cache(_KINDS_KEPT)(self._compute_visit_kind)
        """The kind of a visit by names (id or key) of service and resource, and party; None for an unknown name.

        Lastly, whether the service may be archived, the resources that may serve where none is named, and the name of a
        location.
        """

    def allocations(self, kind: VisitKind, start: Minute, now: datetime) -> tuple[Allocation, ...]:
        """Every way to serve a start, in pool order, regardless of bookings, holds, time off and daily limits."""
        today = tuple([(zone, local_now(zone, now).date()) for zone in kind.zones])
        notice = start - to_minute_ceiling(now)
        found = [
            combination
            for combination in kind.combinations
            if notice >= combination.notice_minutes
            and (combination.rolling_hours is None or start < first_too_far(now, combination.rolling_hours))
            and self._can_serve(combination, kind, start, now, today)
        ]
        if len(found) > 1 and found[0].judged_location is not None:
            # Who can serve at two of the locations does so at the former.
            found = list({one.at_zero.claims: one for one in reversed(found)}.values())[::-1]
        return tuple([_at(combination, start) for combination in found])

    def _can_serve(
        self, combination: _Combination, kind: VisitKind, start: Minute, now: datetime, today: _LocalDates
    ) -> bool:
        day, service, variant = start // MINUTES_PER_DAY, kind.service, combination.variant
        for role, resource, twin in combination.serving:
            location_id = combination.judged_location
            key = (service.id, kind.party, role, twin, variant.visit_minutes, day, today, location_id)
            mask = self._masks.get(key)
            if mask is None:
                mask = self._compute_mask(kind, (role, resource, variant), day, now, location_id)
                if len(self._masks) >= _MASKS_KEPT:
                    del self._masks[next(iter(self._masks))]
                self._masks[key] = mask
            if not mask.starts >> (mask.window.end - 1 - start) & 1:
                return False
        return True

    def _compute_visit_kind(
        self,
        service_name: str,
        resource_name: str | None,
        party: int,
        *,
        with_archived: bool = False,
        pool: tuple[ResourceId, ...] = (),
        location_name: str | None = None,
    ) -> VisitKind | None:
        catalogue = self._index.catalogue
        find = catalogue.find_service_or_archived if with_archived else catalogue.find_service
        service = find(service_name)
        resource = None if resource_name is None else catalogue.find_resource(resource_name)
        location = None if location_name is None else catalogue.find_location(location_name)
        if service is None or (resource is None and resource_name is not None):
            return None
        if location is None and location_name is not None:
            return None
        requested = frozenset(pool) if resource is None else frozenset({resource.id})
        requirements = self._index.requirements(service, party=party, requested_resources=requested)
        location_id = None if location is None else location.id
        combinations = None
        if not self._needs_search(service, requirements):
            combinations = self._compute_combinations(service, requirements, requested, location_id)
        return VisitKind(
            service=service,
            hold_life=self._index.rules(service).hold,
            party=party,
            resource_id=None if resource is None else resource.id,
            location_id=location_id,
            requirements=requirements,
            assign=service.assign if _has_choice(requirements) else Assign.PRIORITY,
            needs_search=combinations is None,
            combinations=combinations or (),
            has_daily_limits=self._has_daily_limits(service, requirements),
            shared_turns=frozenset(
                resource.id
                for entry in service.requires
                if entry.turns is Turns.SHARED
                for resource in catalogue.pool(entry)
            ),
            zones=_zones_of_windows(requirements),
        )

    def _compute_combinations(
        self,
        service: Service,
        requirements: Requirements,
        requested_resources: frozenset[ResourceId],
        location_id: LocationId | None,
    ) -> tuple[_Combination, ...] | None:
        """In pool order; None where there are more than can be tried."""
        orders = [tuple(role.pool) for role in requirements.roles]
        ranks, most = [ranks_of(order) for order in orders], most_allocations(requirements)
        judged = self._index.visit_locations(service).asked(location_id)
        variants: dict[tuple[RankedChoice, int, int], VisitVariant] = {}
        for number, at in enumerate(judged):
            for variant in self._index.requirements(
                service, party=requirements.party, requested_resources=requested_resources, location_id=at
            ).variants:
                demands = [Demand(need.options, need.count) for need in variant.needs]
                choices = list(islice(matchings(demands), most))
                variants |= {
                    (choice_of(variant.needs, choice, ranks), variant.visit_minutes, number): variant
                    for choice in choices
                }
                if max(len(choices), len(variants)) >= most:
                    return None
        return tuple(
            [
                self._combination(
                    service,
                    requirements,
                    (variants[ranked], resources_of_choice(ranked[0], orders)),
                    judged[ranked[2]],
                )
                for ranked in sorted(variants)
            ]
        )

    def _combination(
        self, service: Service, requirements: Requirements, chosen: ServingVariant, location_id: LocationId | None
    ) -> _Combination:
        variant, by_role = chosen
        at_zero = allocation_at(0, service, requirements, chosen, lambda _resource, _part, _needed: NO_LANES)
        serving = [
            (role, requirements.roles[role].pool[r]) for role, chosen_ids in enumerate(by_role) for r in chosen_ids
        ]
        return _Combination(
            variant=variant,
            serving=tuple([(role, resource, self._index.twin(resource)) for role, resource in serving]),
            notice_minutes=max(
                self._index.notice_minutes(service, resource, leads=role == 0) for role, resource in serving
            ),
            rolling_hours=min(
                (
                    hours
                    for role, resource in serving
                    if (hours := self._index.rolling_hours(service, resource, leads=role == 0)) is not None
                ),
                default=None,
            ),
            at_zero=replace(at_zero, location_id=self._index.visit_locations(service).told(location_id)),
            price=price_of_choice(service, requirements, by_role),
            judged_location=location_id,
        )

    def _needs_search(self, service: Service, requirements: Requirements) -> bool:
        if service.grid.align is Align.GAP or self._index.counts_claims(service):
            return True
        # Which of several comes first decides the price, and whose rules hold, also where there is no choice.
        return service.assign is not Assign.PRIORITY and any(role.count > 1 for role in requirements.roles)

    def _has_daily_limits(self, service: Service, requirements: Requirements) -> bool:
        rules, resource_by_id = self._index.rules, self._index.catalogue.resource_by_id
        return rules(service).service_daily_limit is not None or any(
            rules(service, resource_by_id[resource_id]).resource_daily_limit is not None
            for resource_id in requirements.resource_ids
        )

    def _compute_mask(
        self,
        kind: VisitKind,
        serving: tuple[int, Resource, VisitVariant],
        day: int,
        now: datetime,
        location_id: LocationId | None,
    ) -> _Mask:
        role, resource, variant = serving
        starts = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
        window = self._index.listing_window(kind.service, starts)
        query = StartQuery(
            service=kind.service, party=kind.party, now=now, starts=starts, window=window, at_any_time=True
        )
        clear = every_minute(window)
        state = ResourceState(time_off_free=clear, lanes=(clear,) * len(resource.lanes))
        states, budget = {resource.id: state}, SearchBudget()
        eligibility = Eligibility(self._index, query, states, _FIXED_RULES, budget, location_id=location_id)
        return _Mask(window, eligibility.eligible_starts(role, resource.id, variant))


def _zones_of_windows(requirements: Requirements) -> tuple[str, ...]:
    """The zones of all who may lead, for whom there is always a horizon, and of others with a window of their own."""
    zones: set[str] = set()
    for number, role in enumerate(requirements.roles):
        for resource in role.pool.values():
            own = resource.rules.window
            if number == 0 or (own is not None and not isinstance(own, Unset)):
                zones.add(resource.schedule.timezone)
    return tuple(sorted(zones))


def _has_choice(requirements: Requirements) -> bool:
    """True if more than one combination of resources can serve."""
    return len(requirements.variants) != 1 or any(
        len(need.options) != need.count for need in requirements.variants[0].needs
    )


def _at(combination: _Combination, start: Minute) -> Allocation:
    """The allocation of a combination at a start."""
    allocation = combination.at_zero
    return Allocation(
        visit=Span(start, start + allocation.visit.end),
        price=combination.price.at(start),
        location_id=allocation.location_id,
        claims=tuple(
            [
                PlannedClaim(
                    role=claim.role,
                    resource_id=claim.resource_id,
                    part=Span(start + claim.part.start, start + claim.part.end),
                    blocked=Span(start + claim.blocked.start, start + claim.blocked.end),
                    lanes=claim.lanes,
                    free_lanes=(),
                )
                for claim in allocation.claims
            ]
        ),
    )


def within_daily_limits(
    index: CatalogueIndex,
    kind: VisitKind,
    allocations: Sequence[Allocation],
    service_minutes: Sequence[Span],
    resource_dates: Mapping[ResourceId, frozenset[date]],
) -> tuple[Allocation, ...]:
    """The allocations that no daily limit refuses.

    `service_minutes`: of the dates on which the limit of the service is reached; `resource_dates`: the local dates on
    which that of a resource is. A resource counts a visit on the date on which its own first part begins.
    """
    if not allocations or _is_within(allocations[0].visit.start, service_minutes):
        return ()
    pools = {role.name: role.pool for role in kind.requirements.roles}

    def is_open(claim: PlannedClaim) -> bool:
        full = resource_dates.get(claim.resource_id)
        return not full or index.shift_dates(pools[claim.role][claim.resource_id]).date_of(claim.part.start) not in full

    return tuple([a for a in allocations if all(is_open(claim) for claim in _first_claims(a))])


def _is_within(minute: Minute, spans: Sequence[Span]) -> bool:
    return any(span.start <= minute < span.end for span in spans)


def _first_claims(allocation: Allocation) -> list[PlannedClaim]:
    """The first claim of each resource in each role; its parts are in order of time."""
    first: dict[tuple[str, ResourceId], PlannedClaim] = {}
    for claim in allocation.claims:
        first.setdefault((claim.role, claim.resource_id), claim)
    return list(first.values())


def counted_span(kind: VisitKind, start: Minute) -> Span:
    """The days of the period of a start in every zone: their bookings decide which resource is the least booked."""
    pools = [role.pool.values() for role in kind.requirements.roles]
    zones = {resource.schedule.timezone for pool in pools for resource in pool}
    spans = [span for zone in zones for span in counted_minutes(kind.assign, zone, start)]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def order_allocations(
    kind: VisitKind,
    allocations: Sequence[Allocation],
    *,
    states: Mapping[ResourceId, ResourceState],
    window: Span,
    last_assigned: Mapping[ResourceId, datetime],
) -> tuple[Allocation, ...]:
    """Ways to serve one start with one resource in each role, in the order in which they are tried.

    `states` over the window are needed by LEAST_BOOKED only, `last_assigned` by ROUND_ROBIN only.
    """
    start = allocations[0].visit.start
    ranks: list[dict[ResourceId, int]] = []
    for role in kind.requirements.roles:
        serving = {claim.resource_id for a in allocations for claim in a.claims if claim.role == role.name}
        pool = [resource_id for resource_id in role.pool if resource_id in serving]
        booked = {r: booked_minutes(kind.assign, role.pool[r], states[r], start, window) for r in pool if r in states}
        order = order_pool(kind.assign, pool, booked_minutes=booked, last_assigned=last_assigned)
        ranks.append({resource_id: rank for rank, resource_id in enumerate(smallest_first(order, role.pool))})

    def rank(allocation: Allocation) -> tuple[list[int], int]:
        chosen = {claim.role: claim.resource_id for claim in allocation.claims}
        roles = zip(kind.requirements.roles, ranks, strict=True)
        return [ranking[chosen[role.name]] for role, ranking in roles], allocation.visit.minutes

    return tuple(sorted(allocations, key=rank))
