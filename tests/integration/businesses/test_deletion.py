"""A deleted business is in no table and no key any more, also after its remover was killed, and after a restore."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from bootstrap.loops import build_task_loop
from bootstrap.services import build_deletions, build_services
from businesses.deletion import service
from businesses.deletion.service import DELETE
from cli.main import application
from customers.erasures.journal import JournalEntry, read_entries
from kernel.ids import TenantId
from persistence import keys
from tests.support.door import open_door
from tests.support.dumps import dump
from tests.support.engine import MASTER_KEY, MONDAY, FixedClock, patient_settings
from tests.support.operator import KEY, Operator
from tests.support.rows import (
    insert_audit_entry,
    insert_business,
    insert_customer_data,
    insert_event,
    insert_keys,
    insert_notifications,
    insert_user,
    insert_webhook,
)

pytestmark = pytest.mark.own_database

# Ids and names of fields; and the note that there was a business.
_KEPT: Final = {"audit_entries", "audit_links", "audit_queue", "standings"}
# In the tables that have rows of all businesses.
_OF_ALL: Final = (
    """INSERT INTO due_work (tenant_id, kind, subject, due_at)
        VALUES ($1, 'archived', '1', now() + interval '1 day')""",
    "INSERT INTO invalidations (tenant_id) VALUES ($1)",
    "INSERT INTO tasks (tenant_id, kind, subject, due_at) VALUES ($1, 'tested.work', 'apt_1', now())",
    """INSERT INTO operator_requests (key, request_digest, tenant_id, answer)
        VALUES (decode(replace(CAST($1 AS uuid)::text, '-', ''), 'hex'), '', $1, '')""",
    "UPDATE standings SET suspended_at = now() WHERE tenant_id = $1",
)
_NOBODY: Final = TenantId(UUID(int=7))
_PATIENCE: Final = {
    "POSTGRES_STATEMENT_MS": "30000",
    "POSTGRES_POOL_WAIT_SECONDS": "30",
    "POSTGRES_CONNECT_SECONDS": "10",
    "STORE_SILENCE_MS": "10000",
}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "erasures.jsonl"


@pytest.fixture
def _commands(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "MASTER_KEY": MASTER_KEY, **_PATIENCE}
    for name, value in settings.items():
        monkeypatch.setenv(f"HOLDFAST_{name}", value)


@pytest.fixture
async def operator(database_url: str, redis_url: str, journal: Path) -> AsyncIterator[Operator]:
    async with _open(database_url, redis_url, journal) as opened:
        yield opened


@asynccontextmanager
async def _open(database_url: str, redis_url: str, journal: Path) -> AsyncIterator[Operator]:
    more = {"operator_key": KEY, "erasure_journal": journal}
    settings = patient_settings(database_url, redis_url).model_copy(update=more)
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as door:
        yield Operator(door)


@pytest.fixture
async def outside(database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """A connection past the engine, which row-level security does not bind."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def _counts(outside: "asyncpg.Connection[Any]", tenant_id: TenantId) -> Mapping[str, int]:
    """The rows of a business in each table that names one, by the catalogue of Postgres."""
    tables = await outside.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id'"
    )
    return {
        name: await outside.fetchval(f'SELECT count(*) FROM public."{name}" WHERE tenant_id = $1', tenant_id)  # noqa: S608
        for (name,) in tables
    }


async def _full(outside: "asyncpg.Connection[Any]", name: str) -> TenantId:
    """A suspended business with a row in every table."""
    rows = await insert_business(outside, name)
    await insert_event(outside, rows.tenant_id)
    await insert_webhook(outside, rows, name)
    await insert_user(outside, rows, name)
    await insert_notifications(outside, rows, name)
    await insert_audit_entry(outside, rows, name)
    await insert_keys(outside, rows, name)
    await insert_customer_data(outside, rows, name)
    for statement in _OF_ALL:
        await outside.execute(statement, rows.tenant_id)
    return rows.tenant_id


