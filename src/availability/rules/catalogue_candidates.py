"""The ways to serve a visit that follow from the catalogue alone, to be tried without a search of what is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from typing import Final

from availability.model import Reason
from availability.rules.allocations import (
    MAX_ALLOCATIONS,
    Allocation,
    PlannedClaim,
    RankedChoice,
    ServingVariant,
    allocation_at,
    booked_minutes,
    choice_of,
    resources_of_choice,
)
from availability.rules.assignment import in_order
from availability.rules.bitmaps import every_minute, is_set
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import Eligibility, ResourceState, StartQuery
from availability.rules.matching import Demand, matchings
from availability.rules.requirements import Requirements, VisitVariant
from catalogue.model.grid import Align
from catalogue.model.resources import Resource
from catalogue.model.services import Assign, Service
from kernel.ids import ResourceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, to_minute_ceiling
from kernel.zones import local_date, local_day, local_now

# Bookings, holds and time off change none of these; what they do change, the hold script looks at itself. Notice is
# asked of each start, for it changes with every minute.
_RULES: Final = frozenset({Reason.NO_RESOURCE, Reason.OUTSIDE_WINDOW, Reason.CLOSED, Reason.OFF_GRID})
# A start's mask is some 400 bytes; resources of one schedule and one set of rules share it.
_MASKS_KEPT: Final = 8192
# One for each resource of each service, say.
_KINDS_KEPT: Final = 4096

_Todays = tuple[tuple[str, date], ...]
"""What date it is in each zone: all that the rules that are asked want to know of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Combination:
    """Certain resources serving together."""

    variant: VisitVariant
    serving: tuple[tuple[int, Resource], ...]
    """The resources, each with the index of its role in Requirements.roles."""
    notice_minutes: int
    """What is asked for by the one who asks for most."""
    at_zero: Allocation
    """As it would be, were its start minute 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitKind:
    """All visits of one service and party, with one resource or any: what is the same for every start."""

    service: Service
    party: int
    requirements: Requirements
    assign: Assign | None
    """In which order the ways are to be tried: PRIORITY, as they come, or LEAST_BOOKED (see `least_booked_first`).

    None when it takes more than that to tell who can serve and who is asked first: the grid or a limit hangs on what is
    booked, or resources take turns; or when there are more ways than can be tried.
    """
    combinations: tuple[_Combination, ...]
    """In pool order."""
    zones: tuple[str, ...]
    """Those whose date decides what the booking windows of those who may serve leave open."""


@dataclass(frozen=True, slots=True)
class _Mask:
    """The starts of one UTC day at which one resource can fill a role by all rules but notice, were nothing taken."""

    window: Span
    starts: int


class CatalogueCandidates:
    """The ways to serve each start of a business, were nothing taken. Keep one beside each catalogue that is in use."""

    def __init__(self, index: CatalogueIndex) -> None:
        self._index = index
        self._visit_kind = lru_cache(_KINDS_KEPT)(self._compute_visit_kind)
        self._masks: dict[tuple[object, ...], _Mask] = {}

    def visit_kind(self, service: str, resource: str | None, party: int) -> "VisitKind | None":
        """What is known of all visits that are asked for so, by id or key; None where a name is not known."""
        return self._visit_kind(service, resource, party)

    def allocations(self, kind: "VisitKind", start: Minute, now: datetime) -> tuple[Allocation, ...]:
        """Every way to serve a start, in pool order. They say nothing of free lanes."""
        todays = tuple([(zone, local_now(zone, now).date()) for zone in kind.zones])
        ahead = start - to_minute_ceiling(now)
        return tuple(
            [
                _moved(combination.at_zero, start)
                for combination in kind.combinations
                if ahead >= combination.notice_minutes and self._can_serve(combination, kind, start, (now, todays))
            ]
        )

    def _can_serve(
        self, combination: _Combination, kind: "VisitKind", start: Minute, when: tuple[datetime, _Todays]
    ) -> bool:
        day, (now, todays), service, party = start // MINUTES_PER_DAY, when, kind.service, kind.party
        for role, resource in combination.serving:
            key = (service.id, party, role, self._index.twin(resource), combination.variant.visit_minutes, day, todays)
            mask = self._masks.get(key)
            if mask is None:
                mask = self._compute_mask(service, party, (role, resource, combination.variant), day, now)
                if len(self._masks) >= _MASKS_KEPT:
                    del self._masks[next(iter(self._masks))]
                self._masks[key] = mask
            if not is_set(mask.starts, start, mask.window):
                return False
        return True

    def _compute_visit_kind(self, service_name: str, resource_name: str | None, party: int) -> "VisitKind | None":
        catalogue = self._index.catalogue
        service = catalogue.find_service(service_name)
        resource = None if resource_name is None else catalogue.find_resource(resource_name)
        if service is None or (resource is None and resource_name is not None):
            return None
        requested_resources = frozenset[ResourceId]() if resource is None else frozenset({resource.id})
        requirements = self._index.requirements(service, party=party, requested_resources=requested_resources)
        combinations = self._compute_combinations(service, requirements)
        pools = (role.pool.values() for role in requirements.roles)
        return VisitKind(
            service=service,
            party=party,
            requirements=requirements,
            assign=None if combinations is None else self._compute_assign(service, requirements),
            combinations=combinations or (),
            zones=tuple(sorted({resource.schedule.timezone for pool in pools for resource in pool})),
        )

    def _compute_combinations(self, service: Service, requirements: Requirements) -> tuple[_Combination, ...] | None:
        """In pool order; None where there are more than can be tried."""
        orders = [tuple(role.pool) for role in requirements.roles]
        variants: dict[tuple[RankedChoice, int], VisitVariant] = {}
        for variant in requirements.variants:
            met = list(islice(matchings([Demand(need.options, need.count) for need in variant.needs]), MAX_ALLOCATIONS))
            variants |= {(choice_of(variant.needs, chosen, orders), variant.visit_minutes): variant for chosen in met}
            if max(len(met), len(variants)) >= MAX_ALLOCATIONS:
                return None
        return tuple(
            [
                self._combination(
                    service, requirements, (variants[combination], resources_of_choice(combination[0], orders))
                )
                for combination in sorted(variants)
            ]
        )

    def _compute_assign(self, service: Service, requirements: Requirements) -> Assign | None:
        rules = self._index.rules
        if service.grid.align is Align.GAP or rules(service).service_daily_limit is not None:
            return None
        resources = map(self._index.catalogue.resource_by_id.__getitem__, requirements.resource_ids)
        if any(rules(service, resource).resource_daily_limit is not None for resource in resources):
            return None
        if service.assign is not Assign.PRIORITY and any(role.count > 1 for role in requirements.roles):
            # Which of several comes first decides the price, and whose rules hold, also where there is no choice.
            return None
        if len(requirements.variants) == 1 and all(
            len(need.options) == need.count for need in requirements.variants[0].needs
        ):
            return Assign.PRIORITY
        return None if service.assign is Assign.ROUND_ROBIN else service.assign

    def _combination(self, service: Service, requirements: Requirements, combination: ServingVariant) -> _Combination:
        variant, chosen = combination
        serving = [(role, requirements.roles[role].pool[r]) for role, mine in enumerate(chosen) for r in mine]
        return _Combination(
            variant=variant,
            serving=tuple(serving),
            notice_minutes=max(
                self._index.notice_minutes(service, resource, leads=role == 0) for role, resource in serving
            ),
            at_zero=allocation_at(0, service, requirements, combination, lambda _resource, _part: ()),
        )

    def _compute_mask(
        self, service: Service, party: int, serving: tuple[int, Resource, VisitVariant], day: int, now: datetime
    ) -> _Mask:
        role, resource, variant = serving
        starts = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
        window = self._index.listing_window(service, starts)
        query = StartQuery(service=service, party=party, now=now, starts=starts, window=window)
        clear = every_minute(window)
        state = ResourceState(time_off_free=clear, lanes=(clear,) * len(resource.lanes))
        eligibility = Eligibility(self._index, query, {resource.id: state}, _RULES)
        return _Mask(window, eligibility.eligible_starts(role, resource.id, variant))


def _moved(allocation: Allocation, minutes: int) -> Allocation:
    """The allocation that many minutes later."""
    return Allocation(
        visit=_later(allocation.visit, minutes),
        price=allocation.price,
        claims=tuple(
            [
                PlannedClaim(
                    role=claim.role,
                    resource_id=claim.resource_id,
                    part=_later(claim.part, minutes),
                    blocked=_later(claim.blocked, minutes),
                    lanes=claim.lanes,
                    free_lanes=(),
                )
                for claim in allocation.claims
            ]
        ),
    )


def _later(span: Span, minutes: int) -> Span:
    return Span(span.start + minutes, span.end + minutes)


def local_days_of(requirements: Requirements, start: Minute) -> Span:
    """The minutes whose bookings decide which of those who may serve is the least booked."""
    zones = {resource.schedule.timezone for role in requirements.roles for resource in role.pool.values()}
    spans = [span for zone in zones for span in local_day(zone, local_date(zone, start))]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def least_booked_first(
    requirements: Requirements,
    combinations: Sequence[Allocation],
    states: Mapping[ResourceId, ResourceState],
    window: Span,
) -> tuple[Allocation, ...]:
    """Ways to serve one start with one resource in each role, in the order in which they are to be tried."""
    start = combinations[0].visit.start
    ranks: list[dict[ResourceId, int]] = []
    for role in requirements.roles:
        serving = {
            claim.resource_id for combination in combinations for claim in combination.claims if claim.role == role.name
        }
        pool = [resource_id for resource_id in role.pool if resource_id in serving]
        booked = {r: booked_minutes(role.pool[r], states[r], start, window) for r in pool}
        order = in_order(Assign.LEAST_BOOKED, pool, booked_minutes=booked, last_assigned={})
        ranks.append({resource_id: rank for rank, resource_id in enumerate(order)})

    def place(combination: Allocation) -> tuple[list[int], int]:
        chosen = {claim.role: claim.resource_id for claim in combination.claims}
        choice = [rank[chosen[role.name]] for role, rank in zip(requirements.roles, ranks, strict=True)]
        return choice, combination.visit.minutes

    return tuple(sorted(combinations, key=place))
