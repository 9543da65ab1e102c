"""The one rule that decides which starts are offered, for the listing, the hold and the confirmation alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from availability.allocation import Allocation, PlannedClaim, allocations
from availability.bitmaps import Numbers, as_bytes, at_least, from_bytes, is_set, lesser, set_minutes, tally, total
from availability.eligibility import EVERY_RULE, Eligibility, Question, ResourceState
from availability.groundwork import Groundwork
from availability.matching import Wish, takers
from availability.model import Reason
from availability.needs import Case
from kernel.ids import ResourceId
from kernel.spans import Minute, Span

__all__ = ["EVERY_RULE", "Allocation", "Offer", "Offers", "PlannedClaim", "Question", "ResourceState", "search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A start that is offered."""

    start: Minute
    end: Minute
    """Of the visit, if the first of the resources serves."""
    resource_ids: tuple[ResourceId, ...]
    """Who could serve in the first role, in pool order."""
    remaining: int
    """How many places are left: lanes free over the whole blocked span, of the scarcest role."""


def search(
    groundwork: Groundwork,
    question: Question,
    states: Mapping[ResourceId, ResourceState],
    *,
    enforced: frozenset[Reason] = EVERY_RULE,
) -> "Offers":
    """Judge every start of the question. `states` holds everybody in the plan's `resource_ids`.

    `enforced` leaves rules out, which is how availability.explain finds the one that refuses.
    """
    needed = groundwork.minutes_to_list(question.service, question.starts)
    assert question.window.contains(needed), "the bitmaps do not cover all that decides"
    return Offers(Eligibility(groundwork, question, states, enforced))


