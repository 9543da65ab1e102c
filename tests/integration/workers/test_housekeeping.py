"""Expired holds are noticed once, and old answers are forgotten."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import pytest

from holds.model import Hold, HoldStatus
from holds.store import HoldStore
from kernel.ids import HoldId
from kernel.spans import to_minute
from persistence.errors import RedisUnavailable
from tests.support.engine import Engine, running_engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import confirm, hold
from workers.housekeeping import Housekeeper, Report
from workers.supervisor import build_housekeeper

pytestmark = pytest.mark.own_database

_LIFE_MS: Final = 300_000
_NINE: Final = to_minute(datetime(2026, 12, 1, 7, 0, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody who reads and writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"
    housekeeper: Housekeeper

    async def expired(self, start: int = _NINE, **more: Any) -> Hold:
        placed = await hold(self.engine, start, resource="noa", **more)
        await self.let_pass(placed.id, _LIFE_MS)
        return placed

    async def let_pass(self, hold_id: HoldId, milliseconds: int) -> None:
        await let_pass(self.engine.context.redis, self.engine.tenant_id, hold_id, milliseconds)

    async def events(self) -> list[dict[str, Any]]:
        rows = await self.outside.fetch("SELECT data FROM outbox WHERE name = 'hold.expired.v1' ORDER BY id")
        return [json.loads(row["data"]) for row in rows]

    async def keep_answers(self, count: int, age: str) -> None:
        await self.outside.execute(
            "INSERT INTO idempotency_keys (tenant_id, key, request_digest, created_at)"
            " SELECT $1, $3 || number, 'digest', now() - CAST($3 AS text)::interval"
            " FROM generate_series(1, $2) AS number",
            self.engine.tenant_id,
            count,
            age,
        )


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside, build_housekeeper(engine.context))
    await outside.close()


class TestExpiredHolds:
    async def test_expired_hold_is_noticed_once_with_an_event(self, shop: Shop) -> None:
        expired = await shop.expired(client="ann")

        first, second = await shop.housekeeper.run_once(), await shop.housekeeper.run_once()

        assert (first.expired_holds, second.expired_holds) == (1, 0)
        (event,) = await shop.events()
        found = await shop.engine.services.holds.get(by_business(shop.engine.tenant_id), expired.id)
        assert found.status is HoldStatus.EXPIRED
        assert event == {
            "id": expired.id,
            "service_id": expired.service_id,
            "start": "2026-12-01T07:00:00Z",
            "end": "2026-12-01T07:30:00Z",
            "resources": [{"role": part.role, "resource_id": part.resource_id} for part in expired.parts],
            "party": 1,
            "expired_at": found.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    async def test_holds_that_did_not_expire_are_passed_over(self, shop: Shop) -> None:
        await hold(shop.engine, _NINE, resource="noa")
        confirmed = await hold(shop.engine, _NINE + 60, resource="noa")
        await confirm(shop.engine, confirmed)
        released = await hold(shop.engine, _NINE + 120, resource="noa")
        await shop.engine.services.holds.release(by_business(shop.engine.tenant_id), released.id)

        report = await shop.housekeeper.run_once()

        assert report == Report(expired_holds=0, forgotten_keys=0)
        assert await shop.events() == []

    async def test_hold_that_became_an_appointment_did_not_expire(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        placed = await hold(shop.engine, _NINE, resource="noa")
        with monkeypatch.context() as patched:
            patched.setattr(HoldStore, "settle", _never)
            await confirm(shop.engine, placed)
        await shop.let_pass(placed.id, _LIFE_MS)

        report = await shop.housekeeper.run_once()

        assert (report.expired_holds, await shop.events()) == (0, [])

    async def test_event_is_written_again_when_nobody_could_note_it(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shop.expired()
        with monkeypatch.context() as patched:
            patched.setattr(HoldStore, "note_reported", _never)
            with pytest.raises(RedisUnavailable):
                await shop.housekeeper.run_once()

        report = await shop.housekeeper.run_once()

        assert (report.expired_holds, len(await shop.events())) == (1, 2)

    async def test_expired_hold_may_still_be_confirmed_when_it_was_noticed(self, shop: Shop) -> None:
        expired = await shop.expired()
        await shop.housekeeper.run_once()

        booked = await confirm(shop.engine, expired, if_free=True)

        assert booked.created


class TestIdempotencyService:
    async def test_keys_are_forgotten_after_a_day(self, shop: Shop) -> None:
        await shop.keep_answers(2500, "25 hours")
        await shop.keep_answers(3, "23 hours")

        report = await shop.housekeeper.run_once()

        assert report == Report(expired_holds=0, forgotten_keys=2500)
        assert await shop.outside.fetchval("SELECT count(*) FROM idempotency_keys") == 3

    async def test_keys_of_every_business_are_forgotten(self, shop: Shop, database_url: str, redis_url: str) -> None:
        await shop.keep_answers(1, "25 hours")
        async with running_engine(database_url, redis_url) as other:
            await Shop(other, shop.outside, shop.housekeeper).keep_answers(1, "25 hours")

        report = await shop.housekeeper.run_once()

        assert report.forgotten_keys == 2

    async def test_key_that_is_just_being_used_again_is_left(self, shop: Shop) -> None:
        await shop.keep_answers(1, "25 hours")
        async with shop.outside.transaction():
            await shop.outside.execute("UPDATE idempotency_keys SET created_at = now()")

            report = await shop.housekeeper.run_once()

        assert report.forgotten_keys == 0
        assert await shop.outside.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_housekeeper_ends_when_told_to(shop: Shop) -> None:
    await shop.keep_answers(1, "25 hours")
    stop = asyncio.Event()
    stop.set()

    report = await shop.housekeeper.run_once(stop=stop)

    assert report == Report(expired_holds=0, forgotten_keys=0)


async def _never(*_: object, **__: object) -> None:
    raise RedisUnavailable
