"""Warnings in the answer to a business document, over HTTP."""

from tests.support.documents import small_document
from tests.support.door import Door


async def test_set_up_that_is_hardly_meant_so_is_applied_with_a_warning(door: Door) -> None:
    document = small_document()
    document["resources"][0]["hours"] = [{"days": ["mon"], "start": "09:00", "end": "08:00"}]

    rehearsal = await door.send("PUT", "/v1/business", params={"dry_run": True}, json=document, status=200)
    applied = await door.send("PUT", "/v1/business", json=document, status=200)
    again = await door.send("PUT", "/v1/business", json=document, status=200)

    assert [warning["pointer"] for warning in applied["warnings"]] == ["resources[0].hours[0]"]
    assert rehearsal["warnings"] == applied["warnings"] == again["warnings"]
    assert again["changes"] == []


_NIGHT = {"hours": [{"days": ["mon"], "start": "09:00", "end": "08:00"}]}


async def test_change_of_one_object_is_answered_with_the_warnings_about_it_and_only_then(door: Door) -> None:
    await door.send("PUT", "/v1/business", json=small_document(), status=200)

    warned = await door.send("PATCH", "/v1/resources/noa", json=_NIGHT, status=200)
    created = await door.send(
        "POST", "/v1/resources", json={"key": "dan", "kind": "staff", "name": "Dan", **_NIGHT}, status=201
    )
    mended = await door.send("PATCH", "/v1/resources/noa", json=small_document()["resources"][0], status=200)
    read = await door.send("GET", "/v1/resources/dan", status=200)

    assert [warning["pointer"] for warning in warned["warnings"]] == ["hours[0]"]
    assert created["warnings"] == warned["warnings"]
    assert "warnings" not in mended
    assert "warnings" not in read


async def test_hours_that_leave_a_service_without_slots_are_told_when_they_change(door: Door) -> None:
    document = small_document()
    await door.send("PUT", "/v1/business", json=document, status=200)
    short = {"hours": [{"days": ["mon", "tue"], "start": "09:00", "end": "09:20"}]}

    planned = await door.send("PATCH", "/v1/resources/noa", params={"dry_run": True}, json=short, status=200)
    warned = await door.send("PATCH", "/v1/resources/noa", json=short, status=200)
    # The chair is not what leads.
    chair = await door.send("PATCH", "/v1/resources/chair", json=short, status=200)
    service = await door.send("PATCH", "/v1/services/haircut", json={"name": "Haircut 2"}, status=200)
    await door.send(
        "PATCH", "/v1/services/haircut", json={"requires": [{"role": "staff", "kind": "staff"}]}, status=200
    )
    long = {"key": "dan", "kind": "staff", "name": "Dan", "hours": document["resources"][0]["hours"]}
    await door.send("POST", "/v1/resources", json=long, status=201)
    with_another = await door.send("PATCH", "/v1/resources/noa", json={"name": "Noa 2"}, status=200)

    detail = "nobody who could serve works for more than 20 minutes at a stretch, so no slot is ever offered"
    assert warned["warnings"] == [
        {"pointer": "hours", "detail": f'too short for the service "haircut": its duration_minutes is 30, but {detail}'}
    ]
    assert planned["warnings"] == warned["warnings"]
    assert [one["pointer"] for one in service["warnings"]] == ["duration_minutes"]
    assert "warnings" not in chair
    assert "warnings" not in with_another


async def test_release_of_somebody_who_works_at_several_locations_is_judged_by_the_hours_at_all(door: Door) -> None:
    document = small_document()
    document["locations"].append({"key": "other", "name": "Other"})
    noa, chair = document["resources"]
    chair["location"] = "main"
    hours = noa.pop("hours")
    noa["located"] = [{"location": key, "hours": hours} for key in ("main", "other")]
    noa["breaks"] = []
    parts = [{"start": "09:00", "end": "12:00"}, {"start": "12:00", "end": "18:00"}]
    noa["rules"] = {"release": {"fill_earlier_first": {"parts": parts, "share": 50}}}

    applied = await door.send("PUT", "/v1/business", json=document, status=200)

    assert applied["warnings"] == []
