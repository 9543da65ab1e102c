"""What is special about the example consultant, booked over HTTP: zones, nights, notice, business days, approval."""

from datetime import datetime
from typing import Any

import pytest

from tests.support.door import Door, who


@pytest.fixture
async def consultant(door: Door) -> Door:
    await door.set_up("consultant")
    return door


def _instants(days: dict[str, list[Any]]) -> list[datetime]:
    return [datetime.fromisoformat(slot["start"]) for slots in days.values() for slot in slots]


async def test_hours_are_those_of_the_city(consultant: Door) -> None:
    days = await consultant.days("intro-call", "2026-11-30", "2026-12-06", timezone="Europe/London")

    times = {day: [slot["start"][11:16] for slot in slots] for day, slots in days.items() if slots}
    # Nine to five in New York is two to ten in London. On Monday four hours of notice are asked for.
    assert {day: (found[0], found[-1]) for day, found in times.items()} == {
        "2026-11-30": ("10:00", "17:00"),
        "2026-12-01": ("09:00", "17:00"),
        "2026-12-03": ("14:00", "21:30"),
        "2026-12-04": ("14:00", "21:30"),
    }


async def test_night_is_listed_by_the_dates_its_sessions_start_on(consultant: Door) -> None:
    days = await consultant.days("night-session", "2026-12-07", "2026-12-08")

    spans = {day: [(slot["start"], slot["end"]) for slot in slots] for day, slots in days.items()}
    # Tuesday has hours of its own, none at all: those after midnight belong to Monday.
    assert spans == {
        "2026-12-07": [
            ("2026-12-07T22:00:00Z", "2026-12-08T00:00:00Z"),
            ("2026-12-07T23:00:00Z", "2026-12-08T01:00:00Z"),
        ],
        "2026-12-08": [("2026-12-08T00:00:00Z", "2026-12-08T02:00:00Z")],
    }


async def test_closed_monday_has_no_night(consultant: Door) -> None:
    days = await consultant.days("night-session", "2026-12-14", "2026-12-15")

    assert days == {"2026-12-14": [], "2026-12-15": []}


@pytest.mark.parametrize(
    ("timezone", "dates"),
    [
        ("Asia/Tokyo", ["2026-12-08", "2026-12-08", "2026-12-08"]),
        ("Asia/Kathmandu", ["2026-12-08", "2026-12-08", "2026-12-08"]),
        ("America/Los_Angeles", ["2026-12-07", "2026-12-07", "2026-12-07"]),
        ("Europe/Paris", ["2026-12-07", "2026-12-08", "2026-12-08"]),
    ],
)
async def test_viewers_elsewhere_see_the_same_instants_on_their_dates(
    consultant: Door, timezone: str, dates: list[str]
) -> None:
    at_home = await consultant.days("night-session", "2026-12-06", "2026-12-09")

    elsewhere = await consultant.days("night-session", "2026-12-06", "2026-12-09", timezone=timezone)

    assert len(_instants(at_home)) == 3
    assert _instants(elsewhere) == _instants(at_home)
    assert [day for day, slots in elsewhere.items() for _ in slots] == dates


async def test_start_as_a_viewer_elsewhere_sees_it_is_booked(consultant: Door) -> None:
    in_tokyo = await consultant.slots("night-session", "2026-12-08", timezone="Asia/Tokyo")
    start = "2026-12-08T08:00:00+09:00"

    booked = await consultant.book("night-session", start)
    left = await consultant.slots("night-session", "2026-12-07", "2026-12-08")

    assert start in in_tokyo
    assert (booked["start"], booked["timezone"]) == ("2026-12-07T23:00:00Z", "Europe/London")
    assert who(booked) == [("desk", "night-desk"), ("consultant", "ada")]
    # Those before and after it would overlap it by an hour.
    assert left == {}


async def test_notice_of_a_day_refuses_what_is_sooner(consultant: Door) -> None:
    # It is six in the morning of Monday.
    too_soon = await consultant.hold("strategy-session", "2026-11-30T09:15:00Z", status=422)
    tomorrow = await consultant.slots("strategy-session", "2026-11-30", "2026-12-01")

    assert too_soon["reason"] == "lead_time"
    assert next(iter(tomorrow)) == "2026-12-01T09:00:00Z"


async def test_window_counts_days_with_hours(consultant: Door) -> None:
    # Eight Mondays from today, and the closed one does not count; holidays do, since they are not in the desk's hours.
    params = {"service": "night-session", "from": "2027-01-18", "to": "2027-02-02", "explain": True}
    listing = await consultant.send("GET", "/v1/availability", params=params, status=200)

    found = {day["date"]: day.get("reason", len(day["slots"])) for day in listing["days"]}
    assert (found["2027-01-18"], found["2027-01-19"]) == (2, 1)
    assert (found["2027-01-25"], found["2027-01-26"]) == (2, 1)
    # The early hours of the 26th are those of the last Monday.
    assert (found["2027-02-01"], found["2027-02-02"]) == ("outside_window", "outside_window")


