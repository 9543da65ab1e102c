"""The operator makes, lists and names businesses, and hands out their keys, over HTTP."""

import asyncio
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from api.key_guesses import FREE
from tests.support.application import application
from tests.support.door import open_door
from tests.support.engine import patient_settings
from tests.support.operator import FADE, KEY, NEXT_KEY, PATH, Operator

_UNKNOWN: Final = UUID(int=7)
_REQUESTS: Final = [
    ("POST", "", {**FADE}),
    ("GET", "", None),
    ("GET", f"/{_UNKNOWN}", None),
    ("PATCH", f"/{_UNKNOWN}", {"suspended": True}),
    ("DELETE", f"/{_UNKNOWN}", None),
    ("GET", f"/{_UNKNOWN}/keys", None),
    ("POST", f"/{_UNKNOWN}/keys", {"name": "Back end"}),
    ("DELETE", f"/{_UNKNOWN}/keys/key_01kbc9x3v4h5m6n7p8q9r0zzzz", None),
]
every_request = pytest.mark.parametrize(("method", "path", "body"), _REQUESTS)


def _by(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_requests_are_those_of_the_document() -> None:
    paths = application().openapi()["paths"]
    described = {
        (method.upper(), path.count("{")) for path, by_method in paths.items() if path.startswith(PATH)
        for method in by_method
    }  # fmt: skip

    assert {(method, path.count("/") - path.count("/keys")) for method, path, _ in _REQUESTS} == described


@every_request
async def test_nobody_without_the_key_learns_anything(
    operator: Operator, method: str, path: str, body: dict[str, object] | None
) -> None:
    door = operator.door
    tried = [{}, _by("of-another-operator"), _by(""), {"Authorization": f"Basic {KEY}"}, _by(KEY[:-1])]

    answers = [await door.http.request(method, PATH + path, headers=one, json=body) for one in tried]
    answers += [await door.http.request(method, PATH + path, headers=door.secret, json=body)]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["code"] for answer in answers} == {"unauthorized"}


@every_request
async def test_unknown_business_is_not_found(
    operator: Operator, method: str, path: str, body: dict[str, object] | None
) -> None:
    if str(_UNKNOWN) not in path:
        return
    for one in (path, path.replace(str(_UNKNOWN), "no-id")):
        assert (await operator.ask(method, one, json=body, status=404))["code"] == "not_found"


@every_request
async def test_without_a_key_in_the_settings_there_is_no_such_api(
    database_url: str, redis_url: str, method: str, path: str, body: dict[str, object] | None
) -> None:
    async with open_door(database_url, redis_url, settings=patient_settings(database_url, redis_url)) as door:
        answered = await door.http.request(method, PATH + path, headers=_by(KEY), json=body)

    assert answered.status_code == httpx.codes.NOT_FOUND
    assert "HOLDFAST_OPERATOR_KEY" in answered.json()["detail"]


async def test_each_key_of_the_setting_opens(operator: Operator) -> None:
    for key in (KEY, NEXT_KEY):
        await operator.ask("GET", key=key, status=200)
    await operator.ask("GET", key=f"{KEY}, {NEXT_KEY}", status=401)


async def test_guesses_are_slowed(operator: Operator) -> None:
    for _ in range(FREE + 1):
        await operator.ask("GET", key="of-another-operator", status=401)

    limited = await operator.ask("GET", key=KEY, status=429)

    assert limited["code"] == "rate_limited"


async def test_business_that_is_made_can_be_set_up_with_its_keys(operator: Operator) -> None:
    made = await operator.make(mode="sandbox")

    assert made["secret_key"].startswith("hfs_")
    assert made["publishable_key"].startswith("hfp_")
    send = operator.door.send
    assert (await send("GET", "/v1/business", headers=_by(made["secret_key"]), status=200))["business"]["name"] == (
        FADE["name"]
    )
    await send("GET", "/v1/storefront", headers=_by(made["publishable_key"]), status=200)
    await send("GET", "/v1/sandbox/clock", headers=_by(made["secret_key"]), status=200)
    account = await operator.ask("GET", f"/{made['id']}", status=200)
    assert account == {name: value for name, value in made.items() if not name.endswith("_key")}
    assert {**account, **FADE} == account
    assert (account["suspended"], account["mode"]) == (False, "sandbox")


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"timezone": "Mars/Olympus"}, {"currency": "shekel"}, {"mode": "test"}, {"more": 1}]
)
async def test_business_that_cannot_be_is_refused(operator: Operator, wrong: dict[str, object]) -> None:
    refused = await operator.ask("POST", json={**FADE, **wrong}, status=422)

    assert refused["errors"][0]["pointer"].removeprefix("body.") == next(iter(wrong))


async def test_repeated_request_gets_the_same_business_and_another_one_a_refusal(operator: Operator) -> None:
    headers = {"Idempotency-Key": "customer-17"}

    first = await operator.make(name="Repeated", headers=headers)
    again = await operator.make(name="Repeated", headers=headers)
    refused = await operator.ask("POST", json={**FADE, "name": "Other"}, headers=headers, status=422)

    assert again == first
    assert refused["code"] == "idempotency_mismatch"
    assert len([one for one in await _all(operator) if one["name"] == "Repeated"]) == 1


