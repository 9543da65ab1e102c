"""Days of vacation use up no business days of a booking window where that would close the calendar."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from catalogue.model.business import Mode
from tests.support.documents import small_document
from tests.support.door import Door, open_door

_DAYS = ["mon", "tue", "wed", "thu", "fri"]
_HOURS = [{"days": _DAYS, "start": "09:00", "end": "18:00"}]
_VACATION = {"start": "2026-11-29T00:00:00+02:00", "end": "2026-12-05T00:00:00+02:00", "reason": "vacation"}


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """A sandbox: Postgres goes by its clock too, where it looks for the time off to come."""
    async with open_door(database_url, redis_url, mode=Mode.SANDBOX) as opened:
        yield opened


def _staff(key: str, **fields: Any) -> dict[str, Any]:
    return {"key": key, "kind": "staff", "name": key.title(), "hours": _HOURS, **fields}


async def _set_up(door: Door, *resources: dict[str, Any]) -> None:
    service = {
        "key": "haircut",
        "name": "Haircut",
        "duration_minutes": 30,
        "requires": [{"role": "barber", "kind": "staff"}],
        "rules": {"window": {"business_days": 2}},
    }
    document = small_document(resources=list(resources), services=[service])
    await door.send("PUT", "/v1/business", json=document, status=200)
    await door.send("PUT", "/v1/sandbox/clock", json={"now": "2026-11-29T20:00:00+02:00"}, status=200)


async def _dates(door: Door) -> list[str]:
    query = {"service": "haircut", "from": "2026-11-30", "to": "2026-12-12"}
    days = (await door.send("GET", "/v1/availability/days", params=query, status=200))["days"]
    return [day["date"] for day in days if day["available"]]


async def test_vacation_of_all_uses_up_no_business_days(door: Door) -> None:
    await _set_up(door, _staff("noa", time_off=[_VACATION]))

    listed = await _dates(door)
    held = await door.hold("haircut", "2026-12-08T10:00:00+02:00")
    booked = await door.confirm(held)
    after = {"service": "haircut", "start": "2026-12-09T10:00:00+02:00"}
    beyond = await door.send("POST", "/v1/holds", json=after, headers=door.publishable, status=422)

    assert listed == ["2026-12-07", "2026-12-08"]
    assert booked["status"] == "confirmed"
    assert (beyond["code"], beyond["reason"]) == ("not_offered", "outside_window")


async def test_days_count_when_somebody_of_the_pool_works(door: Door) -> None:
    await _set_up(door, _staff("noa", time_off=[_VACATION]), _staff("dan"))

    assert await _dates(door) == ["2026-11-30", "2026-12-01"]


@pytest.mark.parametrize("way", ["route", "document"])
async def test_calendar_follows_time_off_that_is_added_and_removed(door: Door, way: str) -> None:
    await _set_up(door, _staff("noa"))
    before = await _dates(door)

    if way == "route":
        added = await door.send("POST", "/v1/resources/noa/time-off", json=_VACATION, status=201)
        during = await _dates(door)
        await door.send("DELETE", f"/v1/resources/noa/time-off/{added['id']}", status=204)
    else:
        await door.send("PATCH", "/v1/resources/noa", json={"time_off": [_VACATION]}, status=200)
        during = await _dates(door)
        await door.send("PATCH", "/v1/resources/noa", json={"time_off": []}, status=200)

    assert before == ["2026-11-30", "2026-12-01"]
    assert during == ["2026-12-07", "2026-12-08"]
    assert await _dates(door) == before
