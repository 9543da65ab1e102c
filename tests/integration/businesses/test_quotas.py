"""Quotas: how many objects of a kind a business may have, also where several are added at the same time."""

import asyncio
from typing import Any, Final

import orjson
import pytest

from tests.support.documents import example
from tests.support.operator import Operator

_MANY: Final = 6


def _resource(number: int) -> dict[str, Any]:
    return {"key": f"more-{number}", "kind": "staff", "name": f"More {number}", "location": "main", "hours": []}


def _user(number: int) -> dict[str, Any]:
    return {"email": f"user{number}@fade.example", "name": f"User {number}", "role": "manager"}


def _endpoint(number: int) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:9999/{number}", "types": ["*"]}


def _key(number: int) -> dict[str, Any]:
    return {"name": f"Key {number}"}


_KINDS: Final = [
    ("resources", "/v1/resources", _resource),
    ("users", "/v1/users", _user),
    ("webhook_endpoints", "/v1/webhook-endpoints", _endpoint),
    ("api_keys", "/v1/api-keys", _key),
]
every_kind = pytest.mark.parametrize(("quota", "path", "body"), _KINDS)


async def _grant(operator: Operator, **quotas: int | None) -> Any:
    changed = await operator.ask("PATCH", f"/{operator.door.tenant_id}", json={"quotas": quotas}, status=200)
    return changed["quotas"]


async def _count(operator: Operator, path: str) -> int:
    return len((await operator.door.send("GET", path, status=200))["data"])


@every_kind
async def test_one_more_than_the_quota_is_refused_and_none_of_many_at_once_exceeds_it(
    operator: Operator, quota: str, path: str, body: Any
) -> None:
    door = operator.door
    await door.set_up("barbershop")
    most = await _count(operator, path) + 2
    await _grant(operator, **{quota: most})

    answers = await asyncio.gather(
        *[door.http.request("POST", path, headers=door.secret, json=body(number)) for number in range(_MANY)]
    )

    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [201] * 2 + [403] * (_MANY - 2)
    refused = next(answer.json() for answer in answers if answer.status_code != 201)
    assert (refused["code"], refused["quota"], refused["limit"]) == ("quota_exceeded", quota, most)
    assert await _count(operator, path) == most
    # Without a quota there is room again.
    await _grant(operator, **{quota: None})
    await door.send("POST", path, json=body(_MANY), status=201)


async def test_quota_that_is_absent_stays_and_null_takes_one_away(operator: Operator) -> None:
    first = await _grant(operator, resources=20, users=5)
    second = await _grant(operator, users=None, api_keys=0)

    assert first == {"resources": 20, "users": 5, "webhook_endpoints": None, "api_keys": None}
    assert second == {"resources": 20, "users": None, "webhook_endpoints": None, "api_keys": 0}
    path = f"/{operator.door.tenant_id}"
    assert (await operator.ask("GET", path, status=200))["quotas"] == second
    assert (await operator.make())["quotas"] == dict.fromkeys(second)


async def test_resources_beyond_a_new_quota_stay_and_can_be_changed(operator: Operator) -> None:
    door, document = operator.door, example("barbershop")
    await door.set_up("barbershop")
    await _grant(operator, resources=1)

    await door.set_up("barbershop")
    await door.send("PATCH", "/v1/resources/noa", json={"name": "Noa B"}, status=200)
    # YAML has made dates of what JSON spells as text.
    more = orjson.dumps({**document, "resources": [*document["resources"], _resource(0)]})
    for dry_run in (True, False):
        refused = await door.send("PUT", "/v1/business", params={"dry_run": dry_run}, content=more, status=403)
        assert refused["code"] == "quota_exceeded"


async def test_keys_beyond_a_quota_can_be_rotated(operator: Operator) -> None:
    await _grant(operator, api_keys=0)
    (key, *_) = (await operator.door.send("GET", "/v1/api-keys", status=200))["data"]

    await operator.door.send("POST", f"/v1/api-keys/{key['id']}/rotate", json={}, status=200)

    await operator.ask("POST", f"/{operator.door.tenant_id}/keys", json={"name": "One more"}, status=403)


@pytest.mark.parametrize("wrong", [{"resources": -1}, {"resources": 1.5}, {"appointments": 3}, {"users": "many"}])
async def test_quota_that_cannot_be_is_refused(operator: Operator, wrong: dict[str, object]) -> None:
    path = f"/{operator.door.tenant_id}"

    refused = await operator.ask("PATCH", path, json={"quotas": wrong}, status=422)

    assert refused["code"] == "validation"


async def test_quotas_are_in_the_audit_log(operator: Operator) -> None:
    await _grant(operator, resources=20, users=None)

    page = await operator.door.send("GET", "/v1/audit", params={"limit": 1}, status=200)

    (entry,) = page["data"]
    assert (entry["action"], entry["fields"]) == ("changeBusinessAccount", ["quotas.resources", "quotas.users"])
