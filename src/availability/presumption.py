"""The ways to serve a visit that follow from the catalogue alone, to be tried without looking at what is taken."""

from typing import Final

from availability.allocation import Allocation
from availability.bitmaps import every_minute
from availability.eligibility import Question, ResourceState
from availability.groundwork import Groundwork
from availability.model import Reason
from availability.search import search
from catalogue.model import Align, Assign

# Bookings, holds and time off change none of these; what they do change, the hold script looks at itself.
_RULES: Final = frozenset({Reason.NO_RESOURCE, Reason.OUTSIDE_WINDOW, Reason.LEAD_TIME, Reason.CLOSED, Reason.OFF_GRID})


def is_presumable(groundwork: Groundwork, question: Question) -> bool:
    """Whether neither the grid, nor a limit, nor the order in which resources are asked hangs on bookings."""
    service = question.service
    plan = groundwork.plan(service, party=question.party, pinned=question.pinned)
    if service.grid.align is Align.GAP or groundwork.rules(service).service_daily_limit is not None:
        return False
    resources = (groundwork.catalogue.resource_by_id[resource_id] for resource_id in plan.resource_ids)
    if any(groundwork.rules(service, resource).resource_daily_limit is not None for resource in resources):
        return False
    no_choice = len(plan.cases) == 1 and all(len(need.options) == need.count for need in plan.cases[0].needs)
    return no_choice or service.assign is Assign.PRIORITY


def presumed(groundwork: Groundwork, question: Question) -> tuple[Allocation, ...]:
    """Every way to serve the start, the best first, were nothing taken."""
    plan = groundwork.plan(question.service, party=question.party, pinned=question.pinned)
    clear = every_minute(question.window)
    states = {
        resource_id: ResourceState(
            time_off_free=clear, lanes=(clear,) * len(groundwork.catalogue.resource_by_id[resource_id].lanes)
        )
        for resource_id in plan.resource_ids
    }
    return search(groundwork, question, states, enforced=_RULES).allocations(question.starts.start)
