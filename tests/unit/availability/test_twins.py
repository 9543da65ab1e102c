"""Resources that have one state between them are judged together, unless something else tells them apart."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from catalogue.model.resources import Resource, Seats
from catalogue.model.rules.level import Rules
from catalogue.model.rules.window import RollingWindow
from tests.support.situations import Shop, daily, entry, service, staff


@pytest.mark.parametrize(
    ("change", "remaining"),
    [
        (lambda noa: replace(noa, rules=Rules(lead_time_minutes=timedelta(days=99) // timedelta(minutes=1))), 2),
        (lambda noa: replace(noa, rules=Rules(window=RollingWindow(days=1))), 2),
        (lambda noa: replace(noa, rules=Rules(buffers_inside_hours=True)), 4),
        (lambda noa: replace(noa, schedule=replace(noa.schedule, hours=daily("10:00-11:00"))), 2),
        (lambda noa: replace(noa, capacity=1), 3),
        (lambda noa: replace(noa, seats=Seats(least=1, most=3)), 8),
        (lambda noa: noa, 4),
    ],
    ids=["lead_time", "window", "buffers", "hours", "capacity", "seats", "none"],
)
def test_what_is_taken_of_both_is_judged_by_the_rules_of_each(
    change: Callable[[Resource], Resource], remaining: int
) -> None:
    dan, noa = staff("dan", capacity=2), change(staff("noa", capacity=2))
    shop = Shop(service(entry("dan", "noa"), minutes=60, before=5), dan, noa)
    for key in ("dan", "noa"):
        shop.take(key, "09:00-10:30")
    apart = list(shop.offers().slots())

    shop.states = dict.fromkeys(shop.states, shop.states[dan.id])

    assert list(shop.offers().slots()) == apart
    assert max(offer.remaining for offer in apart) == remaining
