"""What the engine says to clients that misspell, ask for too much, or come too late."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.support.door import Door, as_customer_of, open_door
from tests.support.engine import MONDAY, MovingClock

_DAY: Final = "2026-12-01"
_CUSTOMER: Final = {"name": "Dana Levi", "email": "dana@example.com"}


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def shop(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _refused(shop: Door, method: str, path: str, status: int, **more: Any) -> Any:
    return await shop.send(method, path, status=status, **more)


async def _change(shop: Door, path: str, **fields: Any) -> None:
    await shop.send("PATCH", path, json=fields, status=200)


@pytest.mark.parametrize("key", ["publishable", "secret"])
async def test_misspelt_service_is_answered_with_the_nearest(shop: Door, key: str) -> None:
    headers = shop.publishable if key == "publishable" else shop.secret
    query = {"service": "hairkut", "from": _DAY, "to": _DAY}

    listed = await _refused(shop, "GET", "/v1/availability", 404, params=query, headers=headers)
    held = await _refused(
        shop, "POST", "/v1/holds", 404, json={"service": "hairkut", "start": f"{_DAY}T09:00:00+02:00"}, headers=headers
    )

    assert listed["detail"] == held["detail"] == 'There is no service "hairkut"; did you mean "haircut"?'


async def test_misspelt_resource_is_answered_with_one_that_visitors_may_see(shop: Door) -> None:
    await shop.send("POST", "/v1/resources", json={"key": "storeroom", "kind": "room", "name": "Store"}, status=201)
    query = {"service": "haircut", "from": _DAY, "to": _DAY}

    named = await _refused(
        shop, "GET", "/v1/availability", 404, params={**query, "resource": "noah"}, headers=shop.publishable
    )
    hidden = await _refused(
        shop, "GET", "/v1/availability", 404, params={**query, "resource": "storerom"}, headers=shop.publishable
    )

    assert named["detail"] == 'There is no resource "noah"; did you mean "noa"?'
    assert hidden["detail"] == 'There is no resource "storerom".'
    # Those who keep the set-up may see all of it.
    owned = await _refused(shop, "PATCH", "/v1/resources/storerom", 404, json={"name": "Store"})
    assert owned["detail"] == 'There is no resource "storerom"; did you mean "storeroom"?'


async def test_misspelt_field_is_answered_with_the_nearest_of_its_object(shop: Door) -> None:
    start = {"service": "haircut", "start": f"{_DAY}T09:00:00+02:00"}

    held = await _refused(shop, "POST", "/v1/holds", 422, json={**start, "partyy": 1})
    booked = await _refused(
        shop, "POST", "/v1/appointments", 422, json={**start, "customer": {"name": "Dana", "emial": "dana@example.com"}}
    )
    far = await _refused(shop, "POST", "/v1/holds", 422, json={**start, "colour": "red"})

    assert held["errors"] == [{"pointer": "partyy", "detail": 'no such field; did you mean "party"?'}]
    assert booked["errors"] == [{"pointer": "customer.emial", "detail": 'no such field; did you mean "email"?'}]
    assert far["errors"] == [{"pointer": "colour", "detail": "no such field"}]


@pytest.mark.parametrize("path", ["/v1/services/hairkut", "/v1/locations/mian"])
async def test_misspelt_object_in_a_path_is_answered_with_the_nearest(shop: Door, path: str) -> None:
    refused = await _refused(shop, "GET", path, 404)

    assert refused["detail"].endswith('did you mean "haircut"?' if "services" in path else 'did you mean "main"?')


async def test_filter_of_appointments_is_answered_with_the_nearest(shop: Door) -> None:
    refused = await _refused(shop, "GET", "/v1/appointments", 404, params={"service": "hairkut"})

    assert refused["detail"] == 'There is no service "hairkut"; did you mean "haircut"?'


async def test_too_many_days_are_answered_with_the_number(shop: Door) -> None:
    query = {"service": "haircut", "from": "2026-12-01", "to": "2027-02-01"}

    refused = await _refused(shop, "GET", "/v1/availability", 422, params=query)

    assert refused["errors"] == [
        {"pointer": "query.to", "detail": "must be at most 61 days after from: one answer has at most 62 days"}
    ]


async def test_full_day_is_refused_with_its_number(shop: Door) -> None:
    await _change(shop, "/v1/services/haircut", rules={"daily_limit": 1})
    first, *_, second = await shop.slots("haircut", _DAY)
    held = await shop.hold("haircut", second)
    await shop.book("haircut", first)

    path = f"/v1/holds/{held['id']}/confirm"
    refused = await _refused(shop, "POST", path, 409, json={"customer": _CUSTOMER}, headers=shop.publishable)

    assert refused["code"] == "limit_reached"
    assert refused["detail"] == f"The service has 1 visit on {_DAY}, the most allowed. List the times again."
    assert (refused["rule"], refused["limit"], refused["date"]) == ("daily_limit", 1, _DAY)


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ({"active": 1}, "The customer already has 1 active appointment, the most allowed."),
        ({"daily": 1}, f"The customer already has 1 appointment on {_DAY}, the most allowed."),
    ],
)
async def test_customer_with_enough_appointments_hears_the_number(
    shop: Door, limit: dict[str, int], sentence: str
) -> None:
    await _change(shop, "/v1/services/haircut", rules={"customer_limit": limit})
    first, *_, second = await shop.slots("haircut", _DAY)
    body = {"service": "haircut", "customer": _CUSTOMER}
    await shop.send("POST", "/v1/appointments", json={**body, "start": first}, status=201)

    refused = await _refused(shop, "POST", "/v1/appointments", 409, json={**body, "start": second})

    assert (refused["code"], refused["limit"], refused["detail"]) == ("limit_reached", 1, sentence)


async def test_party_larger_than_any_capacity_is_told_so(shop: Door) -> None:
    start, *_ = await shop.slots("haircut", _DAY)

    refused = await shop.hold("haircut", start, party=3, status=422)
    query = {"service": "haircut", "from": _DAY, "to": _DAY, "party": 3, "explain": True}
    listed = await shop.send("GET", "/v1/availability", params=query, status=200)
    following = await shop.send("GET", "/v1/availability/next", params={"service": "haircut", "party": 3}, status=200)

    assert (refused["code"], refused["reason"], refused["largest_party"]) == ("not_offered", "party_too_large", 1)
    assert refused["detail"] == "The service takes at most 1 person at once. Book for fewer."
    assert listed["days"][0]["reason"] == following["reason"] == "party_too_large"


async def test_next_says_why_there_is_nothing(shop: Door) -> None:
    off = {"start": "2026-11-30T00:00:00Z", "end": "2029-01-01T00:00:00Z"}
    await shop.send("POST", "/v1/resources/noa/time-off", json=off, status=201)

    query = {"service": "haircut", "resource": "noa"}
    nothing = await shop.send("GET", "/v1/availability/next", params=query, status=200)

    assert nothing == {"service": "haircut", "timezone": "Asia/Jerusalem", "slots": [], "reason": "time_off"}


async def test_next_has_no_reason_where_there_is_a_slot(shop: Door) -> None:
    found = await shop.send("GET", "/v1/availability/next", params={"service": "haircut"}, status=200)

    assert found["slots"]
    assert "reason" not in found


async def test_move_onto_ones_own_time_is_no_slot_taken(shop: Door) -> None:
    start, later, *_ = await shop.slots("haircut", _DAY, resource="noa")
    booked = await shop.book("haircut", start, resource="noa")
    path = f"/v1/appointments/{booked['id']}/reschedule"

    for at in (start, later, start):
        moved = await shop.send("POST", path, json={"start": at, "resource": "noa"}, status=200)
        assert moved["resources"] == booked["resources"]


async def test_customer_who_cancels_after_the_start_hears_until_when_it_was_possible(
    shop: Door, clock: MovingClock
) -> None:
    start, *_ = await shop.slots("haircut", _DAY)
    booked = await shop.book("haircut", start)
    clock.instant = MONDAY + timedelta(days=1, hours=6)

    path = f"/v1/appointments/{booked['id']}/cancel"
    refused = await _refused(shop, "POST", path, 409, json={}, headers=as_customer_of(booked))

    assert (refused["code"], refused["cutoff"]) == ("cutoff_passed", booked["start"])
    assert booked["start"] in refused["detail"]


async def test_price_that_is_a_number_is_answered_in_the_currency_of_the_business(shop: Door) -> None:
    refused = await _refused(shop, "PATCH", "/v1/services/haircut", 422, json={"price": 25})

    assert refused["errors"] == [
        {
            "pointer": "price",
            "detail": "must be an object such as {amount_minor: 2500, currency: ILS}, "
            "in the smallest unit of the currency",
        }
    ]
