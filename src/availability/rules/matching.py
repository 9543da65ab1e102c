"""Meeting several needs at once with distinct resources: a matching, not a greedy pick."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernel.ids import ResourceId


@dataclass(frozen=True, slots=True)
class Demand:
    """So many of these resources, the best first."""

    options: tuple[ResourceId, ...]
    count: int


def matchings(demands: Sequence[Demand], used: frozenset[ResourceId] = frozenset()) -> Iterator[list[list[ResourceId]]]:
    """Every way to meet all demands with distinct resources: for each demand, the resources chosen.

    Ways come in the order of the options, the first demand's choice changing last. No dead end is entered, so the next
    way costs polynomial time however many resources the demands contend for.
    """
    if not demands:
        yield []
        return
    demand, rest = demands[0], demands[1:]
    if demand.count == 0:
        for others in matchings(rest, used):
            yield [[], *others]
        return
    for position, option in enumerate(demand.options):
        if option in used:
            continue
        left = [Demand(demand.options[position + 1 :], demand.count - 1), *rest]
        taken = used | {option}
        if can_be_met(left, taken):
            for chosen, *others in matchings(left, taken):
                yield [[option, *chosen], *others]


def can_be_met(demands: Sequence[Demand], used: frozenset[ResourceId] = frozenset()) -> bool:
    """True if all demands can be met by distinct resources that are not used (augmenting paths)."""
    seats = [demand.options for demand in demands for _ in range(demand.count)]
    seat_of: dict[ResourceId, int] = {}

    def find_seat(seat: int, tried: set[ResourceId]) -> bool:
        for option in seats[seat]:
            if option in used or option in tried:
                continue
            tried.add(option)
            if option not in seat_of or find_seat(seat_of[option], tried):
                seat_of[option] = seat
                return True
        return False

    return all(find_seat(seat, set()) for seat in range(len(seats)))


def usable_options(demands: Sequence[Demand], place: int) -> tuple[ResourceId, ...]:
    """The options of one demand that occur in some way to meet all demands."""
    demand, others = demands[place], [*demands[:place], *demands[place + 1 :]]

    def is_chosen(option: ResourceId) -> bool:
        rest = tuple(other for other in demand.options if other != option)
        return can_be_met([*others, Demand(rest, demand.count - 1)], frozenset({option}))

    return tuple(option for option in demand.options if is_chosen(option))
