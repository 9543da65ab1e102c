"""A process that has listed before shows, after every change, what one shows that never has."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from api.schemas.availability import COUNTED, LISTED
from availability.model import DatedAnswer, ListingQuery
from bootstrap.services import build_services
from catalogue.model.business import Mode
from catalogue.model.objects import ObjectKind
from tests.support.documents import example
from tests.support.engine import MONDAY, Engine, MovingClock, running_engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import TUESDAY, book, confirm, hold, slots

pytestmark = pytest.mark.redis("single", "cluster")

_WEEK = ListingQuery(service="haircut", first=TUESDAY - timedelta(days=1), last=TUESDAY + timedelta(days=5))


@dataclass(frozen=True, kw_only=True)
class _Shop:
    engine: Engine
    clock: MovingClock

    async def check(self, **asked: object) -> DatedAnswer[bytes]:
        """Both processes show the same, and what the first one shows of the week."""
        query = replace(_WEEK, **asked)  # type: ignore[arg-type]
        fresh = build_services(self.engine.context, self.clock).listing
        mine, tenant_id = self.engine.services.listing, self.engine.tenant_id
        shown = await mine.render(tenant_id, query, LISTED)

        assert shown == await fresh.render(tenant_id, query, LISTED)
        assert await mine.render(tenant_id, query, COUNTED) == await fresh.render(tenant_id, query, COUNTED)
        assert await mine.next_slots(tenant_id, query, 7) == await fresh.next_slots(tenant_id, query, 7)
        return shown


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[_Shop]:
    clock = MovingClock()
    async with running_engine(database_url, redis_url, clock=clock, mode=Mode.SANDBOX) as engine:
        yield _Shop(engine=engine, clock=clock)


async def _book(shop: _Shop) -> None:
    await book(shop.engine, (await slots(shop.engine))[2].start)


async def _place_a_hold(shop: _Shop) -> None:
    await hold(shop.engine, (await slots(shop.engine))[0].start, resource="noa")


async def _confirm_a_hold(shop: _Shop) -> None:
    await confirm(shop.engine, await hold(shop.engine, (await slots(shop.engine))[0].start))


async def _take_time_off(shop: _Shop) -> None:
    span = {"start": "2026-12-02T09:00:00+02:00", "end": "2026-12-02T12:00:00+02:00"}
    await shop.engine.services.time_off.add(by_business(shop.engine.tenant_id), "noa", span)


async def _change_the_grid(shop: _Shop) -> None:
    patch = {"grid": {"align": "opening", "step_minutes": 60}}
    await shop.engine.services.objects.patch(by_business(shop.engine.tenant_id), ObjectKind.SERVICE, "haircut", patch)


async def _rename_somebody(shop: _Shop) -> None:
    await shop.engine.services.objects.patch(
        by_business(shop.engine.tenant_id), ObjectKind.RESOURCE, "noa", {"key": "noam"}
    )


async def _wait(shop: _Shop) -> None:
    shop.clock.instant += timedelta(hours=4)


async def _set_the_clock_of_the_sandbox(shop: _Shop) -> None:
    await shop.engine.services.sandbox.set_clock(
        by_business(shop.engine.tenant_id), MONDAY + timedelta(days=1, hours=5)
    )


async def _lose_redis(shop: _Shop) -> None:
    await book(shop.engine, (await slots(shop.engine))[4].start)
    await shop.engine.context.redis.flushdb()


@pytest.mark.parametrize(
    "change",
    [
        _book,
        _place_a_hold,
        _confirm_a_hold,
        _take_time_off,
        _change_the_grid,
        _rename_somebody,
        _wait,
        _set_the_clock_of_the_sandbox,
        _lose_redis,
    ],
    ids=lambda change: change.__name__.strip("_"),
)
async def test_change_is_shown(shop: _Shop, change: Callable[[_Shop], Awaitable[None]]) -> None:
    before = await shop.check()

    await change(shop)

    assert await shop.check() != before


async def test_hold_hides_its_time_until_it_is_over(shop: _Shop) -> None:
    free = await shop.check()
    start = (await slots(shop.engine, resource="noa"))[0].start
    held = await hold(shop.engine, start, resource="noa")
    while_held = await shop.check()
    own = await shop.check(hold_id=held.id)

    await let_pass(shop.engine.context.redis, shop.engine.tenant_id, held.id, 10_000_000)

    assert while_held != free
    assert b"held_by_you" in b"".join(own.days)
    assert await shop.check() == free


async def test_released_hold_gives_its_time_back(shop: _Shop) -> None:
    free = await shop.check()
    held = await hold(shop.engine, (await slots(shop.engine))[0].start)
    assert await shop.check() != free

    await shop.engine.services.holds.release(by_business(shop.engine.tenant_id), held.id)

    assert await shop.check() == free


async def test_own_appointment_is_not_in_the_way_of_its_owner_alone(shop: _Shop) -> None:
    start = (await slots(shop.engine, resource="noa"))[1].start
    booked = await book(shop.engine, start, resource="noa")

    assert await shop.check(rescheduling=booked.appointment.id) != await shop.check()


async def test_limit_that_is_reached_empties_the_date(database_url: str, redis_url: str) -> None:
    document: dict[str, Any] = example("barbershop")
    next(one for one in document["services"] if one["key"] == "haircut")["rules"] = {"daily_limit": 2}
    clock = MovingClock()
    async with running_engine(database_url, redis_url, clock=clock, document=document) as engine:
        shop = _Shop(engine=engine, clock=clock)
        for number in range(2):
            await shop.check()
            await book(engine, (await slots(engine))[3 * number].start, number)

        shown = await shop.check(explain=True)

        assert b"daily_limit" in shown.days[1]
