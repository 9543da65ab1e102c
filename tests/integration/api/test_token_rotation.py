from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from tests.support.door import Door, open_door
from tests.support.engine import MovingClock

_PATH: Final = "/v1/appointment-tokens/rotate"
_NOW: Final = datetime(2026, 11, 30, 8, tzinfo=UTC)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(_NOW)


@pytest.fixture
async def door(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _booked(door: Door) -> tuple[str, str]:
    """The id and the token of a new appointment."""
    found = await door.send("GET", "/v1/availability/next", params={"service": "haircut"}, status=200)
    made = await door.book("haircut", found["slots"][0]["start"])
    return made["id"], made["token"]


async def _opens(door: Door, booked: tuple[str, str]) -> bool:
    appointment_id, token = booked
    answer = await door.http.get(f"/v1/appointments/{appointment_id}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


async def test_former_tokens_work_until_the_overlap_ends(door: Door, clock: MovingClock) -> None:
    former = await _booked(door)

    rotated = await door.send("POST", _PATH, json={"overlap_days": 2}, status=200)
    latter = await _booked(door)

    assert rotated == {"previous_until": "2026-12-02T08:00:00Z"}
    assert former[1][-43:] != latter[1][-43:]
    assert (await _opens(door, former), await _opens(door, latter)) == (True, True)
    clock.instant = _NOW + timedelta(days=2)
    assert (await _opens(door, former), await _opens(door, latter)) == (False, True)


async def test_former_tokens_end_at_once_without_an_overlap(door: Door) -> None:
    former = await _booked(door)

    await door.send("POST", _PATH, json={"overlap_days": 0}, status=200)

    assert not await _opens(door, former)
    assert await _opens(door, await _booked(door))


async def test_second_rotation_waits_for_the_end_of_the_first_unless_all_are_to_end(
    door: Door, clock: MovingClock
) -> None:
    first = await _booked(door)
    await door.send("POST", _PATH, json={"overlap_days": 1}, status=200)
    second = await _booked(door)

    refused = await door.send("POST", _PATH, json={}, status=409)
    assert refused["code"] == "tokens_rotating"
    assert datetime.fromisoformat(refused["previous_until"]) == _NOW + timedelta(days=1)
    assert (await _opens(door, first), await _opens(door, second)) == (True, True)
    clock.instant = _NOW + timedelta(days=1)
    await door.send("POST", _PATH, json={}, status=200)
    third = await _booked(door)
    assert [await _opens(door, one) for one in (first, second, third)] == [False, True, True]
    await door.send("POST", _PATH, json={"overlap_days": 0}, status=200)
    assert [await _opens(door, one) for one in (first, second, third)] == [False, False, False]


async def test_hold_of_before_is_confirmed_with_a_token_that_opens_it(door: Door) -> None:
    found = await door.send("GET", "/v1/availability/next", params={"service": "haircut"}, status=200)
    wish = {"service": "haircut", "start": found["slots"][0]["start"]}
    hold = await door.send("POST", "/v1/holds", json=wish, status=201)
    await door.send("POST", _PATH, json={"overlap_days": 0}, status=200)

    confirmation = {"customer": {"name": "Dana", "email": "dana@example.com"}}
    made = await door.send("POST", f"/v1/holds/{hold['id']}/confirm", json=confirmation, status=201)

    assert await _opens(door, (made["id"], made["token"]))


async def test_repeated_booking_gets_a_token_that_opens_it(door: Door) -> None:
    found = await door.send("GET", "/v1/availability/next", params={"service": "haircut"}, status=200)
    body = {"service": "haircut", "start": found["slots"][0]["start"], "customer": {"name": "Dana"}}
    hold = await door.send("POST", "/v1/holds", json={"service": "haircut", "start": body["start"]}, status=201)
    confirmation = {"customer": {"name": "Dana", "email": "dana@example.com"}}
    path = f"/v1/holds/{hold['id']}/confirm"
    await door.send("POST", path, json=confirmation, status=201)
    await door.send("POST", _PATH, json={"overlap_days": 0}, status=200)

    again = await door.send("POST", path, json=confirmation, status=200)

    assert await _opens(door, (again["id"], again["token"]))


async def test_rotation_changes_no_document_and_no_version(door: Door) -> None:
    before = await door.send("GET", "/v1/business", status=200)

    await door.send("POST", _PATH, json={}, status=200)

    assert await door.send("GET", "/v1/business", status=200) == before


async def test_another_process_tests_by_the_new_secret_at_once_and_signs_by_it(
    door: Door, database_url: str, redis_url: str, clock: MovingClock
) -> None:
    former = await _booked(door)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_door(database_url, redis_url, clock=clock))
        other = replace(opened, secret=door.secret, publishable=door.publishable)
        assert await _opens(other, former)

        await door.send("POST", _PATH, json={"overlap_days": 0}, status=200)

        assert not await _opens(other, former)
        latter = await _booked(other)
        assert await _opens(door, latter)
        assert await _opens(other, latter)


@pytest.mark.parametrize("body", [{"overlap_days": -1}, {"overlap_days": 366}, {"overlap_days": None}, {"days": 1}])
async def test_terms_are_checked(door: Door, body: dict[str, object]) -> None:
    refused = await door.send("POST", _PATH, json=body, status=422)

    assert refused["code"] == "validation"
