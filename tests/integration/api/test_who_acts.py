"""Changes of appointments, which cost or are refused by who asks for them: business or customer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest

from tests.support.door import Door, act, as_customer_of, open_door
from tests.support.engine import MONDAY, MovingClock

_START: Final = "2026-12-02T10:00:00+02:00"
"""On Wednesday, two days and two hours after MONDAY."""
_UNTIL_START: Final = timedelta(days=2, hours=2)
_FREE: Final = {"amount_minor": 0, "currency": "ILS"}
_HALF: Final = {"amount_minor": 4500, "currency": "ILS"}
_ALL: Final = {"amount_minor": 9000, "currency": "ILS"}


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def shop(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await opened.set_up("barbershop")
        yield opened


async def test_late_cancellation_costs_customers_a_fee_and_is_free_when_the_business_cancels(
    shop: Door, clock: MovingClock
) -> None:
    by_customer = await shop.book("haircut", _START)
    by_business = await shop.book("haircut", "2026-12-02T11:00:00+02:00")
    clock.instant = MONDAY + _UNTIL_START - timedelta(minutes=30)

    paid = await act(shop, by_customer, "cancel", headers=as_customer_of(by_customer))
    free = await act(shop, by_business, "cancel", json={"reason": "Noa is ill"})
    read = await shop.send("GET", f"/v1/appointments/{by_customer['id']}", status=200)

    assert (paid["fee"], paid["refund"], paid["cancelled_by"]) == (_HALF, _HALF, "customer")
    assert (free["fee"], free["refund"], free["cancelled_by"]) == (_FREE, _ALL, "business")
    assert (by_business["cancelled_by"], read["cancelled_by"]) == (None, "customer")


async def test_business_cancels_free_of_charge_after_the_visit_has_begun(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("haircut", _START)
    clock.instant = MONDAY + _UNTIL_START

    refused = await act(shop, booked, "cancel", headers=as_customer_of(booked), status=409)
    cancelled = await act(shop, booked, "cancel")

    assert refused["code"] == "cutoff_passed"
    assert (cancelled["fee"], cancelled["refund"]) == (_FREE, _ALL)


async def test_pending_request_is_withdrawn_free_of_charge_by_its_customer(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("father-and-son", _START)
    clock.instant = MONDAY + _UNTIL_START - timedelta(hours=25, minutes=59)

    withdrawn = await act(shop, booked, "cancel", headers=as_customer_of(booked))

    assert (booked["status"], withdrawn["status"]) == ("pending", "cancelled")
    assert (withdrawn["fee"], withdrawn["refund"]) == (_FREE, booked["price"])


async def test_moves_of_the_business_have_no_cutoff_and_leave_customers_all_of_theirs(
    shop: Door, clock: MovingClock
) -> None:
    booked = await shop.book("haircut", _START)
    clock.instant = MONDAY + _UNTIL_START - timedelta(minutes=30)
    to = {"start": "2026-12-03T10:00:00+02:00"}

    refused = await act(shop, booked, "reschedule", json=to, headers=as_customer_of(booked), status=409)
    by_business = [(await act(shop, booked, "reschedule", json=to))["times_rescheduled"] for _ in range(4)]
    by_customer = [
        (await act(shop, booked, "reschedule", json=to, headers=as_customer_of(booked)))["times_rescheduled"]
        for _ in range(3)
    ]
    too_often = await act(shop, booked, "reschedule", json=to, headers=as_customer_of(booked), status=409)

    assert refused["code"] == "cutoff_passed"
    assert (by_business, by_customer) == ([0, 0, 0, 0], [1, 2, 3])
    assert (too_often["code"], too_often["rule"], too_often["limit"]) == ("limit_reached", "reschedule", 3)


@pytest.mark.parametrize(("what", "to"), [("complete", "completed"), ("no-show", "no_show")])
async def test_visit_is_neither_completed_nor_missed_before_it_begins(
    shop: Door, clock: MovingClock, what: str, to: str
) -> None:
    booked = await shop.book("haircut", _START)
    clock.instant = MONDAY + _UNTIL_START - timedelta(seconds=1)

    refused = await act(shop, booked, what, status=409)
    clock.instant = MONDAY + _UNTIL_START
    done = await act(shop, booked, what)

    assert (refused["code"], refused["from"], refused["to"]) == ("invalid_transition", "confirmed", to)
    assert (done["status"], done.get("fee")) == (to, _ALL if what == "no-show" else None)
