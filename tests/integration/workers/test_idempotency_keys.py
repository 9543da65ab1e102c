"""Idempotency keys are deleted when their answers are repeated no longer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from bootstrap.loops import build_idempotency_key_loop
from tests.support.engine import Engine, running_engine
from workers.idempotency_keys import IdempotencyKeyLoop, IdempotencyKeyReport

# Loops serve all businesses of a database.
pytestmark = pytest.mark.own_database


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody who reads and writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"
    loop: IdempotencyKeyLoop

    async def run(self) -> IdempotencyKeyReport:
        return await self.loop.run_once(asyncio.Event())

    async def keep_answers(self, count: int, age: str) -> None:
        await self.outside.execute(
            "INSERT INTO idempotency_keys (tenant_id, key, request_digest, created_at)"
            " SELECT $1, $3 || number, 'digest', now() - CAST($3 AS text)::interval"
            " FROM generate_series(1, $2) AS number",
            self.engine.tenant_id,
            count,
            age,
        )

    async def due(self) -> int:
        """How many hours of keys are noted."""
        count = await self.outside.fetchval("SELECT count(*) FROM due_work WHERE kind = 'idempotency'")
        assert isinstance(count, int)
        return count


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside, build_idempotency_key_loop(engine.context))
    await outside.close()


async def test_keys_are_forgotten_after_a_day(shop: Shop) -> None:
    await shop.keep_answers(2500, "25 hours")
    await shop.keep_answers(3, "23 hours")

    report = await shop.run()

    assert report == IdempotencyKeyReport(businesses=1, deleted=2500)
    assert await shop.outside.fetchval("SELECT count(*) FROM idempotency_keys") == 3


async def test_keys_of_every_business_are_forgotten(shop: Shop, database_url: str, redis_url: str) -> None:
    await shop.keep_answers(1, "25 hours")
    async with running_engine(database_url, redis_url) as other:
        await Shop(other, shop.outside, shop.loop).keep_answers(1, "25 hours")

    report = await shop.run()

    assert report.deleted == 2


async def test_key_that_is_just_being_used_again_is_left(shop: Shop) -> None:
    await shop.keep_answers(1, "25 hours")
    async with shop.outside.transaction():
        await shop.outside.execute("UPDATE idempotency_keys SET created_at = now()")

        report = await shop.run()

    assert report.deleted == 0
    assert await shop.outside.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_business_is_noted_once_an_hour_until_its_keys_are_deleted(shop: Shop) -> None:
    await shop.keep_answers(5, "25 hours")
    await shop.keep_answers(5, "49 hours")
    noted = await shop.due()

    first, second = await shop.run(), await shop.run()

    assert noted == 2
    assert (first, await shop.due()) == (IdempotencyKeyReport(businesses=1, deleted=10), 0)
    assert second == IdempotencyKeyReport(businesses=0, deleted=0)


async def test_business_stays_noted_while_a_key_could_not_be_deleted(shop: Shop) -> None:
    await shop.keep_answers(1, "25 hours")
    async with shop.outside.transaction():
        await shop.outside.execute("SELECT FROM idempotency_keys FOR UPDATE")

        meanwhile = await shop.run()
    after = await shop.run()

    assert (meanwhile, after.deleted) == (IdempotencyKeyReport(businesses=1, deleted=0), 1)


async def test_key_that_is_taken_anew_is_due_anew(shop: Shop) -> None:
    await shop.keep_answers(1, "25 hours")

    await shop.outside.execute("UPDATE idempotency_keys SET created_at = now()")
    report = await shop.run()

    assert (report.deleted, await shop.due()) == (0, 1)


async def test_loop_ends_when_told_to(shop: Shop) -> None:
    await shop.keep_answers(1, "25 hours")
    stop = asyncio.Event()
    stop.set()

    report = await shop.loop.run_once(stop)

    assert report == IdempotencyKeyReport(businesses=0, deleted=0)
