"""A business in Redis: in a real one, in the server that stands in where there is none, and in a cluster."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from availability.state.bitmap_cache import BitmapCache
from holds.store import HoldStore
from persistence import lua
from persistence.redis import RedisLimits, create_redis
from tests.support import stores
from tests.support.holds import DAN, NOA, TENANT, Board

# Another test may have the processor for a while.
_LIMITS = RedisLimits(pool_size=4, command_seconds=5, connect_seconds=5)


@pytest.fixture(
    params=[
        pytest.param("single_redis_url", id="redis"),
        pytest.param("fake_redis_url", id="fakeredis", marks=pytest.mark.fakeredis),
        pytest.param("cluster_redis_url", id="cluster", marks=pytest.mark.cluster),
    ]
)
def store_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
async def redis(store_url: str) -> AsyncIterator[Redis]:
    """A client; after the test, whatever is in Redis must be going to expire."""
    client = create_redis(store_url, _LIMITS)
    await lua.load_all(client)
    yield client
    await client.aclose()
    assert stores.lasting_keys(store_url) == [], "every key has an expiry"


@pytest.fixture
async def empty_board(redis: Redis) -> Board:
    """A business of which nothing is cached."""
    cache = BitmapCache(redis)
    return Board(redis, HoldStore(redis), cache, (await cache.versions(TENANT)).catalogue)


@pytest.fixture
async def board(empty_board: Board) -> Board:
    """A business with Noa and Dan, one lane each, free all day."""
    await empty_board.fill(NOA)
    await empty_board.fill(DAN)
    return empty_board