async def test_one_person_is_not_booked_at_two_desks(consultant: Door) -> None:
    # The afternoon in New York on a Wednesday is the evening in London; Ada is wanted at one desk only.
    await consultant.send(
        "PUT", "/v1/resources/london-desk/overrides/2026-12-09",
        json={"spans": [{"start": "18:00", "end": "22:00"}]}, status=200,
    )  # fmt: skip
    at = "2026-12-09T20:00:00Z"

    booked = await consultant.book("intro-call", at, resource="new-york-desk")
    refused = await consultant.hold("intro-call", at, resource="london-desk", status=409)

    assert who(booked) == [("desk", "new-york-desk"), ("consultant", "ada")]
    assert refused["code"] == "slot_taken"


async def test_holidays_of_the_person_close_every_desk(consultant: Door) -> None:
    params = {"service": "intro-call", "from": "2026-12-21", "to": "2026-12-24", "explain": True}
    listing = await consultant.send("GET", "/v1/availability", params=params, status=200)

    assert [day.get("reason") for day in listing["days"]] == ["time_off", "time_off", "closed", "time_off"]


async def test_price_and_zone_are_those_of_the_city(consultant: Door) -> None:
    in_london = await consultant.book("strategy-session", "2026-12-07T09:00:00Z")
    in_new_york = await consultant.book("strategy-session", "2026-12-10T14:00:00Z")

    assert in_london["price"] == {"amount_minor": 36000, "currency": "GBP"}
    assert in_new_york["price"] == {"amount_minor": 42000, "currency": "GBP"}
    assert (in_london["timezone"], in_new_york["timezone"]) == ("Europe/London", "America/New_York")


async def test_day_at_the_office_waits_for_approval_and_keeps_its_time(consultant: Door) -> None:
    start = "2026-12-10T09:00:00-05:00"
    offered = await consultant.slots("on-site-day", "2026-12-08", "2026-12-14", timezone="America/New_York")

    booked = await consultant.book("on-site-day", start)
    refused = await consultant.hold("on-site-day", start, status=409)
    # She is back at half past five; the desk alone would be free again at half past nine.
    meanwhile = await consultant.slots("intro-call", "2026-12-10", timezone="America/New_York")
    approved = await consultant.send("POST", f"/v1/appointments/{booked['id']}/approve", status=200)

    # Nine in the morning in London, twice in New York, and in London again.
    assert [found[5:16] for found in offered] == ["12-08T04:00", "12-10T09:00", "12-11T09:00", "12-14T04:00"]
    assert booked["status"] == "pending"
    assert refused["code"] == "slot_taken"
    assert meanwhile == {}
    assert approved["status"] == "confirmed"


async def test_declined_day_is_offered_again(consultant: Door) -> None:
    start = "2026-12-10T09:00:00-05:00"
    booked = await consultant.book("on-site-day", start)

    declined = await consultant.send("POST", f"/v1/appointments/{booked['id']}/decline", status=200)
    again = await consultant.book("on-site-day", start)

    assert declined["status"] == "cancelled"
    assert again["status"] == "pending"


async def test_session_that_moves_to_the_other_city_has_its_zone(consultant: Door) -> None:
    in_london = await consultant.slots("intro-call", "2026-12-01", resource="london-desk")
    in_new_york = await consultant.slots("intro-call", "2026-12-03", resource="new-york-desk")
    booked = await consultant.book("intro-call", next(iter(in_london)))

    path = f"/v1/appointments/{booked['id']}/reschedule"
    moved = await consultant.send("POST", path, json={"start": next(iter(in_new_york))}, status=200)

    assert (booked["timezone"], moved["timezone"]) == ("Europe/London", "America/New_York")


async def test_span_that_ends_at_its_start_is_refused_wherever_it_is_written(consultant: Door) -> None:
    """Some mean a whole day by it, and others nothing."""
    nothing, weekly = {"start": "09:00", "end": "09:00"}, {"days": ["mon"], "start": "00:00", "end": "00:00"}
    document = await consultant.send("GET", "/v1/business", status=200)
    document["resources"][0]["hours"] = [weekly]
    desk, override = "/v1/resources/london-desk", "/v1/resources/london-desk/overrides/2026-12-09"
    refusals = [
        await consultant.send("PUT", "/v1/business", json=document, status=422),
        await consultant.send("PUT", "/v1/business", params={"dry_run": True}, json=document, status=422),
        await consultant.send("PATCH", desk, json={"breaks": [weekly]}, status=422),
        await consultant.send(
            "PATCH", desk, json={"overrides": [{"date": "2026-12-09", "spans": [nothing]}]}, status=422
        ),
        await consultant.send("PUT", override, json={"spans": [nothing]}, status=422),
    ]

    whole = await consultant.send("PUT", override, json={"spans": [{"start": "00:00", "end": "24:00"}]}, status=200)

    faults = [[(error["pointer"], error["detail"]) for error in refusal["errors"]] for refusal in refusals]
    detail = 'must not equal start; for a whole day write "00:00" to "24:00"'
    assert faults == [
        [(pointer, detail)]
        for pointer in (
            "resources[0].hours[0].end", "resources[0].hours[0].end", "breaks[0].end", "overrides[0].spans[0].end",
            "spans[0].end",
        )
    ]  # fmt: skip
    assert whole["spans"] == [{"start": "00:00", "end": "24:00"}]
