"""Limits on a customer's appointments per week and month, over HTTP: weeks begin on Monday, by the local calendar."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock

_CUSTOMER: Final = {"name": "Dana", "email": "dana@example.com"}
_ALWAYS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]


@pytest.fixture
async def gym(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        yield opened


async def _set_up(gym: Door, limit: Mapping[str, int]) -> None:
    document = small_document()
    document["business"]["rules"] = {"customer_limit": dict(limit)}
    document["resources"] = [resource | {"hours": _ALWAYS} for resource in document["resources"]]
    await gym.send("PUT", "/v1/business", json=document, status=200)


async def _booking(gym: Door, start: str, status: int = 201) -> Any:
    body = {"service": "haircut", "start": f"{start}:00+02:00", "customer": _CUSTOMER}
    return await gym.send("POST", "/v1/appointments", json=body, status=status)


async def test_week_of_a_customer_ends_with_sunday(gym: Door) -> None:
    await _set_up(gym, {"weekly": 2})
    await _booking(gym, "2026-12-07T00:00")
    first = await _booking(gym, "2026-12-13T23:00")

    refused = await _booking(gym, "2026-12-09T10:00", 409)

    assert refused["code"] == "limit_reached"
    assert {name: refused[name] for name in ("rule", "limit", "period", "from", "until")} == {
        "rule": "customer_limit", "limit": 2, "period": "week", "from": "2026-12-07", "until": "2026-12-13",
    }  # fmt: skip
    assert refused["detail"] == (
        "The customer already has 2 appointments in the week from 2026-12-07 to 2026-12-13, the most allowed."
    )
    # The weeks on both sides are others.
    await _booking(gym, "2026-12-06T23:00")
    later = await _booking(gym, "2026-12-14T00:00")
    moved = {"start": "2026-12-10T10:00:00+02:00"}
    path = f"/v1/appointments/{later['id']}/reschedule"
    assert (await gym.send("POST", path, json=moved, status=409))["period"] == "week"
    await gym.send("POST", f"/v1/appointments/{first['id']}/cancel", json={}, status=200)
    await gym.send("POST", path, json=moved, status=200)


async def test_month_of_a_customer_is_that_of_the_calendar(gym: Door) -> None:
    await _set_up(gym, {"monthly": 1, "weekly": 9})
    await _booking(gym, "2026-12-31T23:00")

    refused = await _booking(gym, "2026-12-01T00:00", 409)

    assert {name: refused[name] for name in ("period", "from", "until")} == {
        "period": "month", "from": "2026-12-01", "until": "2026-12-31",
    }  # fmt: skip
    await _booking(gym, "2027-01-01T00:00")
    await _booking(gym, "2026-11-30T23:00")
