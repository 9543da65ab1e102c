"""One record that makes no sense, among good ones, costs no loop its round: it is set aside, and counted."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from bookings.appointment_service import AppointmentService
from bootstrap.loops import (
    build_approval_loop,
    build_archived_object_loop,
    build_expiry_loop,
    build_hold_sweep_loop,
    build_idempotency_key_loop,
    build_invalidator,
    build_reconciliation,
)
from catalogue.archived_objects_service import ArchivedObjectService
from holds.model import Hold, HoldFilter
from kernel.ids import ResourceId, TenantId
from kernel.operation import Operation
from kernel.spans import to_minute
from persistence import keys
from persistence.idempotency import IdempotencyService
from telemetry.measures import SET_ASIDE
from tests.support.engine import Engine, running_engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import hold

# Loops serve all businesses of a database.
pytestmark = pytest.mark.own_database

_LIFE_MS: Final = 300_000
_NINE: Final = to_minute(datetime(2026, 12, 1, 7, 0, tzinfo=UTC))
_STRANGER: Final = TenantId(UUID(int=7))
_STRANGE_DAY: Final = 20_000


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody who writes past the engine."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"

    @property
    def redis(self) -> Any:
        return self.engine.context.redis

    async def held(self, start: int) -> Hold:
        return await hold(self.engine, start, resource="noa")

    def key(self, placed: Hold) -> str:
        return keys.hold(self.engine.tenant_id, placed.id)

    async def expire(self, *holds: Hold) -> None:
        for placed in holds:
            await let_pass(self.redis, self.engine.tenant_id, placed.id, _LIFE_MS)
        await self.engine.context.hold_register.flush()

    async def expired(self) -> list[str]:
        rows = await self.outside.fetch("SELECT data FROM outbox WHERE name = 'hold.expired.v1' ORDER BY id")
        return [json.loads(row["data"])["id"] for row in rows]

    def set_aside(self, loop: str) -> int:
        return self.engine.context.metrics.take_counts().get(f"{SET_ASIDE.name}:{loop}", 0)


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside)
    await outside.close()


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param({"choice": "{"}, id="no JSON"),
        pytest.param({"body": "{}"}, id="fields are missing"),
        pytest.param({"claims": "res_1:one:2:3"}, id="no claims"),
        pytest.param({"limit": "9" * 30}, id="no instant"),
    ],
)
async def test_expired_holds_are_reported_beside_an_unreadable_one_which_is_passed_over_once(
    shop: Shop, poison: dict[str, str]
) -> None:
    bad, good = await shop.held(_NINE), await shop.held(_NINE + 60)
    await shop.expire(bad, good)
    await shop.redis.hset(shop.key(bad), mapping=poison)
    loop = build_expiry_loop(shop.engine.context)

    first, second = await loop.run_once(asyncio.Event()), await loop.run_once(asyncio.Event())

    assert await shop.expired() == [good.id]
    assert (first.expired, second.expired) == (1, 0)
    assert shop.set_aside("expiry") == 1


@pytest.mark.parametrize("field", ["deadline", "claims", "body"])
async def test_expired_holds_are_reported_beside_a_record_that_lacks_a_field(shop: Shop, field: str) -> None:
    bad, good = await shop.held(_NINE), await shop.held(_NINE + 60)
    await shop.expire(bad, good)
    await shop.redis.hdel(shop.key(bad), field)
    loop = build_expiry_loop(shop.engine.context)

    await loop.run_once(asyncio.Event())

    assert await shop.expired() == [good.id]
    assert await shop.redis.zcard(keys.live(shop.engine.tenant_id)) == 0


async def test_expired_holds_are_reported_beside_a_business_whose_keys_are_broken(shop: Shop) -> None:
    good = await shop.held(_NINE)
    await shop.expire(good)
    await shop.redis.set(keys.live(_STRANGER), "no list")
    await shop.redis.zadd(keys.HOLDERS, {_STRANGER.hex: 9e15, "no business": 9e15})

    report = await build_expiry_loop(shop.engine.context).run_once(asyncio.Event())

    assert (report.expired, await shop.expired()) == (1, [good.id])
    assert shop.set_aside("expiry") == 1


async def test_live_holds_are_listed_beside_an_unreadable_one(shop: Shop) -> None:
    bad, good = await shop.held(_NINE), await shop.held(_NINE + 60)
    await shop.redis.hset(shop.key(bad), mapping={"choice": "{"})

    found, cursor = await shop.engine.services.holds.find(
        by_business(shop.engine.tenant_id), HoldFilter(), after=None, limit=50
    )

    assert ([one.id for one in found], cursor) == ([good.id], None)
    assert shop.set_aside("holds") == 1


async def test_sweep_lists_a_lost_hold_again_beside_what_is_no_record(shop: Shop) -> None:
    bad, good = await shop.held(_NINE), await shop.held(_NINE + 60)
    await shop.redis.delete(keys.live(shop.engine.tenant_id), shop.key(bad))
    await shop.redis.set(shop.key(bad), "no record")
    await shop.redis.set(keys.live(_STRANGER), "no list")
    await shop.redis.hset(keys.hold(_STRANGER, good.id), mapping=await shop.redis.hgetall(shop.key(good)))

    report = await build_hold_sweep_loop(shop.engine.context).run_once(asyncio.Event())

    assert report.missing == 1
    assert [member.decode() for member in await shop.redis.zrange(keys.live(shop.engine.tenant_id), 0, -1)] == [good.id]
    assert shop.set_aside("hold_sweep") == 1


async def test_reconciliation_repairs_a_list_beside_an_unreadable_record_and_entries_that_are_none(shop: Shop) -> None:
    bad, good = await shop.held(_NINE), await shop.held(_NINE + 60)
    await shop.redis.hset(shop.key(bad), "claims", "res_1:one:2:3 res_1:1:5:4")
    await shop.redis.zrem(keys.live(shop.engine.tenant_id), good.id)
    resource = good.parts[0].resource_id
    await shop.redis.append(keys.held(shop.engine.tenant_id, resource, _NINE // 1440), " x x:1 x:y:1:2:9999999999999")
    await shop.redis.set(f"{keys.prefix(shop.engine.tenant_id)}clear:res_1:noday", "x", px=60_000)

    report = await build_reconciliation(shop.engine.context).run_once(repair=True)

    assert [(one.subject, one.repaired) for one in report.discrepancies if one.subject == good.id] == [(good.id, True)]
    assert await shop.redis.zscore(keys.live(shop.engine.tenant_id), good.id) is not None
    assert shop.set_aside("reconciliation") >= 1


@pytest.mark.parametrize(
    ("kind", "service", "build"),
    [
        ("approval", (AppointmentService, "expire"), build_approval_loop),
        ("idempotency", (IdempotencyService, "purge"), build_idempotency_key_loop),
        ("archived", (ArchivedObjectService, "purge"), build_archived_object_loop),
    ],
)
async def test_due_work_of_other_businesses_is_done_when_that_of_one_fails(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: str, service: tuple[type, str], build: Callable[..., Any]
) -> None:
    owner, method = service
    worked_on: list[TenantId] = []
    real: Callable[..., Awaitable[int]] = getattr(owner, method)

    async def fail_for_a_stranger(self: Any, operation: Operation, most: int) -> int:
        if operation.tenant_id == _STRANGER:
            raise KeyError(method)
        worked_on.append(operation.tenant_id)
        return await real(self, operation, most)

    monkeypatch.setattr(owner, method, fail_for_a_stranger)
    long_ago = datetime.now(UTC) - timedelta(days=2)
    for number, tenant_id in enumerate((_STRANGER, shop.engine.tenant_id)):
        await shop.outside.execute(
            "INSERT INTO due_work (tenant_id, kind, subject, due_at) VALUES ($1, $2, 'x', $3)",
            tenant_id,
            kind,
            long_ago + timedelta(minutes=number),
        )

    report = await build(shop.engine.context).run_once(asyncio.Event())

    assert (worked_on, report.businesses) == ([shop.engine.tenant_id], 2)
    counts = shop.engine.context.metrics.take_counts()
    assert [count for name, count in counts.items() if name.startswith(f"{SET_ASIDE.name}:")] == [1]


async def test_changes_of_other_businesses_are_told_when_those_of_one_cannot_be(shop: Shop) -> None:
    invalidator = build_invalidator(shop.engine.context)
    await invalidator.drain()
    broken = keys.version(_STRANGER, ResourceId("res_1"), _STRANGE_DAY)
    await shop.redis.lpush(broken, "no version")
    for tenant_id in (_STRANGER, shop.engine.tenant_id):
        await shop.outside.execute(
            "INSERT INTO invalidations (tenant_id, resource_id, first_day, last_day)"
            " VALUES ($1, 'res_1', DATE '1970-01-01' + $2::int, DATE '1970-01-01' + $2::int)",
            tenant_id,
            _STRANGE_DAY,
        )

    await invalidator.drain()

    left = await shop.outside.fetch("SELECT tenant_id FROM invalidations")
    assert [row["tenant_id"] for row in left] == [_STRANGER]
    assert shop.set_aside("invalidator") == 1
