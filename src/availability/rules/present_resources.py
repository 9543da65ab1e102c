"""Preference for the resources that serve a visit at present, when it moves."""

from collections.abc import Iterable
from itertools import groupby

from availability.rules.allocations import Allocation
from availability.rules.eligibility import Present


def in_order_of_kept(allocations: Iterable[Allocation], present: Present) -> tuple[Allocation, ...]:
    """The ways that keep the most of the present resources first; otherwise in the order given."""
    return tuple(sorted(allocations, key=lambda allocation: -_kept(allocation, present)))


def groups_by_kept(allocations: Iterable[Allocation], present: Present) -> list[tuple[Allocation, ...]]:
    """Ways in order of `in_order_of_kept`, those together that keep as many: there is one group at least.

    Nobody is replaced for the sake of a hold that is to give way, so the groups are asked one after the other.
    """
    groups = groupby(allocations, key=lambda allocation: _kept(allocation, present))
    return [tuple(group) for _, group in groups] or [()]


def _kept(allocation: Allocation, present: Present) -> int:
    """The number of present resources that go on to serve in their roles."""
    return len(present & {(claim.role, claim.resource_id) for claim in allocation.claims})
