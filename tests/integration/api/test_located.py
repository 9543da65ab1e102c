"""People who work at several locations are one pool, and are booked at one of them at a time."""

from typing import Any

import pytest

from tests.support.door import Door

_WEEK = ["mon", "tue", "wed", "thu", "fri"]
_DOCUMENT: dict[str, Any] = {
    "business": {"name": "Two cities", "timezone": "Europe/London", "currency": "GBP"},
    "locations": [
        {"key": "london", "name": "London"},
        {"key": "paris", "name": "Paris", "timezone": "Europe/Paris"},
    ],
    "resources": [
        {
            "key": "ben",
            "kind": "staff",
            "name": "Ben",
            "located": [
                {"location": "london", "hours": [{"days": ["mon", "tue"], "start": "09:00", "end": "12:00"}]},
                {
                    "location": "paris",
                    "hours": [
                        {"days": ["wed"], "start": "09:00", "end": "12:00"},
                        # Right after London, by the clock of Paris.
                        {"days": ["tue"], "start": "13:00", "end": "15:00"},
                    ],
                },
            ],
        },
        {
            "key": "ada",
            "kind": "staff",
            "name": "Ada",
            "located": [{"location": "paris", "hours": [{"days": ["mon"], "start": "09:00", "end": "11:00"}]}],
        },
    ],
    "services": [
        {
            "key": "talk",
            "name": "Talk",
            "duration_minutes": 60,
            "grid": {"align": "clock"},
            "requires": [{"role": "host", "any_of": ["ben", "ada"]}],
        }
    ],
}


@pytest.fixture
async def cities(door: Door) -> Door:
    await door.send("PUT", "/v1/business", json=_DOCUMENT, status=200)
    return door


async def test_pool_of_two_cities_is_listed_by_the_clock_of_each(cities: Door) -> None:
    days = await cities.days("talk", "2026-12-07", "2026-12-09")

    found = {day: [_told(slot) for slot in slots] for day, slots in days.items()}
    assert found == {
        "2026-12-07": [
            ("08:00", "paris", "ada"),
            ("09:00", "london", "ben"),
            ("09:00", "paris", "ada"),
            ("10:00", "london", "ben"),
            ("11:00", "london", "ben"),
        ],
        # At noon the train would have to leave London, and be there.
        "2026-12-08": [
            *[(f"{hour:02}:00", "london", "ben") for hour in (9, 10, 11)],
            *[(f"{hour:02}:00", "paris", "ben") for hour in (12, 13)],
        ],
        "2026-12-09": [(f"{hour:02}:00", "paris", "ben") for hour in (8, 9, 10)],
    }


async def test_listing_may_ask_for_one_location(cities: Door) -> None:
    asked = {"service": "talk", "from": "2026-12-07", "to": "2026-12-08", "explain": "true"}
    paris = await cities.send("GET", "/v1/availability", params={**asked, "location": "paris"}, status=200)
    ben = {"location": "paris", "resource": "ben"}
    ben_in_paris = await cities.send("GET", "/v1/availability", params={**asked, **ben}, status=200)
    counted = await cities.send("GET", "/v1/availability/days", params={**asked, "location": "london"}, status=200)
    both = await cities.send("GET", "/v1/availability/days", params=asked, status=200)
    soonest = {"service": "talk", "location": "paris", "limit": "1"}
    first = await cities.send("GET", "/v1/availability/next", params=soonest, status=200)
    unknown = await cities.send("GET", "/v1/availability", params={**asked, "location": "pariss"}, status=404)

    # By the clock of Paris, which is the zone of this answer.
    assert paris["timezone"] == first["timezone"] == "Europe/Paris"
    assert [[_told(slot) for slot in day["slots"]] for day in paris["days"]] == [
        [("09:00", "paris", "ada"), ("10:00", "paris", "ada")],
        [("13:00", "paris", "ben"), ("14:00", "paris", "ben")],
    ]
    assert [(len(day["slots"]), day.get("reason")) for day in ben_in_paris["days"]] == [(0, "closed"), (2, None)]
    assert [day["slots"] for day in counted["days"]] == [3, 3]
    assert [day["slots"] for day in both["days"]] == [5, 5]
    assert first["slots"][0]["location"] == "paris"
    assert 'did you mean "paris"?' in unknown["detail"]