async def _remove(operator: Operator) -> None:
    """Do what is due, as a worker does."""
    await build_task_loop(operator.door.context).run_once(asyncio.Event())


def _take_place_of(journal: Path) -> None:
    journal.mkdir(parents=True)


def _entries(journal: Path) -> set[JournalEntry]:
    return set(read_entries(journal.read_text().splitlines(keepends=True)))


def _left(counts: Mapping[str, int]) -> set[str]:
    return {name for name, count in counts.items() if count}


async def test_nothing_is_left_of_a_deleted_business_in_any_table(
    operator: Operator, outside: "asyncpg.Connection[Any]"
) -> None:
    other, tenant_id = await _full(outside, "other"), await _full(outside, "deleted")
    before, of_other = await _counts(outside, tenant_id), await _counts(outside, other)
    # A new table has to be filled here, so that it is known to be emptied.
    assert {name for name, count in before.items() if not count} == set()

    await operator.ask("DELETE", f"/{tenant_id}", status=202)
    await _remove(operator)

    assert _left(await _counts(outside, tenant_id)) == _KEPT
    assert await _counts(outside, other) == of_other
    removed = await outside.fetchrow("SELECT deleted_at, removed_at FROM standings WHERE tenant_id = $1", tenant_id)
    assert removed is not None
    assert removed["removed_at"] >= removed["deleted_at"]


async def test_deletion_is_told_in_the_audit_log_that_stays(
    operator: Operator, outside: "asyncpg.Connection[Any]"
) -> None:
    tenant_id = operator.door.tenant_id
    await operator.suspend(tenant_id)

    await operator.ask("DELETE", f"/{tenant_id}", status=202)
    await _remove(operator)

    told = await outside.fetch(
        "SELECT actor, subject FROM audit_entries WHERE tenant_id = $1 AND action = 'deleteBusiness'", tenant_id
    )
    assert [tuple(row) for row in told] == [("system:operator", str(tenant_id))]


async def test_only_a_suspended_business_is_deleted_and_then_it_is_gone_at_once(operator: Operator) -> None:
    made = await operator.make()
    path = f"/{made['id']}"
    refused = await operator.ask("DELETE", path, status=409)
    await operator.suspend(made["id"])

    for _ in range(2):
        await operator.ask("DELETE", path, status=202)

    assert refused["code"] == "business_not_suspended"
    await operator.ask("GET", path, status=404)
    await operator.ask("PATCH", path, json={"suspended": False}, status=404)
    await operator.ask("GET", f"{path}/keys", status=404)
    assert made["id"] not in {one["id"] for one in (await operator.ask("GET", status=200))["data"]}
    answered = await operator.door.http.get("/v1/me", headers={"Authorization": f"Bearer {made['secret_key']}"})
    assert answered.status_code in {401, 403}
    await _remove(operator)
    await operator.ask("DELETE", path, status=202)


async def test_personal_data_opens_no_more_before_anything_is_removed(
    operator: Operator, outside: "asyncpg.Connection[Any]"
) -> None:
    tenant_id = await _full(outside, "shredded")

    await operator.ask("DELETE", f"/{tenant_id}", status=202)

    counts = await _counts(outside, tenant_id)
    assert (counts["business_keys"], counts["personal_keys"], counts["appointments"]) == (0, 0, 1)


async def test_live_business_cannot_be_removed_by_the_engine(operator: Operator) -> None:
    async with operator.door.context.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="was not deleted"):
            await connection.execute(
                text("SELECT remove_rows_of_business(:tenant, 1)"), {"tenant": operator.door.tenant_id}
            )


