"""Quotas: how much of a kind a business may have, also where several are added at the same time."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import orjson
import pytest

from bookings import booking_service
from catalogue.model.quotas import Quota
from kernel.ids import first_appointment_id
from tests.support.documents import example
from tests.support.operator import Operator
from tests.support.waiting import eventually

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

    none = dict.fromkeys([quota.value for quota in Quota])
    assert first == {**none, "resources": 20, "users": 5}
    assert second == {**none, "resources": 20, "api_keys": 0}
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


_DAYS: Final = ("2026-12-07", "2026-12-08")
_DANA: Final = {"name": "Dana", "email": "dana@example.com"}


async def _grant_known(operator: Operator, **quotas: int | None) -> None:
    """Set quotas, and wait until the process knows them."""
    await _grant(operator, **quotas)
    door = operator.door

    async def knows() -> bool:
        await door.send("GET", "/v1/business", status=200)
        standings = door.services.standings
        return all(standings.quota(door.tenant_id, Quota(name)) == most for name, most in quotas.items())

    await eventually(knows)


async def _starts(operator: Operator, amount: int) -> list[str]:
    """Free starts, none of which is in the way of another."""
    listed = [start for day in _DAYS for start in await operator.door.slots("haircut", day, resource="noa")]
    return listed[::4][:amount]


async def _hold(operator: Operator, start: str) -> Any:
    return await operator.door.hold("haircut", start, resource="noa")


async def test_no_more_appointments_are_made_in_a_day_than_granted_also_by_many_at_once(operator: Operator) -> None:
    door = operator.door
    await door.set_up("barbershop")
    starts = await _starts(operator, 8)
    holds = [await _hold(operator, start) for start in starts[:3]]
    await _grant_known(operator, appointments_per_day=2)
    confirmations = [(f"/v1/holds/{hold['id']}/confirm", {"customer": _DANA}) for hold in holds]
    bookings = [
        ("/v1/appointments", {"service": "haircut", "resource": "noa", "start": start, "customer": _DANA})
        for start in starts[3:]
    ]

    answers = await asyncio.gather(
        *[door.http.request("POST", path, json=body, headers=door.secret) for path, body in confirmations + bookings]
    )

    refused = [answer for answer in answers if answer.status_code == 403]
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 6
    assert {answer.json()["code"] for answer in refused} == {"quota_exceeded"}
    assert {(answer.json()["quota"], answer.json()["limit"]) for answer in refused} == {("appointments_per_day", 2)}
    assert all(0 < int(answer.headers["Retry-After"]) <= 86_400 for answer in refused)
    assert await _count(operator, "/v1/appointments") == 2


async def test_refusal_leaves_the_hold_and_a_repetition_gets_its_answer(operator: Operator) -> None:
    door = operator.door
    await door.set_up("barbershop")
    first, second, third = [await _hold(operator, start) for start in await _starts(operator, 3)]
    await _grant_known(operator, appointments_per_day=1)
    booked = await door.confirm(first)
    path, body = f"/v1/holds/{second['id']}/confirm", {"customer": _DANA}

    await door.send("POST", path, json=body, status=403)
    kept = await door.send("GET", f"/v1/holds/{second['id']}", status=200)
    customer = {"name": "Dana Levi", "email": f"{first['id']}@example.com"}
    first_path = f"/v1/holds/{first['id']}/confirm"
    again = await door.send("POST", first_path, json={"customer": customer}, headers=door.publishable, status=200)
    # Who cancels has made one all the same.
    await door.send("POST", f"/v1/appointments/{booked['id']}/cancel", json={}, status=200)
    await door.send("POST", f"/v1/holds/{third['id']}/confirm", json=body, status=403)
    await _grant_known(operator, appointments_per_day=None)
    await door.send("POST", path, json=body, status=201)

    assert kept["status"] == "held"
    assert again["id"] == booked["id"]


async def test_appointment_counts_on_the_day_of_its_id_also_when_it_is_written_after_midnight(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = operator.door
    await door.set_up("barbershop")
    first, second, third = [await _hold(operator, start) for start in await _starts(operator, 3)]
    await _grant_known(operator, appointments_per_day=1)
    midnight = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    late = iter([first_appointment_id(midnight - timedelta(milliseconds=before)) for before in (2, 1)])

    with monkeypatch.context() as patched:
        patched.setattr(booking_service, "new_appointment_id", lambda: next(late))
        await door.confirm(first)
        body = {"customer": _DANA}
        refused = await door.send("POST", f"/v1/holds/{second['id']}/confirm", json=body, status=403)
    await door.confirm(third)

    assert refused["code"] == "quota_exceeded"
    # Its day is over: the same request has a place in the next one.
    assert refused["retry_after_seconds"] == 1


async def test_no_more_holds_live_than_granted_and_one_that_ends_makes_room(operator: Operator) -> None:
    door = operator.door
    await door.set_up("barbershop")
    starts = await _starts(operator, 8)
    await _grant_known(operator, live_holds=3)
    keys = [door.secret, door.publishable] * 4

    answers = await asyncio.gather(
        *[
            door.http.request(
                "POST", "/v1/holds", json={"service": "haircut", "resource": "noa", "start": start}, headers=key
            )
            for start, key in zip(starts, keys, strict=True)
        ]
    )

    refused = next(answer for answer in answers if answer.status_code == 429)
    placed = next(answer.json() for answer in answers if answer.status_code == 201)
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5
    told = refused.json()
    assert (told["code"], told["budget"], told["limit"]) == ("hold_limit_reached", "quota", 3)
    assert int(refused.headers["Retry-After"]) > 0
    # A direct booking holds nothing for a while.
    (taken, *_) = [start for start, answer in zip(starts, answers, strict=True) if answer.status_code == 429]
    body = {"service": "haircut", "resource": "noa", "start": taken, "customer": _DANA}
    await door.send("POST", "/v1/appointments", json=body, status=201)
    await door.send("DELETE", f"/v1/holds/{placed['id']}", status=204)
    await door.confirm(await _hold(operator, placed["start"]))
    await _hold(operator, (await _starts(operator, 1))[0])
    await _grant_known(operator, live_holds=None)
    await _hold(operator, (await _starts(operator, 1))[0])


async def test_quotas_are_in_the_audit_log(operator: Operator) -> None:
    await _grant(operator, resources=20, users=None)

    page = await operator.door.send("GET", "/v1/audit", params={"limit": 1}, status=200)

    (entry,) = page["data"]
    assert (entry["action"], entry["fields"]) == ("changeBusinessAccount", ["quotas.resources", "quotas.users"])
