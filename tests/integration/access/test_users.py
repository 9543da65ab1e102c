"""Users over HTTP: owners add, change and remove them; a business keeps its last owner."""

import asyncio
from typing import Any

import asyncpg
import pytest

from access.roles import Role
from tests.support.door import Door
from tests.support.users import Users, bearer

_NOA = {"email": "Noa@Fade.Example", "name": "Noa", "role": "owner", "locale": "he"}


async def test_user_is_added_read_changed_and_removed(shop: Door) -> None:
    await shop.set_up("barbershop")
    added = await shop.send("POST", "/v1/users", json=_NOA, status=201)
    other = await shop.send(
        "POST", "/v1/users", json={**_NOA, "email": "avi@fade.example", "role": "staff", "resource": "noa"}, status=201
    )

    changed = await shop.send(
        "PATCH", f"/v1/users/{other['id']}", json={"role": "manager", "resource": None}, status=200
    )
    listed = await shop.send("GET", "/v1/users", status=200)
    await shop.send("DELETE", f"/v1/users/{other['id']}", status=204)

    assert (added["email"], added["role"], added["resource"], added["locale"]) == (
        "Noa@fade.example",
        "owner",
        None,
        "he",
    )
    assert (other["role"], other["resource"], other["version"]) == ("staff", "noa", 1)
    assert (changed["role"], changed["resource"], changed["version"]) == ("manager", None, 2)
    assert listed["data"] == [added, changed]
    assert await shop.send("GET", f"/v1/users/{added['id']}", status=200) == added
    assert (await shop.send("GET", f"/v1/users/{other['id']}", status=404))["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**_NOA, "email": "noa"}, "email"),
        ({**_NOA, "role": "customer"}, "role"),
        ({**_NOA, "role": "visitor"}, "role"),
        ({**_NOA, "role": "boss"}, "role"),
        ({**_NOA, "role": "staff"}, "resource"),
        ({**_NOA, "resource": "nobody"}, "resource"),
        ({**_NOA, "locale": "Hebrew"}, "locale"),
        ({**_NOA, "name": "two\nlines"}, "name"),
        ({**_NOA, "name": ""}, "name"),
        ({**_NOA, "password": "secret"}, "password"),
    ],
)
async def test_user_that_makes_no_sense_is_refused(shop: Door, body: dict[str, Any], pointer: str) -> None:
    refused = await shop.send("POST", "/v1/users", json=body, status=422)

    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_address_belongs_to_one_user_of_a_business_however_it_is_spelled(shop: Door) -> None:
    noa = await shop.send("POST", "/v1/users", json=_NOA, status=201)
    avi = await shop.send("POST", "/v1/users", json={**_NOA, "email": "avi@fade.example"}, status=201)

    twice = await shop.send("POST", "/v1/users", json={**_NOA, "email": "noa@FADE.example"}, status=422)
    moved = await shop.send("PATCH", f"/v1/users/{avi['id']}", json={"email": "NOA@fade.example"}, status=422)
    respelled = await shop.send("PATCH", f"/v1/users/{noa['id']}", json={"email": "noa@fade.example"}, status=200)

    assert [error["pointer"] for error in twice["errors"] + moved["errors"]] == ["email", "email"]
    assert respelled["email"] == "noa@fade.example"


async def test_last_owner_stays_an_owner(shop: Door) -> None:
    noa = await shop.send("POST", "/v1/users", json=_NOA, status=201)
    avi = await shop.send("POST", "/v1/users", json={**_NOA, "email": "avi@fade.example"}, status=201)
    await shop.send("PATCH", f"/v1/users/{avi['id']}", json={"role": "manager"}, status=200)

    removed = await shop.send("DELETE", f"/v1/users/{noa['id']}", status=409)
    demoted = await shop.send("PATCH", f"/v1/users/{noa['id']}", json={"role": "manager"}, status=409)
    await shop.send("PATCH", f"/v1/users/{noa['id']}", json={"role": "owner", "name": "Noa B"}, status=200)

    assert (removed["code"], demoted["code"]) == ("last_owner", "last_owner")


