"""Readers fill the cache while writers change what they read, in every order of their steps or in many of them."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from itertools import combinations
from random import Random
from typing import Any, Final

import asyncpg
import pytest

from availability.state.bitmap_cache import BitmapCache, StaffDay
from availability.state.catalogue_snapshots import CatalogueSnapshot
from bootstrap.loops import build_invalidator
from kernel.errors import DomainError
from kernel.ids import HoldId
from kernel.spans import MINUTES_PER_DAY, Minute, day_number, to_datetime, to_minute
from persistence import keys, lua
from tests.support.cached import count_cached, differences
from tests.support.engine import Engine, running_engine
from tests.support.ledger import ledger
from tests.support.operations import by_business
from tests.support.turns import Choose, Turns, pause, pauses
from tests.support.visits import TUESDAY, book, confirm, hold, slots

DAY: Final = day_number(TUESDAY)
# Noa opens at nine, which is seven in UTC.
START: Final = DAY * MINUTES_PER_DAY + 7 * 60
# Enough for the races that are lost without the guards to be lost in many of them.
SEEDS: Final = range(15)
READERS, READS = 5, 6
WRITERS, BOOKINGS = 4, 3
_INSERT_TIME_OFF: Final = """
    INSERT INTO time_off (tenant_id, id, resource_id, during)
    SELECT tenant_id, 'tof_race', id, '[2026-12-01T09:00Z,2026-12-01T10:00Z)' FROM resources
    WHERE tenant_id = $1 AND key = 'noa'
"""
_DELETE_TIME_OFF: Final = "DELETE FROM time_off WHERE tenant_id = $1 AND id = 'tof_race'"
_CLAIMED: Final = """
    SELECT lower(during) AS start, upper(during) AS end
    FROM claims JOIN lanes ON lanes.id = lane_id WHERE claims.tenant_id = $1 AND lanes.resource_id = $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The barbershop, somebody who writes past the engine, and Noa's staff-day."""

    engine: Engine
    snapshot: CatalogueSnapshot
    outside: "asyncpg.Connection[Any]"
    staff_day: StaffDay

    async def fill(self) -> None:
        """What a reader does who finds the day missing; also when it is there."""
        await self.engine.services.staff_days.fill(self.engine.tenant_id, self.snapshot, [self.staff_day], needed=False)

    async def cancel(self, hold_id: HoldId) -> None:
        """Cancel the appointment that the hold has become."""
        appointment_id = await self.outside.fetchval("SELECT id FROM appointments WHERE hold_id = $1", hold_id)
        await self.engine.services.appointments.cancel(
            by_business(self.engine.tenant_id), appointment_id, reason=None, expected_version=None
        )

    async def forget_everything(self) -> None:
        """Redis is empty, but for the version of the catalogue, so that no process loads it in a race."""
        redis, tenant_id = self.engine.context.redis, self.engine.tenant_id
        found = [key async for key in redis.scan_iter(f"{keys.prefix(tenant_id)}*")]
        await redis.delete(*[key for key in found if key.decode() != keys.catalogue(tenant_id)])

    async def offered_twice(self) -> list[Minute]:
        """Minutes of Noa's that are claimed, and yet cached as clear and held by nobody: others could hold them."""
        cached = await BitmapCache(self.engine.context.redis).read(self.engine.tenant_id, [self.staff_day])
        bitmap = cached.bitmaps[self.staff_day]
        if bitmap is None:
            return []
        held = [held.span for held in cached.held.get(self.staff_day, ())]
        claimed = await self.outside.fetch(_CLAIMED, self.engine.tenant_id, self.staff_day[0])
        minutes = [minute for row in claimed for minute in range(to_minute(row["start"]), to_minute(row["end"]))]
        return [
            minute
            for minute in minutes
            if _is_clear(bitmap, minute) and not any(span.start <= minute < span.end for span in held)
        ]

    async def stale(self) -> list[str]:
        """What is cached and not so, once all changes were told."""
        await build_invalidator(self.engine.context).drain()
        assert await count_cached(self.engine) > 0
        return await differences(self.engine, self.outside)


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        # Told of everything that set it up, no process loads the catalogue again.
        await build_invalidator(engine.context).drain()
        version = (await BitmapCache(engine.context.redis).versions(engine.tenant_id)).catalogue
        snapshot = await engine.services.snapshots.current(engine.tenant_id, version)
        noa = snapshot.catalogue.find_resource("noa")
        assert noa is not None
        with pauses():
            yield Shop(engine=engine, snapshot=snapshot, outside=outside, staff_day=(noa.id, DAY))
    await outside.close()


