"""How long after a commit the cache of its staff-day was told.

The instant of the change is not taken by an observer: it is written into the version of the staff-day, in microseconds
of Redis' clock, by the very script that drops or corrects the bitmap. Redis and the writers run on one machine, so this
clock is theirs. Whoever reads the version afterwards reads the same instant however late: nobody who watches can be the
bottleneck.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from typing import Any, Final
from unittest.mock import patch

import asyncpg

from availability.state.bitmap_cache import BitmapCache, StaffDay
from holds.store import HoldStore
from kernel.ids import AppointmentId, TenantId
from kernel.operation import Operation, by_system
from loadtests.invalidation.shop import VISIT_MINUTES, Desk, Shop
from persistence.unit_of_work import Transaction, UnitOfWork

# How often the versions of all who wait are read, in one question: it decides how soon a writer goes on, nothing else.
_LOOK_SECONDS: Final = 0.005
# Far longer than anything that is not lost for good.
_LOST_SECONDS: Final = 30.0
# A day's time off, and every minute of one lane.
_CLEAR_DAY: Final = b"\xff" * 360
# Those who write past the engine have a day of their own, and so has what their claims belong to.
_DAY, _THEIR_DAY, _ANCHOR_DAY = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One commit, in microseconds since 1970 by the clock of the machine."""

    sent: int
    """When COMMIT, or the statement that commits by itself, was sent."""
    committed: int
    """When its answer was back."""
    told: int
    """When Redis changed the version, and with it the bitmap."""


_commit: ContextVar[tuple[int, int]] = ContextVar("commit")


async def of_the_engine(shop: Shop, writers: int, seconds: float) -> list[Write]:
    """Bookings and cancellations by the services, which settle themselves."""
    with _noting_commits():
        return await _all_write(shop, writers, seconds, _book_and_cancel)


async def of_a_dying_engine(shop: Shop, writers: int, seconds: float) -> list[Write]:
    """The same, but no settlement gets to Redis: the invalidator finds the rows."""
    with (
        _noting_commits(),
        patch.object(HoldStore, "settle", _never),
        patch.object(BitmapCache, "settle", _never),
    ):
        return await _all_write(shop, writers, seconds, _book_and_cancel)


async def of_others(shop: Shop, writers: int, seconds: float) -> list[Write]:
    """Time off and claims, inserted and deleted by programs that know nothing of the engine."""
    async with AsyncExitStack() as connections:

        async def write(shop: Shop, watcher: "_Watcher", desk: Desk, until: float) -> list[Write]:
            connection = await shop.connect()
            connections.push_async_callback(connection.close)
            return await _write_past_the_engine(shop, watcher, desk, connection, until)

        return await _all_write(shop, writers, seconds, write)


