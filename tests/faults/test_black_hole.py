"""A store falls silent, is cut off, or comes back: nobody waits for it, and nothing stale is served afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg
import httpx
import pytest

from bootstrap.loops import build_invalidator
from catalogue.tenants import KeyKind
from holds.model import Hold, HoldsUnavailable, SlotHeld, SlotTaken
from kernel.errors import DomainError, StoreUnavailable
from persistence.breaker import BreakerState
from tests.support.engine import Engine, running_engine
from tests.support.ledger import Ledger, ledger
from tests.support.operations import by_business
from tests.support.proxy import Mode, Proxy
from tests.support.shared_routes import app_with_shared_routes
from tests.support.visits import TUESDAY, book, confirm, details, hold, request, slots
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

NOTHING: Final = Ledger(live=0, claims=0, parts=0, events=0, customers=0, overlaps=0)
# As by default, with a store that is silent; other tests are patient (tests/support/engine.py).
SILENCE_MS: Final = 600
# Half of the shortest time limit that these tests set: only the watch can have ended a wait by then, however busy the
# machine is. What it takes on an idle one is measured elsewhere.
FIRST_SECONDS: Final = 5.0
# Less than the watch takes to find out that a store is silent: nobody has asked it again.
KNOWN_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A running engine, and the network between it and its stores."""

    engine: Engine
    postgres: Proxy
    redis: Proxy

    def state(self, store: str) -> BreakerState:
        return self.engine.context.watches[store].state

    async def lost(self, store: str) -> None:
        async def noticed() -> bool:
            return self.state(store) is not BreakerState.CLOSED

        await eventually(noticed)

    async def until(self, store: str, state: BreakerState) -> None:
        async def reached() -> bool:
            return self.state(store) is state

        await eventually(reached)

    async def invalidated(self) -> None:
        """Work off the rows, as the worker would."""
        await build_invalidator(self.engine.context).drain()


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with (
        Proxy(database_url).running() as postgres,
        Proxy(redis_url).running() as redis,
        running_engine(postgres.url, redis.url, store_silence_ms=SILENCE_MS) as engine,
    ):
        yield Shop(engine=engine, postgres=postgres, redis=redis)


async def timed(asked: Awaitable[Any]) -> tuple[float, object]:
    """How long it took, and what came of it."""
    began = time.perf_counter()
    try:
        outcome = await asked
    except DomainError as refusal:
        outcome = refusal
    return time.perf_counter() - began, outcome


def slowest(answers: Sequence[tuple[float, object]]) -> float:
    """How long the last of them took. Under load that is mostly the engine's own work, with stores and without."""
    return max(seconds for seconds, _ in answers)


async def quickest(*requests: Awaitable[Any]) -> float:
    """What the engine itself takes, apart from what else this machine is doing."""
    return min([(await timed(request))[0] for request in requests])


class TestPostgresSilent:
    async def test_nobody_waits_longer_than_the_budget(self, shop: Shop) -> None:
        starts = [slot.start for slot in await slots(shop.engine)]
        shop.postgres.mode = Mode.BLACK_HOLE

        # More than there are connections, so some of them wait for one.
        answers = await asyncio.gather(*(timed(book(shop.engine, start)) for start in starts[:25]))

        assert slowest(answers) < FIRST_SECONDS
        assert {type(outcome) for _, outcome in answers} <= {StoreUnavailable, SlotHeld}
        assert shop.state("postgres") is not BreakerState.CLOSED
        assert await quickest(*(book(shop.engine, start) for start in starts[20:25])) < KNOWN_SECONDS

    async def test_warm_days_are_listed_and_held(self, shop: Shop) -> None:
        start = (await slots(shop.engine, resource="noa"))[0].start
        shop.postgres.mode = Mode.BLACK_HOLE

        placed = await hold(shop.engine, start, resource="noa")
        await shop.engine.services.holds.extend(by_business(shop.engine.tenant_id), placed.id, 400)
        left = await slots(shop.engine, resource="noa")
        await shop.engine.services.holds.release(by_business(shop.engine.tenant_id), placed.id)

        assert start not in [slot.start for slot in left]
        assert start in [slot.start for slot in await slots(shop.engine, resource="noa")]

    async def test_confirmation_is_refused_and_its_hold_kept_until_postgres_is_back(self, shop: Shop) -> None:
        start = (await slots(shop.engine, resource="noa"))[0].start
        held = await hold(shop.engine, start, resource="noa")
        shop.postgres.mode = Mode.BLACK_HOLE

        with pytest.raises(StoreUnavailable):
            await confirm(shop.engine, held)

        still = await shop.engine.services.holds.get(by_business(shop.engine.tenant_id), held.id)
        shop.postgres.mode = Mode.PASS
        await shop.until("postgres", BreakerState.CLOSED)
        assert still.status == "pinned"
        assert await ledger(shop.engine) == NOTHING
        assert (await confirm(shop.engine, held)).created
        assert (await ledger(shop.engine)).live == 1

    async def test_pool_is_whole_again_when_postgres_is_back(self, shop: Shop) -> None:
        starts = [slot.start for slot in await slots(shop.engine)]
        shop.postgres.mode = Mode.BLACK_HOLE
        await asyncio.gather(*(timed(book(shop.engine, start)) for start in starts))
        shop.postgres.mode = Mode.PASS
        await shop.until("postgres", BreakerState.CLOSED)
        later = [slot.start for slot in await slots(shop.engine, day=TUESDAY + timedelta(days=1))]

        answers = await asyncio.gather(*(timed(book(shop.engine, start)) for start in later[:4:2]))

        assert not [outcome for _, outcome in answers if isinstance(outcome, DomainError)]
        assert shop.engine.context.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


