"""Buffers of single entries over HTTP: the room is cleaned while the therapist sees somebody else."""

from typing import Any

import orjson
import pytest

from tests.support.door import Door

_HOURS = [{"days": ["mon"], "start": "09:00", "end": "12:00"}]


def _spa(**service: Any) -> dict[str, Any]:
    return {
        "business": {"name": "Spa", "timezone": "Europe/Vienna", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            {"key": "tess", "kind": "staff", "name": "Tess", "hours": _HOURS},
            {"key": "room-1", "kind": "room", "name": "Room 1", "hours": _HOURS},
            {"key": "room-2", "kind": "room", "name": "Room 2", "hours": _HOURS},
        ],
        "services": [
            {
                "key": "massage",
                "name": "Massage",
                "duration_minutes": 60,
                "buffer_after_minutes": 5,
                "grid": {"step_minutes": 15},
                "requires": [
                    {"role": "therapist", "any_of": ["tess"], "buffer_after_minutes": 0},
                    {"role": "room", "any_of": ["room-1"], "buffer_after_minutes": 15},
                ],
                **service,
            },
            {
                "key": "walk",
                "name": "Walk",
                "duration_minutes": 15,
                "requires": [{"role": "guide", "any_of": ["tess"]}],
            },
        ],
    }


async def _set_up(door: Door, document: dict[str, Any]) -> Any:
    return await door.send("PUT", "/v1/business", content=orjson.dumps(document), status=200)


async def _times(door: Door, service: str = "massage") -> list[str]:
    return [start[11:16] for start in await door.slots(service, "2026-12-07")]


async def test_room_is_cleaned_while_the_therapist_is_free_at_once(door: Door) -> None:
    await _set_up(door, _spa())

    await door.book("massage", "2026-12-07T10:00:00+01:00")

    # The room is ready again at 11:15: the last massage begins at 11:00. One before it has to leave 15 minutes.
    assert await _times(door) == []
    assert await _times(door, "walk") == ["09:00", "09:15", "09:30", "09:45", "11:00", "11:15", "11:30", "11:45"]
    refused = await door.hold("massage", "2026-12-07T11:00:00+01:00", status=409)
    assert refused["code"] == "slot_taken"


async def test_second_room_lets_the_next_massage_begin_at_once(door: Door) -> None:
    document = _spa()
    document["services"][0]["requires"][1]["any_of"] = ["room-1", "room-2"]
    await _set_up(door, document)

    first = await door.book("massage", "2026-12-07T10:00:00+01:00")
    second = await door.book("massage", "2026-12-07T11:00:00+01:00")

    rooms = [booked["resources"][1]["resource"] for booked in (first, second)]
    assert rooms == ["room-1", "room-2"]
    assert await _times(door) == ["09:00"]


async def test_entry_without_buffers_of_its_own_has_those_of_the_service(door: Door) -> None:
    document = _spa()
    del document["services"][0]["requires"][0]["buffer_after_minutes"]
    document["services"][0]["requires"][1]["any_of"] = ["room-1", "room-2"]
    await _set_up(door, document)

    await door.book("massage", "2026-12-07T10:00:00+01:00")

    assert await _times(door) == []
    assert await _times(door, "walk") == ["09:00", "09:15", "09:30", "09:45", "11:15", "11:30", "11:45"]


async def test_buffers_inside_hours_are_those_of_each_entry(door: Door) -> None:
    await _set_up(door, _spa(buffers_inside_hours=True))

    # The cleaning must be over at twelve; the therapist could have gone on until then.
    assert (await _times(door))[-1] == "10:45"


async def test_entry_in_the_middle_of_a_visit_has_its_own_buffers_there(door: Door) -> None:
    document = _spa()
    document["services"][0]["requires"][1] |= {
        "duration_minutes": 30,
        "buffer_before_minutes": 15,
        "buffer_after_minutes": 15,
    }
    document["services"].append(
        {"key": "rest", "name": "Rest", "duration_minutes": 15, "requires": [{"role": "room", "any_of": ["room-1"]}]}
    )
    await _set_up(door, document)

    await door.book("massage", "2026-12-07T10:00:00+01:00")

    # Made ready at 09:45, used until 10:30, cleaned until 10:45: the visit goes on elsewhere.
    times = await _times(door, "rest")
    assert [time for time in times if "09:30" <= time <= "11:00"] == ["09:30", "10:45", "11:00"]


async def test_buffers_of_entries_come_back_as_they_were_written(door: Door) -> None:
    document = _spa()
    await _set_up(door, document)

    stored = await door.send("GET", "/v1/business", status=200)
    again = await _set_up(door, stored)

    assert [entry.get("buffer_after_minutes") for entry in stored["services"][0]["requires"]] == [0, 15]
    assert "buffer_before_minutes" not in stored["services"][0]["requires"][0]
    assert again["changes"] == []


@pytest.mark.parametrize("side", ["before", "after"])
async def test_buffer_that_makes_a_visit_too_long_is_refused_where_it_stands(door: Door, side: str) -> None:
    document = _spa()
    document["services"][0]["requires"][1] = {"role": "room", "any_of": ["room-1"], f"buffer_{side}_minutes": 10_050}

    refused = await door.send("PUT", "/v1/business", content=orjson.dumps(document), status=422)

    assert [error["pointer"] for error in refused["errors"]] == [f"services[0].requires[1].buffer_{side}_minutes"]
    assert "10080 minutes" in refused["errors"][0]["detail"]
