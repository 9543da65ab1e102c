"""The cost of a round of the loops follows what is due, however many businesses there are."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

import persistence.due_work as module
from bootstrap.loops import build_schedule
from kernel.ids import TenantId
from persistence.due_work import DueWorkKind, DueWorkRepository
from telemetry.measures import OUTBOX_AGE
from tests.support.engine import Engine
from workers.schedule import Loop

# Loops serve all businesses of a database.
pytestmark = pytest.mark.own_database

_IDLE: Final = 300
# Reconciliation looks at everything: that is what it is for.
_WALKS: Final = {"election", "reconciliation"}
_LONG_AGO: Final = "2020-01-01T00:00Z"


@dataclass(slots=True)
class _Statements:
    """Queries that an engine received."""

    transactions: int = 0
    by_text: Counter[str] = field(default_factory=Counter)


@contextmanager
def _watched(engine: AsyncEngine) -> Iterator[_Statements]:
    """Count transactions and statements while the block lasts."""
    statements = _Statements()

    def begun(*_: object) -> None:
        statements.transactions += 1

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.by_text[statement] += 1

    event.listen(engine.sync_engine, "begin", begun)
    event.listen(engine.sync_engine, "before_cursor_execute", executed)
    try:
        yield statements
    finally:
        event.remove(engine.sync_engine, "begin", begun)
        event.remove(engine.sync_engine, "before_cursor_execute", executed)


async def _add_idle(outside: "asyncpg.Connection[Any]", count: int) -> None:
    """Businesses that have nothing to do: each has a key, and an event of its own."""
    await outside.execute(
        "INSERT INTO businesses (tenant_id, name, timezone, currency, mode, token_secret)"
        " SELECT md5(n::text)::uuid, 'Idle ' || n, 'UTC', 'USD', 'live', '' FROM generate_series(1, $1) AS n",
        count,
    )
    await outside.execute(
        "INSERT INTO api_keys (id, tenant_id, kind, digest)"
        " SELECT 'key_' || n, md5(n::text)::uuid, 'secret', CAST('digest ' || n AS bytea)"
        " FROM generate_series(1, $1::int) AS n",
        count,
    )
    await outside.execute(
        "INSERT INTO outbox (tenant_id, name, subject, data)"
        " SELECT md5(n::text)::uuid, 'tested.v1', '', '{}' FROM generate_series(1, $1) AS n",
        count,
    )
    await outside.execute("DELETE FROM invalidations")


async def _round(engine: Engine) -> _Statements:
    """Run every loop once, but for those that walk."""
    schedule = build_schedule(engine.context, asyncio.Event())
    loops: list[Loop] = [scheduled.loop for scheduled in schedule if scheduled.name not in _WALKS]
    assert len(loops) == 12
    with _watched(engine.context.engine) as statements:
        for loop in loops:
            await loop.run_once(asyncio.Event())
    return statements


async def _rest(engine: Engine) -> None:
    """Do all that is due: a round relays events, and the next one does the tasks that they have planned."""
    await _round(engine)
    await _round(engine)


async def test_round_asks_the_same_with_many_idle_businesses(
    engine: Engine, outside: "asyncpg.Connection[Any]"
) -> None:
    await _rest(engine)
    alone = await _round(engine)
    await _add_idle(outside, _IDLE)
    await _rest(engine)

    among_many = await _round(engine)

    assert (alone.transactions, alone.by_text.total()) == (10, 10)
    assert among_many == alone


async def test_round_opens_a_transaction_for_each_business_that_has_something_due(
    engine: Engine, outside: "asyncpg.Connection[Any]"
) -> None:
    await _add_idle(outside, _IDLE)
    await _rest(engine)
    idle = await _round(engine)
    await outside.execute(
        "INSERT INTO idempotency_keys (tenant_id, key, request_digest, created_at)"
        " SELECT md5(n::text)::uuid, 'key ' || m, 'digest', now() - interval '25 hours'"
        " FROM generate_series(1, 7) AS n, generate_series(1, 3) AS m"
    )

    busy = await _round(engine)

    assert busy.transactions - idle.transactions == 7
    assert (await _round(engine)) == idle
    assert await outside.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_age_of_the_outbox_is_that_of_the_oldest_event_that_waits(
    engine: Engine, outside: "asyncpg.Connection[Any]"
) -> None:
    await _add_idle(outside, 3)
    await outside.execute(
        "UPDATE outbox SET created_at = now() - interval '2 hours' WHERE id = (SELECT min(id) FROM outbox)"
    )
    relay = next(one.loop for one in build_schedule(engine.context, asyncio.Event()) if one.name == "relay")

    await relay.run_once(asyncio.Event())
    late = engine.context.metrics.gauges[OUTBOX_AGE.name]
    await relay.run_once(asyncio.Event())

    assert late == pytest.approx(7200, abs=600)
    assert engine.context.metrics.gauges[OUTBOX_AGE.name] == 0


class TestBusinesses:
    async def _due(self, outside: "asyncpg.Connection[Any]", *entries: tuple[int, int]) -> None:
        """Note work of businesses, by number, so many minutes after a moment long ago."""
        for number, (business, minutes) in enumerate(entries):
            await outside.execute(
                "INSERT INTO due_work (tenant_id, kind, subject, due_at)"
                " VALUES ($1, 'approval', $2, $3::timestamptz + make_interval(mins => $4))",
                UUID(int=business),
                f"apt_{number}",
                datetime.fromisoformat(_LONG_AGO),
                minutes,
            )

    async def _found(self, engine: Engine, minutes: int = 1000) -> list[TenantId]:
        now = datetime.fromisoformat(_LONG_AGO) + timedelta(minutes=minutes)
        repository = DueWorkRepository(engine.context.engine)
        return [tenant_id async for tenant_id in repository.businesses(DueWorkKind.APPROVAL, now)]

    @pytest.mark.parametrize("page", [1, 2, 1000])
    async def test_each_is_named_once_in_the_order_in_which_they_are_due(
        self, engine: Engine, outside: "asyncpg.Connection[Any]", page: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_PAGE", page)
        await self._due(outside, (3, 1), (1, 2), (3, 2), (2, 3), (1, 3))

        assert await self._found(engine) == [UUID(int=3), UUID(int=1), UUID(int=2)]

    async def test_one_whose_time_has_not_passed_is_not_named(
        self, engine: Engine, outside: "asyncpg.Connection[Any]"
    ) -> None:
        await self._due(outside, (1, 5), (2, 6), (3, 7))

        assert await self._found(engine, 6) == [UUID(int=1)]

    async def test_query_reads_no_more_than_what_is_due(
        self, engine: Engine, outside: "asyncpg.Connection[Any]"
    ) -> None:
        await outside.execute(
            "INSERT INTO due_work (tenant_id, kind, subject, due_at) SELECT md5(n::text)::uuid, 'approval',"
            " 'apt_' || n, timestamptz '2030-01-01' FROM generate_series(1, 20000) AS n"
        )
        await outside.execute("ANALYZE due_work")
        with _watched(engine.context.engine) as statements:
            await self._found(engine)

        (statement,) = statements.by_text
        async with engine.context.engine.connect() as connection:
            plan = await connection.execute(
                text(f"EXPLAIN {_with_values(statement)}"),
            )
        assert "Index Only Scan using due_work_due_idx" in str(plan.all())


def _with_values(statement: str) -> str:
    """The statement as Postgres plans it, with values in place of parameters."""
    values = ("'approval'", f"timestamptz '{_LONG_AGO}'", "1000")
    for number, value in enumerate(values, 1):
        statement = statement.replace(f"${number}::VARCHAR", value).replace(
            f"${number}::TIMESTAMP WITH TIME ZONE", value
        )
        statement = statement.replace(f"${number}::INTEGER", value).replace(f"${number}::BIGINT", value)
    return statement
