"""Connections to Redis."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, ResponseError

from persistence import keys, redis_internals
from persistence.batches import Batches
from persistence.cluster import PROBE_MS, ClusterRedis, is_cluster, needs_room, node_urls, slot_of
from persistence.errors import refuses_writes
from persistence.liveness import LivenessLimits, LivenessWatch, Probe
from persistence.redis_internals import SLOTS
from persistence.redis_limits import LOSSES, RedisLimits, closed_as_connection_error
from persistence.redis_memory import RedisMemory

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

# So long it goes unnoticed at most that Redis takes no writes, or has little memory left.
_CHECK_SECONDS: Final = 1.0


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
    client.batches = Batches(pool, watch, limits.command_seconds, needs_room=needs_room)
    # A connection on which nothing was heard for so long may be dead without knowing.
    watch.before_recovery(lambda: pool.disconnect(inuse_connections=False))
    return client


def create_cluster(
    url: str,
    limits: RedisLimits,
    watch_limits: LivenessLimits,
    lost: Callable[[Iterable[int]], None],
    memory: RedisMemory,
) -> ClusterRedis:
    """A client of a cluster with a watch for each master; `lost` gets the slots of one that has gone silent."""
    return ClusterRedis(
        url,
        limits,
        new_watch=lambda name, probe: _new_watch(name, watch_limits, probe),
        lost=lost,
        memory=memory,
    )


def new_redis_watch(client: Redis, limits: LivenessLimits, memory: RedisMemory) -> LivenessWatch:
    """A watch that probes with a client of its own, which no watch holds back and which keeps its connection.

    It also notes how much memory is left.
    """

    async def probe() -> None:
        try:
            await client.set(keys.PROBE, "1", px=PROBE_MS)
        except ReadOnlyError:
            # A replica by now: whoever answers at this address next may be the master.
            await client.connection_pool.disconnect()
            raise
        await memory.ask("redis", lambda: client.info("memory"))

    return _new_watch("redis", limits, probe)


def _new_watch(name: str, limits: LivenessLimits, probe: Probe) -> LivenessWatch:
    return LivenessWatch(
        name, limits, probe, losses=LOSSES, refuses_writes=refuses_writes, check_seconds=_CHECK_SECONDS
    )


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
        async with self.store_watch.request(needs_room=needs_room(arguments)):
            with closed_as_connection_error():
                try:
                    return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]
                except ResponseError as refusal:
                    self.store_watch.note_answer(refusal)
                    raise
