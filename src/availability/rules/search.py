"""The one rule that decides which starts are offered, for the listing, the hold and the confirmation alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from itertools import chain
from operator import or_
from typing import Final, NamedTuple

from availability.model import Reason
from availability.rules.allocations import Allocation, allocations
from availability.rules.bitmaps import Numbers, as_bytes, at_least, from_bytes, lesser, set_minutes, tally, total
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import EVERY_RULE, STEPS_OF_OPTION, Eligibility, ResourceState, StartQuery
from availability.rules.matching import usable_options
from availability.rules.places import places_left
from availability.rules.prices import LeadStarts
from availability.rules.release import Discount
from availability.rules.requirements import Need, VisitVariant
from availability.rules.search_budget import SearchBudget
from kernel.ids import LocationId, ResourceId
from kernel.spans import Minute, Span

# Steps of the budget, as measured: an operation on a whole window for each resource that is counted, ...
_TALLYING: Final = 6
_COUNTING: Final = 12
# ... a start that is looked up, for each group of resources with the same starts, and for each name in the answer, ...
_LOOKING_UP: Final = 60
_LOOKING_UP_GROUP: Final = 5
_NAMING: Final = 5
# ... the places left in a role; and a matching, for each pair of needs, and for each resource needed.
_REMAINING: Final = 150
_MATCHING: Final = 300
_MATCHING_PAIR: Final = 20
_MATCHING_SEAT: Final = 30


class Offer(NamedTuple):
    """A start that is offered, with those whose visit would end at the same time."""

    start: Minute
    end: Minute
    """The end of the visit with any of the resources: the earliest possible."""
    resource_ids: tuple[ResourceId, ...]
    """The resources that could serve in the first role, in pool order."""
    remaining: int
    """The places left with them: free over the whole blocked span, of the scarcest role."""
    location_id: LocationId | None = None
    """The location of the visit, where the business has several."""


def search(
    index: CatalogueIndex,
    query: StartQuery,
    states: Mapping[ResourceId, ResourceState],
    *,
    enforced: frozenset[Reason] = EVERY_RULE,
    budget: SearchBudget | None = None,
) -> "Offers | LocationOffers":
    """Judge every start of the query. `states` holds every resource of the requirements' `resource_ids`.

    `enforced` leaves rules out, which is how availability.rules.explain finds the one that refuses. The answer raises
    TooComplex where working it out exceeds the budget, a fresh one unless it is given.
    """
    needed = index.listing_window(query.service, query.starts)
    assert query.window.contains(needed), "the bitmaps do not cover all that decides"
    budget = budget or SearchBudget()
    each = [
        Offers(Eligibility(index, query, states, enforced, budget, location_id=location_id))
        for location_id in index.visit_locations(query.service).asked(query.location_id)
    ]
    return each[0] if len(each) == 1 else LocationOffers(each, query.window)


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
        self._shared_tables: dict[tuple[bool, int, tuple[ResourceId, ...]], _Table] = {}
        self._tallies: dict[tuple[bool, bool, int, tuple[ResourceId, ...]], Numbers] = {}
        self._able_sets: dict[int, _AbleSets] = {}

    @property
    def window(self) -> Span:
        """The minutes of its bitmaps."""
        return self._window

    @property
    def eligibility(self) -> Eligibility:
        """The rules that it applies."""
        return self._eligibility

    @property
    def each(self) -> "Sequence[Offers]":
        """The answers for single locations."""
        return (self,)

    @property
    def bits(self) -> int:
        """Set: each start that is offered, as a bitmap of the question's window."""
        if self._bits is None:
            self._bits = reduce(or_, (lead.starts for lead in self._all_leads()), 0)
        return self._bits

    def discounts(self, resource_id: ResourceId) -> Sequence[Discount]:
        """The discounts of visits that a resource leads."""
        return self._eligibility.discounts(resource_id)

    def starts(self) -> list[Minute]:
        """Each start that is offered, in order."""
        return set_minutes(self.bits, self._window)

    def slots(self, starts: Iterable[Minute] | None = None) -> Iterator[Offer]:
        """Each start that is offered, once for each end, with who could serve. `starts`: only those, in that order."""
        if self._able is None:
            self._able = [
                (minutes, _LeadsByStart(self._all_leads(), minutes, self._window)) for minutes in self._lengths()
            ]
        groups, counted, budget = self._able, self._each_has_one_place(), self._eligibility.budget
        location_id = self._eligibility.location_id
        several = len(groups) > 1
        for start in self.starts() if starts is None else starts:
            place = start - self._window.start
            if several:
                budget.spend(_LOOKING_UP * len(groups))
            for minutes, able in groups:
                resource_ids = able.at(place)
                if resource_ids:
                    budget.spend(able.steps + _NAMING * len(resource_ids))
                    yield Offer(
                        start=start,
                        end=start + minutes,
                        resource_ids=resource_ids,
                        remaining=len(resource_ids) if counted else self._remaining(start, minutes),
                        location_id=location_id,
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
        return allocations([self._eligibility], start, last_assigned or {})

    def lead_starts(self) -> LeadStarts:
        """Resources that can serve at each start, for the prices of the slots."""
        of_leads = {lead.id: lead.ways for lead in self._all_leads()}
        return LeadStarts(self._window, of_leads, self._eligibility.eligible_starts)

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
        possible = self._eligibility.queried_starts
        for need in variant.needs:
            if need.count == 1 and variant.is_disjoint:
                possible &= reduce(
                    or_, [self._eligibility.eligible_starts(need.role, r, variant) for r in need.options], 0
                )
            else:
                possible &= self._enough(need, variant, need.count)
            if not possible:
                return
        unsure = 0
        for place, need in enumerate(variant.needs):
            if need.role == 0:
                surely = possible if variant.is_disjoint else possible & self._surely_met(variant, place)
                unsure |= possible & ~surely
                able = ((r, self._eligibility.eligible_starts(0, r, variant)) for r in need.options)
                yield from ((r, starts & surely) for r, starts in able if starts & surely)
        if unsure:
            yield from self._matched(variant, unsure)

    def _enough(self, need: Need, variant: VisitVariant, count: int) -> int:
        """Set: the starts at which that many of a need's options, or more, can meet it."""
        eligibility = self._eligibility
        filled = eligibility.requirements.roles[need.role]
        key = (need.role == 0, filled.is_at_visit, eligibility.times_of(need.role, variant), need.options)
        tallied = self._tallies.get(key)
        if tallied is None:
            able = [eligibility.eligible_starts(need.role, r, variant) for r in need.options]
            eligibility.budget.spend((_TALLYING * eligibility.operation_steps + STEPS_OF_OPTION) * len(able))
            tallied = self._tallies[key] = tally(able)
        return at_least(tallied, count)

    def _surely_met(self, variant: VisitVariant, lead_place: int) -> int:
        """Set: starts at which there is a way with each able lead, as every need has options for all before it too.

        The lead goes first; then the needs choose in turn, the one with the fewest options first.
        """
        needs = variant.needs
        others = sorted(
            [place for place in range(len(needs)) if place != lead_place], key=lambda n: len(needs[n].options)
        )
        starts, seats = -1, needs[lead_place].count
        for place in others:
            seats += needs[place].count
            starts &= self._enough(needs[place], variant, seats)
        return starts

    def _matched(self, variant: VisitVariant, starts: int) -> Iterator[tuple[ResourceId, int]]:
        """The leads of a case in which needs contend for resources: whether all can be met is asked start by start."""
        able_sets, needs = self._able_sets_of(variant), variant.needs
        options = [able_sets.bits_of(need.options) for need in needs]
        counts = [need.count for need in needs]
        leads = [place for place, need in enumerate(needs) if need.role == 0]
        budget, steps = (
            self._eligibility.budget,
            _MATCHING + _MATCHING_PAIR * len(needs) ** 2 + _MATCHING_SEAT * sum(counts),
        )
        # Most starts find the same resources able as one before them.
        usable_by_able: dict[tuple[int, ...], int] = {}
        marks_by_usable: dict[int, bytearray] = {}
        for start in set_minutes(starts, self._window):
            offset = start - self._window.start
            able = able_sets.at(offset)
            usable = usable_by_able.get(able)
            if usable is None:
                budget.spend(steps)
                able_options = [mine & able[need.role] for mine, need in zip(options, needs, strict=True)]
                usable = usable_by_able[able] = usable_options(able_options, counts, leads)
            if usable:
                marks = marks_by_usable.get(usable)
                if marks is None:
                    marks = marks_by_usable[usable] = bytearray(-(-self._window.minutes // 8))
                marks[offset >> 3] |= 0x80 >> (offset & 7)
        found: dict[ResourceId, int] = {}
        for usable, marks in marks_by_usable.items():
            marked, resource_ids = from_bytes(marks, self._window), able_sets.resources_of(usable)
            budget.spend(len(resource_ids) * self._eligibility.operation_steps)
            for resource_id in resource_ids:
                found[resource_id] = found.get(resource_id, 0) | marked
        yield from found.items()

    def _able_sets_of(self, variant: VisitVariant) -> "_AbleSets":
        """The able resources, start by start, of all variants that last as long as this one."""
        able_sets = self._able_sets.get(variant.visit_minutes)
        if able_sets is None:
            able_sets = self._able_sets[variant.visit_minutes] = _AbleSets(self._eligibility, variant.visit_minutes)
        return able_sets

    def _each_has_one_place(self) -> bool:
        """True if every start has as many places left as resources that can serve: common, and quick to count."""
        roles = self._eligibility.requirements.roles
        return (
            len(roles) == 1
            and roles[0].count == 1
            and all(resource.capacity == 1 and resource.seats is None for resource in roles[0].pool.values())
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
        self._eligibility.budget.spend(_REMAINING * len(self._eligibility.requirements.roles))
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
                options = tuple(dict.fromkeys(chain.from_iterable(dict.fromkeys(need.options for need in needs))))
                filled = self._eligibility.requirements.roles[role]
                times = (filled.is_at_visit, self._eligibility.times_of(role, variants[0]), options)
                if times in self._shared_tables:
                    self._tables[key] = self._shared_tables[times]
                    return self._tables[key]
                able = [(r, self._eligibility.eligible_starts(role, r, variants[0])) for r in options]
                self._shared_tables[times] = self._table(role, minutes, able)
            self._tables[key] = self._table(role, minutes, able)
        return self._tables[key]

    def _table(self, role: int, minutes: int, able: Iterable[tuple[ResourceId, int]]) -> "_Table":
        """The places left with resources of a role, each at its starts."""
        # Of the cases of one length any will do: the parts of a visit follow from its length alone.
        variant = next(
            variant for variant in self._eligibility.requirements.variants if variant.visit_minutes == minutes
        )
        eligibility = self._eligibility
        able = list(able)
        eligibility.budget.spend(_COUNTING * len(able) * eligibility.operation_steps)
        addends = [self._places_of(role, resource_id, variant, starts) for resource_id, starts in able if starts]
        return _Table(total(addends), self._window)

    def _places_of(self, role: int, resource_id: ResourceId, variant: VisitVariant, starts: int) -> Numbers:
        """At each of the starts, the lanes of a resource that are free in every part of the visit; elsewhere none."""
        resource = self._eligibility.requirements.roles[role].pool[resource_id]
        free = reduce(lesser, (self._eligibility.free_places(resource, part) for part in variant.parts[role]))
        left = places_left(free, resource, self._eligibility.requirements.roles[role].uses)
        return tuple(digit & starts for digit in left)


class LocationOffers:
    """The answers to one question for one location after the other."""

    def __init__(self, each: Sequence[Offers], window: Span) -> None:
        self.each = each
        self.window = window

    @property
    def bits(self) -> int:
        """As of `Offers`."""
        return reduce(or_, (offers.bits for offers in self.each), 0)

    def starts(self) -> list[Minute]:
        """As of `Offers`."""
        return set_minutes(self.bits, self.window)

    def slots(self, starts: Iterable[Minute] | None = None) -> Iterator[Offer]:
        """Each start that is offered, once for each end and location: those of one end in the order of locations."""
        for start in self.starts() if starts is None else starts:
            found = [slot for offers in self.each for slot in offers.slots([start])]
            yield from sorted(found, key=lambda slot: slot.end)

    def count(self, among: int) -> int:
        """As of `Offers`."""
        return sum(offers.count(among) for offers in self.each)

    def allocations(
        self, start: Minute, last_assigned: Mapping[ResourceId, datetime] | None = None
    ) -> tuple[Allocation, ...]:
        """Every way to serve a visit at that start at any of the locations, the best first."""
        return allocations([offers.eligibility for offers in self.each], start, last_assigned or {})


class _AbleSets:
    """The resources that can fill each role of a visit of one length, start by start: a bitmap with a bit for each."""

    def __init__(self, eligibility: Eligibility, minutes: int) -> None:
        requirements = eligibility.requirements
        self._eligibility = eligibility
        self._resource_ids = requirements.resource_ids
        self._bit_by_id = {resource_id: 1 << number for number, resource_id in enumerate(self._resource_ids)}
        # Those who can serve in a role at the same starts, as all do who are free, are looked up together.
        together: dict[int, list[int]] = {}
        named: set[tuple[int, tuple[ResourceId, ...]]] = set()
        for variant in requirements.variants:
            if variant.visit_minutes != minutes:
                continue
            for need in variant.needs:
                if (need.role, need.options) not in named:
                    named.add((need.role, need.options))
                    self._add(need, variant, together)
        self._groups = [(as_bytes(starts, eligibility.window), able) for starts, able in together.items()]
        self._found: dict[bytes, tuple[int, ...]] = {}

    def _add(self, need: Need, variant: VisitVariant, together: dict[int, list[int]]) -> None:
        eligibility = self._eligibility
        eligibility.budget.spend(STEPS_OF_OPTION * len(need.options))
        for resource_id in need.options:
            starts = eligibility.eligible_starts(need.role, resource_id, variant)
            if starts:
                able = together.get(starts)
                if able is None:
                    able = together[starts] = [0] * len(eligibility.requirements.roles)
                able[need.role] |= self._bit_by_id[resource_id]

    def bits_of(self, resource_ids: Iterable[ResourceId]) -> int:
        """The resources as a bitmap."""
        return reduce(or_, map(self._bit_by_id.__getitem__, resource_ids), 0)

    def resources_of(self, bits: int) -> list[ResourceId]:
        """The resources of a bitmap."""
        return [resource_id for resource_id, bit in self._bit_by_id.items() if bits & bit]

    def at(self, offset: int) -> tuple[int, ...]:
        """For each role, the resources that can fill it at a minute, counted from the start of the window."""
        byte, bit = offset >> 3, 7 - (offset & 7)
        self._eligibility.budget.spend(_LOOKING_UP + _LOOKING_UP_GROUP * len(self._groups))
        which = bytes([marks[byte] >> bit & 1 for marks, _ in self._groups])
        found = self._found.get(which)
        if found is None:
            groups = [able for (_, able), here in zip(self._groups, which, strict=True) if here]
            found = self._found[which] = tuple([reduce(or_, of_role) for of_role in zip(*groups, strict=True)])
        return found


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
        self._any = as_bytes(reduce(or_, together, 0), window)
        self._found: dict[bytes, tuple[ResourceId, ...]] = {}
        self.steps = _LOOKING_UP + _LOOKING_UP_GROUP * len(self._groups)
        """Steps of the budget, for each start."""

    def at(self, offset: int) -> tuple[ResourceId, ...]:
        """The resources that can serve at a minute, counted from the start of the window, in pool order."""
        byte, bit = offset >> 3, 7 - (offset & 7)
        if not self._any[byte] >> bit & 1:
            return ()
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
        self.ways = ways
        self.starts = reduce(or_, (starts for _, starts in ways))
        self._starts: dict[int, int] = {}
        for variant, starts in ways:
            self._starts[variant.visit_minutes] = self._starts.get(variant.visit_minutes, 0) | starts
        self._own: dict[int, int] = {}
        shorter = 0
        for minutes, starts in self._starts.items():
            self._own[minutes] = starts & ~shorter
            shorter |= starts

    @property
    def lengths(self) -> Iterable[int]:
        """The minutes that visits may last, the shortest first."""
        return self._starts

    def starts_of(self, minutes: int) -> int:
        """Set: the starts at which a visit of that length is possible."""
        return self._starts.get(minutes, 0)

    def own_starts(self, minutes: int) -> int:
        """Set: the starts at which that is the shortest visit possible."""
        return self._own.get(minutes, 0)
