"""Appointments are listed by when they were made, and by when they changed."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.support.door import Door, act, open_door
from tests.support.engine import MONDAY, MovingClock

_DAY: Final = "2026-12-01"


@pytest.fixture
def moving() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def door(database_url: str, redis_url: str, moving: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=moving) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _listed(door: Door, **query: Any) -> set[str]:
    found = await door.send("GET", "/v1/appointments", params=query, status=200)
    return {one["id"] for one in found["data"]}


async def test_list_has_what_was_made_or_changed_since(door: Door, moving: MovingClock) -> None:
    starts = list(await door.slots("haircut", _DAY, resource="noa"))[::4]
    old = await door.confirm(await door.hold("haircut", starts[0]))
    left = await door.confirm(await door.hold("haircut", starts[1]))
    moving.instant = MONDAY + timedelta(minutes=10)
    new = await door.confirm(await door.hold("haircut", starts[2]))
    await act(door, old, "cancel", json={})
    since = "2026-11-30T06:10:00Z"

    assert await _listed(door, created_since=since) == {new["id"]}
    assert await _listed(door, updated_since=since) == {new["id"], old["id"]}
    assert await _listed(door, updated_since=since, status="cancelled") == {old["id"]}
    assert await _listed(door, updated_since="2026-11-30T06:00:00Z") == {new["id"], old["id"], left["id"]}
    assert await _listed(door, updated_since="2026-11-30T06:10:00.000001Z") == set()
    await door.send("GET", "/v1/appointments", params={"updated_since": "yesterday"}, status=422)
