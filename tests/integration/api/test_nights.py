"""Stays of some nights, asked for over HTTP."""

from copy import deepcopy
from typing import Any, Final

import pytest

from tests.support.door import Door

_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DESK: Final = [{"days": _DAYS, "start": "08:00", "end": "20:00"}]
_ROOM: Final = {"role": "room", "any_of": ["sea", "hill"]}
_SHOP: Final[dict[str, Any]] = {
    "business": {"name": "Harbour View", "timezone": "Asia/Jerusalem", "currency": "ILS"},
    "locations": [{"key": "main", "name": "Harbour"}],
    "resources": [
        {"key": key, "kind": "room", "name": key, "location": "main", "hours": _DESK} for key in ("sea", "hill")
    ],
    "services": [
        {
            "key": f"nights-{nights}",
            "name": f"{nights} nights",
            "duration": {"nights": nights},
            "price": {"amount_minor": 40000 * nights, "currency": "ILS"},
            "requires": [_ROOM],
        }
        for nights in (1, 3, 60)
    ],
}


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.send("PUT", "/v1/business", json=_SHOP, status=200)
    return door


async def refused(shop: Door, **fields: Any) -> list[tuple[str, str]]:
    """The faults of a stay of three nights with those fields."""
    document = deepcopy(_SHOP)
    document["services"] = [{**document["services"][1], **fields}]
    answer = await shop.send("PUT", "/v1/business", json=document, status=422)
    return [(fault["pointer"].removeprefix("services[0]."), fault["detail"]) for fault in answer["errors"]]


async def stays(shop: Door, service: str, first: str, last: str | None = None, **more: Any) -> list[tuple[str, str]]:
    """Check-in and check-out of each slot, by the wall clock."""
    slots = await shop.days(service, first, last, timezone="Asia/Jerusalem", **more)
    return [(slot["start"], slot["end"]) for day in slots.values() for slot in day]


async def test_a_stay_starts_at_check_in_and_ends_at_check_out(shop: Door) -> None:
    assert await stays(shop, "nights-3", "2026-12-05", "2026-12-06") == [
        ("2026-12-05T15:00:00+02:00", "2026-12-08T11:00:00+02:00"),
        ("2026-12-06T15:00:00+02:00", "2026-12-09T11:00:00+02:00"),
    ]
    (slot,) = (await shop.slots("nights-3", "2026-12-05")).values()
    assert slot["price"] == {"amount_minor": 120000, "currency": "ILS"}
    assert (slot["resources"], slot["remaining"]) == (["sea", "hill"], 2)


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        # Set ahead on 26 March, back on 31 October.
        ("2027-03-25", "2027-03-25T15:00:00+02:00", "2027-03-28T11:00:00+03:00"),
        ("2027-10-30", "2027-10-30T15:00:00+03:00", "2027-11-02T11:00:00+02:00"),
    ],
)
async def test_a_change_of_clocks_changes_no_check_out(shop: Door, day: str, start: str, end: str) -> None:
    assert await stays(shop, "nights-3", day) == [(start, end)]
    booked = await shop.book("nights-3", start, resource="sea")
    read = await shop.send("GET", f"/v1/appointments/{booked['id']}", params={"timezone": "Asia/Jerusalem"}, status=200)
    assert (read["start"], read["end"]) == (start, end)


async def test_the_next_guest_arrives_when_the_last_one_has_left(shop: Door) -> None:
    await shop.book("nights-3", "2026-12-05T15:00:00+02:00", resource="sea")

    free = [start[:10] for start, _ in await stays(shop, "nights-1", "2026-12-03", "2026-12-09", resource="sea")]

    assert free == ["2026-12-03", "2026-12-04", "2026-12-08", "2026-12-09"]
    held = await shop.hold("nights-1", "2026-12-08T15:00:00+02:00", resource="sea")
    assert held["end"] == "2026-12-09T09:00:00Z"
    for start in ("2026-12-05T15:00:00+02:00", "2026-12-06T15:00:00+02:00", "2026-12-07T15:00:00+02:00"):
        answer = await shop.hold("nights-1", start, resource="sea", status=409)
        assert answer["code"] == "slot_taken"


async def test_sixty_nights_are_listed_held_booked_and_given_back(shop: Door) -> None:
    start, end = "2027-01-30T15:00:00+02:00", "2027-03-31T11:00:00+03:00"
    assert await stays(shop, "nights-60", "2027-01-30") == [(start, end)]
    booked = await shop.book("nights-60", start, resource="sea")
    query = {"overlapping": "true", "from": "2027-03-31", "to": "2027-03-31"}

    there = await shop.send("GET", "/v1/appointments", params=query, status=200)
    # Read anew from Postgres, where the claim began two months before.
    nights = await stays(shop, "nights-1", "2027-03-29", "2027-04-01", resource="sea")

    assert [one["id"] for one in there["data"]] == [booked["id"]]
    assert [start[:10] for start, _ in nights] == ["2027-03-31", "2027-04-01"]
    await shop.send("POST", f"/v1/appointments/{booked['id']}/cancel", json={}, status=200)
    assert len(await stays(shop, "nights-1", "2027-03-29", "2027-04-01", resource="sea")) == 4


