"""What any client of Redis is held to, and what tells it that no answer came."""

from dataclasses import dataclass
from typing import Final

import redis.exceptions

LOSSES: Final = (OSError, TimeoutError, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLimits:
    """How many connections, to each master of a cluster, and how long anything may take."""

    pool_size: int = 64
    pool_wait_seconds: float = 0.5
    connect_seconds: float = 0.5
    command_seconds: float = 0.5
