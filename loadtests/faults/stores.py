"""The stores under the engine, and how they die; a supervisor each starts them again."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from redis.asyncio import Redis

from bootstrap.embedded import kept_stores
from bootstrap.store_supervisor import Specification
from persistence.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where the stores are, without anything in between."""

    database_url: str
    redis_url: str

    @asynccontextmanager
    async def redis(self) -> "AsyncIterator[Redis]":
        """A connection past the proxies."""
        client = Redis.from_url(self.redis_url, protocol=2)
        try:
            yield client
        finally:
            await client.aclose()

    @asynccontextmanager
    async def postgres(self) -> "AsyncIterator[asyncpg.Connection[Any]]":
        """The superuser's, past the proxies. A server that dies under it is no error."""
        connection: asyncpg.Connection[Any] = await asyncpg.connect(self.database_url)
        try:
            yield connection
        finally:
            connection.terminate()

    async def kill_redis(self) -> None:
        """SIGKILL; it comes back empty."""
        async with self.redis() as client:
            pid = (await client.info("server"))["process_id"]
        os.kill(pid, signal.SIGKILL)

    async def kill_backend(self, chance: random.Random) -> None:
        """SIGKILL to one that is at work; Postgres then ends all others, and recovers."""
        async with self.postgres() as connection:
            rows = await connection.fetch(
                "SELECT pid, state <> 'idle' AS busy FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        busy = [row["pid"] for row in rows if row["busy"]] or [row["pid"] for row in rows]
        with suppress(ProcessLookupError):
            os.kill(chance.choice(busy), signal.SIGKILL)

    async def kill_postgres(self) -> None:
        """SIGKILL to all of its processes, the first one first, so that it cannot tell the others to end well."""
        async with self.postgres() as connection:
            cluster = Path(await connection.fetchval("SHOW data_directory"))
            pids = [row["pid"] for row in await connection.fetch("SELECT pid FROM pg_stat_activity")]
        first = int((cluster / "postmaster.pid").read_text().split()[0])
        for pid in (first, *pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running_stores(directory: Path) -> Iterator[Stores]:
    """Migrated and empty, for as long as the block lasts.

    Postgres is as durable as in earnest. Redis is not, so that when it is killed it comes back with nothing.
    """
    with (
        kept_stores(_specification(directory / "postgres", redis=False), announce=_say_nothing) as postgres,
        kept_stores(_specification(directory / "redis", postgres=False, durable=False), announce=_say_nothing) as redis,
    ):
        assert postgres.database_url is not None
        assert redis.redis_url is not None
        upgrade(postgres.database_url)
        yield Stores(database_url=postgres.database_url, redis_url=redis.redis_url)


def _specification(
    directory: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> Specification:
    directory.mkdir()
    # The account of the stores has to pass through it.
    directory.chmod(0o711)
    return Specification(data_dir=str(directory), postgres=postgres, redis=redis, durable=durable, superuser=True)


def _say_nothing(_sentence: str) -> None:
    pass
