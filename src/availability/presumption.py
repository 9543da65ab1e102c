"""The ways to serve a visit that follow from the catalogue alone, to be tried without a search of what is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, reduce
from itertools import islice
from operator import and_
from typing import Final

from availability.allocation import (
    MAX_ALLOCATIONS,
    Allocation,
    Choice,
    PlannedClaim,
    allocation_at,
    booked_minutes,
    choice_of,
    chosen_by,
)
from availability.assignment import in_order
from availability.bitmaps import every_minute, is_set
from availability.eligibility import Eligibility, Question, ResourceState
from availability.groundwork import Groundwork
from availability.matching import Wish, matchings
from availability.model import Reason
from availability.needs import Case, Plan
from catalogue.model import Align, Assign, Service
from kernel.ids import ResourceId, ServiceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, to_minute_ceiling
from kernel.zones import local_date, local_day, local_now

# Bookings, holds and time off change none of these; what they do change, the hold script looks at itself. Notice is
# asked of each start, for it changes with every minute.
_RULES: Final = frozenset({Reason.NO_RESOURCE, Reason.OUTSIDE_WINDOW, Reason.CLOSED, Reason.OFF_GRID})
# Days of services that are remembered: most have a way or two of a kilobyte each.
_DAYS_KEPT: Final = 2048
_PLANS_KEPT: Final = 1024

_Key = tuple[ServiceId, int, frozenset[ResourceId], int, tuple[tuple[str, date], ...]]
"""Service, party, resources asked for, UTC day, and of what there is to know of now: the date in each zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Certain resources serving together, whenever on one day they can."""

    starts: int
    """Set: each start of the day that all rules but notice allow."""
    notice_minutes: int
    """What is asked for by the one who asks for most."""
    at_zero: Allocation
    """As it would be, were its start minute 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """The ways of one UTC day."""

    window: Span
    ways: tuple[_Way, ...]
    """In pool order; none where there are more than can be tried."""


