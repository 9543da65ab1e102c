"""One transaction of one business, and what becomes of it when Postgres does not play along."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.errors import StoreUnavailable
from kernel.events import Event
from persistence.engine import PostgresLimits, create_engine
from persistence.unit_of_work import Transaction, UnitOfWork
from tests.support.operations import by_business
from tests.support.rows import Rows

pytestmark = pytest.mark.own_database

_RENAME = text("UPDATE businesses SET name = 'Renamed'")


async def _names(outside: "asyncpg.Connection[Any]") -> set[str]:
    return {row["name"] for row in await outside.fetch("SELECT name FROM businesses")}


async def _rename(unit_of_work: UnitOfWork, ours: Rows, then: Callable[[Transaction], Awaitable[object]]) -> None:
    """Change something, do that, and commit."""
    async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
        await tx.connection.execute(_RENAME)
        await then(tx)


async def _end(outside: "asyncpg.Connection[Any]", connection: AsyncConnection) -> None:
    """End the backend behind a connection, and wait until it is gone."""
    await _end_backend(outside, await connection.scalar(text("SELECT pg_backend_pid()")))


async def _end_backend(outside: "asyncpg.Connection[Any]", pid: int | None) -> None:
    assert await outside.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)


class TestTransaction:
    @pytest.mark.usefixtures("theirs")
    async def test_transaction_commits_when_the_block_ends(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
            await tx.connection.execute(_RENAME)
            before = await _names(outside)

        assert before == {"ours", "theirs"}
        assert await _names(outside) == {"Renamed", "theirs"}

    async def test_transaction_rolls_back_when_the_block_raises(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        async def refuse(tx: Transaction) -> None:
            await tx.outbox.add(Event(name="renamed.v1", subject="us", data={}))
            raise LookupError

        with pytest.raises(LookupError):
            await _rename(unit_of_work, ours, refuse)

        assert await _names(outside) == {"ours"}
        assert await outside.fetchval("SELECT count(*) FROM outbox WHERE name = 'renamed.v1'") == 0

    async def test_transaction_rolls_back_when_it_is_cancelled(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        written = asyncio.Event()

        async def write() -> None:
            async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
                await tx.connection.execute(_RENAME)
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await written.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert await _names(outside) == {"ours"}

    async def test_transaction_keeps_its_events(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
            await tx.outbox.add(
                Event(name="first.v1", subject="us", data={"number": 1}), Event(name="second.v1", subject="us", data={})
            )

        rows = await outside.fetch("SELECT tenant_id, name, data FROM outbox WHERE subject = 'us' ORDER BY id")
        assert [(row["tenant_id"], row["name"], row["data"]) for row in rows] == [
            (ours.tenant_id, "first.v1", '{"number": 1}'),
            (ours.tenant_id, "second.v1", "{}"),
        ]

    async def test_transaction_works_as_the_role_of_the_engine(self, unit_of_work: UnitOfWork, ours: Rows) -> None:
        async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
            role = await tx.connection.scalar(text("SELECT current_user"))

        assert role == "holdfast_app"

    async def test_transactions_have_commit_ids_of_their_own(self, unit_of_work: UnitOfWork, ours: Rows) -> None:
        noted = text("SELECT current_setting('app.operation_id')")

        async with (
            unit_of_work.begin(by_business(ours.tenant_id)) as first,
            unit_of_work.begin(by_business(ours.tenant_id)) as second,
        ):
            in_first = await first.connection.scalar(noted)
            in_second = await second.connection.scalar(noted)

        assert (in_first, in_second) == (first.commit_id, second.commit_id)
        assert in_first != in_second

    async def test_connection_forgets_the_business_when_it_goes_back(self, database_url: str, ours: Rows) -> None:
        engine = create_engine(database_url, PostgresLimits(pool_size=1))
        async with UnitOfWork(engine).begin(by_business(ours.tenant_id)) as tx:
            pid = await tx.connection.scalar(text("SELECT pg_backend_pid()"))

        async with engine.connect() as connection:
            same = await connection.scalar(text("SELECT pg_backend_pid()")) == pid
            seen = await connection.scalar(text("SELECT count(*) FROM appointments"))
        await engine.dispose()

        assert (same, seen) == (True, 0)


class TestSnapshot:
    async def test_snapshot_sees_one_state(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        names = text("SELECT name FROM businesses")

        async with unit_of_work.snapshot(ours.tenant_id) as connection:
            first = await connection.scalar(names)
            await outside.execute("UPDATE businesses SET name = 'Renamed'")
            second = await connection.scalar(names)

        assert (first, second) == ("ours", "ours")

    @pytest.mark.usefixtures("theirs")
    async def test_snapshot_sees_its_own_business_only(self, unit_of_work: UnitOfWork, ours: Rows) -> None:
        async with unit_of_work.snapshot(ours.tenant_id) as connection:
            seen = (await connection.scalars(text("SELECT tenant_id FROM claims"))).all()

        assert seen == [ours.tenant_id]

    async def test_snapshot_writes_nothing(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        with pytest.raises(StoreUnavailable):
            async with unit_of_work.snapshot(ours.tenant_id) as connection:
                await connection.execute(_RENAME)

        assert await _names(outside) == {"ours"}

    async def test_transaction_may_write_on_a_connection_that_served_a_snapshot(
        self, database_url: str, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        engine = create_engine(database_url, PostgresLimits(pool_size=1))
        async with UnitOfWork(engine).snapshot(ours.tenant_id) as connection:
            await connection.scalar(text("SELECT 1"))

        async with UnitOfWork(engine).begin(by_business(ours.tenant_id)) as tx:
            await tx.connection.execute(_RENAME)
            level = await tx.connection.scalar(text("SHOW transaction_isolation"))
        await engine.dispose()

        assert level == "read committed"
        assert await _names(outside) == {"Renamed"}


class TestUnavailable:
    """Postgres is away, or out of time."""

    @pytest.fixture
    def limits(self) -> PostgresLimits:
        return PostgresLimits(pool_size=1, pool_wait_seconds=0.2, connect_seconds=5, statement_ms=400, lock_ms=100)

    async def test_store_is_unavailable_when_the_connection_is_refused(self, ours: Rows) -> None:
        # Nothing listens on the port of "discard".
        engine = create_engine("postgresql://nobody@127.0.0.1:9/none", PostgresLimits())

        with pytest.raises(StoreUnavailable):
            async with UnitOfWork(engine).begin(by_business(ours.tenant_id)):
                pass
        with pytest.raises(StoreUnavailable):
            async with UnitOfWork(engine).snapshot(ours.tenant_id):
                pass

    async def test_store_is_unavailable_when_a_statement_takes_too_long(
        self, unit_of_work: UnitOfWork, ours: Rows
    ) -> None:
        with pytest.raises(StoreUnavailable):
            async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
                await tx.connection.execute(text("SELECT pg_sleep(30)"))

    async def test_store_is_unavailable_when_a_lock_is_not_to_be_had(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        async with outside.transaction():
            await outside.execute("UPDATE businesses SET name = 'Locked'")

            with pytest.raises(StoreUnavailable):
                async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
                    await tx.connection.execute(_RENAME)

        assert await _names(outside) == {"Locked"}

    async def test_store_is_unavailable_when_no_connection_is_free(self, unit_of_work: UnitOfWork, ours: Rows) -> None:
        async with unit_of_work.begin(by_business(ours.tenant_id)):
            with pytest.raises(StoreUnavailable):
                async with unit_of_work.begin(by_business(ours.tenant_id)):
                    pass

    @pytest.mark.parametrize("statement", [None, "SELECT 1"], ids=["commit", "statement"])
    async def test_nothing_is_written_when_the_connection_is_lost_before(
        self, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows, statement: str | None
    ) -> None:
        async def lose(tx: Transaction) -> None:
            await _end(outside, tx.connection)
            if statement is not None:
                await tx.connection.execute(text(statement))

        with pytest.raises(StoreUnavailable):
            await _rename(unit_of_work, ours, lose)

        assert await _names(outside) == {"ours"}

    async def test_store_is_back_after_one_failure_when_connections_were_lost(
        self, engine: AsyncEngine, unit_of_work: UnitOfWork, outside: "asyncpg.Connection[Any]", ours: Rows
    ) -> None:
        async with engine.connect() as connection:
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        await _end_backend(outside, pid)
        failures = 0

        for _ in range(3):
            try:
                async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
                    await tx.connection.execute(_RENAME)
            except StoreUnavailable:
                failures += 1

        assert failures <= 1
        assert await _names(outside) == {"Renamed"}

    @pytest.mark.parametrize("statement", ["SELECT 1 / 0", "SELECT nothing", "UPDATE businesses SET mode = 'wrong'"])
    async def test_fault_of_the_statement_is_not_the_stores(
        self, unit_of_work: UnitOfWork, ours: Rows, statement: str
    ) -> None:
        with pytest.raises(sqlalchemy.exc.DBAPIError):
            async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
                await tx.connection.execute(text(statement))
