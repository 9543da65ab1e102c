"""Places that a visit takes, and tables by the size of the party, over HTTP."""

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from tests.support.door import Door, who
from tests.support.engine import MONDAY, FixedClock

_DAY = "2026-12-07"
_EVENING = f"{_DAY}T18:00:00+01:00"
_LATER = f"{_DAY}T20:00:00+01:00"
_HOURS = [{"days": ["mon"], "start": "18:00", "end": "22:00"}]


def _document(resources: list[dict[str, Any]], services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "business": {"name": "Table & Bed", "timezone": "Europe/Vienna", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [{"name": one["key"], "hours": _HOURS, **one} for one in resources],
        "services": [
            {
                "key": key,
                "name": key,
                "duration_minutes": 120,
                "price": {"amount_minor": 1000, "currency": "EUR"},
                "requires": [{"role": "place", **entry}],
            }
            for key, entry in services.items()
        ],
    }


_RESTAURANT = _document(
    [
        {"key": "large", "kind": "table", "seats": {"min": 3, "max": 6}},
        {"key": "middle", "kind": "table", "seats": {"min": 2, "max": 4}},
        {"key": "small", "kind": "table", "capacity": 2, "seats": {"max": 2}},
    ],
    {"dinner": {"kind": "table"}},
)
_KENNELS = _document(
    [{"key": "kennels", "kind": "kennel", "capacity": 5}],
    {"small-dog": {"any_of": ["kennels"]}, "large-dog": {"any_of": ["kennels"], "uses": 2}},
)


@pytest.fixture
async def restaurant(door: Door) -> Door:
    await door.send("PUT", "/v1/business", content=orjson.dumps(_RESTAURANT), status=200)
    return door


@pytest.fixture
async def kennels(door: Door) -> Door:
    await door.send("PUT", "/v1/business", content=orjson.dumps(_KENNELS), status=200)
    return door


async def test_party_has_the_smallest_table_that_fits_for_itself(restaurant: Door) -> None:
    tables = [who(await restaurant.book("dinner", _EVENING, party=party))[0][1] for party in (2, 1, 2, 3)]
    full = await restaurant.hold("dinner", _EVENING, party=2, status=409)

    # Two small ones, then the next larger; the large one is not for two.
    assert tables == ["small", "small", "middle", "large"]
    assert full["code"] == "slot_taken"


@pytest.mark.parametrize(
    ("party", "tables", "remaining"),
    [(1, ["small"], 4), (2, ["small", "middle"], 8), (4, ["middle", "large"], 10), (6, ["large"], 6)],
)
async def test_listing_has_the_tables_that_fit_with_the_people_they_hold(
    restaurant: Door, party: int, tables: list[str], remaining: int
) -> None:
    slots = await restaurant.slots("dinner", _DAY, party=party)

    assert list(slots) == [_EVENING, _LATER]
    assert slots[_EVENING]["resources"] == tables
    assert slots[_EVENING]["remaining"] == remaining


@pytest.mark.parametrize(("resource", "largest"), [(None, 6), ("middle", 4), ("small", 2)])
async def test_party_that_no_table_holds_is_told_so(restaurant: Door, resource: str | None, largest: int) -> None:
    pinned = {} if resource is None else {"resource": resource}
    refused = await restaurant.hold("dinner", _EVENING, party=7, status=422, **pinned)

    assert (refused["reason"], refused["largest_party"]) == ("party_too_large", largest)
    assert refused["detail"] == f"The service takes at most {largest} people at once. Book for fewer."


async def test_party_too_small_for_its_table_is_not_told_to_be_too_large(restaurant: Door) -> None:
    refused = await restaurant.hold("dinner", _EVENING, party=2, resource="large", status=422)

    assert refused["reason"] == "no_resource"
    assert "largest_party" not in refused


async def test_everybody_at_a_table_pays(restaurant: Door) -> None:
    booked = await restaurant.book("dinner", _EVENING, party=5)

    assert who(booked) == [("place", "large")]
    assert booked["price"]["amount_minor"] == 5000


async def test_visit_that_lasts_longer_at_a_large_table_is_booked_past_midnight(door: Door) -> None:
    hours = [{"days": ["mon"], "start": "21:00", "end": "03:00"}]
    hall = {"key": "hall", "kind": "table", "seats": {"min": 10, "max": 40}, "hours": hours}
    entry = {"any_of": ["hall"], "overrides": {"hall": {"duration_minutes": 180}}}
    await door.send("PUT", "/v1/business", content=orjson.dumps(_document([hall], {"banquet": entry})), status=200)

    slots = await door.slots("banquet", _DAY, party=12)
    booked = await door.book("banquet", f"{_DAY}T23:00:00+01:00", party=12)
    overlapping = await door.hold("banquet", f"{_DAY}T21:00:00+01:00", party=12, status=409)

    assert list(slots) == [f"{_DAY}T{hour}:00:00+01:00" for hour in (21, 23)]
    assert (who(booked), overlapping["code"]) == ([("place", "hall")], "slot_taken")


async def test_storefront_has_the_prices_of_all_tables(door: Door) -> None:
    entry = {"kind": "table", "overrides": {"large": {"price": {"amount_minor": 800, "currency": "EUR"}}}}
    document = {**_RESTAURANT, "services": _document([], {"dinner": entry})["services"]}
    await door.send("PUT", "/v1/business", content=orjson.dumps(document), status=200)

    (service,) = (await door.send("GET", "/v1/storefront", headers=door.publishable, status=200))["services"]
    slots = await door.slots("dinner", _DAY, party=6)

    assert [service[key]["amount_minor"] for key in ("price_from", "price_to")] == [800, 1000]
    assert slots[_EVENING]["price"]["amount_minor"] == 4800


async def test_table_is_moved_and_freed_whole(restaurant: Door) -> None:
    booked = await restaurant.book("dinner", _EVENING, party=6)
    path = f"/v1/appointments/{booked['id']}"

    await restaurant.send("POST", f"{path}/reschedule", json={"start": _LATER}, status=200)
    moved = await restaurant.slots("dinner", _DAY, party=6)
    await restaurant.send("POST", f"{path}/cancel", json={}, status=200)
    cancelled = await restaurant.slots("dinner", _DAY, party=6)

    assert list(moved) == [_EVENING]
    assert list(cancelled) == [_EVENING, _LATER]


@pytest.mark.parametrize(("party", "resource"), [(2, "small"), (4, "middle")])
async def test_table_is_one_place_to_reconciliation(restaurant: Door, party: int, resource: str) -> None:
    direct = await restaurant.book("dinner", _EVENING, party=party)
    held = await restaurant.hold("dinner", _LATER, party=party)
    confirmed = await restaurant.confirm(held)
    await restaurant.send("PATCH", f"/v1/appointments/{direct['id']}", json={"party": 1}, status=200)

    assert who(confirmed) == [("place", resource)]
    assert [await restaurant.discrepancies(one, FixedClock(MONDAY)) for one in (direct, confirmed)] == [[], []]


async def test_every_place_of_a_visit_is_looked_for_by_reconciliation(kennels: Door) -> None:
    booked = await kennels.book("large-dog", _EVENING)
    before = await kennels.discrepancies(booked, FixedClock(MONDAY))
    async with kennels.context.engine.connect() as connection:
        await connection.execute(text("SELECT set_config('app.tenant_id', :id, false)"), {"id": str(kennels.tenant_id)})
        remove = text(
            "DELETE FROM claims WHERE ctid = (SELECT ctid FROM claims WHERE appointment_id = :appointment_id LIMIT 1)"
        )
        await connection.execute(remove, {"appointment_id": booked["id"]})
        await connection.commit()

    amiss = await kennels.discrepancies(booked, FixedClock(MONDAY))

    assert before == []
    assert amiss == [
        f"the appointment {booked['id']}, 2026-12-07 17:00 to 19:00 UTC, does not have kennels for it.",
    ]


async def test_visit_takes_as_many_places_as_its_service_says(kennels: Door) -> None:
    before = await kennels.slots("large-dog", _DAY)
    await kennels.book("large-dog", _EVENING)
    small = await kennels.slots("small-dog", _DAY)
    large = await kennels.slots("large-dog", _DAY)
    await kennels.book("small-dog", _EVENING, party=2)
    refused = await kennels.hold("large-dog", _EVENING, status=409)
    last = await kennels.book("small-dog", _EVENING)

    assert [slots[_EVENING]["remaining"] for slots in (before, small, large)] == [2, 3, 1]
    assert refused["code"] == "slot_taken"
    assert who(last) == [("place", "kennels")]
    assert _EVENING not in await kennels.slots("small-dog", _DAY)


async def test_party_takes_so_many_places_for_each_of_its_members(kennels: Door) -> None:
    both = await kennels.book("large-dog", _EVENING, party=2)
    too_many = await kennels.hold("large-dog", _LATER, party=3, status=422)

    assert both["price"]["amount_minor"] == 2000
    assert (await kennels.slots("small-dog", _DAY))[_EVENING]["remaining"] == 1
    assert (too_many["reason"], too_many["largest_party"]) == ("party_too_large", 2)


async def test_tables_and_uses_come_back_as_they_were_written(restaurant: Door) -> None:
    stored = await restaurant.send("GET", "/v1/business", status=200)
    unchanged = await restaurant.send("PUT", "/v1/business", content=orjson.dumps(stored), status=200)
    plain = await restaurant.send("PATCH", "/v1/resources/large", json={"seats": None}, status=200)
    refused = await restaurant.send("PATCH", "/v1/resources/small", json={"seats": {"min": 3}}, status=422)

    assert [one.get("seats") for one in stored["resources"]] == [
        {"min": 3, "max": 6},
        {"min": 2, "max": 4},
        {"min": 1, "max": 2},
    ]
    assert "uses" not in stored["services"][0]["requires"][0]
    assert unchanged["changes"] == []
    assert "seats" not in plain
    assert refused["errors"][0]["pointer"] == "seats.max"
