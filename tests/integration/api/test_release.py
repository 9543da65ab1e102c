"""Release of times: rolling hours, parts of the day that open when earlier ones fill, and off-peak discounts."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of, open_door
from tests.support.engine import MONDAY, MovingClock

# Of that Monday in Jerusalem it is eight in the morning.
_MONDAY: Final = "2026-11-30"
_TUESDAY: Final = "2026-12-01"
_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# Three hours, of which a cut takes a third.
_MORNING: Final = {"start": "09:00", "end": "12:00"}
_AFTERNOON: Final = {"start": "12:00", "end": "16:00"}


def _money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "ILS"}


def _at(day: str, time: str) -> str:
    return f"{day}T{time}:00+02:00"


def _shop(release: dict[str, Any] | None, **rules: Any) -> dict[str, Any]:
    """Noa and Tal cut for an hour, the one for 90.01, the other for 120."""
    hours = [{"days": _DAYS, "start": "09:00", "end": "18:00"}]
    return small_document(
        resources=[{"key": key, "kind": "staff", "name": key.title(), "hours": hours} for key in ("noa", "tal")],
        services=[
            {
                "key": "haircut",
                "name": "Haircut",
                "duration_minutes": 60,
                "price": _money(9001),
                "requires": [
                    {"role": "barber", "any_of": ["noa", "tal"], "overrides": {"tal": {"price": _money(12000)}}}
                ],
                "assign": "priority",
                "rules": {"release": release, "reschedule": {"price": "new"}, **rules},
            }
        ],
    )


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(MONDAY)


@pytest.fixture
async def door(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        yield opened


async def _open(door: Door, release: dict[str, Any] | None, **rules: Any) -> None:
    await door.send("PUT", "/v1/business", json=_shop(release, **rules), status=200)


async def _times(door: Door, day: str, **more: Any) -> list[str]:
    return [start[11:16] for start in await door.slots("haircut", day, **more)]


def _off_peak(**changed: Any) -> dict[str, Any]:
    return {"off_peak": [{**_AFTERNOON, "percent_off": 20, "below_share": 50, **changed}]}


async def test_part_that_fills_slowly_is_cheaper_in_listing_hold_and_booking(door: Door) -> None:
    await _open(door, _off_peak())

    slots = await door.slots("haircut", _TUESDAY, resource="noa")
    held = await door.hold("haircut", _at(_TUESDAY, "13:00"), resource="noa")
    booked = await door.confirm(held)
    body = {"service": "haircut", "resource": "noa", "start": _at(_TUESDAY, "12:00"), "customer": {"name": "Dana"}}
    direct = await door.send("POST", "/v1/appointments", json=body, status=201)

    told = {start[11:16]: slot["price"] for start, slot in slots.items()}
    assert told["11:00"] == told["16:00"] == _money(9001)
    # A fifth off 90.01 is 72.008.
    assert told["12:00"] == told["13:00"] == held["price"] == booked["price"] == direct["price"] == _money(7201)


async def test_discount_ends_when_the_part_is_filled_and_holds_keep_theirs(door: Door) -> None:
    await _open(door, _off_peak())
    await door.book("haircut", _at(_TUESDAY, "12:00"), resource="noa")
    cheap = await door.hold("haircut", _at(_TUESDAY, "13:00"), resource="noa")
    assert (await door.slots("haircut", _TUESDAY, resource="noa"))[_at(_TUESDAY, "14:00")]["price"] == _money(7201)

    # Half of the four hours are claimed with it: a hold alone would claim nothing.
    await door.book("haircut", _at(_TUESDAY, "15:00"), resource="noa")

    slots = await door.slots("haircut", _TUESDAY)
    at_two = slots[_at(_TUESDAY, "14:00")]
    assert (at_two["price_from"], at_two["price_to"]) == (_money(9001), _money(9600)), "Tal has nothing to do"
    assert (await door.hold("haircut", _at(_TUESDAY, "14:00"), resource="noa"))["price"] == _money(9001)
    assert (await door.confirm(cheap))["price"] == _money(7201)


async def test_discount_is_given_within_its_hours_on_its_days(door: Door, clock: MovingClock) -> None:
    await _open(door, _off_peak(days=["tue"], within_hours=24))
    noon, later = _at(_TUESDAY, "12:00"), _at(_TUESDAY, "13:00")
    assert (await door.slots("haircut", _TUESDAY, resource="noa"))[noon]["price"] == _money(9001)

    clock.instant += timedelta(hours=4)

    slots = await door.slots("haircut", _MONDAY, _TUESDAY, resource="noa")
    told = {start: slot["price"] for start, slot in slots.items()}
    assert (told[_at(_MONDAY, "13:00")], told[noon], told[later]) == (_money(9001), _money(7201), _money(9001))
    assert (await door.hold("haircut", later, resource="noa"))["price"] == _money(9001)
    assert (await door.hold("haircut", noon, resource="noa"))["price"] == _money(7201)


async def test_first_discount_that_applies_counts_on_top_of_the_price_by_time(door: Door) -> None:
    document = _shop({"off_peak": [_last_minute(90, 5), _last_minute(30, 30), _last_minute(10, 60)]})
    document["services"][0]["prices"] = [{"start": "12:00", "end": "13:00", "percent": 50}]
    await door.send("PUT", "/v1/business", json=document, status=200)

    slots = await door.slots("haircut", _MONDAY, resource="noa")

    # Of 4501, half of it rounded up, 70 percent.
    assert slots[_at(_MONDAY, "12:00")]["price"] == _money(3151)
    assert slots[_at(_MONDAY, "15:00")]["price"] == _money(6301)


def _last_minute(percent_off: int, hours: int) -> dict[str, Any]:
    """Five hours from now it is one o'clock, which is not in it."""
    is_nearest = hours == 5
    times = {"start": "14:00", "end": "16:00"} if is_nearest else _AFTERNOON
    return {**times, "percent_off": percent_off, "below_share": 100, "within_hours": hours}