def _is_clear(bitmap: bytes, minute: Minute) -> bool:
    """Whether the minute is clear in the first lane of its day."""
    byte, bit = divmod(MINUTES_PER_DAY + minute % MINUTES_PER_DAY, 8)
    return bool(bitmap[byte] & 0x80 >> bit)


async def play(shop: Shop, work: Mapping[str, Coroutine[Any, Any, object]], choose: Choose) -> list[str]:
    """Let them take turns; what was wrong on the way."""
    wrong: list[str] = []

    async def check() -> None:
        if minutes := await shop.offered_twice():
            wrong.append(f"minutes {minutes[0]} to {minutes[-1]} were to be had while they were claimed")

    await Turns(work).run(choose, check)
    return wrong


async def first_fault(attempts: Iterable[Coroutine[Any, Any, list[str]]]) -> list[str]:
    """What the first attempt finds that finds anything; the others are not made."""
    for attempt in attempts:
        if found := await attempt:
            return found
    return []


# Many at once, in an order that a number decides.


async def read(shop: Shop, reader: int) -> None:
    """Look at the day, or fill it anew."""
    for _ in range(READS):
        if reader % 2:
            await slots(shop.engine, resource="noa")
        else:
            await shop.fill()
        await pause()


async def write(shop: Shop, writer: int) -> None:
    """Hold, confirm or book directly, perhaps move, and cancel: those in each other's way are refused, and go on."""
    for number in range(BOOKINGS):
        with suppress(DomainError):
            start = START + 45 * (writer + number % 2)
            if writer % 2:
                booked = await book(shop.engine, start, writer, resource="noa")
            else:
                booked = await confirm(shop.engine, await hold(shop.engine, start, resource="noa"), writer)
            await pause()
            if number % 2:
                later = to_datetime(start + 300)
                await shop.engine.services.appointments.reschedule(
                    by_business(shop.engine.tenant_id),
                    booked.appointment.id,
                    start=later,
                    resource="noa",
                    hold_id=None,
                    expected_version=None,
                )
                await pause()
            if writer != 0:
                await shop.cancel(booked.appointment.hold_id)
        await pause()


async def write_past_the_engine(shop: Shop) -> None:
    for statement in (_INSERT_TIME_OFF, _DELETE_TIME_OFF, _INSERT_TIME_OFF):
        await shop.outside.execute(statement, shop.engine.tenant_id)
        await pause()


async def invalidate(shop: Shop) -> None:
    for _ in range(READS):
        await build_invalidator(shop.engine.context).run_once()
        await pause()


async def race(shop: Shop, seed: int) -> list[str]:
    """Everybody at once, in the order of the seed; what was wrong on the way, or is stale in the end."""
    await shop.outside.execute("DELETE FROM claims")
    await shop.outside.execute(_DELETE_TIME_OFF, shop.engine.tenant_id)
    await build_invalidator(shop.engine.context).drain()
    await shop.forget_everything()
    work: dict[str, Coroutine[Any, Any, object]] = {
        **{f"reader {number}": read(shop, number) for number in range(READERS)},
        **{f"writer {number}": write(shop, number) for number in range(WRITERS)},
        "outside": write_past_the_engine(shop),
        "invalidator": invalidate(shop),
    }

    wrong = await play(shop, work, Random(seed).choice)  # noqa: S311 - an order, and no secret

    return wrong + await shop.stale()


