"""The faults: what each breaks, and for how long."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from loadtests.faults.engine import POSTGRES, REDIS, SERVERS, WORKERS, Engine, ways
from loadtests.faults.history import Store
from loadtests.faults.network import Network
from loadtests.faults.stores import Stores
from tests.support.proxy import Mode

# Long enough for hundreds of requests to meet it, and for every breaker to open.
_SECONDS: Final = 4.0
# A network that cuts every answer lets nobody through to what is worth cutting, such as a COMMIT: it does so by fits.
_FIT_SECONDS: Final = 0.03
_BETWEEN_FITS_SECONDS: Final = 0.25
# Each way. A booking goes to Postgres and back ten times, so it takes a second more.
_POSTGRES_DELAY_SECONDS: Final = 0.05
_REDIS_DELAY_SECONDS: Final = 0.1
# The others have time to die of it, and whoever stands by to notice.
_DEAD_SECONDS: Final = 2.0
_KILLS: Final = 6
_BETWEEN_KILLS_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What can be broken."""

    stores: Stores
    network: Network
    engine: Engine
    chance: random.Random


@dataclass(frozen=True, slots=True)
class Fault:
    """Breaks something; returns when the cause is gone. What follows from it may last longer."""

    name: str
    store: Store
    inflict: Callable[[Scene], Awaitable[None]]
    silent: bool = False
    """Whether a store swallows what it is sent: how long that may keep a request is promised."""


async def _kill_redis(scene: Scene) -> None:
    await scene.stores.kill_redis()


async def _flush_scripts(scene: Scene) -> None:
    async with scene.stores.redis() as redis:
        await redis.script_flush()


async def _flush_all(scene: Scene) -> None:
    async with scene.stores.redis() as redis:
        await redis.flushall()


async def _kill_backend(scene: Scene) -> None:
    await scene.stores.kill_backend(scene.chance)


async def _kill_postgres(scene: Scene) -> None:
    await scene.stores.kill_postgres()


async def _kill_server(scene: Scene) -> None:
    member = scene.engine.members[scene.chance.choice(SERVERS)]
    await member.kill()
    await asyncio.sleep(_DEAD_SECONDS)
    await member.start()


async def _kill_elected(scene: Scene) -> None:
    member = scene.engine.elected
    await member.kill()
    await asyncio.sleep(_DEAD_SECONDS)
    await member.start()


async def _kill_workers(scene: Scene) -> None:
    """One after the other, at random: in the middle of a batch of the relay, of a delivery, of the notes on it."""
    for _ in range(_KILLS):
        member = scene.engine.members[scene.chance.choice(WORKERS)]
        await asyncio.sleep(scene.chance.uniform(0, 2 * _BETWEEN_KILLS_SECONDS))
        await member.kill()
        await member.start()


def _network(store: str, mode: Mode, *, delay_seconds: float = 0.0) -> Callable[[Scene], Awaitable[None]]:
    """All ways to the store, for a while."""

    async def inflict(scene: Scene) -> None:
        await scene.network.set_mode(ways(store), mode, delay_seconds=delay_seconds)
        await asyncio.sleep(_SECONDS)
        await scene.network.set_mode(ways(store), Mode.PASS)

    return inflict


def _fits(store: str, mode: Mode) -> Callable[[Scene], Awaitable[None]]:
    """All ways to the store, again and again for a moment."""

    async def inflict(scene: Scene) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + _SECONDS
        while clock() < end:
            await scene.network.set_mode(ways(store), mode)
            await asyncio.sleep(_FIT_SECONDS)
            await scene.network.set_mode(ways(store), Mode.PASS)
            await asyncio.sleep(scene.chance.uniform(0, 2 * _BETWEEN_FITS_SECONDS))

    return inflict


async def _hide_redis_from_one(scene: Scene) -> None:
    """One server books without Redis while the other believes it."""
    hidden = ways(REDIS, [scene.chance.choice(SERVERS)])
    await scene.network.set_mode(hidden, Mode.BLACK_HOLE)
    await asyncio.sleep(_SECONDS)
    await scene.network.set_mode(hidden, Mode.PASS)


FAULTS: Final = (
    Fault("redis killed, back empty", Store.REDIS, _kill_redis),
    Fault("redis: SCRIPT FLUSH", Store.REDIS, _flush_scripts),
    Fault("redis: FLUSHALL", Store.REDIS, _flush_all),
    Fault("redis slow", Store.REDIS, _network(REDIS, Mode.DELAY, delay_seconds=_REDIS_DELAY_SECONDS)),
    Fault("redis cut before answers", Store.REDIS, _fits(REDIS, Mode.CUT_BEFORE_ANSWER)),
    Fault("redis cut after answers", Store.REDIS, _fits(REDIS, Mode.CUT_AFTER_ANSWER)),
    Fault("redis silent", Store.REDIS, _network(REDIS, Mode.BLACK_HOLE), silent=True),
    Fault("redis silent for one server", Store.REDIS, _hide_redis_from_one, silent=True),
    Fault("redis refuses", Store.REDIS, _network(REDIS, Mode.REFUSE)),
    Fault("postgres backend killed", Store.POSTGRES, _kill_backend),
    Fault("postgres killed", Store.POSTGRES, _kill_postgres),
    Fault("postgres slow", Store.POSTGRES, _network(POSTGRES, Mode.DELAY, delay_seconds=_POSTGRES_DELAY_SECONDS)),
    Fault("postgres cut before answers", Store.POSTGRES, _fits(POSTGRES, Mode.CUT_BEFORE_ANSWER)),
    Fault("postgres cut after answers", Store.POSTGRES, _fits(POSTGRES, Mode.CUT_AFTER_ANSWER)),
    Fault("postgres silent", Store.POSTGRES, _network(POSTGRES, Mode.BLACK_HOLE), silent=True),
    Fault("server killed", Store.ENGINE, _kill_server),
    Fault("elected invalidator killed", Store.ENGINE, _kill_elected),
    Fault("workers killed again and again", Store.ENGINE, _kill_workers),
)
