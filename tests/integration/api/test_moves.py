"""What a move does to the people, rooms and devices of a visit, over HTTP: it keeps those who are free."""

from typing import Any

import pytest

from tests.support.door import Door, who

_NINE = "2026-12-07T09:00:00+01:00"
_ELEVEN = "2026-12-07T11:00:00+01:00"
_ONE = "2026-12-07T13:00:00+01:00"
_WEDNESDAY = "2026-12-09T10:00:00+01:00"

with_and_without_redis = pytest.mark.redis("default", "away")


@pytest.fixture
async def clinic(door: Door) -> Door:
    await door.set_up("clinic")
    return door


@with_and_without_redis
async def test_move_keeps_doctor_and_room_though_others_come_first_in_the_pools(clinic: Door) -> None:
    await _book(clinic, "consultation", _NINE, resource="dr-adler")
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")

    moved = await _move(clinic, visit, _ELEVEN)

    assert who(moved) == who(visit) == [("doctor", "dr-brandt"), ("room", "room-2")]
    assert moved["changed_resources"] == []


@with_and_without_redis
async def test_move_replaces_only_who_is_not_free_and_says_whom(clinic: Door) -> None:
    await _book(clinic, "consultation", _NINE, resource="dr-adler")
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")
    busy = await _book(clinic, "consultation", _ONE, resource="dr-brandt")

    moved = await _move(clinic, visit, _ONE)

    assert who(busy) == [("doctor", "dr-brandt"), ("room", "room-1")]
    # Dr Adler is free too, but has seen somebody that day.
    assert who(moved) == [("doctor", "dr-cerny"), ("room", "room-2")]
    assert moved["changed_resources"] == [{"role": "doctor", "from": "dr-brandt", "to": "dr-cerny"}]


@with_and_without_redis
async def test_doctor_asked_for_in_a_move_is_the_stronger_wish_and_the_room_stays(clinic: Door) -> None:
    await _book(clinic, "consultation", _NINE, resource="dr-adler")
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")

    moved = await _move(clinic, visit, _ELEVEN, resource="dr-cerny")

    assert who(moved) == [("doctor", "dr-cerny"), ("room", "room-2")]
    assert moved["changed_resources"] == [{"role": "doctor", "from": "dr-brandt", "to": "dr-cerny"}]


@with_and_without_redis
async def test_of_three_roles_only_the_doctor_changes_when_only_she_is_busy(clinic: Door) -> None:
    await _book(clinic, "consultation", "2026-12-09T09:00:00+01:00", resource="dr-adler")
    visit = await _book(clinic, "laser-treatment", "2026-12-09T09:00:00+01:00", resource="dr-brandt")
    busy = await _book(clinic, "consultation", "2026-12-09T13:00:00+01:00", resource="dr-brandt")

    moved = await _move(clinic, visit, "2026-12-09T13:00:00+01:00")

    assert who(visit) == [("doctor", "dr-brandt"), ("device", "laser"), ("room", "room-2")]
    assert who(busy) == [("doctor", "dr-brandt"), ("room", "room-1")]
    assert who(moved) == [("doctor", "dr-adler"), ("device", "laser"), ("room", "room-2")]
    assert moved["changed_resources"] == [{"role": "doctor", "from": "dr-brandt", "to": "dr-adler"}]


@with_and_without_redis
async def test_of_two_nurses_the_one_stays_who_is_free(clinic: Door) -> None:
    monday = "2026-12-07T10:00:00+01:00"
    await _book(clinic, "light-therapy", monday, resource="ida")
    visit = await _book(clinic, "minor-surgery", monday, resource="dr-brandt")
    await _book(clinic, "light-therapy", _WEDNESDAY, resource="jon")

    moved = await _move(clinic, visit, _WEDNESDAY)

    others = [("surgeon", "dr-brandt"), ("theatre", "theatre")]
    assert sorted(who(visit)) == sorted([*others, ("nurse", "jon"), ("nurse", "kim")])
    assert sorted(who(moved)) == sorted([*others, ("nurse", "ida"), ("nurse", "kim")])
    assert moved["changed_resources"] == [{"role": "nurse", "from": "jon", "to": "ida"}]


async def test_doctor_whom_a_visitor_holds_is_replaced(clinic: Door) -> None:
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")
    held = await clinic.hold("consultation", _ONE, resource="dr-brandt")

    moved = await _move(clinic, visit, _ONE)

    assert who(held) == [("doctor", "dr-brandt"), ("room", "room-2")]
    assert who(moved) == [("doctor", "dr-adler"), ("room", "room-1")]
    assert moved["changed_resources"] == [{"role": "doctor", "from": "dr-brandt", "to": "dr-adler"}]
    assert "gave_way" not in moved


async def test_doctor_whom_a_visitor_holds_stays_when_the_business_overrides_that(clinic: Door) -> None:
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")
    held = await clinic.hold("consultation", _ONE, resource="dr-brandt")

    moved = await _move(clinic, visit, _ONE, override=["held"])

    # Dr Adler is free; she does not replace whom the business can have.
    assert who(moved) == who(visit)
    assert moved["gave_way"] == [held["id"]]


async def test_doctor_and_room_of_two_holds_both_stay_when_the_business_overrides_them(clinic: Door) -> None:
    await _book(clinic, "consultation", _NINE, resource="dr-adler")
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")
    doctor = await clinic.hold("consultation", _ONE, resource="dr-brandt")
    room = await clinic.hold("consultation", _ONE, resource="dr-adler")

    moved = await _move(clinic, visit, _ONE, override=["held"])

    assert (who(doctor)[1], who(room)[1]) == (("room", "room-1"), ("room", "room-2"))
    assert who(moved) == who(visit) == [("doctor", "dr-brandt"), ("room", "room-2")]
    assert moved["changed_resources"] == []
    assert sorted(moved["gave_way"]) == sorted([doctor["id"], room["id"]])


async def test_hold_gives_way_for_the_doctor_who_stays_beside_one_who_is_booked(clinic: Door) -> None:
    visit = await _book(clinic, "consultation", _NINE, resource="dr-brandt")
    booked = await _book(clinic, "consultation", _ONE, resource="room-1")
    held = await clinic.hold("consultation", _ONE, resource="dr-brandt")

    moved = await _move(clinic, visit, _ONE, override=["held"])

    assert (who(visit)[1], who(booked)[0], who(held)[1]) == (
        ("room", "room-1"), ("doctor", "dr-adler"), ("room", "room-2"),
    )  # fmt: skip
    assert who(moved) == [("doctor", "dr-brandt"), ("room", "room-2")]
    assert moved["changed_resources"] == [{"role": "room", "from": "room-1", "to": "room-2"}]
    assert moved["gave_way"] == [held["id"]]


async def _book(clinic: Door, service: str, start: str, **more: Any) -> Any:
    """In one step, which needs no Redis; each has a customer of its own."""
    customer = {"name": "Dana Levi", "email": f"{service}.{start[8:13]}.{more.get('resource')}@example.com"}
    body = {"service": service, "start": start, "customer": customer, **more}
    return await clinic.send("POST", "/v1/appointments", json=body, status=201)


async def _move(clinic: Door, visit: Any, start: str, **more: Any) -> Any:
    path = f"/v1/appointments/{visit['id']}/reschedule"
    return await clinic.send("POST", path, json={"start": start, **more}, status=200)
