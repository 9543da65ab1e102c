"""Triggers note what is due in the transaction that makes it so, and what was there before is noted as well."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from persistence import schema
from tests.support.rows import NOON, Rows, insert_business
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

_MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
_HOUR: Final = timedelta(hours=1)

Due = list[tuple[str, datetime]]


async def _due(outside: "asyncpg.Connection[Any]", kind: str = "approval") -> Due:
    """Noted times, by subject."""
    rows = await outside.fetch("SELECT subject, due_at FROM due_work WHERE kind = $1 ORDER BY subject", kind)
    return [(row["subject"], row["due_at"]) for row in rows]


async def _await_approval(
    outside: "asyncpg.Connection[Any]", rows: Rows, until: datetime | None = NOON - _HOUR
) -> None:
    await outside.execute(
        "UPDATE appointments SET status = 'pending', approve_by = $2 WHERE id = $1", rows.appointment_id, until
    )


async def _set_clock(outside: "asyncpg.Connection[Any]", rows: Rows, now: datetime | None) -> None:
    await outside.execute(
        "UPDATE businesses SET mode = 'sandbox', sandbox_now = $2 WHERE tenant_id = $1", rows.tenant_id, now
    )


class TestApprovals:
    async def test_pending_appointment_is_due_until_when_it_waits(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, theirs: Rows
    ) -> None:
        await _await_approval(outside, ours)
        await _await_approval(outside, theirs, None)

        # One that an older program wrote waits until its start.
        assert await _due(outside) == [(ours.appointment_id, NOON - _HOUR), (theirs.appointment_id, NOON)]

    async def test_moved_wait_moves_what_is_due(self, outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
        await _await_approval(outside, ours)

        await _await_approval(outside, ours, NOON - 2 * _HOUR)

        assert await _due(outside) == [(ours.appointment_id, NOON - 2 * _HOUR)]

    @pytest.mark.parametrize("status", ["confirmed", "cancelled"])
    async def test_appointment_that_is_pending_no_longer_is_not_due(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, status: str
    ) -> None:
        await _await_approval(outside, ours)

        await outside.execute("UPDATE appointments SET status = $1, approve_by = NULL", status)

        assert await _due(outside) == []

    async def test_appointment_that_is_deleted_is_not_due(self, outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
        await _await_approval(outside, ours)
        for table in ("claims", "appointment_resources", "appointments"):
            await outside.execute(f"DELETE FROM {table}")  # noqa: S608 - ours

        assert await _due(outside) == []

    async def test_transaction_that_fails_notes_nothing(self, outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
        transaction = outside.transaction()
        await transaction.start()
        await _await_approval(outside, ours)
        await transaction.rollback()

        assert await _due(outside) == []


class TestSandbox:
    """Its own clock decides: what it makes due is due at once, all else not at all."""

    async def test_clock_that_is_moved_makes_due_what_it_passes(
        self, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        await _await_approval(outside, ours)
        await _set_clock(outside, ours, NOON - 2 * _HOUR)
        before = await _due(outside)
        await _set_clock(outside, ours, NOON)
        passed = await _due(outside)
        await _set_clock(outside, ours, NOON - 2 * _HOUR)
        moved_back = await _due(outside)
        await _set_clock(outside, ours, None)

        assert (before, [subject for subject, _ in passed], moved_back) == ([], [ours.appointment_id], [])
        assert passed[0][1] <= datetime.now(UTC) or passed[0][1] == NOON - _HOUR
        assert await _due(outside) == [(ours.appointment_id, NOON - _HOUR)]

    @pytest.mark.parametrize(("clock", "is_due"), [(NOON, True), (NOON - 2 * _HOUR, False), (NOON - _HOUR, False)])
    async def test_appointment_that_becomes_pending_goes_by_the_clock(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, clock: datetime, *, is_due: bool
    ) -> None:
        await _set_clock(outside, ours, clock)

        await _await_approval(outside, ours)

        assert [subject for subject, _ in await _due(outside)] == [ours.appointment_id] * is_due

    async def test_clock_waits_for_an_appointment_that_is_being_made_pending(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, database_url: str
    ) -> None:
        await _set_clock(outside, ours, NOON - 2 * _HOUR)
        other = await asyncpg.connect(database_url)

        async with other.transaction():
            await _await_approval(other, ours)
            moving = asyncio.create_task(_set_clock(outside, ours, NOON))
            await eventually(lambda: _blocks_another(other))
        await moving
        await other.close()

        assert [subject for subject, _ in await _due(outside)] == [ours.appointment_id]


async def _blocks_another(connection: "asyncpg.Connection[Any]") -> bool:
    """Another session waits for a lock of this one."""
    blocks = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
    )
    return bool(blocks)


class TestIdempotencyKeys:
    async def test_keys_of_an_hour_are_due_together_when_the_last_is_free(
        self, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        await outside.execute("DELETE FROM idempotency_keys")
        await outside.execute("DELETE FROM due_work")
        for number, minute in enumerate((0, 1, 59, 60)):
            await outside.execute(
                "INSERT INTO idempotency_keys (tenant_id, key, request_digest, created_at) VALUES ($1, $2, '', $3)",
                ours.tenant_id,
                f"key {number}",
                NOON + timedelta(minutes=minute),
            )

        first = int(NOON.timestamp()) // 3600
        assert await _due(outside, "idempotency") == [
            (str(first), NOON + 25 * _HOUR),
            (str(first + 1), NOON + 26 * _HOUR),
        ]


async def test_rows_of_before_are_noted_by_an_owner_who_is_nobody_special(empty_database_url: str) -> None:
    superuser = await asyncpg.connect(empty_database_url)
    await superuser.execute("DROP ROLE IF EXISTS due_work_owner")
    await superuser.execute("CREATE ROLE due_work_owner LOGIN PASSWORD 'outside'")
    await superuser.execute("GRANT CREATE, USAGE ON SCHEMA public TO due_work_owner")
    await superuser.execute("DO $$ BEGIN CREATE ROLE holdfast_app NOLOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$")
    await superuser.execute("GRANT holdfast_app TO due_work_owner WITH ADMIN OPTION")
    url = _as_owner(empty_database_url)
    try:
        await asyncio.to_thread(schema.upgrade, url)
        await asyncio.to_thread(command.downgrade, _config(url), "0006")
        ours, theirs = await insert_business(superuser, "ours"), await insert_business(superuser, "theirs")
        await _await_approval(superuser, ours)
        await _set_clock(superuser, theirs, NOON)
        await _await_approval(superuser, theirs)

        await asyncio.to_thread(schema.upgrade, url)

        assert [subject for subject, _ in await _due(superuser)] == [ours.appointment_id, theirs.appointment_id]
        assert len(await _due(superuser, "idempotency")) == 2
        assert await _forced(superuser)
        engine = await asyncpg.connect(url, server_settings={"role": "holdfast_app"})
        oldest = await engine.fetchval("SELECT outbox_oldest()")
        await engine.close()
        assert oldest == await superuser.fetchval("SELECT min(created_at) FROM outbox")
    finally:
        await superuser.execute("DROP OWNED BY due_work_owner CASCADE")
        await superuser.execute("DROP ROLE due_work_owner")
        await superuser.close()


def _as_owner(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"due_work_owner:outside@{host}"))


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = url
    return config


async def _forced(connection: "asyncpg.Connection[Any]") -> bool:
    """Row-level security is forced again on all tables but those without."""
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND relrowsecurity AND NOT relforcerowsecurity"
    )
    return not rows
