"""Customers found by their telephone numbers, over HTTP, however those are spelled."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock

_HOURS: Final = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]


@pytest.fixture
async def barber(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        yield opened


async def _set_up(barber: Door, **location: str) -> None:
    document = small_document()
    document["locations"] = [document["locations"][0] | location]
    document["resources"] = [resource | {"hours": _HOURS} for resource in document["resources"]]
    document["services"][0]["rules"] = {"customer_limit": {"active": 1}}
    await barber.send("PUT", "/v1/business", json=document, status=200)


async def _booking(barber: Door, hour: int, phone: str, status: int = 201) -> Any:
    body = {
        "service": "haircut",
        "start": f"2026-12-01T{hour}:00:00+02:00",
        "customer": {"name": "Dana", "phone": phone},
    }
    return await barber.send("POST", "/v1/appointments", json=body, status=status)


async def test_customer_is_found_by_another_spelling_of_the_number(barber: Door) -> None:
    await _set_up(barber)
    booked = await _booking(barber, 10, "054 123 4567")

    refused = await _booking(barber, 11, "+972 54-123-4567", 409)

    assert refused["code"] == "limit_reached"
    # The appointment keeps the number as it was typed.
    assert booked["customer"]["phone"] == "054 123 4567"
    await _booking(barber, 12, "054 123 4568")


async def test_country_of_the_location_decides_over_its_zone(barber: Door) -> None:
    await _set_up(barber, country="GB")
    await _booking(barber, 10, "020 7946 0018")

    assert (await _booking(barber, 11, "+44 20 7946 0018", 409))["code"] == "limit_reached"
    document = await barber.send("GET", "/v1/business", status=200)
    assert document["locations"][0]["country"] == "GB"


async def test_customer_stored_by_digits_is_found_again(barber: Door, database_url: str) -> None:
    await _set_up(barber)
    first = await _booking(barber, 10, "054 123 4567")
    connection = await asyncpg.connect(database_url)
    try:
        # As the program before stored it.
        await connection.execute(
            "UPDATE customers SET identity = 'phone:0541234567' WHERE id = $1", first["customer"]["id"]
        )
    finally:
        await connection.close()
    await barber.send("POST", f"/v1/appointments/{first['id']}/cancel", json={}, status=200)

    again = await _booking(barber, 11, "+972 54 123 4567")

    assert again["customer"]["id"] == first["customer"]["id"]
    assert (await _booking(barber, 12, "(054) 123-4567", 409))["code"] == "limit_reached"


async def test_impossible_number_is_refused(barber: Door) -> None:
    await _set_up(barber)
    held = await barber.hold("haircut", "2026-12-01T10:00:00+02:00")
    path, body = f"/v1/holds/{held['id']}/confirm", {"customer": {"name": "Dana", "phone": "12345"}}

    answers = [
        await barber.send("POST", path, json=body, status=422),
        await _booking(barber, 11, "12345", 422),
        await _booking(barber, 11, "+972 1", 422),
    ]

    hint = " in IL; give the country code, as in +44, for another country"
    assert [answer["errors"] for answer in answers] == [
        [{"pointer": "customer.phone", "detail": f"is no possible telephone number{where}"}]
        for where in (hint, hint, "")
    ]
    booked = await barber.send("POST", path, json={"customer": {"name": "Dana", "phone": "0541234567"}}, status=201)
    amended = {"customer": {"phone": "12345"}}
    refused = await barber.send("PATCH", f"/v1/appointments/{booked['id']}", json=amended, status=422)
    assert [error["pointer"] for error in refused["errors"]] == ["customer.phone"]


async def test_amended_number_is_that_of_the_customer_who_has_it(barber: Door) -> None:
    await _set_up(barber)
    dana = await _booking(barber, 10, "054 123 4567")
    other = await _booking(barber, 11, "054 123 4568")
    await barber.send("POST", f"/v1/appointments/{dana['id']}/cancel", json={}, status=200)

    amended = {"customer": {"phone": "+972541234567"}}
    changed = await barber.send("PATCH", f"/v1/appointments/{other['id']}", json=amended, status=200)

    assert changed["customer"]["id"] == dana["customer"]["id"]


async def test_unknown_country_is_refused(barber: Door) -> None:
    document = small_document()
    document["locations"][0]["country"] = "XX"

    refused = await barber.send("PUT", "/v1/business", json=document, status=422)

    assert refused["errors"] == [
        {"pointer": "locations[0].country", "detail": '"XX" is not a country code by ISO 3166, such as "FR"'}
    ]


async def test_number_is_of_the_country_in_which_the_visit_is(barber: Door) -> None:
    """Noa lives in Tel Aviv, and cuts in Paris on Tuesdays."""
    document = small_document()
    document["locations"].append({"key": "paris", "name": "Paris", "timezone": "Europe/Paris"})
    noa, chair = document["resources"]
    noa["located"] = [
        {"location": "main", "hours": [{"days": ["mon"], "start": "09:00", "end": "18:00"}]},
        {"location": "paris", "hours": [{"days": ["tue"], "start": "09:00", "end": "18:00"}]},
    ]
    document["resources"] = [noa | {"hours": []}, chair | {"location": "main"}]
    document["services"][0] |= {
        "requires": [{"role": "barber", "any_of": ["noa"]}],
        "rules": {"customer_limit": {"active": 1}},
    }
    await barber.send("PUT", "/v1/business", json=document, status=200)

    impossible = await _booking(barber, 12, "06 12 34 56 78 9", 422)
    booked = await _booking(barber, 12, "06 12 34 56 78")
    refused = await _booking(barber, 14, "+33 6 12 34 56 78", 409)

    assert "in FR" in impossible["errors"][0]["detail"]
    assert (booked["location"], refused["code"]) == ("paris", "limit_reached")
    path = f"/v1/appointments/{booked['id']}"
    await barber.send("PATCH", path, json={"customer": {"phone": "06 12 34 56 79"}}, status=200)
    await _booking(barber, 14, "06 12 34 56 78")
    assert (await _booking(barber, 16, "+33 6 12 34 56 79", 409))["code"] == "limit_reached"