async def test_move_costs_what_the_listing_and_the_dry_run_say(door: Door) -> None:
    await _open(door, _off_peak(below_share=1))
    booked = await door.book("haircut", _at(_TUESDAY, "13:00"), resource="noa")
    start = _at(_TUESDAY, "14:00")
    assert (await door.slots("haircut", _TUESDAY, resource="noa"))[start]["price"] == _money(9001)

    # What moves is not claimed by then.
    params = {"service": "haircut", "from": _TUESDAY, "to": _TUESDAY, "rescheduling": booked["id"]}
    listing = await door.send("GET", "/v1/availability", params=params, status=200)
    slot = next(slot for slot in listing["days"][0]["slots"] if slot["start"] == start)
    path, customer = f"/v1/appointments/{booked['id']}/reschedule", as_customer_of(booked)
    planned = await door.send("POST", path, json={"start": start, "dry_run": True}, headers=customer, status=200)
    moved = await door.send("POST", path, json={"start": start}, headers=customer, status=200)

    assert slot["price"] == planned["price"] == moved["price"] == _money(7201)


async def test_storefront_tells_the_least_with_a_discount(door: Door) -> None:
    await _open(door, _off_peak())

    answer = await door.send("GET", "/v1/storefront", headers=door.publishable, status=200)

    (service,) = answer["services"]
    assert (service["price_from"], service["price_to"]) == (_money(7201), _money(12000))


async def test_starts_open_a_rolling_number_of_hours_ahead(door: Door, clock: MovingClock) -> None:
    await _open(door, {"rolling_hours": 25})
    assert await _times(door, _TUESDAY) == ["09:00"]

    refused = await door.hold("haircut", _at(_TUESDAY, "10:00"), status=422)
    listing = await door.send(
        "GET",
        "/v1/availability",
        params={"service": "haircut", "from": "2026-12-02", "to": "2026-12-02", "explain": True},
        status=200,
    )
    upcoming = await door.send("GET", "/v1/availability/next", params={"service": "haircut", "limit": 50}, status=200)

    assert (refused["code"], refused["reason"]) == ("not_offered", "outside_window")
    assert listing["days"][0]["reason"] == "outside_window"
    assert upcoming["slots"][-1]["start"] == _at(_TUESDAY, "09:00")

    clock.instant += timedelta(minutes=59)
    assert await _times(door, _TUESDAY) == ["09:00"]
    clock.instant += timedelta(minutes=1)
    assert await _times(door, _TUESDAY) == ["09:00", "10:00"]
    await door.book("haircut", _at(_TUESDAY, "10:00"))


_FILL: Final = {"fill_earlier_first": {"parts": [_MORNING, _AFTERNOON], "share": 60}}


async def test_later_part_opens_when_the_earlier_is_filled(door: Door) -> None:
    await _open(door, _FILL)
    noon, one = _at(_TUESDAY, "12:00"), _at(_TUESDAY, "13:00")
    # What is in no part is open.
    assert await _times(door, _TUESDAY) == ["09:00", "10:00", "11:00", "16:00", "17:00"]
    refused = await door.hold("haircut", noon, status=422)
    await door.book("haircut", _at(_TUESDAY, "09:00"), resource="noa")
    held = await door.hold("haircut", _at(_TUESDAY, "11:00"), resource="noa")
    assert (await door.hold("haircut", noon, status=422, resource="noa"))["reason"] == "not_released"

    await door.confirm(held)

    assert (refused["code"], refused["reason"]) == ("not_offered", "not_released")
    assert await _times(door, _TUESDAY, resource="noa") == [
        "10:00",
        "12:00",
        "13:00",
        "14:00",
        "15:00",
        "16:00",
        "17:00",
    ]
    assert (await door.slots("haircut", _TUESDAY))[noon]["resources"] == ["noa"], "Tal has a morning to fill"
    assert (await door.hold("haircut", one, status=422, resource="tal"))["reason"] == "not_released"
    assert (await door.book("haircut", one))["resources"] == held["resources"]


