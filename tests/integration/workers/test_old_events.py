"""Events are deleted when they have been kept for as long as the settings say, and not before."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.support.engine import Engine, running_engine
from workers.old_events import OldEventLoop, OldEventReport

# Loops serve all businesses of a database.
pytestmark = pytest.mark.own_database


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody who reads and writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"

    async def run(self) -> OldEventReport:
        return await OldEventLoop(engine=self.engine.context.engine, kept_days=30).run_once(asyncio.Event())

    async def add(self, count: int, age: str) -> None:
        await self.outside.execute(
            "INSERT INTO events (tenant_id, id, type, version, subject, data, occurred_at)"
            " SELECT $1, 'evt_' || gen_random_uuid(), 'tested', 1, '', '{}', now() - CAST($3 AS text)::interval"
            " FROM generate_series(1, $2::int)",
            self.engine.tenant_id,
            count,
            age,
        )

    async def count(self) -> int:
        count = await self.outside.fetchval("SELECT count(*) FROM events WHERE type = 'tested'")
        assert isinstance(count, int)
        return count


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside)
    await outside.close()


async def test_old_events_are_deleted_in_batches(shop: Shop) -> None:
    await shop.add(2500, "31 days")
    await shop.add(3, "29 days")

    report = await shop.run()

    assert (report, await shop.count()) == (OldEventReport(deleted=2500), 3)


async def test_events_of_every_business_are_deleted(shop: Shop, database_url: str, redis_url: str) -> None:
    await shop.add(1, "31 days")
    async with running_engine(database_url, redis_url) as other:
        await Shop(other, shop.outside).add(1, "31 days")

    report = await shop.run()

    assert (report.deleted, await shop.count()) == (2, 0)


async def test_event_that_a_transaction_has_locked_is_left(shop: Shop) -> None:
    await shop.add(1, "31 days")
    async with shop.outside.transaction():
        await shop.outside.execute("SELECT FROM events FOR UPDATE")

        meanwhile = await shop.run()
    after = await shop.run()

    assert (meanwhile.deleted, after.deleted) == (0, 1)


async def test_loop_ends_when_told_to(shop: Shop) -> None:
    await shop.add(1, "31 days")
    stop = asyncio.Event()
    stop.set()

    report = await OldEventLoop(engine=shop.engine.context.engine, kept_days=30).run_once(stop)

    assert report == OldEventReport(deleted=0)