async def test_requests_with_one_key_at_the_same_time_make_one_business(operator: Operator) -> None:
    headers = {"Idempotency-Key": "customer-18"}

    made = await asyncio.gather(*[operator.make(name="At once", headers=headers) for _ in range(6)])

    assert all(one == made[0] for one in made)
    assert [one["id"] for one in await _all(operator) if one["name"] == "At once"] == [made[0]["id"]]


async def test_memory_of_a_request_is_sealed_and_free_after_a_day(operator: Operator) -> None:
    headers = {"Idempotency-Key": "customer-19"}
    first = await operator.make(headers=headers)
    async with operator.door.context.engine.begin() as connection:
        found = await connection.execute(
            text("SELECT answer FROM operator_requests WHERE tenant_id = :id"), {"id": first["id"]}
        )
        (answer,) = found.scalars()
        await connection.execute(text("UPDATE operator_requests SET created_at = now() - interval '25 hours'"))

    second = await operator.make(headers=headers)

    assert first["secret_key"].encode() not in bytes(answer)
    assert second["id"] != first["id"]
    assert await operator.make(headers=headers) == second


async def _all(operator: Operator, limit: int = 100) -> list[Any]:
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await operator.ask("GET", params={"limit": limit, **cursor}, status=200)
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_list_has_each_business_once_in_the_order_in_which_they_were_made(operator: Operator) -> None:
    made = [(await operator.make(name=f"Shop {number}"))["id"] for number in range(5)]

    listed = await _all(operator, limit=2)

    ids = [one["id"] for one in listed]
    assert [one for one in ids if one in made] == made
    assert str(operator.door.tenant_id) in ids
    assert len(set(ids)) == len(ids)
    await operator.ask("GET", params={"cursor": "eyJ"}, status=422)
    await operator.ask("GET", params={"limit": 101}, status=422)


async def test_business_is_named_anew_and_keeps_the_rest(operator: Operator) -> None:
    door = operator.door
    await door.set_up("barbershop")
    before = await door.send("GET", "/v1/business", status=200)

    renamed = await operator.ask("PATCH", f"/{door.tenant_id}", json={"name": "Blade & Co"}, status=200)

    assert (renamed["name"], renamed["suspended"]) == ("Blade & Co", False)
    after = await door.send("GET", "/v1/business", status=200)
    assert after == {**before, "business": {**before["business"], "name": "Blade & Co"}}
    await operator.ask("PATCH", f"/{door.tenant_id}", json={"name": ""}, status=422)
    await operator.ask("PATCH", f"/{door.tenant_id}", json={"owner": "x"}, status=422)


async def test_keys_of_a_business_are_those_of_its_owner(operator: Operator) -> None:
    door, path = operator.door, f"/{operator.door.tenant_id}/keys"

    made = await operator.ask("POST", path, json={"name": "Back end"}, status=201)
    listed = await operator.ask("GET", path, status=200)

    own = await door.send("GET", "/v1/api-keys", headers=_by(made["key"]), status=200)
    assert [one["id"] for one in listed["data"]] == [one["id"] for one in own["data"]]
    assert made["id"] in {one["id"] for one in listed["data"]}
    await operator.ask("DELETE", f"{path}/{made['id']}", status=204)
    await door.send("GET", "/v1/me", headers=_by(made["key"]), status=401)
    other = await operator.make()
    await operator.ask("DELETE", f"/{other['id']}/keys/{listed['data'][0]['id']}", status=404)


async def test_repeated_request_for_a_key_gets_the_same_key_for_the_same_business_alone(operator: Operator) -> None:
    headers, body = {"Idempotency-Key": "key-1"}, {"name": "Back end"}
    other = await operator.make()

    made = [
        await operator.ask("POST", f"/{business}/keys", json=body, headers=headers, status=201)
        for business in (operator.door.tenant_id, operator.door.tenant_id, other["id"])
    ]

    assert made[0] == made[1]
    assert made[2]["id"] != made[0]["id"]


async def test_what_the_operator_does_is_in_the_audit_log_of_the_business(operator: Operator) -> None:
    made = await operator.make()
    path = f"/{made['id']}"
    await operator.ask("PATCH", path, json={"name": "Blade & Co"}, status=200)
    key = await operator.ask("POST", f"{path}/keys", json={"name": "Back end"}, status=201)
    await operator.ask("DELETE", f"{path}/keys/{key['id']}", status=204)
    await operator.suspend(made["id"])
    await operator.suspend(made["id"], suspended=False)

    page = await operator.door.send("GET", "/v1/audit", headers=_by(made["secret_key"]), status=200)

    told = [(one["action"], one["subjects"][0]) for one in reversed(page["data"])]
    assert {(one["actor"]["kind"], one["actor"]["id"], one["origin"]) for one in page["data"]} == {
        ("system", "operator", None)
    }
    assert all(one["request_id"] for one in page["data"])
    assert ("createBusiness", made["id"]) in told
    changes = ("changeBusinessAccount", made["id"])
    assert told[-5:] == [
        changes, ("createKeyOfBusiness", key["id"]), ("revokeKeyOfBusiness", key["id"]), changes, changes,
    ]  # fmt: skip