class Presumption:
    """The ways to serve each start of a business, were nothing taken. Keep one beside each catalogue that is in use."""

    def __init__(self, groundwork: Groundwork) -> None:
        self._groundwork = groundwork
        self._assign = lru_cache(_PLANS_KEPT)(self._compute_assign)
        self._zones = lru_cache(_PLANS_KEPT)(self._compute_zones)
        self._days: dict[_Key, _Day] = {}

    def assign(self, service: Service, *, party: int, pinned: frozenset[ResourceId]) -> Assign | None:
        """In which order the ways are to be tried: PRIORITY, as they come, or LEAST_BOOKED (see `least_booked_first`).

        None when it takes more than that to tell who can serve and who is asked first: the grid or a limit hangs on
        what is booked, or resources take turns.
        """
        return self._assign(service.id, party, pinned)

    def ways(
        self, service: Service, start: Minute, *, party: int, pinned: frozenset[ResourceId], now: datetime
    ) -> tuple[Allocation, ...]:
        """Every way to serve a start, in pool order. Empty: there is none, or there are more than can be tried.

        They say nothing of free lanes.
        """
        todays = tuple([(zone, local_now(zone, now).date()) for zone in self._zones(service.id)])
        key = (service.id, party, pinned, start // MINUTES_PER_DAY, todays)
        day = self._days.get(key)
        if day is None:
            day = self._compute_day(service, party, pinned, start // MINUTES_PER_DAY, now)
            if len(self._days) >= _DAYS_KEPT:
                del self._days[next(iter(self._days))]
            self._days[key] = day
        return tuple(
            [
                _moved(way.at_zero, start)
                for way in day.ways
                if is_set(way.starts, start, day.window)
                and start >= to_minute_ceiling(now + timedelta(minutes=way.notice_minutes))
            ]
        )

    def _compute_assign(self, service_id: ServiceId, party: int, pinned: frozenset[ResourceId]) -> Assign | None:
        service = self._groundwork.catalogue.service_by_id[service_id]
        plan, rules = self._groundwork.plan(service, party=party, pinned=pinned), self._groundwork.rules
        if service.grid.align is Align.GAP or rules(service).service_daily_limit is not None:
            return None
        resources = map(self._groundwork.catalogue.resource_by_id.__getitem__, plan.resource_ids)
        if any(rules(service, resource).resource_daily_limit is not None for resource in resources):
            return None
        if len(plan.cases) == 1 and all(len(need.options) == need.count for need in plan.cases[0].needs):
            return Assign.PRIORITY
        if service.assign is Assign.LEAST_BOOKED and any(role.count > 1 for role in plan.roles):
            # Which of several comes first decides the price.
            return None
        return None if service.assign is Assign.ROUND_ROBIN else service.assign

    def _compute_zones(self, service_id: ServiceId) -> Sequence[str]:
        """The zones whose date decides what the booking windows of those who may serve leave open."""
        plan = self._groundwork.plan(self._groundwork.catalogue.service_by_id[service_id])
        pools = (role.pool.values() for role in plan.roles)
        return sorted({resource.schedule.timezone for pool in pools for resource in pool})

    def _compute_day(
        self, service: Service, party: int, pinned: frozenset[ResourceId], day: int, now: datetime
    ) -> _Day:
        starts = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
        window = self._groundwork.minutes_to_list(service, starts)
        question = Question(service=service, party=party, now=now, starts=starts, window=window, pinned=pinned)
        plan = self._groundwork.plan(service, party=party, pinned=pinned)
        clear = every_minute(window)
        states = {
            resource_id: ResourceState(
                time_off_free=clear, lanes=(clear,) * len(self._groundwork.catalogue.resource_by_id[resource_id].lanes)
            )
            for resource_id in plan.resource_ids
        }
        return _Day(window=window, ways=_ways(Eligibility(self._groundwork, question, states, _RULES)))


def _ways(eligibility: Eligibility) -> tuple[_Way, ...]:
    """Every way, in pool order; none where there are more than can be tried."""
    orders = [tuple(role.pool) for role in eligibility.plan.roles]
    cases: dict[tuple[Choice, int], Case] = {}
    for case in eligibility.plan.cases:
        wishes = [
            Wish(tuple(r for r in need.options if eligibility.able(need.role, r, case)), need.count)
            for need in case.needs
        ]
        met = list(islice(matchings(wishes), MAX_ALLOCATIONS))
        cases |= {(choice_of(case.needs, chosen, orders), case.visit_minutes): case for chosen in met}
        if max(len(met), len(cases)) >= MAX_ALLOCATIONS:
            return ()
    return tuple([_way(eligibility, cases[way], chosen_by(way[0], orders)) for way in sorted(cases)])


def _way(eligibility: Eligibility, case: Case, chosen: Sequence[Sequence[ResourceId]]) -> _Way:
    serving = [(role, resource_id) for role, mine in enumerate(chosen) for resource_id in mine]
    plan, service = eligibility.plan, eligibility.question.service
    return _Way(
        starts=reduce(and_, (eligibility.able(role, resource_id, case) for role, resource_id in serving)),
        notice_minutes=max(
            eligibility.notice_minutes(plan.roles[role].pool[resource_id], leads=role == 0)
            for role, resource_id in serving
        ),
        at_zero=allocation_at(0, service, plan, (case, chosen), lambda _resource, _part: ()),
    )


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


def local_days(plan: Plan, start: Minute) -> Span:
    """The minutes whose bookings decide which of those who may serve is the least booked."""
    zones = {resource.schedule.timezone for role in plan.roles for resource in role.pool.values()}
    spans = [span for zone in zones for span in local_day(zone, local_date(zone, start))]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def least_booked_first(
    plan: Plan, ways: Sequence[Allocation], states: Mapping[ResourceId, ResourceState], window: Span
) -> tuple[Allocation, ...]:
    """Ways to serve one start with one resource in each role, in the order in which they are to be tried."""
    start = ways[0].visit.start
    ranks: list[dict[ResourceId, int]] = []
    for role in plan.roles:
        serving = {claim.resource_id for way in ways for claim in way.claims if claim.role == role.name}
        pool = [resource_id for resource_id in role.pool if resource_id in serving]
        booked = {r: booked_minutes(role.pool[r], states[r], start, window) for r in pool}
        order = in_order(Assign.LEAST_BOOKED, pool, booked_minutes=booked, last_assigned={})
        ranks.append({resource_id: rank for rank, resource_id in enumerate(order)})

    def place(way: Allocation) -> tuple[list[int], int]:
        chosen = {claim.role: claim.resource_id for claim in way.claims}
        choice = [rank[chosen[role.name]] for role, rank in zip(plan.roles, ranks, strict=True)]
        return choice, way.visit.minutes

    return tuple(sorted(ways, key=place))
