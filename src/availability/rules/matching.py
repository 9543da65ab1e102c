"""Meeting several needs at once with distinct resources: a matching, not a greedy pick."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernel.ids import ResourceId


@dataclass(frozen=True, slots=True)
class Demand:
    """So many of these resources, the best first."""

    options: tuple[ResourceId, ...]
    count: int


def matchings(demands: Sequence[Demand], used: frozenset[ResourceId] = frozenset()) -> Iterator[list[list[ResourceId]]]:
    """Every way to meet all demands with distinct resources: for each demand, the resources chosen.

    Ways come in the order of the options, the first demand's choice changing last. No dead end is entered: a step
    corrects the matching of all demands that are still open, by one augmenting path at most, so the next way costs
    polynomial time however many resources the demands contend for.
    """
    if len(demands) == 1 and demands[0].count == 1:
        # Nearly every visit: whoever is free.
        yield from ([[option]] for option in demands[0].options if option not in used)
        return
    numbers, bits = _numbered(demands, used)
    suffixes = [_suffixes(options) for options in bits]
    seats = [place for place, demand in enumerate(demands) for _ in range(demand.count)]
    first = _met([suffix[0] for suffix in suffixes], [demand.count for demand in demands])
    if first is None:
        return
    steps = [_Step(first, taken=0, position=0)]
    while steps:
        level = len(steps) - 1
        if level == len(seats):
            yield _ways(demands, seats, [numbers[step.chosen] for step in steps[:-1]])
            steps.pop()
            continue
        place = seats[level]
        following = steps[-1].choose(place, bits[place], suffixes)
        if following is None:
            steps.pop()
            continue
        if level + 1 < len(seats) and seats[level + 1] != place:
            following.position = 0
        steps.append(following)


def can_be_met(demands: Sequence[Demand], used: frozenset[ResourceId] = frozenset()) -> bool:
    """True if all demands can be met by distinct resources that are not used."""
    _, bits = _numbered(demands, used)
    return _met([_all_of(options) for options in bits], [demand.count for demand in demands]) is not None


def usable_options(options: Sequence[int], counts: Sequence[int], places: Iterable[int]) -> int:
    """The options of some demands that occur in some way to meet all demands; none if there is no way.

    Options are sets of resources, as bitmaps with a bit for each resource; every count is one or more. One way is
    found; an option occurs in another if its resource is free in the first, or if the demand that has it there can get
    another, from the free ones or around from the demand asked about.
    """
    assigned = _met(options, counts)
    if assigned is None:
        return 0
    free = _all_of(options) & ~_all_of(assigned)
    usable = 0
    for place in places:
        within_reach = free | assigned[place]
        waiting = [other for other in range(len(options)) if other != place]
        while True:
            yielding = [other for other in waiting if options[other] & within_reach]
            if not yielding:
                break
            for other in yielding:
                within_reach |= assigned[other]
            waiting = [other for other in waiting if other not in yielding]
        usable |= options[place] & within_reach
    return usable


class _Step:
    """One seat of a matching under way: the options from a position on are still to be tried."""

    __slots__ = ("_assigned", "_taken", "chosen", "position")

    def __init__(self, assigned: list[int], *, taken: int, position: int) -> None:
        self._assigned = assigned
        self._taken = taken
        self.position = position
        self.chosen = 0

    def choose(self, place: int, options: Sequence[int], suffixes: Sequence[Sequence[int]]) -> "_Step | None":
        """Take the next option that leaves a way to meet what is open; the step after it, or None if there is none."""
        if self.chosen and not self._do_without(self.chosen, place, suffixes):
            return None
        while self.position < len(options):
            option = options[self.position]
            self.position += 1
            if option & self._taken:
                continue
            self.chosen = option
            left = self._without_seat(option, place, suffixes)
            if left is not None:
                return _Step(left, taken=self._taken | option, position=self.position)
            if not self._do_without(option, place, suffixes):
                return None
        return None

    def _open(self, place: int, suffixes: Sequence[Sequence[int]], excluded: int) -> list[int]:
        """The options of the demands that are still open."""
        options = [suffix[0] & ~excluded for suffix in suffixes]
        options[place] = suffixes[place][self.position] & ~excluded
        return options

    def _without_seat(self, option: int, place: int, suffixes: Sequence[Sequence[int]]) -> list[int] | None:
        """The resources assigned to what is open after one seat has got an option; None if that cannot be met."""
        assigned = self._assigned.copy()
        if assigned[place] & option:
            assigned[place] ^= option
            return assigned
        assigned[place] &= assigned[place] - 1
        for other, mine in enumerate(assigned):
            if mine & option:
                assigned[other] ^= option
                opened = self._open(place, suffixes, self._taken | option)
                return assigned if _seated(other, opened, assigned) else None
        return assigned

    def _do_without(self, option: int, place: int, suffixes: Sequence[Sequence[int]]) -> bool:
        """Leave an option out for this seat and those after it; False if they cannot be met then."""
        if not self._assigned[place] & option:
            return True
        self._assigned[place] ^= option
        return _seated(place, self._open(place, suffixes, self._taken), self._assigned)


def _numbered(demands: Sequence[Demand], used: frozenset[ResourceId]) -> tuple[dict[int, ResourceId], list[list[int]]]:
    """The resources by their bits, and the bits of each demand's options in order."""
    bit_of: dict[ResourceId, int] = {}
    bits = [
        [bit_of.setdefault(option, 1 << len(bit_of)) for option in demand.options if option not in used]
        for demand in demands
    ]
    return {bit: resource_id for resource_id, bit in bit_of.items()}, bits