async def test_hold_and_booking_are_at_the_location_of_the_slot(cities: Door) -> None:
    # Monday at nine: Ben in London, Ada in Paris.
    nine = {"service": "talk", "start": "2026-12-07T09:00:00Z", "client": "somebody"}
    customer = {"customer": {"name": "Eve"}}
    in_paris = await cities.send("POST", "/v1/holds", json={**nine, "location": "paris"}, status=201)
    again = await cities.send("POST", "/v1/holds", json={**nine, "location": "paris"}, status=200)
    anywhere = await cities.send("POST", "/v1/holds", json=nine, status=201)
    taken = await cities.send("POST", "/v1/appointments", json={**nine, **customer, "location": "paris"}, status=409)
    never = await cities.send(
        "POST", "/v1/appointments", json={**nine, **customer, "location": "paris", "resource": "ben"}, status=422
    )
    booked = await cities.send("POST", f"/v1/holds/{in_paris['id']}/confirm", json=customer, status=201)

    assert (in_paris["location"], in_paris["resources"][0]["resource"]) == ("paris", "ada")
    assert again["id"] == in_paris["id"]
    assert (anywhere["location"], anywhere["resources"][0]["resource"]) == ("london", "ben")
    assert taken["code"] == "slot_held"
    assert (never["code"], never["reason"]) == ("not_offered", "closed")
    assert (booked["location"], booked["timezone"]) == ("paris", "Europe/Paris")


async def test_nobody_is_booked_in_two_cities_at_once(cities: Door) -> None:
    hours = [{"days": ["mon"], "start": "09:00", "end": "12:00"}]
    both = [{"location": place, "hours": hours} for place in ("london", "paris")]
    await cities.send("PATCH", "/v1/resources/ben", json={"located": both}, status=200)
    only_ben = {"requires": [{"role": "host", "any_of": ["ben"]}]}
    await cities.send("PATCH", "/v1/services/talk", json=only_ben, status=200)
    before = await _told_on(cities, "2026-12-07")

    booked = await cities.book("talk", "2026-12-07T10:00:00Z", location="paris")
    refused = await cities.send(
        "POST",
        "/v1/appointments",
        json={"service": "talk", "start": booked["start"], "location": "london", "customer": {"name": "Eve"}},
        status=409,
    )

    # Ten in London is eleven in Paris; until noon in Paris he may be asked for at either.
    assert before == [("08:00", "paris"), *[(f"{hour:02}:00", at) for hour in (9, 10) for at in ("london", "paris")],
                      ("11:00", "london")]  # fmt: skip
    assert booked["location"] == "paris"
    assert refused["code"] == "slot_taken"
    assert await _told_on(cities, "2026-12-07") == [one for one in before if one[0] != "10:00"]


async def test_move_may_change_the_city_or_ask_for_one(cities: Door) -> None:
    booked = await cities.book("talk", "2026-12-07T10:00:00Z")
    path = f"/v1/appointments/{booked['id']}/reschedule"

    planned = await cities.send(
        "POST", path, json={"start": "2026-12-07T09:00:00Z", "location": "paris", "dry_run": True}, status=200
    )
    moved = await cities.send("POST", path, json={"start": "2026-12-07T09:00:00Z"}, status=200)

    assert (planned["location"], planned["timezone"], planned["previous"]["location"]) == (
        "paris", "Europe/Paris", "london",
    )  # fmt: skip
    # Whoever serves now is asked first.
    assert (moved["location"], moved["resources"][0]["resource"]) == ("london", "ben")


