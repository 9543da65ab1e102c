"""The memory of Redis, as it was when last asked: how much is left, and whether holds may be dropped to make more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.exceptions import ResponseError

_log = structlog.get_logger(__name__)

# Beyond it only what holds need is cached: the rest is theirs, and time for an operator.
SHORT_RATIO: Final = 0.8
_KEEPS_ALL: Final = "noeviction"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """The memory of one server."""

    used_bytes: int
    most_bytes: int
    """0: as much as the machine has."""
    policy: str
    """The server's `maxmemory-policy`."""

    @property
    def used_ratio(self) -> float:
        """The share that is used; 0 where there is no limit."""
        return self.used_bytes / self.most_bytes if self.most_bytes else 0.0

    @property
    def may_evict(self) -> bool:
        """True if the server drops keys when memory is short: holds may be among them, since they expire."""
        return bool(self.most_bytes) and self.policy != _KEEPS_ALL


class RedisMemory:
    """The memory of each server, by the name of its watch; of a cluster, of each master that was asked."""

    def __init__(self) -> None:
        self.by_server: dict[str, MemoryUse] = {}

    @property
    def is_short(self) -> bool:
        """True if some server has little left. A server that does not say counts as one that has enough."""
        return any(use.used_ratio > SHORT_RATIO for use in self.by_server.values())

    @property
    def may_evict(self) -> bool:
        """True if some server may drop holds."""
        return any(use.may_evict for use in self.by_server.values())

    async def ask(self, name: str, info: Callable[[], Awaitable[Any]]) -> None:
        """Note what a server answers to INFO memory. One that does not know the command, or forbids it, is left out."""
        try:
            found = await info()
        except ResponseError:
            return
        use = MemoryUse(
            used_bytes=int(found.get("used_memory", 0)),
            most_bytes=int(found.get("maxmemory", 0)),
            policy=str(found.get("maxmemory_policy", _KEEPS_ALL)),
        )
        before = self.by_server.get(name)
        if use.may_evict and not (before and before.may_evict):
            _log.warning("redis.may_evict_holds", server=name, policy=use.policy)
        self.by_server[name] = use