async def test_no_cached_bitmap_is_stale_after_a_race(shop: Shop) -> None:
    faults = {seed: found for seed in SEEDS if (found := await race(shop, seed))}

    assert faults == {}
    assert (await ledger(shop.engine)).overlaps == 0


# One booking, its cancellation and one fill, in every order of their steps.

CONFIRMATION: Final = ("confirm",) * 3
"""The pin; the commit; the settlement."""
CANCELLATION: Final = ("cancel",) * 3
"""The commit; the drop of the bitmaps; the release of the hold."""
FILL: Final = ("fill",) * 3
"""The versions; the snapshot; the fill."""


def merges(first: Sequence[str], second: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Both sequences in one, in every way."""
    places = range(len(first) + len(second))
    for mine in combinations(places, len(first)):
        of_first, of_second = iter(first), iter(second)
        yield tuple(next(of_first) if place in mine else next(of_second) for place in places)


def orders() -> list[tuple[str, ...]]:
    """What is to be cancelled was committed before."""
    writes = (CONFIRMATION[:2] + rest for rest in merges(CONFIRMATION[2:], CANCELLATION))
    return [order for write in writes for order in merges(write, FILL)]


async def replay(shop: Shop, order: Sequence[str], *, warm: bool) -> list[str]:
    """What was wrong on the way, or is stale in the end."""
    await shop.forget_everything()
    held = await hold(shop.engine, START, resource="noa")
    if not warm:
        prefix = keys.prefix(shop.engine.tenant_id)
        names = [name async for name in shop.engine.context.redis.scan_iter(f"{prefix}clear:*")]
        await shop.engine.context.redis.delete(*names)
    work = {"confirm": confirm(shop.engine, held), "cancel": shop.cancel(held.id), "fill": shop.fill()}
    left = iter(order)

    wrong = await play(shop, work, lambda _: next(left))

    # Both have settled what they did, so nothing may be stale even before the invalidator, which can only drop more.
    return wrong + await differences(shop.engine, shop.outside)


@pytest.mark.parametrize("warm", [True, False])
async def test_no_order_of_settle_cancel_and_fill_leaves_a_stale_bitmap(shop: Shop, *, warm: bool) -> None:
    faults = {order: found for order in orders() if (found := await replay(shop, order, warm=warm))}

    assert faults == {}


# The tests of these tests: without a guard they find what it guards against.


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Replaces a condition of a script by another one."""

    def replace(script: str, guard: str, weaker: str) -> None:
        original = lua.source
        assert guard in original(script), f"lua/{script}.lua is written otherwise now"
        changed = original(script).replace(guard, weaker)
        monkeypatch.setattr(lua, "source", lambda name: changed if name == script else original(name))
        monkeypatch.setattr(
            lua, "digest", lambda name: sha1(lua.source(name).encode(), usedforsecurity=False).hexdigest()
        )

    return replace


FILL_GUARD: Final = (
    "day_fill",
    "late or redis.call('GET', prefix .. 'version:' .. staff_day) ~= ARGV[position + 2]",
    "late",
)
SETTLE_GUARD: Final = ("hold_settle", "whole and dropped_when_pinned[staff_day] == dropped", "whole")


async def test_race_is_found_when_fills_are_not_checked(shop: Shop, without: Callable[[str, str, str], None]) -> None:
    without(*FILL_GUARD)

    assert await first_fault(race(shop, seed) for seed in SEEDS)


@pytest.mark.parametrize("guard", [FILL_GUARD, SETTLE_GUARD], ids=["fill", "settle"])
async def test_stale_bitmap_is_found_in_some_order_when_a_guard_is_missing(
    shop: Shop, without: Callable[[str, str, str], None], guard: tuple[str, str, str]
) -> None:
    without(*guard)

    assert await first_fault(replay(shop, order, warm=True) for order in orders())
