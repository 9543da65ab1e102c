"""What is special about the example gym, booked over HTTP: classes with places, and rooms that visits share."""

import asyncio

import pytest

from tests.support.door import Door, who

# Monday's class in the evening.
_CLASS = "2026-11-30T18:00:00+01:00"


@pytest.fixture
async def gym(door: Door) -> Door:
    await door.set_up("gym")
    return door


async def test_class_starts_when_the_timetable_says(gym: Door) -> None:
    spinning = await gym.slots("spinning-class", "2026-11-30", "2026-12-06")
    yoga = await gym.slots("yoga-class", "2026-12-01", "2026-12-06")

    assert [start[5:16] for start in spinning] == [
        "11-30T07:00", "11-30T18:00", "12-01T18:00", "12-02T07:00", "12-02T18:00", "12-03T18:00", "12-04T07:00",
        "12-05T10:00",
    ]  # fmt: skip
    assert [start[5:16] for start in yoga] == [
        "12-01T17:00", "12-01T18:00", "12-01T19:00", "12-06T10:00", "12-06T11:00",
    ]  # fmt: skip
    assert {slot["remaining"] for slot in spinning.values()} == {20}


async def test_party_of_three_takes_three_places(gym: Door) -> None:
    hold = await gym.hold("spinning-class", _CLASS, party=3)
    while_held = await gym.slots("spinning-class", "2026-11-30")
    booked = await gym.confirm(hold)
    once_booked = await gym.slots("spinning-class", "2026-11-30")
    of_them = await gym.slots("spinning-class", "2026-11-30", party=18)

    assert booked["party"] == 3
    assert booked["price"] == {"amount_minor": 4500, "currency": "EUR"}
    assert while_held[_CLASS]["remaining"] == once_booked[_CLASS]["remaining"] == 17
    assert _CLASS not in of_them


async def test_twenty_places_are_sold_and_not_twenty_one(gym: Door) -> None:
    holds = [await gym.hold("spinning-class", _CLASS, party=party) for party in (8, 7, 4)]
    for hold in holds:
        await gym.confirm(hold)

    two = await gym.hold("spinning-class", _CLASS, party=2, status=409)
    last = await gym.hold("spinning-class", _CLASS)
    while_held = await gym.hold("spinning-class", _CLASS, status=409)
    await gym.confirm(last)
    once_booked = await gym.hold("spinning-class", _CLASS, status=409)
    left = await gym.slots("spinning-class", "2026-11-30")

    assert (two["code"], while_held["code"], once_booked["code"]) == ("slot_taken", "slot_held", "slot_taken")
    assert _CLASS not in left


async def test_twenty_of_thirty_who_ask_at_once_get_a_place(gym: Door) -> None:
    async def ask(name: str) -> int:
        body = {"service": "spinning-class", "start": _CLASS, "customer": {"name": name}}
        answer = await gym.http.post("/v1/appointments", json=body, headers=gym.secret)
        return answer.status_code

    answers = await asyncio.gather(*(ask(f"Member {number}") for number in range(30)))

    assert sorted(answers) == [201] * 20 + [409] * 10


async def test_cancelled_party_gives_its_places_back(gym: Door) -> None:
    booked = await gym.book("spinning-class", _CLASS, party=5)

    cancelled = await gym.send("POST", f"/v1/appointments/{booked['id']}/cancel", json={}, status=200)
    slots = await gym.slots("spinning-class", "2026-11-30")

    # Eleven hours before it began, and two would have been enough.
    assert cancelled["fee"] == {"amount_minor": 0, "currency": "EUR"}
    assert slots[_CLASS]["remaining"] == 20


async def test_sauna_is_shared_by_visits_that_begin_at_different_times(gym: Door) -> None:
    # Until half past six, and until seven.
    await gym.book("sauna-visit", "2026-11-30T17:00:00+01:00", party=4)
    await gym.book("sauna-visit", "2026-11-30T17:30:00+01:00")

    slots = await gym.slots("sauna-visit", "2026-11-30")

    left = {start[11:16]: slot["remaining"] for start, slot in slots.items()}
    assert left == {
        "16:00": 2, "16:30": 1, "17:00": 1, "17:30": 1, "18:00": 1, "18:30": 5, "19:00": 6, "19:30": 6, "20:00": 6,
        "20:30": 6,
    }  # fmt: skip


async def test_last_sauna_visit_of_saturday_ends_on_sunday(gym: Door) -> None:
    days = await gym.days("sauna-visit", "2026-12-05", "2026-12-06")

    assert days["2026-12-05"][-1]["start"] == "2026-12-05T23:00:00+01:00"
    assert days["2026-12-05"][-1]["end"] == "2026-12-06T00:30:00+01:00"
    assert days["2026-12-06"] == []


async def test_training_takes_a_trainer_and_a_place_on_the_floor(gym: Door) -> None:
    start = "2026-11-30T14:30:00+01:00"

    first = await gym.book("personal-training", start)
    second = await gym.book("personal-training", start)
    without_trainer = await gym.hold("personal-training", start, status=409)
    floor = await gym.slots("free-training", "2026-11-30")

    assert who(first) == [("trainer", "lena"), ("floor", "floor")]
    assert who(second) == [("trainer", "marco"), ("floor", "floor")]
    assert (first["price"]["amount_minor"], second["price"]["amount_minor"]) == (7000, 8500)
    assert without_trainer["code"] == "slot_taken"
    assert floor[start]["remaining"] == 8


async def test_training_is_refused_on_a_full_floor_though_trainers_are_free(gym: Door) -> None:
    start = "2026-11-30T14:30:00+01:00"
    await gym.book("free-training", start, party=9)

    await gym.book("personal-training", start)
    without_floor = await gym.hold("personal-training", start, status=409)

    assert without_floor["code"] == "slot_taken"
