"""A Redis without memory: direct bookings go on, no hold is half placed, and all is well when there is memory again."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from api.app import create_app
from bookings.model import Status
from holds.model import HoldStatus, HoldsUnavailable
from persistence import keys
from tests.support.documents import example
from tests.support.engine import Engine, running_engine
from tests.support.full_redis import OwnRedis, running_redis
from tests.support.operations import by_business
from tests.support.visits import book, confirm, hold, slots
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def shop(database_url: str, server: OwnRedis) -> AsyncIterator[Engine]:
    server.free()
    server.ask("FLUSHALL")
    async with running_engine(database_url, server.url, document=example("barbershop")) as engine:
        yield engine
        server.free()
        # The pools are shared, and with them what is known of the server: the next test begins when all is well.
        await eventually(lambda: _is_back(engine))


async def _is_back(engine: Engine) -> bool:
    return engine.context.watches["redis"].is_alive


async def _holds_in(engine: Engine) -> set[bytes]:
    prefix = keys.prefix(engine.tenant_id)
    return {key async for key in engine.context.redis.scan_iter(f"{prefix}*") if b":hold:" in key or b":held:" in key}


async def test_direct_bookings_go_on_and_holds_are_refused_with_nothing_written(shop: Engine, server: OwnRedis) -> None:
    starts = [slot.start for slot in await slots(shop, resource="noa")]
    server.fill()
    before = server.contents()

    with pytest.raises(HoldsUnavailable):
        await hold(shop, starts[0], resource="noa")
    after = server.contents()
    booked = await book(shop, starts[4], resource="noa")

    assert booked.appointment.status is Status.CONFIRMED
    assert after == before
    assert await _holds_in(shop) == set()
    assert starts[4] not in [slot.start for slot in await slots(shop, resource="noa")]


async def test_first_direct_booking_that_meets_it_is_booked(shop: Engine, server: OwnRedis) -> None:
    """Nobody has found out before that the memory is full."""
    start = (await slots(shop, resource="noa"))[0].start
    server.fill()

    booked = await book(shop, start, resource="noa")

    assert booked.appointment.status is Status.CONFIRMED


async def test_holds_from_before_are_confirmed_and_given_up(shop: Engine, server: OwnRedis) -> None:
    starts = [slot.start for slot in await slots(shop, resource="noa")]
    kept, given_up = await hold(shop, starts[0], resource="noa"), await hold(shop, starts[8], resource="noa")
    server.fill()
    with pytest.raises(HoldsUnavailable):
        await hold(shop, starts[4], resource="noa")

    await confirm(shop, kept)
    await shop.services.holds.release(by_business(shop.tenant_id), given_up.id)

    assert (await shop.services.holds.get(by_business(shop.tenant_id), kept.id)).status is HoldStatus.CONFIRMED
    server.free()
    await eventually(lambda: _is_back(shop))
    offered = [slot.start for slot in await slots(shop, resource="noa")]
    assert starts[0] not in offered
    assert starts[8] in offered


async def test_it_is_found_and_is_over_without_a_request(shop: Engine, server: OwnRedis) -> None:
    transport = httpx.ASGITransport(create_app(shop.context, shop.services))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:

        async def says(*, redis: bool) -> bool:
            answer = await http.get("/readyz")
            return bool(answer.json()["redis"]) is redis and (redis or answer.status_code == 503)

        assert await says(redis=True)
        server.fill()
        await eventually(lambda: says(redis=False))
        server.free()
        await eventually(lambda: says(redis=True))
        start = (await slots(shop, resource="noa"))[0].start
        await hold(shop, start, resource="noa")
