"""Connections to Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import redis.exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from persistence.watch import Watch, WatchLimits

__all__ = ["Redis", "RedisLimits", "ResponseError", "create_redis", "watch_redis"]

_LOSSES: Final = (OSError, TimeoutError, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
# How uvloop's error ends; see _closed_is_lost.
_CLOSED: Final = "the handler is closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLimits:
    """How many connections, and how long anything may take."""

    pool_size: int = 64
    pool_wait_seconds: float = 0.5
    connect_seconds: float = 0.5
    command_seconds: float = 0.5


def create_redis(url: str, limits: RedisLimits, *, watch: Watch | None = None) -> Redis:
    """A client that never sends a command twice by itself and never waits longer than the limits.

    The library's default repeats any command after a time-out, scripts that write among them. With a `watch`, whoever
    waits is released as soon as Redis has gone silent. Nothing is connected yet. The caller closes it, and the pool
    with it.
    """
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
    # A connection on which nothing was heard for so long may be dead without knowing.
    watch.before_closed(lambda: pool.disconnect(inuse_connections=False))
    return client


def watch_redis(client: Redis, limits: WatchLimits) -> Watch:
    """A watch that asks by a client of its own, which no watch holds back and which keeps its connection."""

    async def ask() -> None:
        await client.ping()

    return Watch("redis", limits, ask, losses=_LOSSES)


class _WatchedRedis(Redis):
    """Whose every command is one that a watch knows of."""

    store_watch: Watch

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        async with self.store_watch.asking():
            with _closed_is_lost():
                return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002
        made = _WatchedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.store_watch = self.store_watch
        return made


class _WatchedPipeline(Pipeline):
    store_watch: Watch

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - the library's
        async with self.store_watch.asking():
            with _closed_is_lost():
                return await super().execute(raise_on_error)


@contextmanager
def _closed_is_lost() -> Iterator[None]:
    """Raise the library's ConnectionError where a connection ended between being chosen and being written to.

    uvloop says so with a RuntimeError, which the library does not know; it has given the connection up by then.
    """
    try:
        yield
    except RuntimeError as error:
        if _CLOSED not in str(error):
            raise
        message = "the connection ended before the command was sent"
        raise redis.exceptions.ConnectionError(message) from error
