"""A password of Postgres that is changed while the engine runs."""

from collections.abc import AsyncIterator

import pytest

from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock
from tests.support.logins import Login, login
from tests.support.stores import execute
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database


@pytest.fixture
async def account(database_url: str) -> AsyncIterator[Login]:
    with login(database_url) as made:
        yield made


@pytest.fixture
async def door(account: Login, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(account.url, redis_url, clock=FixedClock(MONDAY)) as opened:
        await opened.set_up("barbershop")
        yield opened


async def test_rotated_password_is_503_with_its_cause_until_it_is_back(door: Door, account: Login) -> None:
    async def is_ready() -> bool:
        return (await door.http.get("/readyz")).status_code == 200

    assert await is_ready()
    account.set_password("second")
    account.end_sessions()
    await eventually(lambda: _is_refused(door))

    answers = [await door.http.get("/v1/business", headers=door.secret) for _ in range(5)]
    ready = (await door.http.get("/readyz")).json()

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "store_unavailable")}
    assert (ready["status"], ready["postgres"]) == ("not_ready", False)
    assert ready["causes"] == ["Postgres refuses the login: the password is wrong, or the user may not log in."]

    account.set_password("first")
    await eventually(is_ready)
    await door.send("GET", "/v1/business", status=200)


async def test_rotated_password_cuts_nobody_off_who_is_logged_in(door: Door, account: Login) -> None:
    await door.send("GET", "/v1/business", status=200)

    account.set_password("second")
    door.context.watches["postgres"].probe_soon()

    for _ in range(20):
        await door.send("GET", "/v1/business", status=200)


async def test_database_that_was_renamed_is_503_with_its_cause(door: Door, account: Login) -> None:
    name = account.url.rpartition("/")[2]
    server = account.server_url.rpartition("/")[0] + "/postgres"
    account.end_sessions()
    execute(server, f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
    try:
        await eventually(lambda: _is_refused(door))
        ready = (await door.http.get("/readyz")).json()
    finally:
        execute(server, f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')

    assert ready["causes"] == ["Postgres has no database of that name."]


async def _is_refused(door: Door) -> bool:
    return (await door.http.get("/v1/business", headers=door.secret)).status_code == 503
