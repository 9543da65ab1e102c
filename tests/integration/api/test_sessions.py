"""One session at a time: places of an exclusive resource are for the service and start that is booked there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from persistence import keys
from tests.support.door import Door, act, open_door, who
from tests.support.engine import MONDAY, NO_REDIS, FixedClock, MovingClock, patient_settings

_DAY = "2026-12-07"
_ALL = ["18:00", "18:30", "19:00"]


def _at(clock: str) -> str:
    return f"{_DAY}T{clock}:00+01:00"


def _studio(**resource: Any) -> dict[str, Any]:
    hours = [{"days": ["mon"], "start": "18:00", "end": "20:00"}]
    hall = {"key": "hall", "kind": "class", "name": "Hall", "capacity": 3, "hours": hours, "exclusive": "service"}
    return {
        "business": {"name": "Studio", "timezone": "Europe/Vienna", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [{**hall, **resource}],
        "services": [
            {
                "key": key,
                "name": key,
                "duration_minutes": 60,
                "grid": {"step_minutes": 30},
                "requires": [{"role": "class", "any_of": ["hall"]}],
            }
            for key in ("yoga", "pilates")
        ],
    }


async def _set_up(door: Door, **resource: Any) -> None:
    await door.send("PUT", "/v1/business", content=orjson.dumps(_studio(**resource)), status=200)


@pytest.fixture
async def studio(door: Door) -> Door:
    await _set_up(door)
    return door


async def _offered(door: Door, service: str, **more: Any) -> list[str]:
    return [start[11:16] for start in await door.slots(service, _DAY, **more)]


async def _code(door: Door, service: str, start: str, **more: Any) -> str:
    """Why the start cannot be held."""
    return str((await door.hold(service, _at(start), status=409, **more))["code"])


async def test_places_are_for_the_session_that_is_booked(studio: Door) -> None:
    before = [await _offered(studio, service) for service in ("yoga", "pilates")]
    await studio.book("yoga", _at("18:00"))
    slots = await studio.slots("yoga", _DAY)
    after = [await _offered(studio, service) for service in ("yoga", "pilates")]
    refused = [await _code(studio, "pilates", "18:00"), await _code(studio, "yoga", "18:30")]
    await studio.book("yoga", _at("18:00"), party=2)

    assert before == [_ALL, _ALL]
    assert after == [["18:00", "19:00"], ["19:00"]]
    assert [slots[_at(start)]["remaining"] for start in ("18:00", "19:00")] == [2, 3]
    assert refused == ["slot_taken", "slot_taken"]
    # All places are taken now, also those of the session.
    assert await _offered(studio, "yoga") == ["19:00"]
    assert await _code(studio, "yoga", "18:00") == "slot_taken"


async def test_places_are_for_the_session_that_is_held(studio: Door) -> None:
    held = await studio.hold("yoga", _at("18:30"))
    listed = [await _offered(studio, service) for service in ("yoga", "pilates")]
    mine = await _offered(studio, "yoga", hold=held["id"])
    refused = [await _code(studio, "pilates", "18:30"), await _code(studio, "yoga", "19:00")]
    joined = await studio.hold("yoga", _at("18:30"))
    for hold in (held, joined):
        await studio.send("DELETE", f"/v1/holds/{hold['id']}", status=204)

    assert listed == [["18:30"], []]
    assert mine == _ALL
    assert refused == ["slot_held", "slot_held"]
    assert await _offered(studio, "pilates") == _ALL


async def test_empty_day_and_refusal_name_what_takes_the_places(studio: Door) -> None:
    held = await studio.hold("yoga", _at("18:30"))
    (while_held,) = await _days(studio)
    await studio.confirm(held)
    (once_booked,) = await _days(studio)

    assert (while_held["slots"], while_held["reason"]) == ([], "held")
    assert (once_booked["slots"], once_booked["reason"]) == ([], "fully_booked")


async def _days(door: Door) -> list[Any]:
    params = {"service": "pilates", "from": _DAY, "to": _DAY, "explain": "true"}
    listing = await door.send("GET", "/v1/availability", params=params, headers=door.publishable, status=200)
    days: list[Any] = listing["days"]
    return days


async def test_visits_of_a_session_may_differ_in_length(door: Door) -> None:
    document = _studio()
    document["services"][0]["durations"] = [30, 60]
    await door.send("PUT", "/v1/business", content=orjson.dumps(document), status=200)

    await door.book("yoga", _at("18:00"), duration_minutes=30)
    after_the_short_one = await _offered(door, "pilates")
    await door.book("yoga", _at("18:00"), duration_minutes=60)
    await door.book("yoga", _at("18:00"), duration_minutes=30)

    assert after_the_short_one == ["18:30", "19:00"]
    assert await _offered(door, "pilates") == ["19:00"]
    assert await _offered(door, "yoga", duration_minutes=30) == ["19:00", "19:30"]


async def test_sessions_keep_their_buffers_from_each_other(door: Door) -> None:
    document = _studio(hours=[{"days": ["mon"], "start": "18:00", "end": "21:00"}])
    document["services"][0] |= {"buffer_before_minutes": 5, "buffer_after_minutes": 10}
    await door.send("PUT", "/v1/business", content=orjson.dumps(document), status=200)

    await door.book("yoga", _at("18:30"))

    # The hall is for yoga from 18:25 to 19:40.
    assert await _offered(door, "pilates") == ["20:00"]
    assert await _offered(door, "yoga") == ["18:30", "20:00"]


async def test_teacher_of_an_exclusive_hall_is_booked_by_herself(door: Door) -> None:
    document = _studio()
    hours = document["resources"][0]["hours"]
    document["resources"] += [{"key": key, "kind": "staff", "name": key, "hours": hours} for key in ("ann", "bea")]
    for service in document["services"]:
        service["requires"].insert(0, {"role": "teacher", "kind": "staff"})
    await door.send("PUT", "/v1/business", content=orjson.dumps(document), status=200)

    taught = await door.book("yoga", _at("18:00"))
    joined = await door.book("yoga", _at("18:00"))

    assert [who(booked) for booked in (taught, joined)] == [
        [("teacher", "ann"), ("class", "hall")],
        [("teacher", "bea"), ("class", "hall")],
    ]
    # A place is left, and nobody to teach.
    assert await _offered(door, "yoga") == ["19:00"]


async def test_last_one_who_cancels_ends_the_session(studio: Door) -> None:
    first, second = [await studio.book("yoga", _at("18:00")) for _ in range(2)]

    await act(studio, first, "cancel", json={})
    while_one_is_left = await _offered(studio, "pilates")
    await act(studio, second, "cancel", json={})

    assert while_one_is_left == ["19:00"]
    assert await _offered(studio, "pilates") == _ALL


async def test_visit_that_is_alone_moves_its_session_and_others_do_not(studio: Door) -> None:
    alone = await studio.book("yoga", _at("18:00"))
    desk = replace(studio, publishable=studio.secret)
    listed = await _offered(desk, "yoga", rescheduling=alone["id"])
    moved = await act(studio, alone, "reschedule", json={"start": _at("18:30")})
    await studio.book("yoga", _at("18:30"))
    listed_beside = await _offered(desk, "yoga", rescheduling=alone["id"])
    refused = await act(studio, alone, "reschedule", json={"start": _at("18:00")}, status=409)
    held = await studio.send(
        "POST", "/v1/holds", json={"service": "yoga", "start": _at("18:00"), "rescheduling": alone["id"]}, status=409
    )

    assert listed == _ALL
    assert moved["start"] == "2026-12-07T17:30:00Z"
    assert listed_beside == ["18:30"]
    assert (refused["code"], held["code"]) == ("slot_taken", "slot_taken")


async def test_party_that_grows_stays_in_its_session(studio: Door) -> None:
    booked = await studio.book("yoga", _at("18:00"))
    await studio.book("yoga", _at("18:00"))

    grown = await studio.send("PATCH", f"/v1/appointments/{booked['id']}", json={"party": 2}, status=200)
    other = await studio.send("PATCH", f"/v1/appointments/{booked['id']}", json={"service": "pilates"}, status=409)

    assert grown["party"] == 2
    assert other["code"] == "slot_taken"
    assert await studio.discrepancies(grown, FixedClock(MONDAY)) == []


async def test_hold_of_another_session_gives_way_to_the_business(studio: Door) -> None:
    held = await studio.hold("yoga", _at("18:00"))
    body = {"service": "pilates", "start": _at("18:30"), "override": ["held"]}

    placed = await studio.send("POST", "/v1/holds", json=body, status=201)

    assert placed["gave_way"] == [held["id"]]


async def test_constraint_has_the_last_word(studio: Door) -> None:
    held = await studio.hold("pilates", _at("18:30"))
    await _forget(studio, "held:*")
    await studio.book("yoga", _at("18:00"))

    confirm = f"/v1/holds/{held['id']}/confirm"
    lost = await studio.send("POST", confirm, json={"customer": {"name": "Dana"}}, status=409)

    assert lost["code"] == "slot_taken"
    assert await _offered(studio, "pilates") == ["19:00"]


async def _forget(door: Door, pattern: str) -> None:
    redis = door.context.redis
    names = [name async for name in redis.scan_iter(match=f"{keys.prefix(door.tenant_id)}{pattern}")]
    assert names
    await redis.delete(*names)


async def test_visits_from_before_the_resource_was_exclusive_are_sessions_too(door: Door) -> None:
    await _set_up(door, exclusive=None)
    await door.book("yoga", _at("18:00"))
    held = await door.hold("yoga", _at("19:00"))
    apart = [await _offered(door, service) for service in ("yoga", "pilates")]

    await door.send("PATCH", "/v1/resources/hall", json={"exclusive": "service"}, status=200)
    together = [await _offered(door, service) for service in ("yoga", "pilates")]
    await door.book("yoga", _at("18:00"))
    refused = await _code(door, "pilates", "18:00")
    await door.confirm(held)
    last = [await _offered(door, service) for service in ("yoga", "pilates")]

    assert apart == [_ALL, _ALL]
    # A hold from before is in nobody's session: its time is free, or a session's, once it has ended.
    assert together == [["18:00"], []]
    assert refused == "slot_taken"
    assert last == [["18:00", "19:00"], []]


async def test_resource_that_is_no_longer_exclusive_has_its_places_apart(studio: Door) -> None:
    await studio.book("yoga", _at("18:00"))

    await studio.send("PATCH", "/v1/resources/hall", json={"exclusive": None}, status=200)

    assert await _offered(studio, "pilates") == _ALL
    await studio.book("pilates", _at("18:30"), party=2)
    assert await _offered(studio, "yoga") == ["19:00"]


async def test_sessions_are_kept_apart_without_redis(database_url: str, studio: Door) -> None:
    await studio.book("yoga", _at("18:00"))
    customer = {"customer": {"name": "Dana"}}

    async with open_door(
        database_url, NO_REDIS, clock=FixedClock(MONDAY), settings=patient_settings(database_url, NO_REDIS)
    ) as other:
        alone = replace(other, secret=studio.secret, publishable=studio.publishable)
        answers = [
            await alone.send(
                "POST", "/v1/appointments", json={"service": service, "start": _at(start), **customer}, status=status
            )
            for service, start, status in [
                ("pilates", "18:30", 409),
                ("yoga", "18:00", 201),
                ("pilates", "19:00", 201),
                ("yoga", "19:00", 409),
            ]
        ]

    assert [answer.get("code") for answer in answers] == ["slot_taken", None, None, "slot_taken"]


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def open_studio(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await _set_up(opened)
        yield opened


async def test_session_ends_with_the_last_visit_of_it(open_studio: Door, clock: MovingClock) -> None:
    first, second = [await open_studio.book("yoga", _at("18:00")) for _ in range(2)]
    clock.instant = datetime(2026, 12, 7, 17, 20, tzinfo=UTC)

    await act(open_studio, first, "no-show")
    while_one_is_there = await _offered(open_studio, "pilates")
    await act(open_studio, second, "no-show")
    over = await _offered(open_studio, "pilates")
    held = await open_studio.hold("pilates", _at("18:30"))
    while_held = await act(open_studio, second, "reopen", status=409)
    booked = await open_studio.confirm(held)
    while_booked = await act(open_studio, second, "reopen", status=409)
    await act(open_studio, booked, "cancel", json={})
    reopened = await act(open_studio, second, "reopen")

    assert while_one_is_there == ["19:00"]
    assert over == ["18:30", "19:00"]
    assert [refused["code"] for refused in (while_held, while_booked)] == ["slot_held", "slot_taken"]
    assert reopened["status"] == "confirmed"
    assert await _offered(open_studio, "pilates") == ["19:00"]
    assert await open_studio.discrepancies(reopened, clock) == []


async def test_exclusive_comes_back_as_it_was_written(studio: Door) -> None:
    stored = await studio.send("GET", "/v1/business", status=200)
    unchanged = await studio.send("PUT", "/v1/business", content=orjson.dumps(stored), status=200)
    refused = await studio.send("PATCH", "/v1/resources/hall", json={"exclusive": "start"}, status=422)
    plain = await studio.send("PATCH", "/v1/resources/hall", json={"exclusive": None}, status=200)

    assert stored["resources"][0]["exclusive"] == "service"
    assert unchanged["changes"] == []
    assert refused["errors"][0]["pointer"] == "exclusive"
    assert "exclusive" not in plain
