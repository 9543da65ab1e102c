"""The places that a party takes of a resource in a role: one each, several each, or a whole table."""

from collections.abc import Mapping, Sequence
from typing import Final

from availability.rules.bitmaps import Numbers, at_least, tally, total
from catalogue.model.resources import Resource
from kernel.ids import ResourceId

ANY_PARTY: Final = 0
"""In place of a size: every resource suits."""


def has_room(resource: Resource, party: int, uses: int) -> bool:
    """True if the resource suits a party, were nothing taken."""
    if party == ANY_PARTY:
        return True
    if resource.seats is not None and not resource.seats.least <= party <= resource.seats.most:
        return False
    return lanes_needed(resource, party, uses) <= resource.capacity


def lanes_needed(resource: Resource, party: int, uses: int) -> int:
    """The lanes that a party takes: `uses` for each of its members, or for all of them together at a table."""
    return uses if resource.seats is not None else party * uses


def size_limit(resource: Resource, uses: int) -> int:
    """The largest party that the resource has room for, were nothing taken; 0 for none."""
    if resource.seats is None:
        return resource.capacity // uses
    return resource.seats.most if uses <= resource.capacity else 0


def places_left(free: Numbers, resource: Resource, uses: int) -> Numbers:
    """The number of people that there is room for, minute by minute, where so many lanes are free."""
    if uses > 1:
        free = tally([at_least(free, uses * count) for count in range(1, resource.capacity // uses + 1)])
    if resource.seats is None:
        return free
    most = resource.seats.most
    return total([(0,) * digit + tuple(free) for digit in range(most.bit_length()) if most >> digit & 1])


def smallest_first(order: Sequence[ResourceId], pool: Mapping[ResourceId, Resource]) -> tuple[ResourceId, ...]:
    """The resources in an order, but smaller tables before larger ones, and what is no table before both."""
    return tuple(sorted(order, key=lambda resource_id: size_of(pool[resource_id])))


def size_of(resource: Resource) -> int:
    """The largest party of a table; nothing for what is no table."""
    return 0 if resource.seats is None else resource.seats.most
