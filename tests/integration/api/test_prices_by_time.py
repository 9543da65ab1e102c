"""Prices by weekday and time of day: the same in the listing, the hold, the booking and a move."""

from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of

# A Monday in Jerusalem, on which nothing is booked, and the Tuesday after it.
_MONDAY: Final = "2026-11-30"
_TUESDAY: Final = "2026-12-01"
_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_HOURS: Final = {"days": _DAYS, "start": "09:00", "end": "02:00"}


def _money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "ILS"}


def _shop(prices: list[dict[str, Any]], **service: Any) -> dict[str, Any]:
    """Noa cuts for the price of the service, Tal for one of her own."""
    return small_document(
        resources=[
            {"key": key, "kind": "staff", "name": key.title(), "hours": [_HOURS], "location": location}
            for key, location in (("noa", "main"), ("tal", "main"), ("amy", "london"))
        ],
        locations=[
            {"key": "main", "name": "Dizengoff 12"},
            {"key": "london", "name": "Soho", "timezone": "Europe/London"},
        ],
        services=[
            {
                "key": "haircut",
                "name": "Haircut",
                "duration_minutes": 30,
                "price": _money(9000),
                "prices": prices,
                "requires": [
                    {"role": "barber", "any_of": ["noa", "tal"], "overrides": {"tal": {"price": _money(12000)}}}
                ],
                "rules": {"reschedule": {"price": "new"}},
                **service,
            }
        ],
    )


async def _open(door: Door, prices: list[dict[str, Any]], **service: Any) -> None:
    await door.send("PUT", "/v1/business", json=_shop(prices, **service), status=200)


_EVENINGS: Final = {"days": ["mon"], "start": "18:00", "end": "01:00", "price": _money(11000)}
_MORNINGS: Final = {"start": "00:00", "end": "12:00", "percent": 75}


@pytest.mark.parametrize("grid", ["opening", "gap"])
@pytest.mark.parametrize(
    ("start", "resource", "price"),
    [
        (f"{_MONDAY}T17:30:00+02:00", "noa", 9000),
        (f"{_MONDAY}T18:00:00+02:00", "noa", 11000),
        # The evening of Monday goes on after midnight, the mornings begin when it is over.
        (f"{_TUESDAY}T00:30:00+02:00", "noa", 11000),
        (f"{_TUESDAY}T01:00:00+02:00", "noa", 6750),
        (f"{_TUESDAY}T18:00:00+02:00", "noa", 9000),
        # An amount leaves a resource's own price as it is, a percentage does not.
        (f"{_MONDAY}T18:00:00+02:00", "tal", 12000),
        (f"{_MONDAY}T09:00:00+02:00", "tal", 9000),
    ],
)
async def test_listing_hold_and_appointment_have_the_price_of_the_first_entry_that_fits(
    door: Door, grid: str, start: str, resource: str, price: int
) -> None:
    await _open(door, [_EVENINGS, _MORNINGS], grid={"align": grid})

    slots = await door.slots("haircut", start[:10], resource=resource)
    hold = await door.hold("haircut", start, resource=resource)
    booked = await door.confirm(hold)

    assert slots[start]["price"] == hold["price"] == booked["price"] == _money(price)


async def test_booking_without_a_hold_has_the_price_of_its_time(door: Door) -> None:
    await _open(door, [_EVENINGS])

    body = {
        "service": "haircut",
        "resource": "noa",
        "start": f"{_MONDAY}T18:00:00+02:00",
        "customer": {"name": "Dana Levi", "email": "dana@example.com"},
    }
    booked = await door.send("POST", "/v1/appointments", json=body, status=201)

    assert booked["price"] == _money(11000)


async def test_price_of_a_slot_is_a_range_over_those_who_could_serve_for_the_party(door: Door) -> None:
    await _open(door, [_EVENINGS, _MORNINGS])

    slots = await door.slots("haircut", _MONDAY)

    told = {start[11:16]: (slot["price_from"], slot["price_to"]) for start, slot in slots.items()}
    assert told["09:00"] == (_money(6750), _money(9000))
    assert told["12:00"] == (_money(9000), _money(12000))
    assert told["18:00"] == (_money(11000), _money(12000))


