from redis.asyncio import Redis

from holds.store import HoldStore, Reply
from persistence import keys, lua
from persistence.redis import RedisLimits, create_redis
from tests.support.holds import MINE, TENANT


async def test_scripts_are_all_there_when_loaded(redis: Redis) -> None:
    snapshot = await redis.script_exists(*[lua.digest(name) for name in lua.names()])

    assert all(snapshot)


async def test_script_is_given_anew_when_redis_has_lost_it(store_url: str) -> None:
    client = create_redis(store_url, RedisLimits(pool_size=1))
    await lua.load_all(client)
    await client.script_flush()

    first = await HoldStore(client).read(TENANT, MINE)
    key = keys.hold(TENANT, MINE)
    again = await client.evalsha(lua.digest("hold_read"), 1, key, keys.prefix(TENANT), MINE)
    await client.aclose()

    assert first.reply is Reply.MISSING
    assert again == [b"MISSING"]
