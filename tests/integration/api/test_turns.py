"""Turns, and the least booked: who gets a visit when any of several may."""

from typing import Any, Final

import pytest

from tests.support.door import Door, who

_HOURS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "08:00", "end": "20:00"}]
_CUSTOMER: Final = {"customer": {"name": "Dana Levi"}}


async def set_up(door: Door, assign: Any, turns: str | None = None) -> None:
    """Noa and Dan, and two services that either of them can do."""
    entry: dict[str, Any] = {"role": "barber", "any_of": ["noa", "dan"]}
    if turns is not None:
        entry["turns"] = turns
    service = {"duration_minutes": 60, "requires": [entry], "assign": assign}
    document = {
        "business": {"name": "B", "timezone": "Asia/Jerusalem", "currency": "ILS"},
        "locations": [{"key": "main", "name": "Main", "timezone": "Asia/Jerusalem"}],
        "resources": [
            {"key": key, "kind": "staff", "name": key, "location": "main", "hours": _HOURS} for key in ("noa", "dan")
        ],
        "services": [service | {"key": key, "name": key} for key in ("cut", "shave")],
    }
    await door.send("PUT", "/v1/business", json=document, status=200)


async def book(door: Door, start: str, service: str = "cut", **more: Any) -> Any:
    body = {"service": service, "start": f"{start}+02:00", **_CUSTOMER, **more}
    return await door.send("POST", "/v1/appointments", json=body, status=201)


def whom(booked: Any) -> str:
    ((_role, resource),) = who(booked)
    return resource


async def test_cancelled_visit_takes_no_turn(door: Door) -> None:
    await set_up(door, "round_robin")
    first = await book(door, "2026-12-01T10:00")
    await door.send("POST", f"/v1/appointments/{first['id']}/cancel", status=200)

    assert (whom(first), whom(await book(door, "2026-12-01T12:00"))) == ("noa", "noa")


async def test_move_that_keeps_the_resource_takes_no_turn(door: Door) -> None:
    await set_up(door, "round_robin")
    first = await book(door, "2026-12-01T10:00")
    second = await book(door, "2026-12-01T12:00")
    moved = await door.send(
        "POST", f"/v1/appointments/{first['id']}/reschedule", json={"start": "2026-12-01T14:00:00+02:00"}, status=200
    )
    third = await book(door, "2026-12-01T16:00")

    assert [whom(one) for one in (first, second, moved, third)] == ["noa", "dan", "noa", "noa"]


@pytest.mark.parametrize(("turns", "expected"), [(None, "noa"), ("service", "noa"), ("shared", "dan")])
async def test_turns_are_of_one_service_unless_they_are_shared(door: Door, turns: str | None, expected: str) -> None:
    await set_up(door, "round_robin", turns)
    await book(door, "2026-12-01T10:00", "shave", resource="noa")

    held = await door.hold("cut", "2026-12-01T12:00:00+02:00")

    assert whom(held) == whom(await door.confirm(held)) == expected


@pytest.mark.parametrize(
    ("assign", "told", "expected"),
    [
        ("least_booked", "least_booked", ["noa", "noa"]),
        ({"least_booked": "day"}, "least_booked", ["noa", "noa"]),
        ({"least_booked": "week"}, {"least_booked": "week"}, ["dan", "noa"]),
        ({"least_booked": "month"}, {"least_booked": "month"}, ["dan", "dan"]),
    ],
)
async def test_least_booked_counts_the_period(door: Door, assign: Any, told: Any, expected: list[str]) -> None:
    await set_up(door, assign)
    for start in ("2026-12-07T10:00", "2026-12-07T11:00"):
        await book(door, start, resource="noa")
    document = await door.send("GET", "/v1/business", status=200)

    this_week, next_week = await book(door, "2026-12-11T10:00"), await door.hold("cut", "2026-12-14T10:00:00+02:00")

    assert document["services"][0]["assign"] == told
    assert [whom(this_week), whom(next_week)] == expected


async def test_unknown_period_is_refused(door: Door) -> None:
    await set_up(door, "least_booked")

    refused = await door.send("PATCH", "/v1/services/cut", json={"assign": {"least_booked": "year"}}, status=422)

    assert [error["pointer"] for error in refused["errors"]] == ["assign"]
