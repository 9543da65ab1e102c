"""What a process keeps open: its pools to the two stores."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from availability.cache import AvailabilityCache
from availability.debts import Debts
from bootstrap.settings import Settings
from kernel.errors import StoreUnavailable
from persistence import lua, schema
from persistence.engine import create_engine, watch_postgres
from persistence.errors import RedisUnavailable, postgres_errors, redis_errors
from persistence.invalidations import InvalidationRepository
from persistence.listener import ELECTION_LOCK, Listener
from persistence.redis import Redis, create_redis, watch_redis
from persistence.watch import Watch

# Advisory locks taken with one bigint show as two halves; the lower one is objid.
_ELECTED: Final = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND objid = :lock"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What works."""

    postgres: bool
    redis: bool
    schema: bool
    """The database has been migrated to what this code knows."""
    invalidator: bool
    """Some process is elected to work off invalidations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The settings and the open pools."""

    settings: Settings
    engine: AsyncEngine
    redis: Redis
    watches: Mapping[str, Watch]
    """Of both stores, by name."""
    debts: Debts

    def connect_listener(self) -> Listener:
        """A new connection for the invalidator."""
        assert self.settings.database_url is not None
        return Listener(self.settings.database_url, self.settings.postgres_limits)

    async def health(self) -> Health:
        """Ask both stores, side by side; takes no longer than their time limits."""
        (migrated, elected), redis = await asyncio.gather(self._ask_postgres(), self._ask_redis())
        return Health(postgres=migrated is not None, redis=redis, schema=migrated == schema.head(), invalidator=elected)

    async def _ask_postgres(self) -> tuple[str | None, bool]:
        """The revision, and whether there is an elected invalidator."""
        try:
            with postgres_errors():
                async with self.engine.connect() as connection:
                    revision = await schema.current(connection)
                    elected = await connection.scalar(_ELECTED, {"lock": ELECTION_LOCK})
        except StoreUnavailable:
            return None, False
        return revision or "", bool(elected)

    async def _ask_redis(self) -> bool:
        try:
            with redis_errors():
                return bool(await self.redis.ping())
        except RedisUnavailable:
            return False


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[Context]:
    """Open the pools, and close them when the block ends.

    Both URLs must be set (bootstrap.embedded sees to it). Neither store needs to be up.
    """
    assert settings.database_url is not None, "no database named"
    assert settings.redis_url is not None, "no Redis named"
    limits = settings.watch_limits
    # Whoever finds out that a store is silent, or back, is not held back by what was found out before.
    asker = create_redis(settings.redis_url, replace(settings.redis_limits, pool_size=1))
    watches = watch_postgres(settings.database_url, limits), watch_redis(asker, limits)
    engine = create_engine(settings.database_url, settings.postgres_limits, watch=watches[0])
    redis = create_redis(settings.redis_url, settings.redis_limits, watch=watches[1])
    debts = _debts(watches[1], engine, asker)
    try:
        async with watches[0].running(), watches[1].running():
            # A Redis that is away, or loses its scripts, is given each one with its first call (persistence.lua).
            with suppress(RedisUnavailable), redis_errors():
                await lua.load_all(redis)
            yield Context(
                settings=settings,
                engine=engine,
                redis=redis,
                watches={"postgres": watches[0], "redis": watches[1]},
                debts=debts,
            )
    finally:
        await asker.aclose()
        await redis.aclose()
        await engine.dispose()


def _debts(watch: Watch, engine: AsyncEngine, asker: Redis) -> Debts:
    """What Redis has missed is told to it before it counts as back."""
    debts = Debts(InvalidationRepository(engine), watch.distrust)
    watch.when_opened(debts.owe_everything)
    watch.before_closed(lambda: debts.pay_everything(AvailabilityCache(asker)))
    return debts
