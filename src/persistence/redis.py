"""Connections to Redis."""

from collections.abc import Callable, Iterable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from persistence.batches import Batches
from persistence.cluster import SLOTS, ClusterRedis, is_cluster, node_urls, slot_of
from persistence.liveness import Watch, WatchLimits
from persistence.redis_limits import LOSSES, RedisLimits, closed_is_lost

__all__ = [
    "SLOTS",
    "ClusterRedis",
    "Redis",
    "RedisLimits",
    "ResponseError",
    "connections_in_use",
    "create_cluster",
    "create_redis",
    "is_cluster",
    "node_urls",
    "pool_size",
    "slot_of",
    "watch_redis",
]


def create_redis(url: str, limits: RedisLimits, *, watch: Watch | None = None) -> Redis:
    """A client that never sends a command twice by itself and never waits longer than the limits.

    The library's default repeats any command after a time-out, scripts that write among them. With a `watch`, whoever
    waits is released as soon as Redis has gone silent. Nothing is connected yet. The caller closes it, and the pool
    with it.
    """
    if is_cluster(url):
        assert watch is None, "a cluster has a watch for each master"
        return ClusterRedis(url, limits).as_redis()
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=limits.pool_size,
        timeout=limits.pool_wait_seconds,
        socket_connect_timeout=limits.connect_seconds,
        socket_timeout=limits.command_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    if watch is None:
        return Redis.from_pool(pool)
    client = _WatchedRedis(connection_pool=pool)
    client.auto_close_connection_pool = True
    client.store_watch = watch
    client.batches = Batches(pool, watch, limits.command_seconds)
    # A connection on which nothing was heard for so long may be dead without knowing.
    watch.before_closed(lambda: pool.disconnect(inuse_connections=False))
    return client


def create_cluster(
    url: str, limits: RedisLimits, watch_limits: WatchLimits, lost: Callable[[Iterable[int]], None]
) -> ClusterRedis:
    """A client of a cluster with a watch for each master; `lost` is told the slots of one that has gone silent."""
    return ClusterRedis(
        url, limits, new_watch=lambda name, ask: Watch(name, watch_limits, ask, losses=LOSSES), lost=lost
    )


def watch_redis(client: Redis, limits: WatchLimits) -> Watch:
    """A watch that asks by a client of its own, which no watch holds back and which keeps its connection."""

    async def ask() -> None:
        await client.ping()

    return Watch("redis", limits, ask, losses=LOSSES)


def connections_in_use(redis: Redis) -> int:
    """How many connections of a client's pool are in use."""
    # A cluster poses as a Redis (ClusterRedis.as_redis).
    cluster: object = redis
    if isinstance(cluster, ClusterRedis):
        return cluster.connections_in_use
    _idle, (used, _named) = redis.connection_pool.get_connection_count()
    return int(used)


def pool_size(redis: Redis) -> int:
    """How many connections a client may have; of a cluster, to the masters that it was asked for."""
    cluster: object = redis
    if isinstance(cluster, ClusterRedis):
        return cluster.pool_size
    size: int = redis.connection_pool.max_connections
    return size


class _WatchedRedis(Redis):
    """Whose every command is one that a watch knows of. Scripts, the hot path, are sent in batches."""

    store_watch: Watch
    batches: Batches

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        if arguments[0] == "EVALSHA":
            return await self.batches.execute(*arguments)
        async with self.store_watch.asking():
            with closed_is_lost():
                return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]
