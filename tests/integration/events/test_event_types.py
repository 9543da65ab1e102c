"""What the engine sends is what the table of event types says, and all of it is sent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import jsonschema
import pytest

from bootstrap.loops import build_expiry_loop, build_relay_loop
from bootstrap.services import build_services
from events.event_types import EVENT_TYPES
from kernel.ids import HoldId
from kernel.operation import by_system
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, MovingClock
from tests.support.events_page import PAGE, page
from tests.support.peers import answering
from tests.support.redis_time import let_pass
from tests.support.webhooks import Hooks

pytestmark = pytest.mark.own_database

_DAY: Final = "2026-12-01"


@pytest.fixture
def moving() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def door(database_url: str, redis_url: str, moving: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=moving) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _feed(door: Door) -> list[dict[str, Any]]:
    await build_relay_loop(door.context).run_once(asyncio.Event())
    events, after = [], None
    while True:
        query = {"limit": 100} if after is None else {"limit": 100, "after": after}
        page = await door.send("GET", "/v1/events", params=query, status=200)
        events += page["data"]
        after = page["next_cursor"]
        if after is None:
            return events


async def _book(door: Door, start: str, number: int, service: str = "haircut") -> Any:
    customer = {"name": "Dana Levi", "email": f"dana{number}@example.com", "phone": "+972 50 765 4321"}
    body = {"service": service, "start": start, "customer": customer, "notes": "Bring Dana's file"}
    return await door.send("POST", "/v1/appointments", json=body, status=201)


async def _act(door: Door, booked: Any, action: str, **body: Any) -> None:
    await door.send("POST", f"/v1/appointments/{booked['id']}/{action}", json=body or None, status=200)


async def _live_a_day(door: Door, moving: MovingClock) -> None:
    """Everything that can happen, at least once."""
    starts = list(await door.slots("haircut", _DAY, resource="noa"))[::3]
    visits = [await _book(door, start, number) for number, start in enumerate(starts[:5])]
    await _act(door, visits[0], "reschedule", start=starts[6])
    await door.send("PATCH", f"/v1/appointments/{visits[0]['id']}", json={"notes": "Window seat"}, status=200)
    await door.send("PATCH", f"/v1/appointments/{visits[0]['id']}", json={"customer": {"name": "Dana L."}}, status=200)
    await _act(door, visits[1], "cancel", reason="Please choose another time")
    customer = visits[1]["customer"]["id"]
    await door.send("PATCH", f"/v1/customers/{customer}", json={"name": "Dana L."}, status=200)
    await door.send("DELETE", f"/v1/customers/{customer}", status=204)
    held = await door.hold("haircut", starts[7])
    await let_pass(door.context.redis, door.tenant_id, HoldId(held["id"]), 3_600_000)
    await door.context.hold_register.flush()
    await build_expiry_loop(door.context).run_once(asyncio.Event())
    time_off = {"start": "2027-01-03T00:00:00+02:00", "end": "2027-01-10T00:00:00+02:00", "reason": "Noa's surgery"}
    await door.send("POST", "/v1/resources/noa/time-off", json=time_off, status=201)
    moving.instant = datetime.fromisoformat(starts[4]).astimezone(UTC) + timedelta(minutes=1)
    await _act(door, visits[2], "complete")
    await _act(door, visits[3], "no-show")
    await _act(door, visits[3], "waive-fee")
    await _act(door, visits[3], "reopen")
    moving.instant = MONDAY


async def _wait_for_approvals(door: Door, moving: MovingClock) -> None:
    """Requests that are approved, declined, and left lying."""
    document = await door.send("GET", "/v1/business", status=200)
    document["services"][0].setdefault("rules", {})["approval"] = {"within_minutes": 60}
    await door.send("PUT", "/v1/business", json=document, status=200)
    service = document["services"][0]["key"]
    starts = list(await door.slots(service, "2026-12-02", resource="noa"))[::4]
    asked = [await _book(door, start, 10 + number, service) for number, start in enumerate(starts[:3])]
    await _act(door, asked[0], "approve")
    await _act(door, asked[1], "decline")
    moving.instant = MONDAY + timedelta(hours=2)
    services = build_services(door.context, moving)
    assert await services.appointments.expire(by_system(door.tenant_id, "approvals"), 10) == 1


async def test_events_are_those_of_the_table_and_name_nobody(
    door: Door, moving: MovingClock, outside: "asyncpg.Connection[Any]"
) -> None:
    hooks = Hooks(door, outside)
    async with hooks.receiver(answering(410)) as gone:
        await _live_a_day(door, moving)
        await _wait_for_approvals(door, moving)
        await hooks.run(gone)

    events = await _feed(door)

    table = {event_type.name: event_type for event_type in EVENT_TYPES}
    assert {event["type"] for event in events} == set(table)
    for event in events:
        event_type = table[event["type"]]
        assert set(event) == {"id", "type", "version", "timestamp", "business", "subject", "data"}
        assert (event["version"], event["business"]) == (event_type.version, str(door.tenant_id))
        jsonschema.validate(event["data"], event_type.schema)
        if event["type"].startswith("appointment."):
            assert event["data"]["id"] == event["subject"]
    text = str(events)
    # Longer than what may stand in an id by chance.
    for personal in (
        "Dana Levi",
        "Dana L.",
        "@example.com",
        "507654321",
        "765 4321",
        "surgery",
        "Window",
        "choose another",
    ):
        assert personal not in text


async def test_ends_of_appointments_tell_by_whom_and_why(door: Door, moving: MovingClock) -> None:
    await _live_a_day(door, moving)
    await _wait_for_approvals(door, moving)

    events = await _feed(door)

    ends = {
        (event["type"], event["data"]["by"], event["data"]["reason_code"]) for event in events if "by" in event["data"]
    }
    assert ends == {
        ("appointment.cancelled", "business", "requested"),
        ("appointment.declined", "business", "declined"),
        ("appointment.expired", "system", "approval_expired"),
    }


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_examples_are_of_their_schemas(event_type: Any) -> None:
    jsonschema.validate(event_type.example, event_type.schema)


def test_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.support.events_page` and commit what it writes"


async def test_documented_webhooks_are_those_of_the_table(door: Door) -> None:
    document = (await door.http.get("/openapi.json")).json()

    assert list(document["webhooks"]) == [event_type.name for event_type in EVENT_TYPES]
