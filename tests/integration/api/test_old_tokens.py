"""The token of an appointment opens nothing any more some time after the visit."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from catalogue.model.business import Mode
from tests.support.door import Door, as_customer_of, open_door
from tests.support.engine import MONDAY, MovingClock, patient_settings

_DAY: Final = "2026-12-01"


@pytest.fixture
def moving() -> MovingClock:
    return MovingClock()


@pytest.fixture(params=[30])
async def door(
    request: pytest.FixtureRequest, database_url: str, redis_url: str, moving: MovingClock
) -> AsyncIterator[Door]:
    settings = patient_settings(database_url, redis_url).model_copy(update={"appointment_token_days": request.param})
    async with open_door(database_url, redis_url, clock=moving, settings=settings, mode=Mode.SANDBOX) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _book(door: Door, moving: MovingClock) -> tuple[Any, datetime]:
    """A visit, and the end of its token."""
    moving.instant = MONDAY
    booked = await door.book("haircut", next(iter(await door.slots("haircut", _DAY))))
    return booked, datetime.fromisoformat(booked["end"]) + timedelta(days=30)


async def _read(door: Door, booked: Any, *, status: int) -> Any:
    path = f"/v1/appointments/{booked['id']}"
    beside_a_key = {**door.publishable, "Appointment-Token": booked["token"]}
    await door.send("GET", path, headers=beside_a_key, status=status)
    return await door.send("GET", path, headers=as_customer_of(booked), status=status)


async def test_token_opens_its_appointment_until_so_many_days_after_the_visit(door: Door, moving: MovingClock) -> None:
    booked, end = await _book(door, moving)

    moving.instant = end
    await _read(door, booked, status=200)
    moving.instant = end + timedelta(seconds=1)
    refused = await _read(door, booked, status=401)

    assert refused["code"] == "unauthorized"


async def test_token_of_a_sandbox_goes_by_its_own_clock(door: Door, moving: MovingClock) -> None:
    booked, end = await _book(door, moving)
    moving.instant = end + timedelta(days=1)

    await door.send("PUT", "/v1/sandbox/clock", json={"now": end.isoformat()}, status=200)

    await _read(door, booked, status=200)


@pytest.mark.parametrize("door", [0], indirect=True)
async def test_token_opens_its_appointment_for_ever_with_zero(door: Door, moving: MovingClock) -> None:
    booked, end = await _book(door, moving)

    moving.instant = end + timedelta(days=3650)

    await _read(door, booked, status=200)
