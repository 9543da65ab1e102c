"""A dry run of a change of the set-up tells the old and the new values, and changes nothing."""

from typing import Any

import pytest

from tests.support.documents import small_document
from tests.support.door import Door

_DRY = {"dry_run": "true"}


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.send("PUT", "/v1/business", json=small_document(), status=200)
    around_the_clock = [{"days": ["mon", "tue"], "start": "00:00", "end": "24:00"}]
    await door.send("PATCH", "/v1/resources/chair", json={"hours": around_the_clock}, status=200)
    return door


async def _state(shop: Door) -> Any:
    parts = ["business", "locations/main", "resources/noa", "services/haircut"]
    return [await shop.send("GET", f"/v1/{part}", status=200) for part in parts]


async def test_document_is_planned_with_old_and_new_values(shop: Door) -> None:
    before = await _state(shop)
    document = await shop.send("GET", "/v1/business", status=200)
    document["services"][0] |= {"duration_minutes": 45, "rules": {"lead_time_minutes": 60}}

    planned = await shop.send("PUT", "/v1/business", params=_DRY, json=document, status=200)
    unchanged = await _state(shop)
    applied = await shop.send("PUT", "/v1/business", json=document, status=200)

    assert planned["changes"][0]["changes"] == [
        {"pointer": "duration_minutes", "old": 30, "new": 45},
        {"pointer": "rules.lead_time_minutes", "new": 60},
    ]
    assert unchanged == before
    assert applied["changes"] == [
        {name: planned["changes"][0][name] for name in ("action", "kind", "id", "key", "fields")}
    ]


async def test_object_that_comes_back_is_planned_with_what_it_had(shop: Door) -> None:
    document = await shop.send("GET", "/v1/business", status=200)
    await shop.send("PUT", "/v1/business", json=document | {"services": []}, status=200)
    document["services"][0]["duration_minutes"] = 45

    planned = await shop.send("PUT", "/v1/business", params=_DRY, json=document, status=200)

    (change,) = planned["changes"]
    assert (change["action"], change["changes"]) == ("revive", [{"pointer": "duration_minutes", "old": 30, "new": 45}])


@pytest.mark.parametrize(
    ("path", "patch", "expected"),
    [
        ("services/haircut", {"price": {"amount_minor": 100, "currency": "ILS"}}, ("price.amount_minor", 0, 100)),
        ("resources/noa", {"name": "Noa B."}, ("name", "Noa", "Noa B.")),
        ("locations/main", {"timezone": "UTC"}, ("timezone", "Asia/Jerusalem", "UTC")),
    ],
)
async def test_patch_is_planned_as_the_object_would_be(
    shop: Door, path: str, patch: dict[str, Any], expected: tuple[str, object, object]
) -> None:
    before = await _state(shop)

    planned = await shop.send("PATCH", f"/v1/{path}", params=_DRY, json=patch, status=200)
    unchanged = await _state(shop)
    done = await shop.send("PATCH", f"/v1/{path}", json=patch, status=200)

    pointer, old, new = expected
    assert planned.pop("changes") == [{"pointer": pointer, "old": old, "new": new}]
    assert planned.pop("dry_run") is True
    assert planned["version"] == done["version"] - 1
    assert {**planned, "version": done["version"]} == done
    assert unchanged == before


async def test_creation_and_archival_can_be_planned(shop: Door) -> None:
    before, dan = await _state(shop), {"key": "dan", "kind": "staff", "name": "Dan"}
    booked = await shop.book("haircut", "2026-12-01T10:00:00+02:00")

    planned = await shop.send("POST", "/v1/resources", params=_DRY, json=dan, status=200)
    absent = await shop.send("GET", "/v1/resources/dan", status=404)
    archived = await shop.send("DELETE", "/v1/services/haircut", params=_DRY, status=200)
    needed = await shop.send("DELETE", "/v1/resources/noa", params=_DRY, status=422)
    taken = await shop.send("POST", "/v1/resources", params=_DRY, json=dan | {"key": "noa"}, status=422)

    assert (planned["name"], planned["dry_run"], planned["changes"]) == ("Dan", True, [])
    assert absent["code"] == "not_found"
    assert ([one["id"] for one in archived["affected"]], archived["affected_total"]) == ([booked["id"]], 1)
    assert (needed["code"], taken["code"]) == ("validation", "validation")
    assert await _state(shop) == before
