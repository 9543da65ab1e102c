"""Processor time that processes on this machine have used, as Linux counts it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from persistence.redis import RedisLimits, ResponseError, create_redis

# In /proc/PID/stat, counted from behind the program's name (proc(5)).
_OWN: Final = (11, 12)
_OF_ENDED_CHILDREN: Final = (13, 14)
_CONNECT_SECONDS: Final = 10.0
REDIS: Final = "Redis"
POSTGRES: Final = "Postgres"
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Clock:
    """What one program has used."""

    pid: int
    family: bool = False
    """Whether its children count, those that have ended among them."""

    def seconds(self) -> float:
        """So far. Raises OSError where the process, or the kernel's word on it, is missing."""
        fields = _fields(self.pid)
        ticks = sum(int(fields[place]) for place in _OWN)
        if self.family:
            ticks += sum(int(fields[place]) for place in _OF_ENDED_CHILDREN)
            ticks += sum(sum(int(_fields(child)[place]) for place in _OWN) for child in _children(self.pid))
        return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Clocks:
    """What several programs use, by their names, while something is measured."""

    of: Mapping[str, Clock] = field(default_factory=dict)

    def seconds(self) -> Mapping[str, float]:
        """So far, of those of which anything is known."""
        read: dict[str, float] = {}
        for name, clock in self.of.items():
            try:
                read[name] = clock.seconds()
            except OSError:
                continue
        return read

    def since(self, earlier: Mapping[str, float]) -> Mapping[str, float]:
        """What each has used since it was read."""
        return {name: now - earlier[name] for name, now in self.seconds().items() if name in earlier}


async def stores_of(database_url: str, redis_url: str) -> Mapping[str, Clock]:
    """The programs that are the stores, where they run on this machine and say which they are."""
    clocks: dict[str, Clock] = {}
    if _is_here(redis_url):
        async with create_redis(redis_url, RedisLimits()) as redis:
            # The embedded one in Python has no such command, and is a thread of ours.
            with suppress(ResponseError):
                clocks[REDIS] = Clock((await redis.info("server"))["process_id"])
    if _is_here(database_url):
        connection = await asyncpg.connect(database_url, timeout=_CONNECT_SECONDS)
        try:
            backend: int = await connection.fetchval("SELECT pg_backend_pid()")
            # Only Linux has such files.
            with suppress(OSError):
                clocks[POSTGRES] = Clock(_parent(backend), family=True)
        finally:
            await connection.close()
    return clocks


def _is_here(url: str) -> bool:
    # Without a host it is a socket among the files.
    return (urlsplit(url).hostname or "localhost") in _HERE


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parent(pid: int) -> int:
    return int(_fields(pid)[1])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
