"""Grids over HTTP: gaps that are of use or none, fixed starts, last starts. What is listed can be held, no more."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock

_EVERY_DAY: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAY: Final = "2026-12-02"


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        yield opened


async def _set_up(shop: Door, grid: dict[str, Any], *, hours: str = "09:00-12:00", **service: Any) -> None:
    """One person who works these hours, a service of an hour on that grid, and one of half an hour at any time."""
    start, end = hours.split("-")
    requires = [{"role": "staff", "any_of": ["noa"]}]
    document = small_document(
        business={"name": "Gaps", "timezone": "UTC", "currency": "EUR"},
        resources=[
            {"key": "noa", "kind": "staff", "name": "Noa", "hours": [{"days": _EVERY_DAY, "start": start, "end": end}]}
        ],
        services=[
            {"key": "visit", "name": "V", "duration_minutes": 60, "grid": grid, "requires": requires, **service},
            {
                "key": "short",
                "name": "S",
                "duration_minutes": 30,
                "grid": {"step_minutes": 5},
                "requires": requires,
            },
        ],
    )
    await shop.send("PUT", "/v1/business", json=document, status=200)


async def _listed(shop: Door, **more: Any) -> list[str]:
    return [start[11:16] for start in await shop.slots("visit", _DAY, **more)]


def _at(clock: str) -> str:
    return f"{_DAY}T{clock}:00Z"


async def test_gap_grid_offers_what_leaves_no_gap_and_refuses_the_rest(shop: Door) -> None:
    await _set_up(shop, {"align": "gap", "step_minutes": 15, "minimum_gap_minutes": 30})
    await shop.book("short", _at("10:30"))

    # Before it there are 90 minutes, after it 60: an exact fit.
    assert await _listed(shop) == ["09:00", "09:30", "11:00"]
    refused = await shop.hold("visit", _at("09:15"), status=422)
    assert (refused["code"], refused["reason"]) == ("not_offered", "off_grid")
    for clock in ("09:00", "09:30", "11:00"):
        held = await shop.hold("visit", _at(clock))
        await shop.send("DELETE", f"/v1/holds/{held['id']}", status=204)


async def test_least_gap_that_is_set_is_kept_and_the_day_says_so(shop: Door) -> None:
    await _set_up(shop, {"align": "gap", "minimum_gap_minutes": 45}, hours="09:00-10:30")

    days = await shop.send(
        "GET",
        "/v1/availability",
        params={"service": "visit", "from": _DAY, "to": _DAY, "explain": True},
        status=200,
    )

    assert [(day["slots"], day["reason"]) for day in days["days"]] == [([], "off_grid")]
    assert (await shop.hold("visit", _at("09:00"), status=422))["reason"] == "off_grid"


async def test_without_a_least_gap_one_that_cannot_be_avoided_is_at_one_end(shop: Door) -> None:
    await _set_up(shop, {"align": "gap", "step_minutes": 5}, hours="09:00-10:30")

    assert await _listed(shop) == ["09:00", "09:30"]


async def test_holds_of_others_move_a_gap_grid_and_ones_own_does_not(shop: Door) -> None:
    await _set_up(shop, {"align": "gap"}, hours="09:00-12:30")
    before = await _listed(shop)
    held = await shop.hold("short", _at("09:00"), client="a")

    assert before == ["09:00", "10:00", "11:30"]
    assert await _listed(shop) == ["09:30", "10:30", "11:30"]
    assert await _listed(shop, hold=held["id"]) == before
    # Free, but a start only while nobody holds anything.
    assert (await shop.hold("visit", _at("10:00"), status=422))["reason"] == "off_grid"
    # Taken by the hold, which may end.
    taken = await shop.hold("visit", _at("09:00"), status=409)
    assert taken["code"] == "slot_held"
    assert taken["retry_after_seconds"] > 0

    mine = await shop.hold("visit", _at("09:30"), client="b")
    again = await shop.hold("visit", _at("09:30"), client="b", status=200)
    assert again["id"] == mine["id"]
    replaced = await shop.hold("visit", _at("10:30"), client="b", replaces=mine["id"])
    assert (await shop.confirm(replaced))["start"] == _at("10:30")


async def test_booking_a_start_of_a_gap_grid_directly_may_be_repeated(shop: Door) -> None:
    await _set_up(shop, {"align": "gap"}, hours="09:00-12:30")
    await shop.hold("short", _at("09:00"))
    body = {"service": "visit", "start": _at("09:30"), "customer": {"name": "Dana"}}

    first, second = [
        await shop.send("POST", "/v1/appointments", json=body, headers={"Idempotency-Key": "k"}, status=201)
        for _ in range(2)
    ]

    assert first["id"] == second["id"]


async def test_appointment_moves_within_the_gap_that_it_leaves(shop: Door) -> None:
    await _set_up(shop, {"align": "gap"})
    booked = await shop.book("visit", _at("10:00"))

    params = {"service": "visit", "from": _DAY, "to": _DAY, "rescheduling": booked["id"]}
    (day,) = (await shop.send("GET", "/v1/availability", params=params, status=200))["days"]

    assert [slot["start"][11:16] for slot in day["slots"]] == ["09:00", "10:00", "11:00"]
    path = f"/v1/appointments/{booked['id']}/reschedule"
    assert (await shop.send("POST", path, json={"start": _at("09:30")}, status=422))["reason"] == "off_grid"
    assert (await shop.send("POST", path, json={"start": _at("11:00")}, status=200))["start"] == _at("11:00")


async def test_fixed_starts_are_those_of_the_clock(shop: Door) -> None:
    await _set_up(shop, {"at": ["11:00", "09:45", "20:00"]})

    assert await _listed(shop) == ["09:45", "11:00"]
    assert (await shop.hold("visit", _at("10:00"), status=422))["reason"] == "off_grid"
    await shop.book("visit", _at("09:45"))
    assert await _listed(shop) == ["11:00"]
    stored = await shop.send("GET", "/v1/services/visit", status=200)
    assert stored["grid"] == {"at": ["09:45", "11:00", "20:00"]}
    patched = await shop.send("PATCH", "/v1/services/visit", json={"grid": {"at": ["10:45"]}}, status=200)
    assert patched["grid"] == {"at": ["10:45"]}
    patched = await shop.send("PATCH", "/v1/services/visit", json={"grid": {"at": None}}, status=200)
    assert patched["grid"] == {"align": "opening", "offset_minutes": 0}


async def test_last_start_lies_so_long_before_work_ends(shop: Door) -> None:
    await _set_up(shop, {"step_minutes": 30, "last_start_minutes": 90})

    assert await _listed(shop) == ["09:00", "09:30", "10:00", "10:30"]
    assert (await shop.hold("visit", _at("11:00"), status=422))["reason"] == "off_grid"


@pytest.mark.parametrize(
    ("grid", "pointer", "detail"),
    [
        ({"at": ["10:00"], "align": "gap"}, "align", "must be absent where `at` says the starts"),
        ({"at": ["10:00"], "step_minutes": 15}, "step_minutes", "must be absent where `at` says the starts"),
        ({"at": ["10:00"], "offset_minutes": 5}, "offset_minutes", "must be absent where `at` says the starts"),
        ({"at": ["10:00", "10:00"]}, "at", "must name each time once"),
        ({"minimum_gap_minutes": 30}, "minimum_gap_minutes", 'needs `align: "gap"`: no other grid looks at gaps'),
    ],
)
async def test_grid_that_contradicts_itself_is_refused(
    shop: Door, grid: dict[str, Any], pointer: str, detail: str
) -> None:
    await _set_up(shop, {})

    refused = await shop.send("PATCH", "/v1/services/visit", json={"grid": grid}, status=422)

    assert refused["errors"] == [{"pointer": f"grid.{pointer}", "detail": detail}]