class TestOverHttp:
    async def test_known_callers_list_and_hold_and_are_told_when_to_confirm(self, shop: Shop) -> None:
        engine = shop.engine
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.PUBLISHABLE)).key
        app = app_with_shared_routes(engine.context, engine.services)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://engine", headers=headers
        ) as http:
            asked = {"service": "haircut", "resource": "noa", "from": str(TUESDAY), "to": str(TUESDAY)}
            start = (await http.get("/v1/availability", params=asked)).json()["days"][0]["slots"][0]["start"]
            shop.postgres.mode = Mode.BLACK_HOLE

            listed = await http.get("/v1/availability", params=asked)
            held = await http.post("/v1/holds", json={"service": "haircut", "resource": "noa", "start": start})
            confirm_path = f"/v1/holds/{held.json()['id']}/confirm"
            customer = {"customer": {"name": "Ann", "email": "ann@example.com"}}
            refused = await http.post(confirm_path, json=customer)
            shop.postgres.mode = Mode.PASS
            await shop.until("postgres", BreakerState.CLOSED)
            confirmed = await http.post(confirm_path, json=customer)

        assert (listed.status_code, held.status_code) == (200, 201)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert refused.headers["Retry-After"]
        assert confirmed.status_code == 201


class TestPostgresDisturbed:
    async def test_connections_that_were_lost_while_idle_are_not_used(self, shop: Shop) -> None:
        start = (await slots(shop.engine))[0].start
        shop.postgres.cut()

        async def gone() -> bool:
            return shop.postgres.connections == 0

        await eventually(gone)
        # The proxy lives in this loop: a few turns later the engine's sockets have heard of their end.
        for _ in range(10):
            await asyncio.sleep(0)

        assert (await book(shop.engine, start)).created

    async def test_wait_for_a_lock_is_not_silence(self, shop: Shop, outside: "asyncpg.Connection[Any]") -> None:
        held = await hold(shop.engine, (await slots(shop.engine))[0].start)
        async with outside.transaction():
            await outside.execute("LOCK TABLE appointments")

            confirming = asyncio.create_task(confirm(shop.engine, held))
            # Far longer than it takes to find out that a store is silent.
            await asyncio.wait([confirming], timeout=1.2)
            waits = not confirming.done()

        assert waits
        assert (await confirming).created
        assert shop.state("postgres") is BreakerState.CLOSED