def _suffixes(options: Sequence[int]) -> list[int]:
    """The options from each position on, as sets; the last one is empty."""
    suffixes = [0] * (len(options) + 1)
    for position in range(len(options) - 1, -1, -1):
        suffixes[position] = suffixes[position + 1] | options[position]
    return suffixes


def _ways(demands: Sequence[Demand], seats: Sequence[int], chosen: Sequence[ResourceId]) -> list[list[ResourceId]]:
    ways: list[list[ResourceId]] = [[] for _ in demands]
    for place, resource_id in zip(seats, chosen, strict=True):
        ways[place].append(resource_id)
    return ways


def _all_of(sets: Iterable[int]) -> int:
    """The union."""
    union = 0
    for one in sets:
        union |= one
    return union


def _met(options: Sequence[int], counts: Sequence[int]) -> list[int] | None:
    """The resources assigned to each demand in one way to meet all; None if there is none."""
    assigned = [0] * len(options)
    taken = 0
    lacking: list[int] = []
    for place, (some, count) in enumerate(zip(options, counts, strict=True)):
        left = some & ~taken
        mine = 0
        for missing in range(count, 0, -1):
            lowest = left & -left
            if not lowest:
                lacking += [place] * missing
                break
            mine |= lowest
            left ^= lowest
        assigned[place] = mine
        taken |= mine
    return assigned if all(_seated(place, options, assigned) for place in lacking) else None


def _seated(place: int, options: Sequence[int], assigned: list[int]) -> bool:
    """Assign one more resource to a demand along the shortest augmenting path; False if there is none."""
    taken = _all_of(assigned)
    taker_from = {place: place}
    waiting = [place]
    for last in waiting:
        free = options[last] & ~taken
        if free:
            _shift(free & -free, (place, last), taker_from, options, assigned)
            return True
        for other, theirs in enumerate(assigned):
            if other not in taker_from and options[last] & theirs:
                taker_from[other] = last
                waiting.append(other)
    return False


def _shift(
    gained: int, path: tuple[int, int], taker_from: Mapping[int, int], options: Sequence[int], assigned: list[int]
) -> None:
    """Give a resource to the last demand of a path, one of its own to the one before it, and so on to the first."""
    place, current = path
    while current != place:
        taker = taker_from[current]
        passed_on = options[taker] & assigned[current]
        passed_on &= -passed_on
        assigned[current] ^= passed_on | gained
        gained, current = passed_on, taker
    assigned[place] |= gained