async def test_keys_of_a_deleted_business_are_gone_from_redis_and_those_of_others_stay(operator: Operator) -> None:
    door, redis = operator.door, operator.door.context.redis
    await door.set_up("barbershop")
    start = next(iter(await door.slots("haircut", "2026-12-01", resource="noa")))
    await door.hold("haircut", start)
    await redis.set(f"{keys.prefix(_NOBODY)}tested:1", "1", ex=600)
    assert [key async for key in redis.scan_iter(match=f"{keys.prefix(door.tenant_id)}*")]
    await operator.suspend(door.tenant_id)

    await operator.ask("DELETE", f"/{door.tenant_id}", status=202)
    await _remove(operator)

    assert [key async for key in redis.scan_iter(match=f"{keys.prefix(door.tenant_id)}*")] == []
    assert await redis.exists(f"{keys.prefix(_NOBODY)}tested:1")


async def test_removal_stops_when_its_time_is_over_and_is_gone_on_with(
    operator: Operator, outside: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await _full(outside, "slow")
    await operator.ask("DELETE", f"/{tenant_id}", status=202)
    deletions = build_deletions(operator.door.context)
    monkeypatch.setattr(service, "STEP_ROWS", 1)

    ended = await deletions.remove(tenant_id, until=time.monotonic() - 1)

    assert ended is False
    assert (await _counts(outside, tenant_id))["businesses"] == 1
    await _remove(operator)
    assert _left(await _counts(outside, tenant_id)) == _KEPT


@pytest.mark.parametrize("steps", [1, 5, 12])
async def test_removal_goes_on_after_its_process_was_killed(
    operator: Operator, outside: "asyncpg.Connection[Any]", database_url: str, redis_url: str, steps: int
) -> None:
    tenant_id = await _full(outside, "killed")
    await operator.ask("DELETE", f"/{tenant_id}", status=202)
    command = [sys.executable, "-m", "tests.support.deleting", database_url, redis_url, str(tenant_id), str(steps)]
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == -signal.SIGKILL
    left = await _counts(outside, tenant_id)
    assert left["businesses"] == 1

    await _remove(operator)

    assert _left(await _counts(outside, tenant_id)) == _KEPT
    assert await outside.fetchval("SELECT count(*) FROM tasks WHERE kind = $1", DELETE) == 0


async def test_deletion_waits_for_a_journal_that_can_be_written(operator: Operator, journal: Path) -> None:
    made = await operator.make()
    await operator.suspend(made["id"])
    _take_place_of(journal)

    refused = await operator.ask("DELETE", f"/{made['id']}", status=503)

    assert "journal" in refused["detail"]
    await operator.ask("GET", f"/{made['id']}", status=200)


@pytest.mark.usefixtures("_commands")
async def test_business_that_a_backup_brings_back_is_deleted_again(
    database_url: str, redis_url: str, journal: Path, outside: "asyncpg.Connection[Any]"
) -> None:
    async with _open(database_url, redis_url, journal) as operator:
        deleted, other = operator.door.tenant_id, (await operator.make())["id"]
        await operator.door.set_up("barbershop")
        backup = await asyncio.to_thread(dump, database_url)
        await operator.suspend(deleted)
        await operator.ask("DELETE", f"/{deleted}", status=202)
        await _remove(operator)
        await operator.door.context.redis.flushdb()

    await outside.execute(backup)
    assert (await _counts(outside, deleted))["services"]
    results = [
        await asyncio.to_thread(CliRunner().invoke, application, ["restore-erasures", str(journal)]) for _ in range(2)
    ]

    assert _entries(journal) == {JournalEntry(deleted, None)}
    assert [result.exit_code for result in results] == [0, 0], [result.output for result in results]
    assert "1 businesses of the journals are deleted" in results[0].stdout
    async with _open(database_url, redis_url, journal) as operator:
        await _remove(operator)
        # No loop has added the entries to a chain.
        assert _left(await _counts(outside, deleted)) == _KEPT - {"audit_links"}
        await operator.ask("GET", f"/{deleted}", status=404)
        await operator.ask("GET", f"/{other}", status=200)
        assert await build_services(operator.door.context).tenants.name(TenantId(deleted)) is None
