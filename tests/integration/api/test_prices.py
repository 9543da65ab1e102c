"""The price that is shown is the price that is asked: of slots, holds and appointments."""

from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, who

# A Monday in Jerusalem, on which nothing is booked.
_DAY: Final = "2026-11-30"
_TEN: Final = f"{_DAY}T10:00:00+02:00"
_HOURS: Final = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "21:00"}


def _money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "ILS"}


def _shop(**service: Any) -> dict[str, Any]:
    """Noa cuts for the price of the service, Dan for less, Tal for more and for longer."""
    return small_document(
        resources=[
            {"key": key, "kind": "staff", "name": key.title(), "hours": [_HOURS], "capacity": 2}
            for key in ("noa", "dan", "tal")
        ],
        services=[
            {
                "key": "haircut",
                "name": "Haircut",
                "duration_minutes": 30,
                "price": _money(9000),
                "assign": "priority",
                "requires": [
                    {
                        "role": "barber",
                        "any_of": ["noa", "dan", "tal"],
                        "overrides": {
                            "dan": {"price": _money(7000)},
                            "tal": {"price": _money(12000), "duration_minutes": 60},
                        },
                    }
                ],
                **service,
            }
        ],
    )


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.send("PUT", "/v1/business", json=_shop(), status=200)
    return door


async def test_slot_of_one_price_has_it_and_hold_and_appointment_ask_it(shop: Door) -> None:
    slots = await shop.slots("haircut", _DAY, resource="dan")
    hold = await shop.hold("haircut", _TEN, resource="dan")
    booked = await shop.confirm(hold)

    assert slots[_TEN]["price"] == hold["price"] == booked["price"] == _money(7000)
    assert "price_from" not in slots[_TEN]


async def test_slot_has_a_range_where_the_price_depends_on_who_serves(shop: Door) -> None:
    days = await shop.days("haircut", _DAY)

    short, long = [slot for slot in days[_DAY] if slot["start"] == _TEN]
    assert (short["resources"], short["price_from"], short["price_to"]) == (["noa", "dan"], _money(7000), _money(9000))
    assert "price" not in short
    assert (long["resources"], long["price"]) == (["tal"], _money(12000))
    assert "price_from" not in long


async def test_range_follows_who_is_free(shop: Door) -> None:
    await shop.hold("haircut", _TEN, resource="dan", party=2)

    slots = await shop.days("haircut", _DAY)

    short = next(slot for slot in slots[_DAY] if slot["start"] == _TEN)
    assert (short["resources"], short["price"]) == (["noa"], _money(9000))


async def test_price_of_a_slot_is_for_the_party(shop: Door) -> None:
    slots = await shop.days("haircut", _DAY, party=2)
    hold = await shop.hold("haircut", _TEN, resource="tal", party=2)

    short, long = [slot for slot in slots[_DAY] if slot["start"] == _TEN]
    assert (short["price_from"], short["price_to"]) == (_money(14000), _money(18000))
    assert long["price"] == hold["price"] == _money(24000)


async def test_next_slots_have_their_price(shop: Door) -> None:
    params = {"service": "haircut", "limit": 2}
    found = await shop.send("GET", "/v1/availability/next", params=params, headers=shop.publishable, status=200)

    assert [slot.get("price_from", slot.get("price")) for slot in found["slots"]] == [_money(7000), _money(12000)]


async def test_price_of_another_role_counts_where_that_resource_is_free(door: Door) -> None:
    """The first role has no price of its own, so the room decides."""
    document = _shop(
        requires=[
            {"role": "barber", "any_of": ["noa"]},
            {
                "role": "room",
                "any_of": ["dan", "tal"],
                "overrides": {"dan": {"price": _money(6000)}, "tal": {"price": _money(8000)}},
            },
        ]
    )
    document["resources"][1]["capacity"] = 1
    await door.send("PUT", "/v1/business", json=document, status=200)

    before = (await door.slots("haircut", _DAY))[_TEN]
    first = await door.hold("haircut", _TEN)
    while_held = (await door.slots("haircut", _DAY))[_TEN]
    second = await door.hold("haircut", _TEN)

    assert (before["price_from"], before["price_to"]) == (_money(6000), _money(8000))
    assert (who(first), first["price"]) == ([("barber", "noa"), ("room", "dan")], _money(6000))
    assert while_held["price"] == second["price"] == _money(8000)


async def test_storefront_tells_the_range_of_a_service(shop: Door) -> None:
    answer = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)

    (service,) = answer["services"]
    assert (service["price"], service["price_from"], service["price_to"]) == (
        _money(9000), _money(7000), _money(12000),
    )  # fmt: skip


async def test_storefront_has_no_range_where_all_cost_the_same(door: Door) -> None:
    await door.send("PUT", "/v1/business", json=small_document(), status=200)

    answer = await door.send("GET", "/v1/storefront", headers=door.publishable, status=200)

    assert "price_from" not in answer["services"][0]
