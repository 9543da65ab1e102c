"""Context of a process: its settings, its pools to the two stores, and their health."""

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from availability.state.bitmap_cache import BitmapCache
from availability.state.missed_commits import MissedCommits, Partitions
from bootstrap.settings import Settings
from holds.register import HoldRegister
from kernel.errors import StoreUnavailable
from outbound.client import OutboundClient
from persistence import lua, schema
from persistence.election import ElectionRepository
from persistence.engine import checked_out, create_engine, new_postgres_watch
from persistence.errors import RedisUnavailable, cause_of, postgres_errors, redis_errors
from persistence.invalidations import InvalidationQueue
from persistence.listener import Listener
from persistence.liveness import LivenessWatch
from persistence.redis import (
    SLOTS,
    Redis,
    connections_in_use,
    create_cluster,
    create_redis,
    is_cluster,
    new_redis_watch,
    pool_size,
    slot_of,
)
from persistence.redis_memory import RedisMemory
from telemetry.metrics import Metrics, NoMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """State of the stores and of the loops."""

    postgres: bool
    redis: bool
    schema: bool
    """The database has been migrated to what this code knows, or beyond."""
    invalidator: bool
    """Some process is elected to work off invalidations."""
    causes: tuple[str, ...]
    """Sentences about what does not work, without names or secrets."""
    warnings: tuple[str, ...]
    """Sentences about what works, but is not safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Connections to a store."""

    used: Callable[[], int]
    size: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The settings and the open pools of a process."""

    settings: Settings
    engine: AsyncEngine
    redis: Redis
    watches: Mapping[str, LivenessWatch]
    """The watches of both stores, by name; of a cluster, of each master that was asked."""
    memory: RedisMemory
    outbound: OutboundClient
    """The client for addresses that customers chose."""
    missed_commits: MissedCommits
    hold_register: HoldRegister
    metrics: Metrics
    pools: Mapping[str, Pool]
    """The pools of both stores, by name."""

    def connect_listener(self) -> Listener:
        """A new connection for the invalidator."""
        assert self.settings.session_url is not None
        return Listener(self.settings.session_url, self.settings.postgres_limits)

    async def health(self) -> Health:
        """Ask both stores, side by side; takes no longer than their time limits.

        Whether Redis takes writes is not asked: its watch knows.
        """
        (migrated, elected, fault), redis = await asyncio.gather(self._ask_postgres(), self._ask_redis())
        suits, takes_writes = schema.suits(migrated or None), not self._redis_refuses_writes()
        causes = {
            fault: fault is None,
            _NOT_MIGRATED: suits or migrated is None,
            _REDIS_AWAY: redis,
            _REDIS_FULL: takes_writes or not redis,
            _NO_INVALIDATOR: elected or migrated is None,
        }
        return Health(
            postgres=migrated is not None,
            redis=redis and takes_writes,
            schema=suits,
            invalidator=elected,
            causes=tuple(cause for cause, is_well in causes.items() if cause is not None and not is_well),
            warnings=(_MAY_EVICT,) if self.memory.may_evict else (),
        )

    def _redis_refuses_writes(self) -> bool:
        """True if no Redis takes writes: of a cluster, no master that was asked."""
        watches = [watch for name, watch in self.watches.items() if name != "postgres"]
        return bool(watches) and all(watch.refuses_writes for watch in watches)

    async def _ask_postgres(self) -> tuple[str | None, bool, str | None]:
        """The revision, whether there is an elected invalidator, and the cause if Postgres cannot be asked."""
        try:
            with postgres_errors():
                async with self.engine.connect() as connection:
                    revision = await schema.current(connection)
                    elected = await ElectionRepository(connection).has_winner()
        except StoreUnavailable as error:
            return None, False, cause_of(error)
        return revision or "", elected, None

    async def _ask_redis(self) -> bool:
        try:
            with redis_errors():
                return bool(await self.redis.ping())
        except RedisUnavailable:
            return False


@asynccontextmanager
async def open_context(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[Context]:
    """Open the pools, and close them when the block ends.

    Both URLs must be set (bootstrap.embedded sees to it). Neither store needs to be up, nor to accept the login (the
    command line has looked at that before, cli.session). `metrics`: those of the
    process, where somebody has them already.
    """
    assert settings.database_url is not None, "no database named"
    assert settings.redis_url is not None, "no Redis named"
    limits = settings.liveness_limits
    watch = new_postgres_watch(settings.database_url, limits)
    engine = create_engine(
        settings.database_url, settings.postgres_limits, watch=watch, master_keys=settings.master_keys
    )
    memory = RedisMemory()
    outbound = OutboundClient(settings.outbound_networks)
    open_store = _open_cluster if is_cluster(settings.redis_url) else _open_redis
    try:
        async with (
            watch.running(),
            open_store(settings.redis_url, settings, engine, memory) as (redis, watches, missed_commits),
        ):
            # A Redis that is away, or loses its scripts, is given each one with its first call (persistence.lua).
            with suppress(RedisUnavailable), redis_errors():
                await lua.load_all(redis)
            register = HoldRegister(redis)
            async with register.running():
                yield Context(
                    settings=settings,
                    engine=engine,
                    redis=redis,
                    watches=ChainMap({"postgres": watch}, watches),
                    memory=memory,
                    outbound=outbound,
                    missed_commits=missed_commits,
                    hold_register=register,
                    metrics=metrics or new_metrics(settings),
                    pools={
                        "postgres": Pool(used=lambda: checked_out(engine), size=lambda: settings.postgres_pool_size),
                        "redis": Pool(used=lambda: connections_in_use(redis), size=lambda: pool_size(redis)),
                    },
                )
    finally:
        await outbound.aclose()
        await engine.dispose()


def new_metrics(settings: Settings) -> Metrics:
    """Metrics of a process that has counted nothing yet."""
    return Metrics() if settings.metrics else NoMetrics()


_MAY_EVICT: Final = "Redis may drop holds when its memory is short: set its maxmemory-policy to noeviction."
_NOT_MIGRATED: Final = "The schema is older than this version needs: run holdfast migrate."
_REDIS_AWAY: Final = "Redis does not answer."
_REDIS_FULL: Final = "Redis takes no writes: its memory or disk is full, or it is a replica."
_NO_INVALIDATOR: Final = "No process runs the background loops: start holdfast worker."
_Opened = tuple[Redis, dict[str, LivenessWatch], MissedCommits]


@asynccontextmanager
async def _open_redis(url: str, settings: Settings, engine: AsyncEngine, memory: RedisMemory) -> AsyncIterator[_Opened]:
    """The client of one Redis. What it has missed is told to it before it counts as back."""
    # Whoever finds out that a store is silent, or back, is not held back by what was found out before.
    asker = create_redis(url, replace(settings.redis_limits, pool_size=1))
    watch = new_redis_watch(asker, settings.liveness_limits, memory)
    redis = create_redis(url, settings.redis_limits, watch=watch)
    missed_commits = MissedCommits(InvalidationQueue(engine), watch.declare_lost)
    watch.on_lost(missed_commits.note_all_missed)
    watch.before_recovery(lambda: missed_commits.catch_up_all(BitmapCache(asker)))
    try:
        async with watch.running():
            yield redis, {"redis": watch}, missed_commits
    finally:
        await asker.aclose()
        await redis.aclose()


@asynccontextmanager
async def _open_cluster(
    url: str, settings: Settings, engine: AsyncEngine, memory: RedisMemory
) -> AsyncIterator[_Opened]:
    """The client of a cluster. What a master has missed is told to whoever has its slots, business by business."""
    missed_commits = MissedCommits(
        InvalidationQueue(engine), partitions=Partitions(everywhere=range(SLOTS), of=slot_of)
    )
    cluster = create_cluster(
        url, settings.redis_limits, settings.liveness_limits, missed_commits.note_partitions_missed, memory
    )
    try:
        yield cluster.as_redis(), cluster.watches, missed_commits
    finally:
        await cluster.aclose()
