"""Estimates of the steps of a search, to decide where it runs, and whether it begins."""

from typing import Final

from availability.rules.requirements import Requirements
from availability.rules.search_budget import steps_of_operation
from kernel.spans import Span

# Steps of reading and decoding the state of a resource for a day, and of each of its lanes.
_STAFF_DAY: Final = 100
_LANE_DAY: Final = 30
# Operations on a whole window for a resource that is judged, and for each of its lanes.
_RESOURCE: Final = 60
_LANE: Final = 20
# A start of the grid. One that is offered takes twice as many or more, and at most times of the day none is.
_START: Final = 30
# Starts and ways that needs contend for are looked at one by one.
_CONTENTION: Final = 4


def steps_of_reading(requirements: Requirements, days: range) -> int:
    """The steps of reading and decoding the state of all resources on some days."""
    resources = {r: role.pool[r] for role in requirements.roles for r in role.pool}
    lanes = sum(len(resource.lanes) for resource in resources.values())
    return len(days) * (_STAFF_DAY * len(resources) + _LANE_DAY * lanes)


def estimated_steps(requirements: Requirements, window: Span, *, starts: int = 1) -> int:
    """The steps that a search over a window with so many starts is likely to take where the resources differ."""
    steps = 0
    judged: set[tuple[int, tuple[str, ...]]] = set()
    for variant in requirements.variants:
        for need in variant.needs:
            key = (variant.visit_minutes, need.options)
            if key not in judged:
                judged.add(key)
                pool = requirements.roles[need.role].pool
                steps += _RESOURCE * len(need.options) + _LANE * sum(len(pool[r].lanes) for r in need.options)
    contended = not all(variant.is_disjoint for variant in requirements.variants)
    lengths = len({variant.visit_minutes for variant in requirements.variants})
    return steps * steps_of_operation(window) * (_CONTENTION if contended else 1) + _START * starts * lengths
