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