class _Watcher:
    """Reads the versions of the staff-days that somebody waits for, all in one question."""

    def __init__(self, cache: BitmapCache, tenant_id: TenantId) -> None:
        self._cache = cache
        self._tenant_id = tenant_id
        self._waiting: dict[StaffDay, tuple[str, asyncio.Future[str]]] = {}

    async def version(self, staff_day: StaffDay) -> str:
        """The version as it is."""
        return (await self._cache.versions(self._tenant_id, [staff_day])).days[staff_day]

    async def told(self, staff_day: StaffDay, before: str) -> int:
        """When the version was changed, once it is not the one before."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[staff_day] = before, future
        async with asyncio.timeout(_LOST_SECONDS):
            _dropped, _, changed = (await future).partition(".")
        return int(changed)

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            if self._waiting:
                found = await self._cache.versions(self._tenant_id, list(self._waiting))
                for staff_day, version in found.days.items():
                    before, future = self._waiting[staff_day]
                    if version != before:
                        del self._waiting[staff_day]
                        future.set_result(version)
            await asyncio.sleep(_LOOK_SECONDS)


_Writer = Callable[[Shop, _Watcher, Desk, float], Awaitable[list[Write]]]


async def _all_write(shop: Shop, writers: int, seconds: float, write: _Writer) -> list[Write]:
    """One writer at each desk, one commit after the other, each as soon as the last one was told."""
    watcher = _Watcher(shop.cache, shop.tenant_id)
    async with _running(watcher.watch()):
        until = time.monotonic() + seconds
        found = await asyncio.gather(*(write(shop, watcher, desk, until) for desk in shop.desks[:writers]))
    return [one for writes in found for one in writes]


async def _book_and_cancel(shop: Shop, watcher: _Watcher, desk: Desk, until: float) -> list[Write]:
    staff_day, done = shop.staff_day(desk, _DAY), list[Write]()
    visits = cycle(range(10))
    while time.monotonic() < until:
        before = await watcher.version(staff_day)
        booked = await shop.book(desk, _DAY, next(visits))
        done.append(await _observed(watcher, staff_day, before, _commit.get()))
        before = await watcher.version(staff_day)
        await shop.services.appointments.cancel(
            by_system(shop.tenant_id, "load-test"),
            booked.appointment.id,
            reason=None,
            expected_version=None,
        )
        done.append(await _observed(watcher, staff_day, before, _commit.get()))
    return done


async def _write_past_the_engine(
    shop: Shop, watcher: _Watcher, desk: Desk, connection: "asyncpg.Connection[Any]", until: float
) -> list[Write]:
    """In turns: time off, and a claim of an appointment that was there before."""
    staff_day, done = shop.staff_day(desk, _THEIR_DAY), list[Write]()
    anchor = (await shop.book(desk, _ANCHOR_DAY, 0)).appointment.id
    statements = _statements(shop, desk, anchor)
    turns = cycle(statements)
    while time.monotonic() < until:
        versions = await shop.cache.versions(shop.tenant_id, [staff_day])
        filled = await shop.cache.fill(shop.tenant_id, versions, {staff_day: _CLEAR_DAY})
        assert filled.stored == 1, "nobody else writes about this day"
        statement, arguments = next(turns)
        sent = _now()
        await connection.execute(statement, *arguments)
        done.append(await _observed(watcher, staff_day, versions.days[staff_day], (sent, _now())))
        cached = await shop.cache.read(shop.tenant_id, [staff_day])
        assert cached.bitmaps[staff_day] is None, "the old bitmap could still be served"
    for statement, arguments in statements[1::2]:
        await connection.execute(statement, *arguments)
    await shop.services.appointments.cancel(
        by_system(shop.tenant_id, "load-test"), anchor, reason=None, expected_version=None
    )
    return done


async def _observed(watcher: _Watcher, staff_day: StaffDay, before: str, commit: tuple[int, int]) -> Write:
    sent, committed = commit
    return Write(sent=sent, committed=committed, told=await watcher.told(staff_day, before))


def _statements(shop: Shop, desk: Desk, anchor: AppointmentId) -> list[tuple[str, tuple[object, ...]]]:
    """Two pairs, the second of which undoes the first; claims need an appointment to belong to."""
    start = shop.start(_THEIR_DAY, 0)
    during = asyncpg.Range(start, start + timedelta(minutes=VISIT_MINUTES))
    of_time_off = shop.tenant_id, f"tof_{desk.key}"
    of_claim = shop.tenant_id, anchor, desk.lane_id, during
    return [
        (
            "INSERT INTO time_off (tenant_id, id, resource_id, during) VALUES ($1, $2, $3, $4)",
            (*of_time_off, desk.resource_id, during),
        ),
        ("DELETE FROM time_off WHERE tenant_id = $1 AND id = $2", of_time_off),
        ("INSERT INTO claims (tenant_id, appointment_id, lane_id, during) VALUES ($1, $2, $3, $4)", of_claim),
        ("DELETE FROM claims WHERE tenant_id = $1 AND appointment_id = $2 AND lane_id = $3 AND during = $4", of_claim),
    ]


@contextmanager
def _noting_commits() -> Iterator[None]:
    """While this lasts, whoever commits by a unit of work finds in `_commit` when."""
    original = UnitOfWork.begin

    @asynccontextmanager
    async def begin(
        unit: UnitOfWork, operation: Operation, *, commit_before: float | None = None
    ) -> AsyncIterator[Transaction]:
        async with original(unit, operation, commit_before=commit_before) as transaction:
            yield transaction
            sent = _now()
        _commit.set((sent, _now()))

    with patch.object(UnitOfWork, "begin", begin):
        yield


@asynccontextmanager
async def _running(work: "Awaitable[None]") -> AsyncIterator[None]:
    """Run it beside the block; whatever it raises ends the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _never(*_: object, **__: object) -> None:
    """A settlement that was lost on the way."""


def _now() -> int:
    return time.time_ns() // 1000