async def test_role_may_ask_for_the_location_of_the_visit(cities: Door) -> None:
    week = [{"days": _WEEK, "start": "08:00", "end": "18:00"}]
    for key, place in (("thames", "london"), ("seine", "paris")):
        room = {"key": key, "kind": "room", "name": key, "location": place, "hours": week}
        await cities.send("POST", "/v1/resources", json=room, status=201)
    host = {"role": "host", "any_of": ["ben", "ada"]}
    anywhere = {"requires": [host, {"role": "room", "any_of": ["thames"]}]}
    there = {"requires": [host, {"role": "room", "any_of": ["thames"], "same_location": True}]}

    await cities.send("PATCH", "/v1/services/talk", json=anywhere, status=200)
    every = await _told_on(cities, "2026-12-08")
    await cities.send("PATCH", "/v1/services/talk", json=there, status=200)
    in_london = await _told_on(cities, "2026-12-08")
    both_rooms = {"role": "room", "any_of": ["thames", "seine"], "same_location": True}
    await cities.send("PATCH", "/v1/services/talk", json={"requires": [host, both_rooms]}, status=200)
    at_either = await _told_on(cities, "2026-12-08")
    in_paris = await cities.book("talk", "2026-12-08T12:00:00Z")
    stored = await cities.send("GET", "/v1/services/talk", status=200)

    london = [(f"{hour:02}:00", "london") for hour in (9, 10, 11)]
    assert every == at_either == [*london, ("12:00", "paris"), ("13:00", "paris")]
    assert in_london == london
    assert [used["resource"] for used in in_paris["resources"]] == ["ben", "seine"]
    assert [entry.get("same_location") for entry in stored["requires"]] == [None, True]


async def test_clocks_of_two_zones_change_on_their_own_dates(cities: Door) -> None:
    locations = [
        {"key": "london", "name": "London"},
        {"key": "boston", "name": "Boston", "timezone": "America/New_York"},
    ]
    hours = [{"days": ["tue"], "start": "09:00", "end": "10:00"}]
    ben = {**_DOCUMENT["resources"][0], "located": [{"location": one["key"], "hours": hours} for one in locations]}
    talk = {**_DOCUMENT["services"][0], "requires": [{"role": "host", "any_of": ["ben"]}]}
    document = {**_DOCUMENT, "locations": locations, "resources": [ben], "services": [talk]}
    await cities.send("PUT", "/v1/business", json=document, status=200)

    # New York changes its clocks on 14 March 2027, London on the 28th.
    found = {day: await _told_on(cities, day) for day in ("2027-03-09", "2027-03-16", "2027-03-30")}

    assert found == {
        "2027-03-09": [("09:00", "london"), ("14:00", "boston")],
        "2027-03-16": [("09:00", "london"), ("13:00", "boston")],
        "2027-03-30": [("09:00", "london"), ("14:00", "boston")],
    }


async def test_desk_books_out_of_hours_where_somebody_works_that_day(cities: Door) -> None:
    # On Wednesday Ben is in Paris, until eleven o'clock in London.
    late = {"service": "talk", "start": "2026-12-09T15:00:00Z", "override": ["closed"]}
    walk_in = await cities.send("POST", "/v1/appointments", json={**late, "customer": {"name": "Eve"}}, status=201)

    assert (walk_in["location"], walk_in["resources"][0]["resource"]) == ("paris", "ben")


async def test_storefront_has_the_zones_of_all_locations(cities: Door) -> None:
    storefront = await cities.send("GET", "/v1/storefront", status=200)

    assert {one["key"]: one["timezone"] for one in storefront["locations"]} == {
        "london": "Europe/London",
        "paris": "Europe/Paris",
    }


def _told(slot: dict[str, Any]) -> tuple[str, ...]:
    return slot["start"][11:16], slot["location"], *slot["resources"]


async def _told_on(cities: Door, day: str) -> list[tuple[str, str]]:
    """The starts of a date by the clock of London, each with its location."""
    days = await cities.days("talk", day)
    return [(slot["start"][11:16], slot["location"]) for slot in days[day]]


async def test_appointment_tells_its_location(cities: Door) -> None:
    in_london = await cities.book("talk", "2026-12-08T11:00:00Z")
    in_paris = await cities.book("talk", "2026-12-08T12:00:00Z")
    half_past = await cities.send(
        "POST",
        "/v1/appointments",
        json={"service": "talk", "start": "2026-12-08T11:30:00Z", "customer": {"name": "Eve"}},
        status=422,
    )
    path = f"/v1/appointments/{in_london['id']}"
    moved = await cities.send("POST", f"{path}/reschedule", json={"start": "2026-12-09T08:00:00Z"}, status=200)
    read = await cities.send("GET", path, status=200)

    assert (in_london["location"], in_london["timezone"]) == ("london", "Europe/London")
    assert (in_paris["location"], in_paris["timezone"]) == ("paris", "Europe/Paris")
    assert half_past["code"] == "not_offered"
    assert (moved["location"], moved["timezone"]) == ("paris", "Europe/Paris")
    assert read["location"] == "paris"


