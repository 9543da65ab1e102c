"""Connections to Redis."""

from collections.abc import Callable, Iterable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from persistence import redis_internals
from persistence.batches import Batches
from persistence.cluster import ClusterRedis, is_cluster, node_urls, slot_of
from persistence.liveness import LivenessLimits, LivenessWatch
from persistence.redis_internals import SLOTS
from persistence.redis_limits import LOSSES, RedisLimits, closed_as_connection_error

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
    "new_redis_watch",
    "node_urls",
    "pool_size",
    "slot_of",
]


def create_redis(url: str, limits: RedisLimits, *, watch: LivenessWatch | None = None) -> Redis:
    """A client that never sends a command twice by itself and never waits longer than the limits.

    The library's default repeats any command after a time-out, scripts that write among them. With a `watch`, every
    request ends as soon as Redis has gone silent. Nothing is connected yet. The caller closes the client, and the pool
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
    client = _BatchingRedis(connection_pool=pool)
    client.auto_close_connection_pool = True
    client.store_watch = watch
    client.batches = Batches(pool, watch, limits.command_seconds)
    # A connection on which nothing was heard for so long may be dead without knowing.
    watch.before_recovery(lambda: pool.disconnect(inuse_connections=False))
    return client


def create_cluster(
    url: str, limits: RedisLimits, watch_limits: LivenessLimits, lost: Callable[[Iterable[int]], None]
) -> ClusterRedis:
    """A client of a cluster with a watch for each master; `lost` gets the slots of one that has gone silent."""
    return ClusterRedis(
        url, limits, new_watch=lambda name, probe: LivenessWatch(name, watch_limits, probe, losses=LOSSES), lost=lost
    )


def new_redis_watch(client: Redis, limits: LivenessLimits) -> LivenessWatch:
    """A watch that probes with a client of its own, which no watch holds back and which keeps its connection."""

    async def probe() -> None:
        await client.ping()

    return LivenessWatch("redis", limits, probe, losses=LOSSES)


def connections_in_use(redis: Redis) -> int:
    """The number of connections of a client's pool that are in use."""
    # A cluster poses as a Redis (ClusterRedis.as_redis).
    cluster: object = redis
    if isinstance(cluster, ClusterRedis):
        return cluster.connections_in_use
    return redis_internals.connections_in_use(redis)


def pool_size(redis: Redis) -> int:
    """The number of connections a client may have; of a cluster, to the masters that were asked so far."""
    cluster: object = redis
    if isinstance(cluster, ClusterRedis):
        return cluster.pool_size
    size: int = redis.connection_pool.max_connections
    return size


class _BatchingRedis(Redis):
    """A client whose every command is watched, and whose scripts, the hot path, are sent in batches."""

    store_watch: LivenessWatch
    batches: Batches

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:  # noqa: ANN401 - the library's
        """Run a script, together with what else is asked in the same turn of the event loop."""
        return await self.batches.execute("EVALSHA", sha, numkeys, *keys_and_args)

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        """Send a command, and give up as soon as the watch finds Redis silent."""
        async with self.store_watch.request():
            with closed_as_connection_error():
                return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]
