"""API keys over HTTP: listed, made, rotated and revoked by the owner."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from bootstrap.services import build_services
from tests.support.door import Door


def _by(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def _keys(door: Door) -> list[Any]:
    listed: list[Any] = (await door.send("GET", "/v1/api-keys", status=200))["data"]
    return listed


async def _make(door: Door, **more: Any) -> Any:
    return await door.send("POST", "/v1/api-keys", json={"name": "Till", **more}, status=201)


async def test_key_that_is_made_opens_the_business_and_is_listed_without_itself(door: Door) -> None:
    secret, publishable = await _make(door), await _make(door, kind="publishable", name="Page")

    assert secret["key"].startswith("hfs_")
    assert publishable["key"].startswith("hfp_")
    await door.send("GET", "/v1/business", headers=_by(secret["key"]), status=200)
    await door.send("GET", "/v1/storefront", headers=_by(publishable["key"]), status=200)
    await door.send("GET", "/v1/business", headers=_by(publishable["key"]), status=403)
    listed = await _keys(door)
    assert [(one["name"], one["kind"]) for one in listed[-2:]] == [("Till", "secret"), ("Page", "publishable")]
    assert {one["name"] for one in listed[:2]} == {None}
    assert [one for one in listed if "key" in one] == []


async def test_last_use_is_noted_once_an_hour(door: Door) -> None:
    made = await _make(door)
    assert made["last_used_at"] is None

    async def noted() -> Any:
        async with asyncio.timeout(10):
            while True:
                (found,) = (one for one in await _keys(door) if one["id"] == made["id"])
                if found["last_used_at"] is not None:
                    return found["last_used_at"]

    await door.send("GET", "/v1/me", headers=_by(made["key"]), status=200)

    assert await noted() >= made["created_at"]


async def test_rotated_key_works_until_the_overlap_ends(door: Door) -> None:
    made = await _make(door)
    path = f"/v1/api-keys/{made['id']}/rotate"

    rotated = await door.send("POST", path, json={"overlap_minutes": 60}, status=200)

    assert (rotated["name"], rotated["kind"], rotated["expires_at"]) == ("Till", "secret", None)
    assert rotated["id"] != made["id"]
    for key in (made["key"], rotated["key"]):
        await door.send("GET", "/v1/me", headers=_by(key), status=200)
    ends = {one["id"]: one["expires_at"] for one in await _keys(door)}
    assert ends[made["id"]] is not None
    async with door.context.engine.begin() as connection:
        await connection.execute(text("UPDATE api_keys SET expires_at = now() WHERE id = :id"), {"id": made["id"]})
    assert made["id"] not in {one["id"] for one in await _keys(door)}
    await door.send("POST", path, json={}, status=404)


async def test_rotation_without_an_overlap_ends_the_old_key(door: Door) -> None:
    made = await _make(door)

    await door.send("POST", f"/v1/api-keys/{made['id']}/rotate", json={"overlap_minutes": 0}, status=200)

    await door.send("GET", "/v1/me", headers=_by(made["key"]), status=401)


async def test_revoked_key_opens_nothing_and_revoking_again_succeeds(door: Door) -> None:
    made = await _make(door)
    path = f"/v1/api-keys/{made['id']}"

    await door.send("DELETE", path, status=204)

    await door.send("GET", "/v1/me", headers=_by(made["key"]), status=401)
    await door.send("DELETE", path, status=204)
    await door.send("DELETE", "/v1/api-keys/key_01kbc9x3v4h5m6n7p8q9r0zzzz", status=404)


async def test_last_secret_key_is_not_revoked_and_of_two_that_revoke_each_other_one_stays(door: Door) -> None:
    (own,) = (one["id"] for one in await _keys(door) if one["kind"] == "secret")
    refused = await door.send("DELETE", f"/v1/api-keys/{own}", status=409)
    assert refused["code"] == "last_key"
    other = await _make(door)

    answers = await asyncio.gather(
        door.http.request("DELETE", f"/v1/api-keys/{other['id']}", headers=door.secret),
        door.http.request("DELETE", f"/v1/api-keys/{own}", headers=_by(other["key"])),
    )

    assert sorted(answer.status_code for answer in answers) in ([204, 401], [204, 409])


async def test_key_that_ends_does_not_count_as_a_way_in(door: Door) -> None:
    (own,) = (one["id"] for one in await _keys(door) if one["kind"] == "secret")
    rotated = await door.send("POST", f"/v1/api-keys/{own}/rotate", json={"overlap_minutes": 60}, status=200)

    refused = await door.send("DELETE", f"/v1/api-keys/{rotated['id']}", status=409)
    await door.send("DELETE", f"/v1/api-keys/{own}", status=204)

    assert refused["code"] == "last_key"


async def test_keys_of_another_business_do_not_exist(door: Door) -> None:
    other = await build_services(door.context).tenants.create("Other")
    (theirs,) = (
        one["id"]
        for one in (await door.send("GET", "/v1/api-keys", headers=_by(other.secret_key), status=200))["data"]
        if one["kind"] == "secret"
    )

    for method, path in (("DELETE", f"/v1/api-keys/{theirs}"), ("POST", f"/v1/api-keys/{theirs}/rotate")):
        await door.send(method, path, json={}, status=404)
    await door.send("GET", "/v1/me", headers=_by(other.secret_key), status=200)


async def test_repeated_request_gets_the_same_key_and_the_memory_is_sealed(door: Door) -> None:
    headers = {"Idempotency-Key": "till-1"}

    first = await door.send("POST", "/v1/api-keys", json={"name": "Till"}, headers=headers, status=201)
    again = await door.send("POST", "/v1/api-keys", json={"name": "Till"}, headers=headers, status=201)

    assert again == first
    async with door.context.engine.begin() as connection:
        await connection.execute(
            text("SELECT set_config('app.tenant_id', :tenant, true)"), {"tenant": str(door.tenant_id)}
        )
        stored = (await connection.execute(text("SELECT body FROM idempotency_keys"))).scalars().all()
    assert stored
    assert not any(first["key"].encode() in bytes(body) for body in stored if body is not None)


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 101}, {"name": "Till", "kind": "operator"}])
async def test_key_without_a_good_name_and_kind_is_refused(door: Door, body: dict[str, str]) -> None:
    await door.send("POST", "/v1/api-keys", json=body, status=422)