async def test_time_is_that_of_whoever_leads(door: Door) -> None:
    """At 19:00 in Jerusalem it is 17:00 in London."""
    await _open(door, [_EVENINGS], requires=[{"role": "barber", "any_of": ["noa", "amy"]}])
    start = f"{_MONDAY}T19:00:00+02:00"

    listed = (await door.days("haircut", _MONDAY))[_MONDAY]
    by_noa = await door.hold("haircut", start, resource="noa")
    by_amy = await door.hold("haircut", start, resource="amy")

    # Each is at a location of their own, and so has a slot of their own.
    prices = {slot["resources"][0]: slot["price"] for slot in listed if slot["start"] == start}
    assert prices == {"noa": _money(11000), "amy": _money(9000)}
    assert (by_noa["price"], by_amy["price"]) == (_money(11000), _money(9000))


async def test_move_to_a_dearer_time_costs_what_the_listing_and_the_dry_run_say(door: Door) -> None:
    await _open(door, [_EVENINGS])
    booked = await door.book("haircut", f"{_MONDAY}T10:00:00+02:00", resource="noa")
    start = f"{_MONDAY}T18:00:00+02:00"

    params = {"service": "haircut", "from": _MONDAY, "to": _MONDAY, "rescheduling": booked["id"]}
    listing = await door.send("GET", "/v1/availability", params=params, status=200)
    slot = next(slot for slot in listing["days"][0]["slots"] if slot["start"] == start)
    path, body = f"/v1/appointments/{booked['id']}/reschedule", {"start": start}
    planned = await door.send("POST", path, json=body | {"dry_run": True}, headers=as_customer_of(booked), status=200)
    moved = await door.send("POST", path, json=body, headers=as_customer_of(booked), status=200)

    assert slot["price"] == planned["price"] == moved["price"] == _money(11000)
    assert moved["previous"]["price"] == booked["price"] == _money(9000)


async def test_storefront_tells_the_least_and_the_most_of_a_week(door: Door) -> None:
    covered = {"days": ["mon"], "start": "19:00", "end": "20:00", "price": _money(1)}
    await _open(door, [_EVENINGS, _MORNINGS, covered], requires=[{"role": "barber", "any_of": ["noa"]}])

    answer = await door.send("GET", "/v1/storefront", headers=door.publishable, status=200)

    (service,) = answer["services"]
    assert (service["price"], service["price_from"], service["price_to"]) == (
        _money(9000), _money(6750), _money(11000),
    )  # fmt: skip


async def test_document_comes_back_as_it_was_sent(door: Door) -> None:
    prices: list[dict[str, Any]] = [_EVENINGS, _MORNINGS | {"start": "06:00"}, {"days": ["sun"], "percent": 120}]
    await _open(door, prices)

    answer = await door.send("GET", "/v1/business", status=200)

    assert answer["services"][0]["prices"] == prices


@pytest.mark.parametrize(
    ("entry", "pointer", "detail"),
    [
        ({"days": ["sat"]}, "prices[0].price", "required, unless there is `percent`"),
        (
            {"price": _money(1), "percent": 5},
            "prices[0].percent",
            "must be absent where there is a price",
        ),
        (
            {"start": "10:00", "end": "10:00", "percent": 5},
            "prices[0].end",
            "must not equal start; leave both out for the whole day",
        ),
        ({"days": ["sat", "sat"], "percent": 5}, "prices[0].days", "must not name a day twice"),
        (
            {"price": {"amount_minor": 1, "currency": "EUR"}},
            "prices[0].price.currency",
            "must be ILS, the currency of the service's price",
        ),
    ],
)
async def test_entry_that_says_no_price_or_two_is_refused(
    door: Door, entry: dict[str, Any], pointer: str, detail: str
) -> None:
    problem = await door.send("PUT", "/v1/business", json=_shop([entry]), status=422)

    assert problem["errors"] == [{"pointer": f"services[0].{pointer}", "detail": detail}]
