"""A bar that is open past midnight: its early hours belong to the date on which the shift began, by every rule."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock

# MovingClock stands at Monday, 2026-11-30T08:00 UTC.
_NIGHTS: Final = ["fri", "sat"]
_CUSTOMER: Final = {"name": "Dana", "email": "dana@example.com"}


@pytest.fixture
async def bar(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        yield opened


async def _set_up(bar: Door, *, service: dict[str, Any], table: dict[str, Any] | None = None) -> None:
    document = small_document(
        business={"name": "Bar", "timezone": "Europe/Berlin", "currency": "EUR"},
        resources=[
            {
                "key": "table",
                "kind": "table",
                "name": "Table",
                "capacity": 4,
                "hours": [{"days": _NIGHTS, "start": "20:00", "end": "04:00"}],
                "rules": table or {},
            }
        ],
        services=[
            {
                "key": "table",
                "name": "Table",
                "duration_minutes": 90,
                "grid": {"align": "clock", "step_minutes": 30},
                "requires": [{"role": "table", "any_of": ["table"]}],
                "rules": service,
            }
        ],
    )
    await bar.send("PUT", "/v1/business", json=document, status=200)


async def _listed(bar: Door, day: str) -> list[str]:
    return [start[11:16] for start in await bar.slots("table", day)]


async def _booking(bar: Door, start: str, status: int = 201) -> Any:
    body = {"service": "table", "start": f"{start}:00+01:00", "customer": _CUSTOMER}
    return await bar.send("POST", "/v1/appointments", json=body, status=status)


async def test_window_of_dates_ends_with_the_shift_of_the_last_one(bar: Door) -> None:
    await _set_up(bar, service={"window": {"until": "2026-12-04"}})

    # 2026-12-04 is a Friday.
    assert (await _listed(bar, "2026-12-04"))[-1] == "23:30"
    assert await _listed(bar, "2026-12-05") == ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"]
    held = await bar.hold("table", "2026-12-05T00:30:00+01:00")
    await bar.confirm(held)
    refused = await bar.hold("table", "2026-12-05T20:00:00+01:00", status=422)
    assert refused["reason"] == "outside_window"


async def test_window_of_dates_begins_with_the_shift_of_the_first_one(bar: Door) -> None:
    await _set_up(bar, service={"window": {"from": "2026-12-05"}})

    assert await _listed(bar, "2026-12-04") == []
    assert (await _listed(bar, "2026-12-05"))[0] == "20:00"
    assert (await _listed(bar, "2026-12-06"))[-1] == "02:30"
    refused = await bar.hold("table", "2026-12-05T00:30:00+01:00", status=422)
    assert refused["reason"] == "outside_window"


async def test_business_days_are_those_on_which_a_shift_begins(bar: Door) -> None:
    await _set_up(bar, service={"window": {"business_days": 1}})

    assert (await _listed(bar, "2026-12-04"))[0] == "20:00"
    assert (await _listed(bar, "2026-12-05"))[-1] == "02:30"
    assert await _listed(bar, "2026-12-06") == []


@pytest.mark.parametrize(
    ("service", "table"), [({"daily_limit": 2}, None), ({}, {"daily_limit": 2})], ids=["service", "resource"]
)
async def test_daily_limit_counts_the_whole_shift(
    bar: Door, service: dict[str, Any], table: dict[str, Any] | None
) -> None:
    await _set_up(bar, service=service, table=table)
    held = await bar.hold("table", "2026-12-04T20:00:00+01:00")
    await bar.book("table", "2026-12-04T23:00:00+01:00")
    await bar.book("table", "2026-12-05T00:30:00+01:00")

    assert await _listed(bar, "2026-12-04") == []
    # After midnight it is still Friday's shift, and in the evening it is Saturday's.
    assert (await _listed(bar, "2026-12-05"))[0] == "20:00"
    refused = await bar.hold("table", "2026-12-05T02:00:00+01:00", status=422)
    assert refused["reason"] == "daily_limit"
    body = {"customer": _CUSTOMER}
    late = await bar.send("POST", f"/v1/holds/{held['id']}/confirm", json=body, headers=bar.publishable, status=409)
    assert (late["code"], late["rule"]) == ("limit_reached", "daily_limit")
    await bar.book("table", "2026-12-05T20:00:00+01:00")


async def test_limit_of_a_customer_counts_the_whole_shift(bar: Door) -> None:
    await _set_up(bar, service={"customer_limit": {"daily": 1}})
    await _booking(bar, "2026-12-04T22:00")

    refused = await _booking(bar, "2026-12-05T01:00", 409)
    assert (refused["code"], refused["rule"]) == ("limit_reached", "customer_limit")
    await _booking(bar, "2026-12-05T21:00")