async def test_visit_is_at_one_location_though_the_hours_touch(cities: Door) -> None:
    await cities.send("PATCH", "/v1/services/talk", json={"grid": {"align": "clock", "step_minutes": 30}}, status=200)

    slots = await cities.slots("talk", "2026-12-08")

    # London until noon, Paris from noon: neither has the whole of a visit at 11:30.
    starts = [start[11:16] for start in slots]
    assert "11:30" not in starts
    assert {"11:00", "12:00"} <= set(starts)


async def test_document_gives_back_its_locations_and_takes_no_unknown_one(cities: Door) -> None:
    document = await cities.send("GET", "/v1/business", status=200)
    again = await cities.send("PUT", "/v1/business", json=document, status=200)
    wrong = [
        {"located": [{"location": "rome", "hours": []}]},
        {"located": [{"location": "paris", "hours": []}, {"location": "paris", "hours": []}]},
        {"hours": [{"days": _WEEK, "start": "09:00", "end": "10:00"}]},
    ]
    faults = [
        (await cities.send("PATCH", "/v1/resources/ben", json=patch, status=422))["errors"][0]["pointer"]
        for patch in wrong
    ]
    archived = await cities.send("DELETE", "/v1/locations/paris", status=422)

    assert again["changes"] == []
    assert [one["located"] for one in document["resources"]] == [one["located"] for one in _DOCUMENT["resources"]]
    assert faults == ["located[0].location", "located[1].location", "hours"]
    assert "ben" in archived["errors"][0]["detail"]


async def test_closure_of_one_city_leaves_the_other_open(cities: Door) -> None:
    closure = {"closures": [{"name": "Strike", "from": "2026-12-07", "until": "2026-12-09"}]}
    booked = await cities.book("talk", "2026-12-09T08:00:00Z")

    changed = await cities.send("PATCH", "/v1/locations/paris", json=closure, status=200)

    days = await cities.days("talk", "2026-12-07", "2026-12-09")
    assert [one["id"] for one in changed["affected"]] == [booked["id"]]
    assert {day: [slot["start"][11:16] for slot in slots] for day, slots in days.items()} == {
        "2026-12-07": ["09:00", "10:00", "11:00"],
        "2026-12-08": ["09:00", "10:00", "11:00"],
        "2026-12-09": [],
    }


async def test_change_affects_the_visits_at_the_location_that_it_takes(cities: Door) -> None:
    in_london = await cities.book("talk", "2026-12-08T10:00:00Z")
    in_paris = await cities.book("talk", "2026-12-08T12:00:00Z")
    elsewhere = {"location": "paris", "hours": [{"days": ["tue"], "start": "10:00", "end": "13:00"}]}
    longer = {"location": "london", "hours": [{"days": ["tue"], "start": "09:00", "end": "15:00"}]}

    # In Paris he is there at ten, but whoever has booked him in London is in London.
    changed = await cities.send("PATCH", "/v1/resources/ben", json={"located": [elsewhere, longer]}, status=200)
    only_paris = {"located": [elsewhere]}
    refused = await cities.send(
        "PATCH", "/v1/resources/ben", params={"refuse_if_affected": "true"}, json=only_paris, status=409
    )

    assert [one["id"] for one in changed["affected"]] == [in_paris["id"]]
    assert [one["id"] for one in refused["affected"]] == [in_london["id"]]


async def test_change_affects_no_visit_of_a_role_that_may_be_anywhere(cities: Door) -> None:
    week = [{"days": _WEEK, "start": "08:00", "end": "18:00"}]
    car = {"key": "car", "kind": "car", "name": "Car", "location": "london", "hours": week}
    await cities.send("POST", "/v1/resources", json=car, status=201)
    requires = [{"role": "host", "any_of": ["ben", "ada"]}, {"role": "car", "any_of": ["car"]}]
    await cities.send("PATCH", "/v1/services/talk", json={"requires": requires}, status=200)
    booked = await cities.book("talk", "2026-12-08T10:00:00Z")

    moved = await cities.send("PATCH", "/v1/resources/car", json={"location": "paris"}, status=200)
    there = [{"location": "paris", "hours": week}]
    fixed = await cities.send("PATCH", "/v1/resources/ben", json={"located": there}, status=200)

    assert "affected" not in moved
    assert [one["id"] for one in fixed["affected"]] == [booked["id"]]


