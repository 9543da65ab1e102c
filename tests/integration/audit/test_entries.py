"""Every change leaves an entry in the audit log, and so does whoever reads personal data; nobody is named in it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest

from api.subject_views import build_subject_view
from catalogue.model.business import Mode
from kernel.clock import SystemClock
from tests.support.audited_operations import MARKER, STEPS, Walk
from tests.support.door import Door, act, as_customer_of, open_door

# Rows that nobody changes as a part of the business: what the engine keeps for itself, or a worker works off.
_NOT_BUSINESS_DATA: Final = {
    "audit_entries", "audit_links", "audit_queue", "business_keys", "events", "idempotency_keys", "outbox",
    "webhook_deliveries",
}  # fmt: skip


_UNTOUCHED = {"api_keys": "last_used_at IS NULL"}
"""Condition on rows that were not written again to note something that is no change: by table."""


@dataclass(frozen=True, slots=True)
class Log:
    """The audit log of a business, over HTTP and past the engine."""

    door: Door
    outside: "asyncpg.Connection[Any]"

    async def read(self, **parameters: Any) -> list[Any]:
        """All entries that match, the latest first."""
        entries: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.door.send("GET", "/v1/audit", params={**parameters, **cursor}, status=200)
            entries += page["data"]
            if page["next_cursor"] is None:
                return entries
            cursor = {"cursor": page["next_cursor"]}

    async def actions(self, **parameters: Any) -> list[str]:
        """The actions of those entries."""
        return [entry["action"] for entry in await self.read(**parameters)]


@pytest.fixture
async def log(database_url: str, redis_url: str) -> AsyncIterator[Log]:
    outside = await asyncpg.connect(database_url)
    async with open_door(database_url, redis_url, clock=SystemClock(), mode=Mode.SANDBOX) as door:
        yield Log(door, outside)
    await outside.close()


async def test_every_changing_operation_leaves_an_entry_and_none_has_personal_data(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    without = []

    for operation_id, step in STEPS.items():
        before = len(await log.read())
        await step(walk)
        entries = await log.read()
        made = [entry for entry in entries[: len(entries) - before] if entry["action"] == operation_id]
        if not made or any(entry["actor"]["kind"] == "system" or not entry["request_id"] for entry in made):
            without.append(operation_id)
    kept = await log.outside.fetchval(
        "SELECT string_agg(CAST(to_jsonb(entry) AS text), ' ') FROM audit_entries AS entry WHERE tenant_id = $1",
        log.door.tenant_id,
    )

    assert without == []
    # By what cannot be in an id: no form of the name, and no digits of the telephone number.
    assert MARKER.lower() not in kept.lower()
    assert "98765" not in kept.replace("-", "")
    assert "@" not in kept


async def test_no_row_of_the_business_comes_from_a_transaction_without_an_entry(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    for step in STEPS.values():
        await step(walk)
    tables = await log.outside.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id'"
    )

    unexplained = {}
    for (table,) in tables:
        rows = await log.outside.fetchval(
            f"SELECT count(*) FROM {table} WHERE tenant_id = $1 AND {_UNTOUCHED.get(table, 'true')} AND xmin NOT IN"  # noqa: S608 - of the schema
            " (SELECT xmin FROM audit_entries WHERE tenant_id = $1)",
            log.door.tenant_id,
        )
        if rows and table not in _NOT_BUSINESS_DATA:
            unexplained[table] = rows

    assert unexplained == {}


async def test_change_names_the_fields_that_differ(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    booked = await walk.book()
    path = f"/v1/appointments/{booked['id']}"

    await walk.send("PATCH", path, json={"customer": {"phone": "+972501234567"}, "notes": "Window"})
    await act(log.door, booked, "cancel", json={"reason": "ill"})

    cancelled, changed, made = await log.read(subject=booked["id"])
    assert (made["action"], made["fields"]) == ("bookAppointment", [])
    assert changed["fields"] == ["customer.phone", "notes"]
    assert cancelled["fields"] == ["status", "cancel_reason", "fee"]


async def test_reading_of_a_list_is_one_entry_with_every_subject(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    booked = [await walk.book() for _ in range(3)]

    await log.door.send("GET", "/v1/appointments", status=200)

    entry = (await log.read())[0]
    assert entry["action"] == "listAppointments"
    assert sorted(entry["subjects"]) == sorted(visit["id"] for visit in booked)
    assert entry["fields"] == ["customer", "notes", "metadata", "answers", "cancel_reason"]
    assert [await log.actions(subject=visit["id"]) for visit in booked] == [["listAppointments", "bookAppointment"]] * 3


async def test_reading_of_one_is_an_entry_unless_its_customer_reads_it(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    booked = await walk.book()
    path = f"/v1/appointments/{booked['id']}"

    await log.door.send("GET", path, headers=as_customer_of(booked), status=200)
    await log.door.send("GET", path, status=200)
    plan = {"start": next(walk.starts), "dry_run": True}
    await act(log.door, booked, "reschedule", json=plan)

    assert await log.actions(subject=booked["id"]) == ["rescheduleAppointment", "getAppointment", "bookAppointment"]


async def test_full_payload_of_a_webhook_is_a_reading(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    booked = await walk.book()

    await build_subject_view(log.door.context)(log.door.tenant_id, booked["id"])

    assert (await log.read())[0]["actor"] == {"kind": "system", "id": "webhooks"}
    assert (await log.actions())[0] == "sendFullPayload"


async def test_refused_change_and_list_of_nothing_leave_no_entry(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    before = len(await log.read())

    await log.door.send("GET", "/v1/appointments/apt_01kbc9x3v4h5m6n7p8q9r0s1t2", status=404)
    await log.door.send("POST", "/v1/appointments/apt_01kbc9x3v4h5m6n7p8q9r0s1t2/cancel", status=404)
    await log.door.send("PATCH", "/v1/resources/noa", json={"kind": 7}, status=422)
    await log.door.send("PUT", "/v1/business", json={"business": {}}, status=422)
    await log.door.send("GET", "/v1/appointments", status=200)

    assert len(await log.read()) == before


async def test_search_by_an_address_finds_nothing(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    booked = await walk.book()

    assert await log.read(actor=booked["customer"]["email"]) == []
    assert await log.read(subject=booked["customer"]["email"]) == []


async def test_search_is_by_subject_actor_and_time(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()
    booked, other = await walk.book(), await walk.book()
    (entry,) = await log.read(subject=booked["id"])

    by_actor = await log.actions(actor=entry["actor"]["id"])
    assert by_actor == ["bookAppointment", "bookAppointment", *["applyBusiness"] * (len(by_actor) - 2)]
    assert await log.actions(actor="command-line") == ["createBusiness"] * 3
    since = await log.read(**{"from": entry["at"]})
    assert [one["subjects"] for one in since] == [[other["id"]], [booked["id"]]]
    assert entry not in await log.read(to=entry["at"])
    assert await log.read(limit=1) == await log.read()


async def test_visitor_may_not_read_the_log(log: Log) -> None:
    await log.door.send("GET", "/v1/audit", headers=log.door.publishable, status=403)


async def test_entry_has_the_network_of_the_business_and_not_that_of_a_customer(log: Log) -> None:
    walk = Walk(log.door)
    await walk.begin()

    booked = await walk.book()
    await act(log.door, booked, "cancel", headers=as_customer_of(booked))

    by_customer, by_business = await log.read(subject=booked["id"])
    assert (by_business["origin"], by_customer["origin"]) == ("127.0.0.0/24", None)
    assert by_customer["actor"] == {"kind": "customer", "id": booked["id"]}