class Offers:
    """The answer to one question, worked out as far as it is looked at."""

    def __init__(self, eligibility: Eligibility) -> None:
        self._eligibility = eligibility
        self._window = eligibility.window
        self._leads: list[_Lead] | None = None
        self._tables: dict[tuple[int, int], _Table] = {}

    @property
    def bits(self) -> int:
        """Set: each start that is offered, as a bitmap of the question's window."""
        return reduce(or_, (lead.starts for lead in self._all_leads()), 0)

    def starts(self) -> list[Minute]:
        """Each start that is offered, in order."""
        return set_minutes(self.bits, self._window)

    def slots(self, starts: Iterable[Minute] | None = None) -> Iterator[Offer]:
        """Each start that is offered, with who could serve. `starts`: only those, in that order."""
        leads = [(lead, as_bytes(lead.starts, self._window)) for lead in self._all_leads()]
        counted = self._each_has_one_place()
        for start in self.starts() if starts is None else starts:
            byte, bit = divmod(start - self._window.start, 8)
            mark = 0x80 >> bit
            able = [lead for lead, marks in leads if marks[byte] & mark]
            if able:
                case = able[0].case_at(start, self._window)
                yield Offer(
                    start=start,
                    end=start + case.visit_minutes,
                    resource_ids=tuple([lead.id for lead in able]),
                    remaining=len(able) if counted else self._remaining(start, case),
                )

    def allocations(
        self, start: Minute, last_assigned: Mapping[ResourceId, datetime] | None = None
    ) -> tuple[Allocation, ...]:
        """Every way to serve a visit at that start, the best first (see availability.allocation)."""
        return allocations(self._eligibility, start, last_assigned or {})

    def _all_leads(self) -> "list[_Lead]":
        """Who can serve in the first role at any start, in pool order."""
        if self._leads is None:
            plan = self._eligibility.plan
            found: dict[ResourceId, list[tuple[Case, int]]] = {r: [] for r in plan.roles[0].pool}
            for case in plan.cases:
                for resource_id, starts in self._leads_in(case):
                    found[resource_id].append((case, starts))
            self._leads = [_Lead(resource_id, ways) for resource_id, ways in found.items() if ways]
        return self._leads

    def _leads_in(self, case: Case) -> Iterator[tuple[ResourceId, int]]:
        """Who can serve in the first role in one case, each with the starts."""
        eligibility = self._eligibility
        possible = eligibility.wanted
        for need in case.needs:
            able = [eligibility.able(need.role, resource_id, case) for resource_id in need.options]
            possible &= reduce(or_, able, 0) if need.count == 1 else at_least(tally(able), need.count)
            if not possible:
                return
        if not case.disjoint:
            yield from self._matched(case, possible)
            return
        for need in case.needs:
            if need.role == 0:
                yield from ((r, starts) for r in need.options if (starts := possible & eligibility.able(0, r, case)))

    def _matched(self, case: Case, starts: int) -> Iterator[tuple[ResourceId, int]]:
        """The leads of a case in which needs contend for resources: whether all can be met is asked start by start."""
        able = [
            [(r, as_bytes(self._eligibility.able(need.role, r, case), self._window)) for r in need.options]
            for need in case.needs
        ]
        marks: dict[ResourceId, bytearray] = {}
        # Most starts find the same resources able as one before them.
        leads_by_wishes: dict[tuple[Wish, ...], set[ResourceId]] = {}
        for start in set_minutes(starts, self._window):
            byte, bit = divmod(start - self._window.start, 8)
            mark = 0x80 >> bit
            wishes = tuple(
                [
                    Wish(tuple([r for r, minutes in options if minutes[byte] & mark]), need.count)
                    for need, options in zip(case.needs, able, strict=True)
                ]
            )
            if wishes not in leads_by_wishes:
                places = (place for place, need in enumerate(case.needs) if need.role == 0)
                leads_by_wishes[wishes] = {r for place in places for r in takers(wishes, place)}
            for resource_id in leads_by_wishes[wishes]:
                marks.setdefault(resource_id, bytearray(-(-self._window.minutes // 8)))[byte] |= mark
        return ((resource_id, from_bytes(mine, self._window)) for resource_id, mine in marks.items())

    def _each_has_one_place(self) -> bool:
        """Whether a start has as many places left as resources that can serve: the common case, and quick to count."""
        roles = self._eligibility.plan.roles
        return (
            len(roles) == 1
            and roles[0].count == 1
            and all(resource.capacity == 1 for resource in roles[0].pool.values())
        )

    def _remaining(self, start: Minute, case: Case) -> int:
        """Places left in the scarcest role; where several resources must serve together, each place takes them all."""
        return min(
            self._places(place, case).at(start - self._window.start) // role.count
            for place, role in enumerate(self._eligibility.plan.roles)
        )

    def _places(self, role: int, case: Case) -> "_Table":
        """The places left in a role; in the first one, whatever the case, everybody with the shortest visit each."""
        key = (role, self._eligibility.plan.cases.index(case) if role else 0)
        if key not in self._tables:
            if role == 0:
                addends = [
                    self._places_of(0, lead.id, way, starts)
                    for lead in self._all_leads()
                    for way, starts in lead.shortest()
                ]
            else:
                options = dict.fromkeys(r for need in case.needs if need.role == role for r in need.options)
                able = ((r, self._eligibility.able(role, r, case)) for r in options)
                addends = [self._places_of(role, r, case, starts) for r, starts in able]
            self._tables[key] = _Table(total(addends), self._window)
        return self._tables[key]

    def _places_of(self, role: int, resource_id: ResourceId, case: Case, starts: int) -> Numbers:
        """At each of the starts, the lanes of a resource that are free in every part of the visit; elsewhere none."""
        resource = self._eligibility.plan.roles[role].pool[resource_id]
        free = reduce(lesser, (self._eligibility.places(resource, part) for part in case.parts[role]))
        return tuple(digit & starts for digit in free)


class _Table:
    """Numbers by minute, in a form that is quick to look single minutes up in."""

    def __init__(self, numbers: Numbers, window: Span) -> None:
        self._digits = [as_bytes(digit, window) for digit in numbers]

    def at(self, place: int) -> int:
        """The number of the minute that many minutes into the window."""
        byte, bit = place >> 3, 7 - (place & 7)
        return sum((digit[byte] >> bit & 1) << power for power, digit in enumerate(self._digits))


class _Lead:
    """Who can serve in the first role, and when."""

    def __init__(self, resource_id: ResourceId, ways: Sequence[tuple[Case, int]]) -> None:
        self.id = resource_id
        self.starts = reduce(or_, (starts for _, starts in ways))
        self._ways = ways

    def shortest(self) -> Iterator[tuple[Case, int]]:
        """Each case, with the starts at which no shorter one is possible."""
        seen = 0
        for case, starts in self._ways:
            yield case, starts & ~seen
            seen |= starts

    def case_at(self, start: Minute, window: Span) -> Case:
        """The shortest visit with this resource at a start it can serve."""
        if len(self._ways) == 1:
            return self._ways[0][0]
        return next(case for case, starts in self._ways if is_set(starts, start, window))
