"""The relay moves events of all businesses into one feed, each once, in the order in which they took effect."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from events.repository import EventRepository
from events.service import Relay, Subscriber, task_for_each
from persistence.unit_of_work import UnitOfWork
from tests.support.engine import Engine

# The relay serves all businesses of a database.
pytestmark = pytest.mark.own_database


async def _add(outside: "asyncpg.Connection[Any]", engine: Engine, name: str, subject: str, data: str = "{}") -> None:
    await outside.execute(
        "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, $2, $3, $4)",
        engine.tenant_id,
        name,
        subject,
        data,
    )


def _relay(engine: Engine, *subscribers: Subscriber) -> Relay:
    return Relay(engine=engine.context.engine, subscribers=subscribers, metrics=engine.context.metrics)


async def test_events_are_moved_once_and_numbered_in_order(engine: Engine, outside: "asyncpg.Connection[Any]") -> None:
    await outside.execute("DELETE FROM outbox")
    for number in range(3):
        await _add(outside, engine, "appointment.confirmed.v1", f"apt_{number}")

    moved = [await _relay(engine).run_once() for _ in range(2)]

    rows = await outside.fetch("SELECT type, version, subject FROM events ORDER BY seq")
    assert moved == [3, 0]
    assert [tuple(row) for row in rows] == [("appointment.confirmed", 1, f"apt_{number}") for number in range(3)]
    assert await outside.fetchval("SELECT count(*) FROM outbox") == 0


async def test_rows_of_an_older_program_are_read_as_what_they_are_called_now(
    engine: Engine, outside: "asyncpg.Connection[Any]"
) -> None:
    await outside.execute("DELETE FROM outbox")
    await _add(outside, engine, "appointment.booked.v1", "apt_1", '{"status": "pending"}')
    await _add(outside, engine, "appointment.booked.v1", "apt_2", '{"status": "confirmed"}')
    await _add(outside, engine, "time_off.added.v1", "tof_1", '{"resource": "res_1", "reason": "surgery"}')

    await _relay(engine).run_once()

    rows = await outside.fetch("SELECT type, subject, data::text FROM events ORDER BY seq")
    assert [(row["type"], row["subject"]) for row in rows] == [
        ("appointment.pending", "apt_1"),
        ("appointment.confirmed", "apt_2"),
        ("catalogue.changed", str(engine.tenant_id)),
    ]
    assert "res_1" in rows[2]["data"]
    assert "surgery" not in rows[2]["data"]


async def test_subscribers_plan_on_the_transaction_of_the_relay(
    engine: Engine, outside: "asyncpg.Connection[Any]"
) -> None:
    await outside.execute("DELETE FROM outbox")
    await _add(outside, engine, "appointment.confirmed.v1", "apt_1")
    await _add(outside, engine, "appointment.rescheduled.v1", "apt_1")
    await _add(outside, engine, "hold.expired.v1", "hld_1")
    subscriber = Subscriber(name="tested", types=("appointment.*",), plan=task_for_each("tested.react", key="subject"))

    await _relay(engine, subscriber).run_once()

    rows = await outside.fetch("SELECT tenant_id, kind, subject, key FROM tasks")
    assert [tuple(row) for row in rows] == [(engine.tenant_id, "tested.react", "apt_1", "apt_1")]


async def test_nothing_is_moved_when_a_subscriber_fails(engine: Engine, outside: "asyncpg.Connection[Any]") -> None:
    await outside.execute("DELETE FROM outbox")
    await _add(outside, engine, "appointment.confirmed.v1", "apt_1")

    async def fail(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await _relay(engine, Subscriber(name="tested", types=("*",), plan=fail)).run_once()

    assert await outside.fetchval("SELECT count(*) FROM outbox") == 1
    assert await outside.fetchval("SELECT count(*) FROM events") == 0


async def test_business_reads_its_own_events_alone(engine: Engine, outside: "asyncpg.Connection[Any]") -> None:
    await outside.execute("DELETE FROM outbox")
    await _add(outside, engine, "appointment.confirmed.v1", "apt_1")
    await _relay(engine).run_once()

    async def read(tenant_id: Any) -> list[str]:
        async with UnitOfWork(engine.context.engine).snapshot(tenant_id) as connection:
            return [
                event.subject for event in await EventRepository(connection, engine.tenant_id).find_after(0, limit=9)
            ]

    assert await read(engine.tenant_id) == ["apt_1"]
    assert await read(UUID(int=1)) == []
