"""Closures, and hours of some weeks only, asked for over HTTP."""

from typing import Any

import pytest

from tests.support.documents import small_document
from tests.support.door import Door

_DAY = {"service": "haircut", "from": "2026-12-01", "to": "2026-12-01"}
_HOURS = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]
_HOLIDAY = {"name": "Hanukkah", "from": "2026-12-01", "until": "2026-12-02"}


@pytest.fixture
async def shop(door: Door) -> Door:
    await _apply(door)
    return door


async def _apply(door: Door, *, closures: list[Any] | None = None, location: list[Any] | None = None) -> None:
    document = small_document()
    document["business"]["closures"] = closures or []
    document["locations"][0]["closures"] = location or []
    # The chair is there at all times, so that the barber's hours alone decide.
    document["resources"][1]["hours"] = [{"days": ["mon", "tue"], "start": "00:00", "end": "24:00"}]
    await door.send("PUT", "/v1/business", json=document, status=200)


async def _listed(door: Door, **more: str) -> Any:
    answer = await door.send("GET", "/v1/availability", params=_DAY | {"explain": "true"} | more, status=200)
    (day,) = answer["days"]
    return day


@pytest.mark.parametrize("place", ["closures", "location"])
async def test_closed_date_is_empty_at_once_and_says_why(shop: Door, place: str) -> None:
    open_day = await _listed(shop)

    await _apply(shop, **{place: [_HOLIDAY]})

    counted = await shop.send("GET", "/v1/availability/days", params=_DAY | {"explain": "true"}, status=200)
    start = open_day["slots"][0]["start"]
    refusals = [
        await shop.send("POST", "/v1/holds", json={"service": "haircut", "start": start}, status=422),
        await shop.send(
            "POST",
            "/v1/appointments",
            json={"service": "haircut", "start": start, "customer": {"name": "Ada"}},
            status=422,
        ),
    ]
    closed = await _listed(shop)
    await _apply(shop)
    assert closed == {"date": "2026-12-01", "slots": [], "reason": "closed", "closure": "Hanukkah"}
    assert counted["days"] == [
        {
            "date": "2026-12-01",
            "available": False,
            "slots": 0,
            "first": None,
            "reason": "closed",
            "closure": "Hanukkah",
        }
    ]
    assert [(one["code"], one["reason"], one["closure"]) for one in refusals] == [
        ("not_offered", "closed", "Hanukkah")
    ] * 2
    assert await _listed(shop) == open_day


async def test_closure_holds_for_whoever_is_hired_later(shop: Door) -> None:
    await shop.send("PATCH", "/v1/locations/main", json={"closures": [_HOLIDAY]}, status=200)

    dan = {"key": "dan", "kind": "staff", "name": "Dan", "hours": _HOURS}
    await shop.send("POST", "/v1/resources", json=dan, status=201)
    await shop.send(
        "PATCH", "/v1/services/haircut",
        json={"requires": [{"role": "barber", "any_of": ["noa", "dan"]}, {"role": "seat", "kind": "equipment"}]},
        status=200,
    )  # fmt: skip

    assert (await _listed(shop, resource="dan"))["closure"] == "Hanukkah"
    before = await _listed(shop, **{"from": "2026-11-30", "to": "2026-11-30"})
    assert any(slot["resources"] == ["noa", "dan"] for slot in before["slots"])


async def test_override_holds_on_a_closed_date_only_if_it_says_so(shop: Door) -> None:
    await shop.send("PATCH", "/v1/locations/main", json={"closures": [_HOLIDAY]}, status=200)
    path, hours = "/v1/resources/noa/overrides/2026-12-01", {"spans": [{"start": "09:00", "end": "10:00"}]}

    chair = {"spans": [{"start": "00:00", "end": "24:00"}], "despite_closures": True}
    await shop.send("PUT", "/v1/resources/chair/overrides/2026-12-01", json=chair, status=200)
    plain = await shop.send("PUT", path, json=hours, status=200)
    closed = await _listed(shop)
    despite = await shop.send("PUT", path, json=hours | {"despite_closures": True}, status=200)
    opened = await _listed(shop)
    stored = await shop.send("GET", "/v1/resources/noa", status=200)
    await shop.send("DELETE", path, status=204)

    assert "despite_closures" not in plain
    assert despite["despite_closures"] is True
    assert stored["overrides"] == [despite]
    assert (closed["slots"], closed["closure"]) == ([], "Hanukkah")
    assert [slot["start"] for slot in opened["slots"]] == ["2026-12-01T09:00:00+02:00", "2026-12-01T09:30:00+02:00"]
    assert (await _listed(shop))["slots"] == []


async def test_date_on_which_nobody_works_names_no_closure(shop: Door) -> None:
    await _apply(shop, closures=[{"name": "Holiday", "from": "2026-11-29", "until": "2026-12-10"}])

    day = await _listed(shop, **{"from": "2026-12-02", "to": "2026-12-02"})

    assert day == {"date": "2026-12-02", "slots": [], "reason": "closed"}


async def test_document_gives_back_its_closures_and_tells_of_a_change(shop: Door) -> None:
    yearly = {"name": "New Year", "from": "2027-01-01", "yearly": True}
    document = await shop.send("GET", "/v1/business", status=200)
    document["business"]["closures"] = [yearly]
    document["locations"][0]["closures"] = [_HOLIDAY]

    changes = await shop.send("PUT", "/v1/business", json=document, status=200)

    after = await shop.send("GET", "/v1/business", status=200)
    again = await shop.send("PUT", "/v1/business", json=after, status=200)
    assert after["business"]["closures"] == [yearly | {"until": "2027-01-01"}]
    assert after["locations"][0]["closures"] == [_HOLIDAY]
    assert [(change["kind"], change["fields"]) for change in changes["changes"]] == [
        ("business", ["closures"]),
        ("location", ["closures"]),
    ]
    assert again["changes"] == []


async def test_weeks_in_turn_and_days_of_a_month_are_listed(shop: Door) -> None:
    week_a = {"days": ["mon", "tue"], "start": "09:00", "end": "10:00", "every_weeks": 2, "starting": "2026-11-29"}
    week_b = {"days": ["wed"], "start": "14:00", "end": "15:00", "every_weeks": 2, "starting": "2026-12-06"}
    last_friday = {"days": ["fri"], "start": "08:00", "end": "09:00", "nth": -1}
    pause = {"days": ["mon"], "start": "09:00", "end": "09:30", "every_weeks": 2, "starting": "2026-12-13"}
    hours = [week_a, week_b, last_friday]
    always = [{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "00:00", "end": "24:00"}]
    await shop.send("PATCH", "/v1/resources/chair", json={"hours": always}, status=200)

    noa = await shop.send("PATCH", "/v1/resources/noa", json={"hours": hours, "breaks": [pause]}, status=200)

    listed = await shop.days("haircut", "2026-11-30", "2026-12-31")
    assert (noa["hours"], noa["breaks"]) == (hours, [pause])
    assert {day: [slot["start"][11:16] for slot in slots] for day, slots in listed.items() if slots} == {
        "2026-11-30": ["09:00", "09:30"],
        "2026-12-01": ["09:00", "09:30"],
        "2026-12-09": ["14:00", "14:30"],
        "2026-12-14": ["09:30"],
        "2026-12-15": ["09:00", "09:30"],
        "2026-12-23": ["14:00", "14:30"],
        "2026-12-25": ["08:00", "08:30"],
        "2026-12-28": ["09:30"],
        "2026-12-29": ["09:00", "09:30"],
    }
