"""The work of a search is bounded, and a service's cost tells beforehand how much it may be."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from availability.rules.bitmaps import shifted_into
from availability.rules.eligibility import ResourceState
from availability.rules.search import search
from availability.rules.search_budget import SearchBudget, TooComplex
from availability.rules.search_cost import steps_of_reading
from catalogue.limits import MAX_SEARCH_STEPS
from catalogue.model.assign import Assign
from catalogue.model.choices import AddOn, DurationOption
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from catalogue.service_cost import ServiceCosts
from kernel.ids import ResourceId
from kernel.spans import MINUTES_PER_DAY, Span, utc_days
from tests.support.dear import dear_service
from tests.support.situations import Shop, entry, minute, service, staff

_DAY = Span(minute("00:00"), minute("00:00") + MINUTES_PER_DAY)


def _busy_shop(offered: Service, resources: Sequence[Resource]) -> Shop:
    """A shop in which no two resources are booked alike."""
    shop = Shop(offered, *resources)
    for number, resource in enumerate(resources):
        hour, begin = 9 + number // 12 % 8, number % 12 * 5
        shop.take(resource.key, f"{hour:02}:{begin:02}-{hour + 1:02}:{begin:02}", lane=1)
    return shop


def _spent(shop: Shop) -> int:
    """The steps of a listing of the day, or of the ways to serve a start if those are more."""
    listing, placing = SearchBudget(10**12), SearchBudget(10**12)
    query = replace(shop.query(), starts=_DAY)
    list(search(shop.groundwork, query, shop.states, budget=listing).slots())
    start = Span(minute("14:00"), minute("14:01"))
    search(shop.groundwork, replace(query, starts=start), shop.states, budget=placing).allocations(start.start)
    return max(listing.spent, placing.spent)


@pytest.mark.parametrize(
    ("roles", "number", "pool", "step", "own_durations"),
    [
        (1, 1, 1, 15, 0),
        (1, 1, 200, 15, 0),
        (1, 1, 30, 15, 30),
        (2, 1, 20, 15, 8),
        (3, 1, 20, 15, 20),
        (3, 2, 12, 5, 6),
        (5, 3, 60, 1, 0),
        (10, 20, 250, 15, 0),
    ],
)
def test_search_takes_no_more_steps_than_the_service_costs(
    roles: int, number: int, pool: int, step: int, own_durations: int
) -> None:
    offered, resources = dear_service(roles, number=number, pool=pool, step=step, own_durations=own_durations)
    cost = ServiceCosts(resources).steps(offered)

    spent = _spent(_busy_shop(replace(offered, assign=Assign.LEAST_BOOKED), resources))

    assert spent <= cost
    assert spent <= MAX_SEARCH_STEPS


@pytest.mark.parametrize(
    ("roles", "number", "pool", "own_durations"), [(1, 1, 1, 0), (1, 1, 200, 0), (2, 1, 20, 8), (5, 3, 60, 0)]
)
@pytest.mark.parametrize("assign", [Assign.LEAST_BOOKED, Assign.LEAST_BOOKED_WEEK, Assign.LEAST_BOOKED_MONTH])
def test_placement_takes_no_more_steps_than_the_service_costs(
    assign: Assign, roles: int, number: int, pool: int, own_durations: int
) -> None:
    offered, resources = dear_service(roles, number=number, pool=pool, step=15, own_durations=own_durations)
    shop, start, budget = _busy_shop(replace(offered, assign=assign), resources), minute("14:00"), SearchBudget(10**12)
    window = shop.groundwork.placement_window(shop.service, start)
    days = utc_days(window)
    budget.spend(steps_of_reading(shop.groundwork.requirements(shop.service), days))
    query = replace(
        shop.query(),
        starts=Span(start, start + 1),
        window=Span(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY),
    )
    states = {
        resource_id: ResourceState(
            time_off_free=shifted_into(state.time_off_free, shop.window, query.window),
            lanes=tuple(shifted_into(lane, shop.window, query.window) for lane in state.lanes),
        )
        for resource_id, state in shop.states.items()
    }

    found = search(shop.groundwork, query, states, budget=budget).allocations(start)

    assert found
    assert budget.spent <= ServiceCosts(resources).steps(shop.service)


def test_least_booked_of_a_month_may_cost_too_much_where_that_of_a_day_does_not() -> None:
    offered, resources = dear_service(3, number=1, pool=60, step=15, own_durations=10)
    costs = ServiceCosts(resources)

    (found,) = costs.excessive(
        replace(offered, assign=assign) for assign in (Assign.LEAST_BOOKED, Assign.LEAST_BOOKED_MONTH)
    )

    assert found.service.assign is Assign.LEAST_BOOKED_MONTH
    assert found.detail.endswith(", or find the least booked of a day")
    assert costs.listing_steps(found.service) < MAX_SEARCH_STEPS


def test_cost_grows_with_the_lanes() -> None:
    offered = service(entry("yoga"))

    costs = [ServiceCosts([staff("yoga", capacity=places)]).steps(offered) for places in (1, 1000)]

    assert costs[0] * 10 < costs[1] < MAX_SEARCH_STEPS


def test_service_costs_what_its_longest_visit_does() -> None:
    day, extra = DurationOption(minutes=MINUTES_PER_DAY), AddOn(key="night", name="Night", minutes=3 * MINUTES_PER_DAY)
    offered, resources = dear_service(1, number=1, pool=20, step=15, own_durations=0)
    costs = ServiceCosts(resources)

    with_choices = costs.steps(replace(offered, durations=(day,), add_ons=(extra,)))

    assert with_choices == costs.steps(replace(offered, duration_minutes=4 * MINUTES_PER_DAY)) > costs.steps(offered)


def test_sixty_own_durations_in_three_roles_cost_too_much() -> None:
    offered, resources = dear_service(3, number=1, pool=60, step=15, own_durations=60)

    (found,) = ServiceCosts(resources).excessive([offered])

    assert found.steps > MAX_SEARCH_STEPS
    assert found.detail.startswith(
        f"costs about {-(-found.steps // 10**6)} million steps for a day; at most 15 million"
    )


def test_search_is_refused_when_its_budget_is_spent() -> None:
    shop = _busy_shop(*dear_service(2, number=2, pool=12, step=5))
    offers = search(shop.groundwork, shop.query(), shop.states, budget=SearchBudget(500))

    with pytest.raises(TooComplex) as refusal:
        list(offers.slots())

    assert refusal.value.facts == {"most_steps": 500}


def test_variants_are_refused_before_they_are_made_when_they_are_too_many() -> None:
    shop = Shop(*_as_arguments(dear_service(10, number=1, pool=600, step=15, own_durations=600)))

    with pytest.raises(TooComplex):
        shop.groundwork.requirements(shop.service)


def test_ten_roles_with_twenty_of_one_pool_are_listed() -> None:
    shop = Shop(*_as_arguments(dear_service(10, number=20, pool=201, step=15)))
    shop.take("staff-0", "10:00-11:00")

    slots = list(search(shop.groundwork, shop.query(), shop.states).slots([minute("09:00"), minute("10:00")]))

    everybody = tuple(ResourceId(f"staff-{number}") for number in range(201))
    assert [slot.resource_ids for slot in slots] == [everybody, everybody[1:]]


def _as_arguments(dear: tuple[Service, list[Resource]]) -> tuple[Service, *tuple[Resource, ...]]:
    offered, resources = dear
    return (offered, *resources)