async def test_hold_of_a_part_may_be_confirmed_after_it_has_closed_again(door: Door) -> None:
    await _open(door, _FILL)
    first = await door.book("haircut", _at(_TUESDAY, "09:00"), resource="noa")
    await door.book("haircut", _at(_TUESDAY, "10:00"), resource="noa")
    held = await door.hold("haircut", _at(_TUESDAY, "12:00"), resource="noa")

    await door.send("POST", f"/v1/appointments/{first['id']}/cancel", json={}, status=200)

    body = {"service": "haircut", "resource": "noa", "start": _at(_TUESDAY, "13:00"), "customer": {"name": "Dana"}}
    refused = await door.send("POST", "/v1/appointments", json=body, status=422)
    assert refused["reason"] == "not_released"
    assert (await door.confirm(held))["status"] == "confirmed"


async def test_part_that_can_no_longer_be_filled_keeps_no_other_closed(door: Door, clock: MovingClock) -> None:
    await _open(door, _FILL, lead_time_minutes=60)
    assert "13:00" not in await _times(door, _MONDAY)

    clock.instant += timedelta(hours=3, minutes=1)

    # At one past eleven no visit can begin in the morning any more, with an hour of notice.
    assert await _times(door, _MONDAY) == ["13:00", "14:00", "15:00", "16:00", "17:00"]
    await door.book("haircut", _at(_MONDAY, "13:00"))


async def test_day_of_which_only_closed_parts_are_left_is_not_released(door: Door) -> None:
    await _open(door, {"fill_earlier_first": {"parts": [_MORNING, {"start": "12:00", "end": "18:00"}], "share": 100}})
    for resource in ("noa", "tal"):
        for time in ("09:30", "11:00"):
            body = {"service": "haircut", "resource": resource, "start": _at(_TUESDAY, time), "override": ["off_grid"]}
            held = await door.send("POST", "/v1/holds", json=body, status=201)
            await door.send("POST", f"/v1/holds/{held['id']}/confirm", json={"customer": {"name": "V"}}, status=201)

    params = {"service": "haircut", "from": _TUESDAY, "to": _TUESDAY, "explain": True}
    (day,) = (await door.send("GET", "/v1/availability", params=params, status=200))["days"]

    assert (day["slots"], day["reason"]) == ([], "fully_booked"), "the morning was released, and has no room"
    assert (await door.hold("haircut", _at(_TUESDAY, "12:00"), status=422))["reason"] == "not_released"


async def test_front_desk_waives_release_with_limits(door: Door) -> None:
    await _open(door, {"rolling_hours": 12, **_FILL})

    body = {"service": "haircut", "start": _at(_TUESDAY, "13:00"), "override": ["limits"]}
    held = await door.send("POST", "/v1/holds", json=body, status=201)
    params = {"service": "haircut", "from": _TUESDAY, "to": _TUESDAY, "override": "limits"}
    listing = await door.send("GET", "/v1/availability", params=params, status=200)

    assert held["status"] == "held"
    assert len(listing["days"][0]["slots"]) == 9


async def test_document_comes_back_as_it_was_sent(door: Door) -> None:
    release = {
        "rolling_hours": 72,
        "fill_earlier_first": {"parts": [_MORNING, {"start": "12:00", "end": "02:00"}], "share": 80},
        "off_peak": [
            {"days": ["tue"], **_AFTERNOON, "percent_off": 20, "below_share": 40, "within_hours": 24},
            {"start": "22:00", "end": "01:00", "percent_off": 5, "below_share": 100},
        ],
    }
    await _open(door, release)

    answer = await door.send("GET", "/v1/business", status=200)

    assert answer["services"][0]["rules"]["release"] == release


@pytest.mark.parametrize(
    ("release", "pointer", "detail"),
    [
        (
            {"fill_earlier_first": {"parts": [_AFTERNOON, _MORNING], "share": 60}},
            "fill_earlier_first.parts[1].start",
            "must not be before the end of the part before it",
        ),
        (
            {"fill_earlier_first": {"parts": [_MORNING, {"start": "12:00", "end": "10:00"}], "share": 60}},
            "fill_earlier_first.parts[1].end",
            "must not run into the first part of the next day",
        ),
        (_off_peak(days=["mon", "mon"]), "off_peak[0].days", "must not name a day twice"),
        (_off_peak(percent_off=0), "off_peak[0].percent_off", "must be greater than or equal to 1"),
    ],
)
async def test_release_that_makes_no_sense_is_refused(
    door: Door, release: dict[str, Any], pointer: str, detail: str
) -> None:
    problem = await door.send("PUT", "/v1/business", json=_shop(release), status=422)

    assert problem["errors"] == [{"pointer": f"services[0].rules.release.{pointer}", "detail": detail}]
