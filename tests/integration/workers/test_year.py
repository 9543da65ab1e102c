"""A year of a business that books, cancels, changes its set-up and retries leaves no more than a quarter does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest

from bootstrap.loops import build_invalidator, build_schedule
from persistence import keys
from persistence.idempotency import Attempt, IdempotencyService
from persistence.stored_answers import StoredAnswer
from tests.support.documents import example
from tests.support.engine import Engine, running_engine
from tests.support.operations import by_business
from tests.support.visits import book, hold, slots

pytestmark = [pytest.mark.own_database, pytest.mark.redis("single")]

_STEP_MS: Final = 5 * 86_400_000
_DAYS: Final = 365
_STEP: Final = 5
"""Days that pass at once: loops that run far more often leave no more."""
_CHANGED_EVERY: Final = 10
"""Days from one set-up to the next."""
# By then everything that is kept for a time has been deleted for the first time; it is a day as the last one.
_SETTLED: Final = 90
_KEYS_A_DAY: Final = 3
# Loops that ask every key or every business, or that wait.
_NOT_RUN: Final = {"election", "reconciliation", "tasks"}
# They grow with what the business sells (docs/reference/growth.md).
_BUSINESS_DATA: Final = {
    "appointments", "appointment_resources", "customers", "personal_keys", "audit_entries", "audit_links"
}  # fmt: skip
_WITHOUT_EXPIRY: Final = {keys.METRICS_TOTAL, keys.METRICS_PROCESSES, keys.HOLDERS}
# All that was written is as old as it then is.
_LET_DAYS_PASS: Final = """
    UPDATE outbox SET created_at = created_at - interval '5 days';
    UPDATE events SET occurred_at = occurred_at - interval '5 days';
    UPDATE idempotency_keys SET created_at = created_at - interval '5 days';
    UPDATE locations SET archived_at = archived_at - interval '5 days' WHERE archived_at IS NOT NULL;
    UPDATE resources SET archived_at = archived_at - interval '5 days' WHERE archived_at IS NOT NULL;
    UPDATE services SET archived_at = archived_at - interval '5 days' WHERE archived_at IS NOT NULL;
    UPDATE due_work SET due_at = due_at - interval '5 days';
    -- Done within the days, by the loop that is not run here.
    DELETE FROM tasks WHERE kind = 'notifications.plan';
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, its loops, and somebody who moves time."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"

    async def open(self, day: int) -> None:
        """Book, cancel and apply as on any day."""
        operation = by_business(self.engine.tenant_id)
        if day % _CHANGED_EVERY == 0:
            await self.engine.services.catalogue.apply(operation, _document(day))
        start = (await slots(self.engine))[0].start
        booked = await book(self.engine, start, number=day % 3)
        await self.engine.services.appointments.cancel(
            operation, booked.appointment.id, reason=None, expected_version=None
        )
        await hold(self.engine, start, client=f"visitor {day}")
        await self.engine.context.hold_register.flush()
        idempotency = IdempotencyService(self.engine.services.unit_of_work)
        for number in range(_KEYS_A_DAY):
            attempt = await idempotency.begin(operation, f"{day} {number}", [b"digest"])
            assert isinstance(attempt, Attempt)
            await idempotency.remember(operation, attempt, StoredAnswer(status=201, body=b"{}", etag=None))

    async def close(self) -> None:
        """Some days pass, and the loops run."""
        await self.outside.execute(_LET_DAYS_PASS)
        await self._let_days_pass_in_redis()
        await build_invalidator(self.engine.context).drain()
        for scheduled in build_schedule(self.engine.context, asyncio.Event()):
            if scheduled.name not in _NOT_RUN:
                await scheduled.loop.run_once(asyncio.Event())

    async def rows(self) -> dict[str, int]:
        """The number of rows of each table."""
        names = await self.outside.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            row["tablename"]: await self.outside.fetchval(f"SELECT count(*) FROM {row['tablename']}")  # noqa: S608
            for row in names
        }

    async def _let_days_pass_in_redis(self) -> None:
        redis = self.engine.context.redis
        for name in (keys.live(self.engine.tenant_id), keys.HOLDERS):
            members: list[Any] = await redis.zrange(name, 0, -1)
            for member in members:
                await redis.zincrby(name, -_STEP_MS, member)
        async for key in redis.scan_iter():
            left = await redis.pttl(key)
            if left > 0:
                await redis.pexpire(key, max(left - _STEP_MS, 0))


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside)
    await outside.close()


def _document(day: int) -> dict[str, Any]:
    """The barbershop with a guest and an offer of that day: those before are archived."""
    document = example("barbershop")
    document["resources"].append({"key": f"guest-{day}", "kind": "guest", "name": "Guest", "location": "main"})
    document["services"].append(
        {
            "key": f"offer-{day}",
            "name": "Offer",
            "duration_minutes": 30,
            "requires": [{"role": "staff", "any_of": [f"guest-{day}"]}],
        }
    )
    return document


async def test_year_leaves_no_more_than_a_quarter_does(shop: Shop) -> None:
    settled: dict[str, int] = {}
    for day in range(0, _DAYS, _STEP):
        await shop.open(day)
        await shop.close()
        if day == _SETTLED:
            settled = await shop.rows()

    after = await shop.rows()

    grown = {table for table, count in after.items() if count > settled[table]}
    assert grown <= _BUSINESS_DATA
    assert (after["appointments"], after["customers"], after["claims"]) == (_DAYS // _STEP, 3, 0)
    assert after["idempotency_keys"] == 0
    assert after["invalidations"] == 0
    await _assert_bounds(shop)


async def _assert_bounds(shop: Shop) -> None:
    """What docs/reference/growth.md says of the tables and keys that something deletes from."""
    month = timedelta(days=31)
    assert await shop.outside.fetchval("SELECT count(*) FROM outbox") == 0
    assert await shop.outside.fetchval("SELECT max(now() - occurred_at) FROM events") <= month
    for table in ("locations", "resources", "services"):
        oldest = await shop.outside.fetchval(f"SELECT max(now() - archived_at) FROM {table}")  # noqa: S608
        assert oldest is None or oldest <= month + timedelta(days=1)
    assert await shop.outside.fetchval("SELECT count(*) FROM due_work") <= 26 + 32
    redis = shop.engine.context.redis
    lasting = {key.decode() async for key in redis.scan_iter() if await redis.pttl(key) == -1}
    assert lasting <= _WITHOUT_EXPIRY
    assert await redis.zcard(keys.HOLDERS) == 0
    assert await redis.zcard(keys.live(shop.engine.tenant_id)) == 0
