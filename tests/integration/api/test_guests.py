"""The rules of all visits on stays, from the first question to the last guest, over HTTP."""

from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import datetime
from typing import Any, Final

import pytest

from tests.support.door import Door, as_customer_of, open_door
from tests.support.engine import MovingClock

_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_SHOP: Final[dict[str, Any]] = {
    "business": {"name": "Harbour View", "timezone": "Asia/Jerusalem", "currency": "ILS"},
    "locations": [{"key": "main", "name": "Harbour"}],
    "resources": [
        {
            "key": "hut",
            "kind": "room",
            "name": "Hut",
            "location": "main",
            "hours": [{"days": _DAYS, "start": "08:00", "end": "20:00"}],
        }
    ],
    "services": [
        {
            "key": f"nights-{nights}",
            "name": f"{nights} nights",
            "duration": {"nights": nights},
            "price": {"amount_minor": 40000 * nights, "currency": "ILS"},
            "requires": [{"role": "room", "any_of": ["hut"]}],
        }
        for nights in (1, 3)
    ],
}


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def shop(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await set_up(opened)
        yield opened


async def set_up(shop: Door, *, room: dict[str, Any] | None = None, **of_services: Any) -> None:
    """The shop with some fields of its room, and of its services."""
    document = deepcopy(_SHOP)
    document["resources"][0] |= room or {}
    document["services"] = [{**service, **of_services} for service in document["services"]]
    await shop.send("PUT", "/v1/business", json=document, status=200)


def at(day: int, time: str = "15:00") -> str:
    """An instant of December, when the offset from UTC is two hours."""
    return f"2026-12-{day:02}T{time}:00+02:00"


async def free(shop: Door, service: str, first: int, last: int, **more: Any) -> list[int]:
    """The days of December on which check-ins are listed."""
    days = await shop.days(service, f"2026-12-{first:02}", f"2026-12-{last:02}", **more)
    return [int(day[-2:]) for day, slots in days.items() if slots]


async def reasons(shop: Door, service: str, first: int, last: int) -> dict[int, str]:
    """Why days of December are empty."""
    params = {"service": service, "from": f"2026-12-{first:02}", "to": f"2026-12-{last:02}", "explain": "true"}
    listing = await shop.send("GET", "/v1/availability/days", params=params, status=200)
    return {int(day["date"][-2:]): day["reason"] for day in listing["days"] if not day["slots"]}


async def act(shop: Door, booked: Any, what: str, *, status: int = 200, **more: Any) -> Any:
    return await shop.send("POST", f"/v1/appointments/{booked['id']}/{what}", status=status, **more)


async def test_notice_and_booking_window_ask_about_check_in_alone(shop: Door, clock: MovingClock) -> None:
    clock.instant = datetime.fromisoformat(at(1, "16:00"))
    await set_up(shop, rules={"lead_time_minutes": 1440, "window": {"days": 4}})

    assert await free(shop, "nights-3", 1, 8) == [3, 4, 5]
    assert await reasons(shop, "nights-3", 1, 8) == {
        1: "lead_time",
        2: "lead_time",
        6: "outside_window",
        7: "outside_window",
        8: "outside_window",
    }
    assert (await shop.hold("nights-3", at(5)))["end"] == "2026-12-08T09:00:00Z"
    assert (await shop.hold("nights-3", at(6), status=422))["reason"] == "outside_window"


async def test_a_daily_limit_counts_check_ins(shop: Door) -> None:
    await set_up(shop, room={"capacity": 3}, rules={"daily_limit": 1})
    await shop.book("nights-3", at(4))

    assert await free(shop, "nights-3", 3, 6) == [3, 5, 6]
    assert await reasons(shop, "nights-3", 3, 6) == {4: "daily_limit"}
    assert (await shop.hold("nights-3", at(4), status=422))["reason"] == "daily_limit"
    await shop.hold("nights-3", at(5))


@pytest.mark.parametrize(("cleaning", "next_check_in"), [(240, 4), (241, 5)])
async def test_a_room_is_cleaned_before_the_next_guest(shop: Door, cleaning: int, next_check_in: int) -> None:
    await set_up(shop, buffer_after_minutes=cleaning)
    booked = await shop.book("nights-3", at(1))

    assert booked["end"] == "2026-12-04T09:00:00Z"
    assert (await free(shop, "nights-1", 1, 6))[0] == next_check_in


async def test_places_are_counted_over_all_nights(shop: Door) -> None:
    await set_up(shop, room={"capacity": 2})
    await shop.book("nights-3", at(1))
    first = await shop.book("nights-1", at(4))
    await shop.book("nights-1", at(4))
    await act(shop, first, "cancel", json={})

    # On the second and third one of the two places is free, on the fourth the other.
    slots = await shop.slots("nights-3", "2026-12-02")
    booked = await shop.book("nights-3", at(2))

    assert [slot["remaining"] for slot in slots.values()] == [1]
    assert booked["end"] == "2026-12-05T09:00:00Z"
    assert await free(shop, "nights-1", 1, 5) == [1, 5]
    assert (await shop.hold("nights-1", at(3), status=409))["code"] == "slot_taken"


async def test_the_soonest_check_ins_are_found_past_a_stay(shop: Door) -> None:
    await shop.book("nights-3", at(1))
    params = {"service": "nights-3", "limit": 2, "after": at(1, "08:00"), "timezone": "Asia/Jerusalem"}

    found = await shop.send("GET", "/v1/availability/next", params=params, status=200)

    assert [(slot["start"], slot["end"]) for slot in found["slots"]] == [
        (at(4), at(7, "11:00")),
        (at(5), at(8, "11:00")),
    ]


async def test_a_cut_off_counts_back_from_check_in(shop: Door, clock: MovingClock) -> None:
    policy = {"cancellation": {"free_until_minutes": 1440, "fee_percent": 50}, "reschedule": {"until_minutes": 1440}}
    await set_up(shop, rules=policy)
    booked = await shop.book("nights-3", at(4))
    clock.instant = datetime.fromisoformat(at(3, "15:01"))

    late = await act(shop, booked, "reschedule", json={"start": at(8)}, headers=as_customer_of(booked), status=409)
    cancelled = await act(shop, booked, "cancel", json={}, headers=as_customer_of(booked))

    assert (late["code"], late["cutoff"]) == ("cutoff_passed", "2026-12-03T13:00:00Z")
    assert cancelled["fee"] == {"amount_minor": 60000, "currency": "ILS"}


async def test_a_stay_that_ends_early_gives_its_nights_back_until_it_is_reopened(
    shop: Door, clock: MovingClock
) -> None:
    booked = await shop.book("nights-3", at(1))
    clock.instant = datetime.fromisoformat(at(2, "10:00"))

    await act(shop, booked, "complete")
    given_back = await free(shop, "nights-1", 2, 5)
    await act(shop, booked, "reopen")

    assert given_back == [2, 3, 4, 5]
    assert await free(shop, "nights-1", 2, 5) == [4, 5]


async def test_a_guest_who_does_not_come_leaves_the_nights_to_others(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("nights-3", at(1))
    await act(shop, booked, "no-show", status=409)
    clock.instant = datetime.fromisoformat(at(1, "23:00"))

    await act(shop, booked, "no-show")
    clock.instant = datetime.fromisoformat(at(2, "09:00"))
    await shop.book("nights-1", at(2))

    assert (await act(shop, booked, "reopen", status=409))["code"] == "slot_taken"
    assert await free(shop, "nights-1", 2, 5) == [3, 4, 5]


async def test_a_stay_moves_by_a_night_over_its_own_nights(shop: Door) -> None:
    booked = await shop.book("nights-3", at(1))
    body = {"service": "nights-3", "start": at(2), "rescheduling": booked["id"]}
    query = {"service": "nights-3", "from": "2026-12-01", "to": "2026-12-05", "rescheduling": booked["id"]}

    listing = await shop.send("GET", "/v1/availability", params=query, status=200)
    held = await shop.send("POST", "/v1/holds", json=body, status=201)
    moved = await act(shop, booked, "reschedule", json={"hold": held["id"]})

    assert [len(day["slots"]) for day in listing["days"]] == [1] * 5
    assert (moved["start"], moved["end"]) == ("2026-12-02T13:00:00Z", "2026-12-05T09:00:00Z")
    assert await free(shop, "nights-1", 1, 5) == [1, 5]


async def test_a_guest_stays_longer_where_the_next_nights_are_free(shop: Door) -> None:
    booked = await shop.book("nights-1", at(1))
    await shop.book("nights-1", at(4))
    path = f"/v1/appointments/{booked['id']}"

    longer = await shop.send("PATCH", path, json={"service": "nights-3"}, status=200)
    late = await shop.send("PATCH", path, json={"duration_minutes": 3 * 1440}, status=200)
    refused = await shop.send("PATCH", path, json={"duration_minutes": 4 * 1440}, status=409)

    assert (longer["end"], longer["price"]["amount_minor"]) == ("2026-12-04T09:00:00Z", 120000)
    assert late["end"] == "2026-12-04T13:00:00Z"
    assert refused["code"] == "slot_taken"


@pytest.mark.parametrize(("closed", "lost"), [(2, False), (3, False), (1, True), (4, True)])
async def test_a_closed_day_affects_those_who_arrive_or_leave_on_it(shop: Door, closed: int, lost: bool) -> None:  # noqa: FBT001 # a case
    booked = await shop.book("nights-3", at(1))

    answer = await shop.send("PUT", f"/v1/resources/hut/overrides/2026-12-{closed:02}", json={"spans": []}, status=200)

    assert [one["id"] for one in answer.get("affected", [])] == ([booked["id"]] if lost else [])


async def test_a_closure_is_named_where_it_takes_check_in_or_check_out(shop: Door) -> None:
    closures = [{"name": "Feast", "from": "2026-12-05"}]
    await shop.send("PATCH", "/v1/locations/main", json={"closures": closures}, status=200)

    answers = {day: await shop.hold("nights-3", at(day), status=422) for day in (2, 5)}

    assert {day: (answer["reason"], answer["closure"]) for day, answer in answers.items()} == {
        2: ("closed", "Feast"),
        5: ("closed", "Feast"),
    }
    assert await free(shop, "nights-3", 1, 6) == [1, 3, 4, 6]
