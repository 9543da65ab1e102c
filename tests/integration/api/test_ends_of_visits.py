"""Visits that end early, or not at all: their fee, their time, and the way back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.support.door import Door, act, as_customer_of, open_door
from tests.support.engine import MONDAY, MovingClock

_START: Final = "2026-12-02T10:00:00+02:00"
"""On Wednesday, two days and two hours after MONDAY."""
_TEN: Final = MONDAY + timedelta(days=2, hours=2)
_FREE: Final = {"amount_minor": 0, "currency": "ILS"}
_ALL: Final = {"amount_minor": 20000, "currency": "ILS"}
_SHOP: Final[dict[str, Any]] = {
    "business": {"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS"},
    "locations": [{"key": "main", "name": "Dizengoff 12"}],
    "resources": [
        {
            "key": "noa",
            "kind": "staff",
            "name": "Noa",
            "location": "main",
            "hours": [{"days": ["wed"], "start": "09:00", "end": "18:00"}],
        }
    ],
    "services": [
        {
            "key": "colour",
            "name": "Colour",
            "duration_minutes": 120,
            "buffer_after_minutes": 10,
            "price": {"amount_minor": 20000, "currency": "ILS"},
            "grid": {"align": "clock", "step_minutes": 30},
            "requires": [{"role": "barber", "any_of": ["noa"]}],
            "rules": {"cancellation": {"free_until_minutes": 1440, "fee_percent": 50, "no_show_fee_percent": 100}},
        },
        {
            "key": "fringe",
            "name": "Fringe",
            "duration_minutes": 10,
            "price": {"amount_minor": 3000, "currency": "ILS"},
            "grid": {"align": "clock", "step_minutes": 10},
            "requires": [{"role": "barber", "any_of": ["noa"]}],
        },
    ],
}


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def shop(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await opened.send("PUT", "/v1/business", json=_SHOP, status=200)
        yield opened


async def free_until_noon(shop: Door) -> list[str]:
    """The starts of ten minutes that are listed before half past twelve."""
    listed = [start[11:16] for start in await shop.slots("fringe", "2026-12-02")]
    return [start for start in listed if start < "12:30"]


def tens(first: str, last: str) -> list[str]:
    """Every ten minutes, both ends included."""
    every = [f"{hour:02}:{minute:02}" for hour in range(9, 13) for minute in range(0, 60, 10)]
    return [time for time in every if first <= time <= last]


async def test_no_show_gives_what_is_left_of_its_time_back_at_once(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=20)
    before = await free_until_noon(shop)

    missed = await act(shop, booked, "no-show")
    after = await free_until_noon(shop)
    walk_in = await shop.book("fringe", "2026-12-02T10:20:00+02:00")

    assert before == tens("12:10", "12:20")
    assert after == tens("10:20", "12:20")
    assert (missed["status"], missed["finished_at"], missed["fee"]) == ("no_show", "2026-12-02T08:20:00Z", _ALL)
    assert (missed["start"], missed["end"]) == (booked["start"], booked["end"])
    assert walk_in["status"] == "confirmed"


async def test_visit_that_is_completed_early_keeps_the_buffer_after_it(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=59, seconds=30)

    completed = await act(shop, booked, "complete")

    # Its eleventh hour has begun when the minute is over, and ten minutes later the place is clean.
    assert await free_until_noon(shop) == tens("11:10", "12:20")
    assert (completed["finished_at"], "fee" in completed) == ("2026-12-02T08:59:30Z", False)


@pytest.mark.parametrize("what", ["complete", "no-show"])
async def test_reopened_visit_has_its_time_again_and_no_fee(shop: Door, clock: MovingClock, what: str) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=20)
    await act(shop, booked, what)
    freed = await free_until_noon(shop)

    clock.instant += timedelta(minutes=5)
    reopened = await act(shop, booked, "reopen")
    after = await free_until_noon(shop)
    again = await act(shop, booked, "no-show")

    assert freed == tens("10:20" if what == "no-show" else "10:30", "12:20")
    assert (reopened["status"], reopened["finished_at"], reopened["version"]) == ("confirmed", None, 3)
    assert ("fee" in reopened, "refund" in reopened) == (False, False)
    assert after == tens("12:10", "12:20")
    assert (again["status"], again["fee"]) == ("no_show", _ALL)
    assert await free_until_noon(shop) == tens("10:30", "12:20")


async def test_visit_is_not_reopened_onto_time_that_has_others(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=20)
    await act(shop, booked, "no-show")

    hold = await shop.hold("fringe", "2026-12-02T11:00:00+02:00")
    held = await act(shop, booked, "reopen", status=409)
    await shop.confirm(hold)
    taken = await act(shop, booked, "reopen", status=409)
    same = await shop.send("GET", f"/v1/appointments/{booked['id']}", status=200)
    clock.instant = _TEN + timedelta(hours=2, minutes=10)
    afterwards = await act(shop, booked, "reopen")

    assert (held["code"], taken["code"]) == ("slot_held", "slot_taken")
    assert (same["status"], same["version"], same["fee"]) == ("no_show", 2, _ALL)
    # The time is over, so nobody can have it any more.
    assert afterwards["status"] == "confirmed"


async def test_visit_is_reopened_although_others_had_time_that_is_over(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=20)
    await act(shop, booked, "no-show")
    await shop.book("fringe", "2026-12-02T10:20:00+02:00")

    clock.instant = _TEN + timedelta(minutes=29)
    meanwhile = await act(shop, booked, "reopen", status=409)
    clock.instant = _TEN + timedelta(minutes=30)
    reopened = await act(shop, booked, "reopen")
    after = await free_until_noon(shop)
    discrepancies = await shop.discrepancies(booked, clock)
    clock.instant = _TEN + timedelta(minutes=50)
    await act(shop, booked, "complete")

    assert (meanwhile["code"], reopened["status"]) == ("slot_taken", "confirmed")
    assert discrepancies == []
    assert after == tens("12:10", "12:20")
    # The buffer of ten minutes begins at ten to eleven.
    assert await free_until_noon(shop) == tens("11:00", "12:20")


async def test_place_of_a_class_is_taken_back_on_any_lane(shop: Door, clock: MovingClock) -> None:
    mat = {"key": "room", "kind": "class", "name": "Room", "location": "main", "capacity": 2}
    hours = _SHOP["resources"][0]["hours"]
    service = {**_SHOP["services"][0], "requires": [{"role": "room", "any_of": ["room"]}]}
    yoga = {**_SHOP, "resources": [{**mat, "hours": hours}], "services": [service]}
    await shop.send("PUT", "/v1/business", json=yoga, status=200)
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=20)
    await act(shop, booked, "no-show")
    # Half an hour later somebody has the place which was his.
    await shop.book("colour", "2026-12-02T10:30:00+02:00")

    reopened = await act(shop, booked, "reopen")
    full = await shop.hold("colour", "2026-12-02T11:00:00+02:00", status=409)

    assert (reopened["status"], full["code"]) == ("confirmed", "slot_taken")


@pytest.mark.parametrize(("lanes", "code"), [("alike", None), ("named", "slot_taken")])
async def test_place_is_taken_back_in_pieces_where_places_are_alike(
    shop: Door, clock: MovingClock, lanes: str, code: str | None
) -> None:
    booked = await _no_show_of_a_place(shop, clock, lanes=lanes)
    # The first place is another's from eleven on, and the second one until then.
    early = await shop.book("fringe", "2026-12-02T10:50:00+02:00")
    await shop.book("fringe", "2026-12-02T10:50:00+02:00")
    await act(shop, early, "cancel")
    await shop.book("fringe", "2026-12-02T11:00:00+02:00")

    reopened = await act(shop, booked, "reopen", status=409 if code else 200)

    assert reopened.get("code") == code
    if code is None:
        assert await free_until_noon(shop) == [
            start for start in tens("10:20", "12:20") if start not in {"10:50", "11:00"}
        ]


async def test_pieces_that_are_held_are_not_taken_back(shop: Door, clock: MovingClock) -> None:
    booked = await _no_show_of_a_place(shop, clock)
    await shop.book("fringe", "2026-12-02T11:00:00+02:00")
    hold = await shop.hold("fringe", "2026-12-02T11:00:00+02:00")
    held = await act(shop, booked, "reopen", status=409)
    await shop.send("DELETE", f"/v1/holds/{hold['id']}", headers=shop.publishable, status=204)
    # A hold on another minute leaves a place.
    await shop.hold("fringe", "2026-12-02T11:10:00+02:00")
    reopened = await act(shop, booked, "reopen")

    assert (held["code"], reopened["status"]) == ("slot_held", "confirmed")


async def _no_show_of_a_place(shop: Door, clock: MovingClock, *, lanes: str = "alike") -> Any:
    """A visit of one of two places from ten until noon, whose customer was not there at twenty past."""
    room = {"key": "room", "kind": "class", "name": "Room", "location": "main", "capacity": 2, "lanes": lanes}
    services = [{**one, "requires": [{"role": "room", "any_of": ["room"]}]} for one in _SHOP["services"]]
    document = {**_SHOP, "resources": [{**room, "hours": _SHOP["resources"][0]["hours"]}], "services": services}
    await shop.send("PUT", "/v1/business", json=document, status=200)
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(minutes=20)
    await act(shop, booked, "no-show")
    return booked


@pytest.mark.parametrize(
    ("what", "late", "status"),
    [
        ("complete", timedelta(days=1), 200),
        ("complete", timedelta(days=1, seconds=1), 409),
        ("no-show", timedelta(days=1), 200),
        ("no-show", timedelta(days=1, seconds=1), 409),
    ],
)
async def test_visit_can_be_reopened_for_a_day(
    shop: Door, clock: MovingClock, what: str, late: timedelta, status: int
) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN + timedelta(hours=3)
    done = await act(shop, booked, what)
    await shop.send("PATCH", f"/v1/appointments/{booked['id']}", json={"notes": "Paid in cash"}, status=200)

    clock.instant += late
    answer = await act(shop, booked, "reopen", status=status)

    if status == 409:
        assert (answer["code"], answer["from"], answer["to"]) == ("invalid_transition", done["status"], "confirmed")
        assert "until 2026-12-03T11:00:00Z" in answer["detail"]
    else:
        assert answer["status"] == "confirmed"


async def test_only_what_has_ended_can_be_reopened_and_only_by_the_business(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)

    confirmed = await act(shop, booked, "reopen", status=409)
    clock.instant = _TEN
    await act(shop, booked, "no-show")
    by_customer = await act(shop, booked, "reopen", headers=as_customer_of(booked), status=403)
    unknown = await shop.send("POST", "/v1/appointments/apt_none/reopen", status=404)

    assert (confirmed["code"], confirmed["from"], confirmed["to"]) == ("invalid_transition", "confirmed", "confirmed")
    assert (by_customer["code"], unknown["code"]) == ("forbidden", "not_found")


async def test_fee_is_waived_with_the_no_show_or_afterwards(shop: Door, clock: MovingClock) -> None:
    at_once = await shop.book("colour", _START)
    later = await shop.book("colour", "2026-12-02T12:30:00+02:00")
    cancelled = await shop.book("colour", "2026-12-02T15:00:00+02:00")
    clock.instant = _TEN
    await act(shop, cancelled, "cancel", headers=as_customer_of(cancelled))
    clock.instant = _TEN + timedelta(hours=2, minutes=30)

    without = await act(shop, at_once, "no-show", json={"waive_fee": True})
    missed = await act(shop, later, "no-show", json={"waive_fee": False})
    waived = [await act(shop, booked, "waive-fee") for booked in (later, later, cancelled)]

    assert (without["status"], without["fee"], without["refund"]) == ("no_show", _FREE, _ALL)
    assert (missed["fee"], missed["refund"]) == (_ALL, _FREE)
    assert [(one["fee"], one["refund"]) for one in waived] == [(_FREE, _ALL)] * 3
    assert [one["status"] for one in waived] == ["no_show", "no_show", "cancelled"]


async def test_fee_is_waived_by_the_business_alone_and_only_where_there_is_one(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)

    none = await act(shop, booked, "waive-fee", status=409)
    customer, visitor = as_customer_of(booked), shop.publishable
    clock.instant = _TEN - timedelta(hours=1)
    refused = [
        await act(shop, booked, what, json=json, headers=headers, status=403)
        for headers in (customer, visitor)
        for what, json in (("cancel", {"waive_fee": True}), ("waive-fee", None), ("no-show", {"waive_fee": True}))
    ]
    by_business = await act(shop, booked, "cancel", json={"waive_fee": True, "reason": "Flood"})

    assert (none["code"], none["from"]) == ("invalid_transition", "confirmed")
    assert {one["code"] for one in refused} == {"forbidden"}
    assert (by_business["fee"], by_business["refund"], by_business["cancelled_by"]) == (_FREE, _ALL, "business")


async def test_ends_and_waivers_are_reported(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("colour", _START)
    clock.instant = _TEN
    for what in ("no-show", "waive-fee", "reopen"):
        await act(shop, booked, what)

    async with shop.context.engine.connect() as connection:
        await connection.exec_driver_sql(f"SET app.tenant_id = '{shop.tenant_id}'")
        rows = await connection.exec_driver_sql("SELECT name, data FROM outbox ORDER BY id")
        events = [(row.name, row.data) for row in rows.all() if row.name.startswith("appointment.")]

    assert [name for name, _ in events] == [
        "appointment.confirmed.v1",
        "appointment.no_show.v1",
        "appointment.fee_waived.v1",
        "appointment.reopened.v1",
    ]
    told = [(data.get("fee"), data.get("waived"), data.get("reopened_from")) for _, data in events]
    assert told == [(None, None, None), (_ALL, None, None), (_FREE, _ALL, None), (None, None, "no_show")]
