"""Places in pieces over HTTP: 10 to 12 is sold where one of two places is free in each minute."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, NO_REDIS, FixedClock, patient_settings

_DAY = "2026-12-07"


def _at(clock: str) -> str:
    return f"{_DAY}T{clock}:00+01:00"


def _is_from_to(booked: Any, start: str, end: str) -> bool:
    times = [datetime.fromisoformat(booked[name]) for name in ("start", "end")]
    return times == [datetime.fromisoformat(_at(start)), datetime.fromisoformat(_at(end))]


def _sauna(**resource: Any) -> dict[str, Any]:
    hours = [{"days": ["mon"], "start": "10:00", "end": "12:00"}]
    return {
        "business": {"name": "Sauna", "timezone": "Europe/Vienna", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            {"key": "sauna", "kind": "room", "name": "Sauna", "capacity": 2, "hours": hours, **resource},
        ],
        "services": [
            {
                "key": key,
                "name": key,
                "duration_minutes": minutes,
                "grid": {"step_minutes": 30},
                "requires": [{"role": "room", "any_of": ["sauna"]}],
            }
            for key, minutes in {"half": 30, "hour": 60, "long": 120}.items()
        ],
    }


async def _set_up(door: Door, **resource: Any) -> None:
    await door.send("PUT", "/v1/business", content=orjson.dumps(_sauna(**resource)), status=200)


async def _cancel(door: Door, booked: Any) -> None:
    await door.send("POST", f"/v1/appointments/{booked['id']}/cancel", json={}, status=200)


async def _fill_crosswise(door: Door) -> None:
    """Book the first place from eleven on and the second one until then: in each minute one of them is left."""
    early = await door.book("hour", _at("10:00"))
    await door.book("hour", _at("10:00"))
    await _cancel(door, early)
    await door.book("hour", _at("11:00"))


async def test_stretch_is_sold_whichever_lane_each_minute_is_on(door: Door) -> None:
    await _set_up(door)
    await _fill_crosswise(door)

    listed = await door.slots("long", _DAY)
    hold = await door.hold("long", _at("10:00"))
    while_held = await door.slots("half", _DAY)
    mine = await door.slots("long", _DAY, hold=hold["id"])
    booked = await door.confirm(hold)
    once_booked = await door.slots("half", _DAY)
    refused = await door.hold("half", _at("10:30"), status=409)

    assert {start: slot["remaining"] for start, slot in listed.items()} == {_at("10:00"): 1}
    assert list(mine) == [_at("10:00")]
    assert _is_from_to(booked, "10:00", "12:00")
    assert [used["resource"] for used in booked["resources"]] == ["sauna"]
    assert while_held == once_booked == {}
    assert refused["code"] == "slot_taken"


async def test_cancelled_visit_frees_all_of_its_pieces(door: Door) -> None:
    await _set_up(door)
    await _fill_crosswise(door)
    before = await door.slots("half", _DAY)
    booked = await door.book("long", _at("10:00"))

    await _cancel(door, booked)

    assert await door.slots("half", _DAY) == before
    assert [slot["remaining"] for slot in before.values()] == [1, 1, 1, 1]


async def test_visit_is_moved_onto_pieces_and_over_itself(door: Door) -> None:
    await _set_up(door, hours=[{"days": ["mon"], "start": "10:00", "end": "13:00"}])
    await _fill_crosswise(door)
    moving = await door.book("hour", _at("12:00"))
    path = f"/v1/appointments/{moving['id']}/reschedule"

    over_the_border = await door.send("POST", path, json={"start": _at("10:30")}, status=200)
    a_bit_later = await door.send("POST", path, json={"start": _at("11:00")}, status=200)

    assert _is_from_to(over_the_border, "10:30", "11:30")
    assert _is_from_to(a_bit_later, "11:00", "12:00")
    left = {start[11:16]: slot["remaining"] for start, slot in (await door.slots("half", _DAY)).items()}
    assert left == {"10:00": 1, "10:30": 1, "12:00": 2, "12:30": 2}


async def test_named_lanes_are_sold_whole(door: Door) -> None:
    await _set_up(door, lanes="named")
    await _fill_crosswise(door)

    listed = {start[11:16]: slot["remaining"] for start, slot in (await door.slots("hour", _DAY)).items()}
    refused = await door.hold("long", _at("10:00"), status=409)

    # Not 10:30: the first lane is taken from eleven on, and the second one until then.
    assert listed == {"10:00": 1, "11:00": 1}
    assert refused["code"] == "slot_taken"


async def test_likeness_of_lanes_is_told_only_where_they_are_named(door: Door) -> None:
    await _set_up(door)
    alike = await door.send("GET", "/v1/resources/sauna", status=200)
    named = await door.send("PATCH", "/v1/resources/sauna", json={"lanes": "named"}, status=200)
    refused = await door.send("PATCH", "/v1/resources/sauna", json={"lanes": "other"}, status=422)

    assert "lanes" not in alike
    assert named["lanes"] == "named"
    assert refused["errors"][0]["pointer"] == "lanes"


async def test_pieces_are_booked_without_redis(database_url: str, door: Door) -> None:
    await _set_up(door)
    await _fill_crosswise(door)
    body = {"service": "long", "start": _at("10:00"), "customer": {"name": "Dana"}}

    async with open_door(
        database_url, NO_REDIS, clock=FixedClock(MONDAY), settings=patient_settings(database_url, NO_REDIS)
    ) as other:
        alone = replace(other, secret=door.secret, publishable=door.publishable)
        booked = await alone.send("POST", "/v1/appointments", json=body, status=201)
        refused = await alone.send("POST", "/v1/appointments", json=body, status=409)

    assert _is_from_to(booked, "10:00", "12:00")
    assert refused["code"] == "slot_taken"