async def test_only_check_in_and_check_out_lie_in_hours(shop: Door) -> None:
    document = deepcopy(_SHOP)
    for room in document["resources"]:
        room["hours"] = [{"days": ["mon", "fri"], "start": "08:00", "end": "20:00"}]
    await shop.send("PUT", "/v1/business", json=document, status=200)

    # From Friday to Monday; Monday has check-in too, but Thursday no check-out.
    assert await stays(shop, "nights-3", "2026-12-04", "2026-12-10") == [
        ("2026-12-04T15:00:00+02:00", "2026-12-07T11:00:00+02:00")
    ]
    answer = await shop.hold("nights-3", "2026-12-07T15:00:00+02:00", status=422)
    assert (answer["code"], answer["reason"]) == ("not_offered", "closed")


async def test_no_override_makes_a_stay_start_at_another_minute(shop: Door) -> None:
    answer = await shop.hold("nights-3", "2026-12-05T16:00:00+02:00", status=422)
    body = {"service": "nights-3", "start": "2026-12-05T16:00:00+02:00", "override": ["off_grid"]}
    overridden = await shop.send("POST", "/v1/holds", json=body, status=422)

    assert answer["reason"] == overridden["reason"] == "off_grid"


async def test_a_stay_is_moved_and_its_party_is_changed_where_it_is(shop: Door) -> None:
    document = deepcopy(_SHOP)
    for room in document["resources"]:
        room["capacity"] = 2
    await shop.send("PUT", "/v1/business", json=document, status=200)
    booked = await shop.book("nights-3", "2027-03-25T15:00:00+02:00", resource="sea")
    path = f"/v1/appointments/{booked['id']}"

    larger = await shop.send("PATCH", path, json={"party": 2}, status=200)
    moved = await shop.send("POST", f"{path}/reschedule", json={"start": "2027-03-27T15:00:00+03:00"}, status=200)

    assert (larger["start"], larger["end"]) == ("2027-03-25T13:00:00Z", "2027-03-28T08:00:00Z")
    assert (moved["start"], moved["end"]) == ("2027-03-27T12:00:00Z", "2027-03-30T08:00:00Z")


async def test_times_are_told_and_come_back_as_they_were_set(shop: Door) -> None:
    answer = await shop.send("GET", "/v1/services/nights-3", status=200)
    storefront = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)
    again = await shop.send("PUT", "/v1/business", json=_SHOP, status=200)

    assert answer["duration"] == {"nights": 3, "check_in": "15:00", "check_out": "11:00"}
    assert "duration_minutes" not in answer
    assert [one["duration"]["nights"] for one in storefront["services"]] == [1, 3, 60]
    assert again["changes"] == []


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"duration": {"nights": 61}}, "duration.nights", "must be less than or equal to 60"),
        ({"duration_minutes": 60}, "duration_minutes", "must be absent where `duration` has nights"),
        ({"grid": {"align": "clock"}}, "grid", "must be absent where `duration` has nights"),
        ({"duration": None}, "duration_minutes", "required"),
        (
            {"duration": {"nights": 60}, "buffer_after_minutes": 2 * 1440 + 61},
            "duration.nights",
            "with its buffers, a stay may take at most 62 days",
        ),
        (
            {"requires": [{**_ROOM, "offset_minutes": 60}]},
            "requires[0].offset_minutes",
            "must be absent where `duration` has nights",
        ),
        (
            {"add_ons": [{"key": "late", "name": "Late check-out", "minutes": 120}]},
            "add_ons[0].minutes",
            "must be 0 where `duration` has nights: check-out stays",
        ),
    ],
)
async def test_what_contradicts_a_stay_is_refused(
    shop: Door, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    assert (pointer, detail) in await refused(shop, **fields)


async def test_extras_of_a_stay_cost_money_and_take_no_minutes(shop: Door) -> None:
    breakfast = {"key": "breakfast", "name": "Breakfast", "price": {"amount_minor": 15000, "currency": "ILS"}}
    extras = {"add_ons": [breakfast, {"key": "cot", "name": "Cot"}]}
    await shop.send("PATCH", "/v1/services/nights-3", json=extras, status=200)
    plain = (await shop.days("nights-3", "2026-12-05"))["2026-12-05"][0]
    fed = (await shop.days("nights-3", "2026-12-05", add_ons=["breakfast", "cot"]))["2026-12-05"][0]
    held = await shop.hold("nights-3", fed["start"], add_ons=["breakfast", "cot"])
    booked = await shop.confirm(held)
    path = f"/v1/appointments/{booked['id']}"
    moved = await shop.send("POST", f"{path}/reschedule", json={"start": "2026-12-08T15:00:00+02:00"}, status=200)
    without = await shop.send("PATCH", path, json={"add_ons": ["cot"]}, status=200)

    assert (plain["start"], plain["end"]) == (fed["start"], fed["end"])
    prices = [one["price"]["amount_minor"] for one in (plain, fed, held, booked, moved, without)]
    assert prices == [120000, 135000, 135000, 135000, 135000, 120000]
    assert [one["key"] for one in moved["add_ons"]] == ["breakfast", "cot"]
    assert (moved["start"], moved["end"]) == ("2026-12-08T13:00:00Z", "2026-12-11T09:00:00Z")
    assert (without["end"], [one["key"] for one in without["add_ons"]]) == (moved["end"], ["cot"])
