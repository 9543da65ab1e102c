"""A visit keeps the currency that it was booked in, also after the business has changed its own."""

from typing import Any

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, act

_TEN = "2026-12-01T10:00:00+02:00"
_FEE = {"cancellation": {"free_until_minutes": 10_000, "fee_percent": 50}, "reschedule": {"until_minutes": 0}}


async def _set_up(door: Door, currency: str, amount_minor: int) -> None:
    """Two chairs, and a price in that currency."""
    document = small_document()
    document["business"]["currency"] = currency
    document["resources"][0]["capacity"] = 2
    document["services"][0]["requires"] = [{"role": "barber", "any_of": ["noa"]}]
    document["services"][0] |= {"price": {"amount_minor": amount_minor, "currency": currency}, "rules": _FEE}
    await door.send("PUT", "/v1/business", json=document, status=200)


async def _booked(door: Door, amount_minor: int) -> Any:
    await _set_up(door, "ILS", amount_minor)
    return await door.book("haircut", _TEN)


@pytest.mark.parametrize("change", [{"party": 2}, {"duration_minutes": 60}])
async def test_amendment_in_another_currency_is_refused_and_the_fee_stays(door: Door, change: dict[str, int]) -> None:
    booked = await _booked(door, 9000)
    await _set_up(door, "EUR", 2500)

    refused = await door.send("PATCH", f"/v1/appointments/{booked['id']}", json=change, status=422)
    noted = await door.send("PATCH", f"/v1/appointments/{booked['id']}", json={"notes": "Late"}, status=200)
    cancelled = await act(door, booked, "cancel", headers={"Authorization": f"Bearer {booked['token']}"})

    (error,) = refused["errors"]
    assert error == {
        "pointer": next(iter(change)),
        "detail": "would be priced in EUR, but the visit was booked in ILS: cancel it and book anew",
    }
    assert noted["price"] == {"amount_minor": 9000, "currency": "ILS"}
    assert cancelled["fee"] == {"amount_minor": 4500, "currency": "ILS"}


async def test_move_keeps_the_price_in_its_currency(door: Door) -> None:
    booked = await _booked(door, 9000)
    await _set_up(door, "EUR", 2500)

    moved = await act(door, booked, "reschedule", json={"start": "2026-12-01T12:00:00+02:00", "resource": "noa"})

    assert moved["price"] == {"amount_minor": 9000, "currency": "ILS"}


async def test_visit_that_costs_nothing_can_be_amended(door: Door) -> None:
    booked = await _booked(door, 0)
    await _set_up(door, "EUR", 0)

    amended = await door.send("PATCH", f"/v1/appointments/{booked['id']}", json={"party": 2}, status=200)

    assert (amended["party"], amended["price"]) == (2, {"amount_minor": 0, "currency": "ILS"})