class TestRedisSilent:
    async def test_nobody_waits_longer_than_the_budget(self, shop: Shop) -> None:
        starts = [slot.start for slot in await slots(shop.engine)]
        shop.redis.mode = Mode.BLACK_HOLE

        answers = await self.burst(shop, starts)

        assert slowest(answers) < FIRST_SECONDS
        assert {type(outcome) for _, outcome in answers[10:20]} == {HoldsUnavailable}
        assert shop.state("redis") is not BreakerState.CLOSED
        assert await quickest(*(hold(shop.engine, start) for start in starts[:5])) < KNOWN_SECONDS
        assert await quickest(*(slots(shop.engine) for _ in range(5))) < KNOWN_SECONDS

    async def burst(self, shop: Shop, starts: Sequence[int]) -> list[tuple[float, object]]:
        return await asyncio.gather(
            *(timed(slots(shop.engine)) for _ in range(10)),
            *(timed(hold(shop.engine, start)) for start in starts[:10]),
            timed(book(shop.engine, starts[-1])),
        )

    async def test_booking_goes_on_and_holds_come_back_without_a_restart(self, shop: Shop) -> None:
        first, second = [slot.start for slot in await slots(shop.engine, resource="noa")][:9:8]
        shop.redis.mode = Mode.BLACK_HOLE

        booked = await book(shop.engine, first, resource="noa")
        with pytest.raises(HoldsUnavailable) as refused:
            await hold(shop.engine, second, resource="noa")
        shop.redis.mode = Mode.PASS
        await shop.until("redis", BreakerState.CLOSED)

        assert booked.created
        assert refused.value.facts["retry_after_seconds"]
        assert (await confirm(shop.engine, await hold(shop.engine, second, resource="noa"))).created

    async def test_answers_are_not_mixed_up_when_redis_is_back(self, shop: Shop) -> None:
        expected = {resource: await slots(shop.engine, resource=resource) for resource in ("noa", "dan", "yael")}
        shop.redis.mode = Mode.STALL
        await asyncio.gather(*(timed(slots(shop.engine, resource=resource)) for resource in [*expected] * 5))
        shop.redis.mode = Mode.PASS
        await shop.until("redis", BreakerState.CLOSED)

        seen = [(resource, await slots(shop.engine, resource=resource)) for resource in [*expected] * 10]

        assert all(found == expected[resource] for resource, found in seen)


class TestRedisBack:
    """Its data are those of before: bitmaps that say free where something was booked meanwhile."""

    async def confirmed_while_redis_fails(self, shop: Shop, held: Hold, mode: Mode) -> None:
        """The hold is pinned with Redis, and cannot be settled without."""
        settle = shop.engine.services.holds.settle

        async def settle_in_vain(*arguments: Any, **named: Any) -> None:
            shop.redis.mode = mode
            await settle(*arguments, **named)

        object.__setattr__(shop.engine.services.holds, "settle", settle_in_vain)
        assert (await confirm(shop.engine, held)).created
        object.__setattr__(shop.engine.services.holds, "settle", settle)

    async def forget_holds(self, shop: Shop) -> None:
        """Only bitmaps are left to say that a time is taken."""
        keys = [key async for key in shop.engine.context.redis.scan_iter("*:held:*")]
        if keys:
            await shop.engine.context.redis.delete(*keys)

    @pytest.mark.parametrize("mode", [Mode.BLACK_HOLE, Mode.STALL, Mode.REFUSE, Mode.CUT_BEFORE_ANSWER])
    async def test_booking_is_seen_at_once_by_the_process_that_made_it(self, shop: Shop, mode: Mode) -> None:
        start = (await slots(shop.engine, resource="noa"))[0].start
        held = await hold(shop.engine, start, resource="noa")
        await self.confirmed_while_redis_fails(shop, held, mode)

        shop.redis.mode = Mode.PASS
        at_once = await slots(shop.engine, resource="noa")
        await shop.until("redis", BreakerState.CLOSED)
        await self.forget_holds(shop)
        with_redis = await slots(shop.engine, resource="noa")

        assert start not in [slot.start for slot in [*at_once, *with_redis]]
        with pytest.raises(SlotTaken):
            await hold(shop.engine, start, resource="noa")

    async def test_booking_of_another_process_is_seen_when_both_had_lost_redis(
        self, shop: Shop, database_url: str
    ) -> None:
        start = (await slots(shop.engine, resource="noa"))[0].start
        shop.redis.mode = Mode.BLACK_HOLE
        await slots(shop.engine, resource="noa")
        await shop.lost("redis")
        # The other process has no Redis at all, so it will never settle what it commits.
        async with running_engine(database_url, "redis://127.0.0.1:1/0", store_silence_ms=SILENCE_MS) as other:
            await other.services.bookings.book(
                by_business(shop.engine.tenant_id), request(start, resource="noa"), details(), idempotency_key=None
            )
        shop.redis.mode = Mode.PASS
        await shop.until("redis", BreakerState.CLOSED)

        left = await slots(shop.engine, resource="noa")

        assert start not in [slot.start for slot in left]

    async def test_redis_is_not_trusted_before_what_it_missed_could_be_read(self, shop: Shop) -> None:
        await slots(shop.engine, resource="noa")
        shop.redis.mode = Mode.BLACK_HOLE
        await slots(shop.engine, resource="noa")
        await shop.lost("redis")
        shop.postgres.mode = Mode.REFUSE
        shop.redis.mode = Mode.PASS

        with pytest.raises(StoreUnavailable):
            await slots(shop.engine, resource="noa")

        shop.postgres.mode = Mode.PASS
        await shop.until("redis", BreakerState.CLOSED)
        assert await slots(shop.engine, resource="noa")
