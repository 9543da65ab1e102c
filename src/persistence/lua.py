"""The Lua scripts: found, loaded, called by name."""

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from persistence.errors import raise_if_unavailable, redis_errors
from persistence.files import folder
from telemetry import tracing

SCRIPTS: Final = folder("lua")

WITHOUT_MEMORY: Final = frozenset(
    {
        "day_invalidate", "hold_expire", "hold_lists", "hold_observe", "hold_page", "hold_pin", "hold_read",
        "hold_release", "hold_report", "hold_settle", "hold_unpin", "metrics_add", "metrics_show",
    }
)  # fmt: skip
"""Scripts that are of use to a Redis whose memory is full: they end something, or only read (lua/shared/memory.lua)."""

Argument = str | int | bytes


_INCLUDE: Final = re.compile(r"^--@include (\S+)$", re.MULTILINE)


@cache
def source(name: str) -> str:
    """The text of lua/<name>.lua, with the files it includes in place of its `--@include` lines."""
    text = (SCRIPTS / f"{name}.lua").read_text()
    return _INCLUDE.sub(lambda line: (SCRIPTS / f"{line[1]}.lua").read_text(), text)


@cache
def digest(name: str) -> str:
    """The name of the script for EVALSHA."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()


@cache
def digests_without_memory() -> frozenset[str]:
    """The names of WITHOUT_MEMORY for EVALSHA."""
    return frozenset(digest(name) for name in WITHOUT_MEMORY)


def names() -> list[str]:
    """Every script there is."""
    return sorted(path.stem for path in SCRIPTS.glob("*.lua"))


async def load_all(redis: Redis) -> None:
    """Give Redis every script, so that the first visitor does not wait for it."""
    for name in names():
        await redis.script_load(source(name))


async def call(redis: Redis, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[str]:
    """Run a script. Its reply is a list of words and numbers, all as text, the first an upper-case word.

    Raises RedisUnavailable when Redis does not answer.
    """
    reply = await _run(redis, name, keys, arguments)
    return [member.decode() if isinstance(member, bytes) else str(member) for member in reply]


async def call_raw(redis: Redis, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[bytes]:
    """Run a script whose reply has bytes in it that are no text. Raises RedisUnavailable."""
    reply = await _run(redis, name, keys, arguments)
    return [member if isinstance(member, bytes) else str(member).encode() for member in reply]


async def _run(redis: Redis, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
    """The reply as it came. A Redis that lost its scripts (a restart, SCRIPT FLUSH, another node) is given this one."""
    with tracing.script(name):
        try:
            reply: list[Any] = await redis.evalsha(digest(name), len(keys), *keys, *arguments)
        except NoScriptError:
            with redis_errors():
                reply = await redis.eval(source(name), len(keys), *keys, *arguments)
        except Exception as error:
            raise_if_unavailable(error)
            raise
        return reply
