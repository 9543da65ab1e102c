"""What a business may book against its own rules, and what it may not."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of, open_door, who
from tests.support.engine import MONDAY, MovingClock

_CUSTOMER: Final = {"customer": {"name": "Dana Levi", "email": "dana@example.com"}}
_WALK_IN: Final = ["lead_time", "off_grid"]
_TEN_PAST_TEN: Final = timedelta(hours=2, minutes=7, seconds=40)
"""From MONDAY, eight in the morning in the shop, to 40 seconds past 10:07."""


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(MONDAY + _TEN_PAST_TEN)


@pytest.fixture
async def shop(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await opened.set_up("barbershop")
        yield opened


async def book(shop: Door, start: str, *, status: int = 201, **more: Any) -> Any:
    """Book a haircut as the business, unless headers say otherwise."""
    headers = more.pop("headers", {})
    body = {"service": "haircut", "start": f"{start}+02:00", **_CUSTOMER, **more}
    return await shop.send("POST", "/v1/appointments", json=body, headers=headers, status=status)


async def test_walk_in_is_booked_at_the_minute_that_runs(shop: Door) -> None:
    by_rule = await book(shop, "2026-11-30T10:07", status=422)
    only_off_grid = await book(shop, "2026-11-30T10:07", override=["off_grid"], status=422)
    booked = await book(shop, "2026-11-30T10:07", override=["off_grid", "lead_time"])

    assert (by_rule["code"], by_rule["reason"], only_off_grid["reason"]) == ("not_offered", "lead_time", "lead_time")
    assert (booked["start"], booked["end"]) == ("2026-11-30T08:07:00Z", "2026-11-30T08:37:00Z")
    assert booked["override"] == _WALK_IN
    stored = await shop.send("GET", f"/v1/appointments/{booked['id']}", status=200)
    assert stored["override"] == _WALK_IN
    listed = await shop.send("GET", "/v1/appointments", status=200)
    assert [one["override"] for one in listed["data"]] == [_WALK_IN]


@pytest.mark.parametrize(
    ("start", "override", "reason"),
    [
        ("2026-11-30T10:06", _WALK_IN, "lead_time"),
        ("2026-11-30T09:40", [*_WALK_IN, "past"], None),
        ("2026-11-30T09:40", ["off_grid", "past"], None),
        ("2026-11-30T10:30", ["past"], None),
        ("2026-11-29T10:07", ["off_grid", "past"], None),
        ("2026-11-29T10:06", ["off_grid", "past"], "lead_time"),
        ("2026-11-30T19:30", ["closed"], "off_grid"),
        ("2026-11-30T20:30", ["off_grid"], "closed"),
        ("2026-11-30T20:30", ["closed", "off_grid"], None),
        ("2027-04-21T12:00", ["closed", "off_grid"], "outside_window"),
        ("2027-04-21T12:00", ["closed", "off_grid", "limits"], None),
        ("2029-12-15T12:00", ["closed", "off_grid", "limits"], "outside_window"),
    ],
)
async def test_override_waives_what_it_names_and_nothing_else(
    shop: Door, start: str, override: list[str], reason: str | None
) -> None:
    answer = await book(shop, start, resource="noa", override=override, status=201 if reason is None else 422)

    assert answer.get("reason") == reason


async def test_bookings_and_time_off_always_count(shop: Door) -> None:
    everything = ["lead_time", "off_grid", "closed", "limits", "past", "held"]
    await book(shop, "2026-11-30T12:00", resource="noa")

    taken = await book(shop, "2026-11-30T12:10", resource="noa", override=everything, status=409)
    away = await book(shop, "2027-01-05T12:00", resource="noa", override=everything, status=422)
    by_another = await book(shop, "2026-11-30T12:10", override=everything)

    assert taken["code"] == "slot_taken"
    assert (away["code"], away["reason"]) == ("not_offered", "time_off")
    assert who(by_another) == [("barber", "dan")], "the first of the least booked, whose hours do not count"


async def test_limits_of_the_customer_and_of_the_day_give_way(shop: Door) -> None:
    for start in ("2026-12-01T10:00", "2026-12-02T10:00", "2026-12-03T10:00"):
        await book(shop, start)

    refused = await book(shop, "2026-12-07T10:00", status=409)
    booked = await book(shop, "2026-12-07T10:00", override=["limits"])

    assert (refused["code"], booked["override"]) == ("limit_reached", ["limits"])


async def test_daily_limit_gives_way(shop: Door) -> None:
    await shop.send("PATCH", "/v1/resources/noa", json={"rules": {"daily_limit": 1}}, status=200)
    await book(shop, "2026-12-01T10:00", resource="noa")

    refused = await book(shop, "2026-12-01T12:00", resource="noa", status=422)
    listed = await listing(shop, "2026-12-01", resource="noa")
    waived = await listing(shop, "2026-12-01", resource="noa", override=["limits"])
    booked = await book(shop, "2026-12-01T12:00", resource="noa", override=["limits"])

    assert (refused["reason"], listed, who(booked)) == ("daily_limit", [], [("barber", "noa")])
    assert booked["start"] in {start.replace("T12:00:00+02:00", "T10:00:00Z") for start in waived}


async def test_walk_in_that_has_begun_needs_no_approval(shop: Door) -> None:
    await shop.send("PATCH", "/v1/services/haircut", json={"rules": {"approval": True}}, status=200)
    later = await book(shop, "2026-12-01T12:00")

    walk_in = await book(shop, "2026-11-30T10:07", override=["off_grid", "lead_time"])
    moved = await shop.send(
        "POST",
        f"/v1/appointments/{later['id']}/reschedule",
        json={"start": "2026-11-30T09:20:00+02:00", "override": ["off_grid", "past"]},
        status=200,
    )

    assert (walk_in["status"], later["status"], moved["status"]) == ("confirmed", "pending", "confirmed")
    assert walk_in["approve_by"] is None
    completed = await shop.send("POST", f"/v1/appointments/{walk_in['id']}/complete", status=200)
    assert completed["status"] == "completed"


async def listing(shop: Door, first: str, last: str | None = None, **more: Any) -> list[str]:
    """The starts that the desk is shown."""
    params = {"service": "haircut", "from": first, "to": last or first, **more}
    answer = await shop.send("GET", "/v1/availability", params=params, status=200)
    return [slot["start"] for day in answer["days"] for slot in day["slots"]]


async def test_listing_shows_what_the_desk_may_do(shop: Door) -> None:
    usual = await listing(shop, "2026-11-30", resource="noa")
    at_once = await listing(shop, "2026-11-30", resource="noa", override="lead_time")
    any_minute = await listing(shop, "2026-11-30", resource="noa", override=_WALK_IN)
    today = await listing(shop, "2026-11-30", resource="noa", override=["past", "closed"])
    open_all_day = await listing(shop, "2026-11-30", resource="noa", override=["off_grid", "closed"])

    assert (usual[0], at_once[0]) == ("2026-11-30T11:15:00+02:00", "2026-11-30T10:15:00+02:00")
    assert any_minute[0] == "2026-11-30T10:07:00+02:00"
    assert any_minute[:60] == [f"2026-11-30T{10 + m // 60}:{m % 60:02}:00+02:00" for m in range(7, 67)]
    assert (today[0], today[-1]) == ("2026-11-30T09:00:00+02:00", "2026-11-30T17:45:00+02:00")
    assert (open_all_day[0], open_all_day[-1]) == ("2026-11-30T11:08:00+02:00", "2026-11-30T23:59:00+02:00")


async def test_listing_says_why_nothing_is_left_for_the_desk_either(shop: Door) -> None:
    async def reason(day: str, *override: str) -> Any:
        params = {"service": "haircut", "from": day, "to": day, "resource": "noa", "explain": "true"}
        answer = await shop.send("GET", "/v1/availability", params={**params, "override": override}, status=200)
        return answer["days"][0].get("reason")

    assert await reason("2027-01-05", "off_grid", "closed") == "time_off"
    assert await reason("2026-12-04") == "closed"
    assert await reason("2026-12-04", "closed") == "off_grid"
    assert await reason("2026-12-04", "closed", "off_grid") is None
    assert await reason("2027-03-01", "closed") == "outside_window"
    assert await reason("2027-03-01", "limits") is None


async def test_hold_keeps_its_override_for_whoever_confirms_it(shop: Door) -> None:
    for start in ("2026-12-01T10:00", "2026-12-02T10:00", "2026-12-03T10:00"):
        await book(shop, start)
    body = {"service": "haircut", "start": "2026-12-06T10:07:00+02:00", "client": "desk"}

    async def hold(*override: str) -> Any:
        return await shop.send("POST", "/v1/holds", json={**body, "override": list(override)}, status=201)

    placed = await hold("limits", "off_grid")
    again = await shop.send("POST", "/v1/holds", json={**body, "override": ["off_grid", "limits"]}, status=200)
    other = await hold("off_grid")
    confirmed = await shop.send(
        "POST", f"/v1/holds/{placed['id']}/confirm", json=_CUSTOMER, headers=shop.publishable, status=201
    )
    refused = await shop.send(
        "POST", f"/v1/holds/{other['id']}/confirm", json=_CUSTOMER, headers=shop.publishable, status=409
    )

    assert again["id"] == placed["id"] != other["id"]
    assert placed["override"] == confirmed["override"] == ["off_grid", "limits"]
    assert (refused["code"], other["override"]) == ("limit_reached", ["off_grid"])


async def test_move_by_the_desk_waives_rules_and_a_later_one_by_the_customer_keeps_them(shop: Door) -> None:
    booked = await book(shop, "2026-12-02T10:00", resource="noa")
    path = f"/v1/appointments/{booked['id']}/reschedule"

    by_rule = await shop.send("POST", path, json={"start": "2026-12-02T20:07:00+02:00"}, status=422)
    moved = await shop.send(
        "POST", path, json={"start": "2026-12-02T20:07:00+02:00", "override": ["off_grid", "closed"]}, status=200
    )
    by_customer = await shop.send(
        "POST",
        path,
        json={"start": "2026-12-03T20:07:00+02:00"},
        headers=as_customer_of(booked),
        status=422,
    )
    back = await shop.send(
        "POST", path, json={"start": "2026-12-03T10:00:00+02:00"}, headers=as_customer_of(booked), status=200
    )

    assert (by_rule["reason"], by_customer["reason"]) == ("closed", "off_grid")
    assert (moved["override"], who(moved), "override" in back) == (["off_grid", "closed"], [("barber", "noa")], False)


async def test_override_belongs_to_the_hold_that_an_appointment_moves_onto(shop: Door) -> None:
    booked = await book(shop, "2026-12-02T10:00")
    body = {"service": "haircut", "start": "2026-12-04T20:07:00+02:00", "override": ["off_grid", "closed"]}
    held = await shop.send("POST", "/v1/holds", json=body, status=201)
    path = f"/v1/appointments/{booked['id']}/reschedule"

    refused = await shop.send("POST", path, json={"hold": held["id"], "override": ["closed"]}, status=422)
    moved = await shop.send("POST", path, json={"hold": held["id"]}, status=200)

    assert refused["errors"] == [{"pointer": "override", "detail": "belongs to the hold: place it with this override"}]
    assert (moved["start"], moved["override"]) == ("2026-12-04T18:07:00Z", ["off_grid", "closed"])


@pytest.mark.parametrize("override", ["lead_time", "off_grid", "closed", "limits", "past", "held"])
async def test_visitors_waive_nothing(shop: Door, override: str) -> None:
    booked = await book(shop, "2026-12-02T10:00")
    start = {"start": "2026-12-03T10:00:00+02:00", "override": [override]}
    visit = {"service": "haircut", **start}
    move = f"/v1/appointments/{booked['id']}/reschedule"
    params = {"service": "haircut", "from": "2026-12-03", "to": "2026-12-03", "override": override}

    refused = [
        await shop.send("POST", "/v1/holds", json=visit, headers=shop.publishable, status=403),
        await shop.send("POST", "/v1/appointments", json=visit | _CUSTOMER, headers=shop.publishable, status=403),
        await shop.send("POST", move, json=start, headers=as_customer_of(booked), status=403),
        await shop.send("GET", "/v1/availability", params=params, headers=shop.publishable, status=403),
        await shop.send("GET", "/v1/availability/days", params=params, headers=shop.publishable, status=403),
    ]

    assert {one["code"] for one in refused} == {"forbidden"}


async def test_unknown_override_is_refused_with_a_suggestion(shop: Door) -> None:
    near = await book(shop, "2026-12-02T10:00", override=["closd", "limits"], status=422)
    far = await book(shop, "2026-12-02T10:00", override=["everything"], status=422)
    params = {"service": "haircut", "from": "2026-12-03", "to": "2026-12-03", "override": "offgrid"}
    listed = await shop.send("GET", "/v1/availability", params=params, status=422)

    assert near["errors"] == [{"pointer": "override[0]", "detail": 'no such override; did you mean "closed"?'}]
    assert far["errors"] == [
        {"pointer": "override[0]", "detail": "must be one of held, lead_time, off_grid, closed, limits, past"}
    ]
    assert listed["errors"] == [
        {"pointer": "query.override[0]", "detail": 'no such override; did you mean "off_grid"?'}
    ]


async def test_listing_of_every_minute_is_short(shop: Door) -> None:
    params = {"service": "haircut", "from": "2026-12-01", "to": "2026-12-08", "override": "off_grid"}
    refused = await shop.send("GET", "/v1/availability", params=params, status=422)
    following = {"service": "haircut", "override": "past"}
    from_now = await shop.send("GET", "/v1/availability/next", params=following, status=422)
    next_minute = await shop.send(
        "GET", "/v1/availability/next", params={"service": "haircut", "override": _WALK_IN, "limit": 1}, status=200
    )

    assert [error["pointer"] for error in (refused["errors"] + from_now["errors"])] == ["query.to", "query.override"]
    assert [slot["start"] for slot in next_minute["slots"]] == ["2026-11-30T10:07:00+02:00"]


async def test_limits_of_holds_are_none_of_those_that_are_waived(shop: Door) -> None:
    """`hold.max_per_client` is 3."""
    body = {"service": "haircut", "client": "desk", "override": ["limits"]}
    for hour in ("12", "14", "15"):
        await shop.send("POST", "/v1/holds", json={**body, "start": f"2026-12-01T{hour}:00:00+02:00"}, status=201)

    fourth = await shop.send("POST", "/v1/holds", json={**body, "start": "2026-12-01T16:00:00+02:00"}, status=429)

    assert fourth["code"] == "hold_limit_reached"


async def test_gap_grid_does_not_mind_holds_that_give_way(shop: Door) -> None:
    """A start at 12:00 would leave a gap of no use after a hold until 11:45."""
    service = {"key": "massage", "name": "Massage", "duration_minutes": 60}
    grid = {"align": "gap", "step_minutes": 15}
    requires = [{"role": "host", "any_of": ["noa"]}]
    document = small_document(services=[{**service, "grid": grid, "requires": requires}])
    await shop.send("PUT", "/v1/business", json=document, status=200)
    await shop.hold("massage", "2026-12-01T10:45:00+02:00")
    noon = {"service": "massage", "start": "2026-12-01T12:00:00+02:00"}

    listed = await listing(shop, "2026-12-01", service="massage", override=["held"])
    refused = await shop.send("POST", "/v1/holds", json=noon, status=422)
    held = await shop.send("POST", "/v1/holds", json={**noon, "override": ["held"]}, status=201)

    assert noon["start"] in listed
    assert refused["reason"] == "off_grid"
    # The hold that is not in the way lives on.
    assert "gave_way" not in held