async def test_resource_that_goes_to_another_location_takes_its_visits_with_it(cities: Door) -> None:
    york = {"key": "york", "name": "York"}
    await cities.send("POST", "/v1/locations", json=york, status=201)
    hours = [{"days": ["mon"], "start": "09:00", "end": "11:00"}]
    eve = {"key": "eve", "kind": "staff", "name": "Eve", "location": "london", "hours": hours}
    await cities.send("POST", "/v1/resources", json=eve, status=201)
    only_eve = {"requires": [{"role": "host", "any_of": ["eve"]}]}
    await cities.send("PATCH", "/v1/services/talk", json=only_eve, status=200)
    booked = await cities.book("talk", "2026-12-07T09:00:00Z")

    moved = await cities.send("PATCH", "/v1/resources/eve", json={"location": "york"}, status=200)

    assert [one["id"] for one in moved["affected"]] == [booked["id"]]


async def test_archived_location_is_told_by_its_key(cities: Door) -> None:
    held = await cities.hold("talk", "2026-12-09T09:00:00Z")
    booked = await cities.book("talk", "2026-12-09T08:00:00Z")
    for key in ("ben", "ada"):
        await cities.send("PATCH", f"/v1/resources/{key}", json={"located": [], "location": "london"}, status=200)
    await cities.send("DELETE", "/v1/locations/paris", status=204)
    # Whoever lists reads the set-up anew.
    await cities.days("talk", "2026-12-09")

    read = await cities.send("GET", f"/v1/appointments/{booked['id']}", status=200)
    listed = await cities.send("GET", "/v1/appointments", status=200)
    still_held = await cities.send("GET", f"/v1/holds/{held['id']}", status=200)

    assert [one["location"] for one in (booked, read, *listed["data"], still_held)] == ["paris"] * 4


async def test_lists_may_ask_for_one_location(cities: Door) -> None:
    visits = {"london": "2026-12-08T10:00:00Z", "paris": "2026-12-08T12:00:00Z"}
    booked = {place: (await cities.book("talk", start))["id"] for place, start in visits.items()}
    held = (await cities.hold("talk", "2026-12-09T08:00:00Z"))["id"]

    async def listed(what: str, place: str) -> list[str]:
        page = await cities.send("GET", f"/v1/{what}", params={"location": place}, status=200)
        return [one["id"] for one in page["data"]]

    assert [await listed("appointments", place) for place in visits] == [[booked[place]] for place in visits]
    assert [await listed("holds", place) for place in visits] == [[], [held]]
    for what in ("appointments", "holds"):
        unknown = await cities.send("GET", f"/v1/{what}", params={"location": "pariss"}, status=404)
        assert 'did you mean "paris"?' in unknown["detail"]


async def test_visits_from_before_the_second_location_are_where_their_first_resource_is(cities: Door) -> None:
    hours = [{"days": ["mon"], "start": "09:00", "end": "11:00"}]
    ada = {"key": "ada", "kind": "staff", "name": "Ada", "location": "london", "hours": hours}
    talk = {**_DOCUMENT["services"][0], "requires": [{"role": "host", "any_of": ["ada"]}]}
    small = {**_DOCUMENT, "locations": _DOCUMENT["locations"][:1], "resources": [ada], "services": [talk]}
    await cities.send("PUT", "/v1/business", json=small, status=200)
    booked = await cities.book("talk", "2026-12-07T09:00:00Z")
    held = await cities.hold("talk", "2026-12-07T10:00:00Z")
    await cities.send("POST", "/v1/locations", json=_DOCUMENT["locations"][1], status=201)
    # Whoever lists reads the set-up anew.
    await cities.days("talk", "2026-12-07")

    async def listed(place: str) -> list[tuple[str, str]]:
        pages = [
            await cities.send("GET", f"/v1/{what}", params={"location": place}, status=200)
            for what in ("appointments", "holds")
        ]
        return [(one["id"], one["location"]) for page in pages for one in page["data"]]

    assert "location" not in booked
    assert await listed("london") == [(booked["id"], "london"), (held["id"], "london")]
    assert await listed("paris") == []
