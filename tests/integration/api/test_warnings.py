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
