"""Connections to Redis."""

from dataclasses import dataclass

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

__all__ = ["Redis", "RedisLimits", "create_redis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLimits:
    """How many connections, and how long anything may take."""

    pool_size: int = 64
    pool_wait_seconds: float = 0.5
    connect_seconds: float = 0.5
    command_seconds: float = 0.5


def create_redis(url: str, limits: RedisLimits) -> Redis:
    """A client that never sends a command twice by itself and never waits longer than the limits.

    The library's default repeats any command after a time-out, scripts that write among them. Nothing is connected
    yet. The caller closes it, and the pool with it.
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
    return Redis.from_pool(pool)