async def test_of_two_owners_who_remove_each_other_one_stays(shop: Door) -> None:
    paths = [
        f"/v1/users/{(await shop.send('POST', '/v1/users', json={**_NOA, 'email': email}, status=201))['id']}"
        for email in ("noa@fade.example", "avi@fade.example")
    ]

    answers = await asyncio.gather(*(shop.http.delete(path, headers=shop.secret) for path in paths))

    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_change_of_a_user_who_was_changed_meanwhile_is_refused(shop: Door) -> None:
    noa = await shop.send("POST", "/v1/users", json=_NOA, status=201)
    path, stale = f"/v1/users/{noa['id']}", {"If-Match": '"1"'}
    await shop.send("PATCH", path, json={"name": "Noa B"}, headers=stale, status=200)

    changed = await shop.send("PATCH", path, json={"name": "Noa C"}, headers=stale, status=412)
    removed = await shop.send("DELETE", path, headers=stale, status=412)

    assert (changed["code"], removed["code"]) == ("version_conflict", "version_conflict")


async def test_repeated_request_adds_one_user(shop: Door) -> None:
    headers = {"Idempotency-Key": "noa"}

    first = await shop.send("POST", "/v1/users", json=_NOA, headers=headers, status=201)
    second = await shop.send("POST", "/v1/users", json=_NOA, headers=headers, status=201)

    assert first == second
    assert len((await shop.send("GET", "/v1/users", status=200))["data"]) == 1


@pytest.mark.parametrize("role", [Role.MANAGER, Role.STAFF])
async def test_users_are_for_owners(shop: Door, users: Users, role: Role) -> None:
    await shop.set_up("barbershop")
    headers = bearer(await users.token(role, "noa"))

    refused = [
        await shop.send("GET", "/v1/users", headers=headers, status=403),
        await shop.send("POST", "/v1/users", json=_NOA, headers=headers, status=403),
    ]

    assert {one["code"] for one in refused} == {"forbidden"}
    assert (await shop.send("GET", "/v1/users", headers=shop.publishable, status=403))["code"] == "forbidden"


async def test_no_row_has_the_address_or_the_name_in_the_clear(
    shop: Door, users: Users, outside: "asyncpg.Connection[Any]"
) -> None:
    await shop.send(
        "POST",
        "/v1/users",
        json={**_NOA, "email": "marker-zq@fade.example", "name": "Markerzq"},
        headers={"Idempotency-Key": "marker"},
        status=201,
    )
    await shop.http.post("/v1/sign-in", json={"email": "marker-zq@fade.example"})
    await users.mail_codes()

    tables = await outside.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [
        str(row["row"])
        for table in tables
        for row in await outside.fetch(f"SELECT t::text AS row FROM {table['tablename']} AS t")  # noqa: S608
    ]

    found = [row for row in rows if "marker-zq" in row.lower() or "markerzq" in row.lower()]
    assert found == []
    assert [mail.to for mail in users.mailbox.mails] == ["marker-zq@fade.example"]


async def test_removed_user_leaves_nothing_behind(shop: Door, users: Users, outside: "asyncpg.Connection[Any]") -> None:
    await users.token()
    before = await outside.fetchval("SELECT count(*) FROM secrets WHERE tenant_id = $1", shop.tenant_id)
    user_id = await users.add("gone@example.com")
    await users.sessions.open(await users.code(user_id))
    await users.code(user_id)

    await shop.send("DELETE", f"/v1/users/{user_id}", status=204)

    assert await outside.fetchval("SELECT count(*) FROM secrets WHERE tenant_id = $1", shop.tenant_id) == before
    for table in ("user_sessions", "sign_in_links"):
        assert await outside.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", user_id) == 0  # noqa: S608
