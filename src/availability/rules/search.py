"""The one rule that decides which starts are offered, for the listing, the hold and the confirmation alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import NamedTuple

from availability.model import Reason
from availability.rules.allocations import Allocation, allocations
from availability.rules.bitmaps import Numbers, as_bytes, at_least, from_bytes, lesser, set_minutes, tally, total
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import EVERY_RULE, Eligibility, ResourceState, StartQuery
from availability.rules.matching import Demand, usable_options
from availability.rules.requirements import VisitVariant
from kernel.ids import ResourceId
from kernel.spans import Minute, Span


class Offer(NamedTuple):
    """A start that is offered, with those whose visit would end at the same time."""

    start: Minute
    end: Minute
    """The end of the visit with any of the resources: the earliest possible."""
    resource_ids: tuple[ResourceId, ...]
    """The resources that could serve in the first role, in pool order."""
    remaining: int
    """The places left with them: free over the whole blocked span, of the scarcest role."""


def search(
    index: CatalogueIndex,
    query: StartQuery,
    states: Mapping[ResourceId, ResourceState],
    *,
    enforced: frozenset[Reason] = EVERY_RULE,
) -> "Offers":
    """Judge every start of the query. `states` holds every resource of the requirements' `resource_ids`.

    `enforced` leaves rules out, which is how availability.rules.explain finds the one that refuses.
    """
    needed = index.listing_window(query.service, query.starts)
    assert query.window.contains(needed), "the bitmaps do not cover all that decides"
    return Offers(Eligibility(index, query, states, enforced))


class Offers:
    """The answer to one question, worked out as far as it is looked at."""

    def __init__(self, eligibility: Eligibility) -> None:
        self._eligibility = eligibility
        self._window = eligibility.window
        self._leads: list[_LeadStarts] | None = None
        self._bits: int | None = None
        self._able: list[tuple[int, _LeadsByStart]] | None = None
        self._own: dict[int, _Table] = {}
        self._own_bits: dict[int, int] = {}
        self._tables: dict[tuple[int, int], _Table] = {}

    @property
    def bits(self) -> int:
        """Set: each start that is offered, as a bitmap of the question's window."""
        if self._bits is None:
            self._bits = reduce(or_, (lead.starts for lead in self._all_leads()), 0)
        return self._bits

    def starts(self) -> list[Minute]:
        """Each start that is offered, in order."""
        return set_minutes(self.bits, self._window)

    def slots(self, starts: Iterable[Minute] | None = None) -> Iterator[Offer]:
        """Each start that is offered, once for each end, with who could serve. `starts`: only those, in that order."""
        if self._able is None:
            self._able = [
                (minutes, _LeadsByStart(self._all_leads(), minutes, self._window)) for minutes in self._lengths()
            ]
        groups, counted = self._able, self._each_has_one_place()
        for start in self.starts() if starts is None else starts:
            place = start - self._window.start
            for minutes, able in groups:
                resource_ids = able.at(place)
                if resource_ids:
                    yield Offer(
                        start=start,
                        end=start + minutes,
                        resource_ids=resource_ids,
                        remaining=len(resource_ids) if counted else self._remaining(start, minutes),
                    )

    def count(self, among: int) -> int:
        """The number of `slots` among starts given as a bitmap of the query's window."""
        if not self.bits & among:
            return 0
        return sum((self._own_starts(minutes) & among).bit_count() for minutes in self._lengths())

    def allocations(
        self, start: Minute, last_assigned: Mapping[ResourceId, datetime] | None = None
    ) -> tuple[Allocation, ...]:
        """Every way to serve a visit at that start, the best first (see availability.rules.allocations)."""
        return allocations(self._eligibility, start, last_assigned or {})

    def _all_leads(self) -> "list[_LeadStarts]":
        """The resources that can serve in the first role at any start, in pool order."""
        if self._leads is None:
            requirements = self._eligibility.requirements
            found: dict[ResourceId, list[tuple[VisitVariant, int]]] = {r: [] for r in requirements.roles[0].pool}
            for variant in requirements.variants:
                for resource_id, starts in self._leads_in(variant):
                    found[resource_id].append((variant, starts))
            self._leads = [_LeadStarts(resource_id, ways) for resource_id, ways in found.items() if ways]
        return self._leads

    def _leads_in(self, variant: VisitVariant) -> Iterator[tuple[ResourceId, int]]:
        """The resources that can serve in the first role in one variant, each with its starts."""
        eligibility = self._eligibility
        possible = eligibility.queried_starts
        for need in variant.needs:
            able = [eligibility.eligible_starts(need.role, resource_id, variant) for resource_id in need.options]
            possible &= reduce(or_, able, 0) if need.count == 1 else at_least(tally(able), need.count)
            if not possible:
                return
        if not variant.is_disjoint:
            yield from self._matched(variant, possible)
            return
        for need in variant.needs:
            if need.role == 0:
                yield from (
                    (r, starts)
                    for r in need.options
                    if (starts := possible & eligibility.eligible_starts(0, r, variant))
                )

    def _matched(self, variant: VisitVariant, starts: int) -> Iterator[tuple[ResourceId, int]]:
        """The leads of a case in which needs contend for resources: whether all can be met is asked start by start."""
        able = [
            [
                (r, as_bytes(self._eligibility.eligible_starts(need.role, r, variant), self._window))
                for r in need.options
            ]
            for need in variant.needs
        ]
        marks: dict[ResourceId, bytearray] = {}
        # Most starts find the same resources able as one before them.
        leads_by_wishes: dict[tuple[Demand, ...], set[ResourceId]] = {}
        for start in set_minutes(starts, self._window):
            byte, bit = divmod(start - self._window.start, 8)
            mark = 0x80 >> bit
            demands = tuple(
                [
                    Demand(tuple([r for r, minutes in options if minutes[byte] & mark]), need.count)
                    for need, options in zip(variant.needs, able, strict=True)
                ]
            )
            if demands not in leads_by_wishes:
                places = (place for place, need in enumerate(variant.needs) if need.role == 0)
                leads_by_wishes[demands] = {r for place in places for r in usable_options(demands, place)}
            for resource_id in leads_by_wishes[demands]:
                marks.setdefault(resource_id, bytearray(-(-self._window.minutes // 8)))[byte] |= mark
        return ((resource_id, from_bytes(starts, self._window)) for resource_id, starts in marks.items())

    def _each_has_one_place(self) -> bool:
        """True if every start has as many places left as resources that can serve: common, and quick to count."""
        roles = self._eligibility.requirements.roles
        return (
            len(roles) == 1
            and roles[0].count == 1
            and all(resource.capacity == 1 for resource in roles[0].pool.values())
        )

    def _lengths(self) -> list[int]:
        """The lengths of visits in minutes, the shortest first."""
        return sorted({minutes for lead in self._all_leads() for minutes in lead.lengths})

    def _own_starts(self, minutes: int) -> int:
        """Set: the starts at which somebody's shortest visit lasts so long."""
        if minutes not in self._own_bits:
            own = (lead.own_starts(minutes) for lead in self._all_leads())
            self._own_bits[minutes] = reduce(or_, own, 0)
        return self._own_bits[minutes]

    def _remaining(self, start: Minute, minutes: int) -> int:
        """Places left in the scarcest role for visits of that length, with those whose shortest visit it is.

        Where several resources must serve together, each place takes them all.
        """
        at = start - self._window.start
        shared = (
            self._places(place, minutes).at(at) // role.count
            for place, role in enumerate(self._eligibility.requirements.roles)
            if place or role.count > 1
        )
        return min([self._own_places(minutes).at(at), *shared])

    def _own_places(self, minutes: int) -> "_Table":
        """The places left in the first role with those whose shortest visit lasts so long."""
        if minutes not in self._own:
            own = ((lead.id, lead.own_starts(minutes)) for lead in self._all_leads())
            self._own[minutes] = self._table(0, minutes, own)
        return self._own[minutes]

    def _places(self, role: int, minutes: int) -> "_Table":
        """The places left in a role for visits of that length."""
        key = (role, minutes)
        if key not in self._tables:
            if role == 0:
                able = [(lead.id, lead.starts_of(minutes)) for lead in self._all_leads()]
            else:
                variants = [
                    variant for variant in self._eligibility.requirements.variants if variant.visit_minutes == minutes
                ]
                needs = (need for variant in variants for need in variant.needs if need.role == role)
                options = dict.fromkeys(r for need in needs for r in need.options)
                able = [(r, self._eligibility.eligible_starts(role, r, variants[0])) for r in options]
            self._tables[key] = self._table(role, minutes, able)
        return self._tables[key]

    def _table(self, role: int, minutes: int, able: Iterable[tuple[ResourceId, int]]) -> "_Table":
        """The places left with resources of a role, each at its starts."""
        # Of the cases of one length any will do: the parts of a visit follow from its length alone.
        variant = next(
            variant for variant in self._eligibility.requirements.variants if variant.visit_minutes == minutes
        )
        addends = [self._places_of(role, resource_id, variant, starts) for resource_id, starts in able if starts]
        return _Table(total(addends), self._window)

    def _places_of(self, role: int, resource_id: ResourceId, variant: VisitVariant, starts: int) -> Numbers:
        """At each of the starts, the lanes of a resource that are free in every part of the visit; elsewhere none."""
        resource = self._eligibility.requirements.roles[role].pool[resource_id]
        free = reduce(lesser, (self._eligibility.free_places(resource, part) for part in variant.parts[role]))
        return tuple(digit & starts for digit in free)


class _LeadsByStart:
    """The resources whose shortest visit has one length, start by start: few sets of them serve many starts."""

    def __init__(self, leads: Sequence["_LeadStarts"], minutes: int, window: Span) -> None:
        self._ids = [lead.id for lead in leads]
        # Those who can serve at the same starts, as all do who are free, are looked up together.
        together: dict[int, list[int]] = {}
        for number, lead in enumerate(leads):
            starts = lead.own_starts(minutes)
            if starts:
                together.setdefault(starts, []).append(number)
        self._groups = [(as_bytes(starts, window), numbers) for starts, numbers in together.items()]
        self._found: dict[bytes, tuple[ResourceId, ...]] = {}

    def at(self, offset: int) -> tuple[ResourceId, ...]:
        """The resources that can serve at a minute, counted from the start of the window, in pool order."""
        byte, bit = offset >> 3, 7 - (offset & 7)
        which = bytes([marks[byte] >> bit & 1 for marks, _ in self._groups])
        found = self._found.get(which)
        if found is None:
            numbers = sorted([n for (_, some), here in zip(self._groups, which, strict=True) if here for n in some])
            found = self._found[which] = tuple([self._ids[number] for number in numbers])
        return found


class _Table:
    """Numbers by minute, in a form that is quick to look single minutes up in."""

    def __init__(self, numbers: Numbers, window: Span) -> None:
        self._digits = [as_bytes(digit, window) for digit in numbers]

    def at(self, offset: int) -> int:
        """The number of the minute that many minutes into the window."""
        byte, bit = offset >> 3, 7 - (offset & 7)
        return sum((digit[byte] >> bit & 1) << power for power, digit in enumerate(self._digits))


class _LeadStarts:
    """One resource in the first role, and the starts it can serve."""

    def __init__(self, resource_id: ResourceId, ways: Sequence[tuple[VisitVariant, int]]) -> None:
        self.id = resource_id
        self.starts = reduce(or_, (starts for _, starts in ways))
        self._starts: dict[int, int] = {}
        for variant, starts in ways:
            self._starts[variant.visit_minutes] = self._starts.get(variant.visit_minutes, 0) | starts

    @property
    def lengths(self) -> Iterable[int]:
        """The minutes that visits may last, the shortest first."""
        return self._starts

    def starts_of(self, minutes: int) -> int:
        """Set: the starts at which a visit of that length is possible."""
        return self._starts.get(minutes, 0)

    def own_starts(self, minutes: int) -> int:
        """Set: the starts at which that is the shortest visit possible."""
        shorter = (starts for other, starts in self._starts.items() if other < minutes)
        return self.starts_of(minutes) & ~reduce(or_, shorter, 0)
