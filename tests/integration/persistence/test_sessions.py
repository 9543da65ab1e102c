"""What the engine's sessions with Postgres do not leave to the server."""

from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from kernel.errors import StoreUnavailable
from persistence.engine import PostgresLimits, create_engine
from persistence.errors import postgres_errors
from persistence.schema import upgrade

pytestmark = pytest.mark.own_database


async def test_session_is_in_utc_whatever_the_database_says(
    outside: "asyncpg.Connection[Any]", engine: AsyncEngine
) -> None:
    name = await outside.fetchval("SELECT current_database()")
    await outside.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'America/New_York'")

    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW timezone")) == "UTC"


async def test_url_says_which_of_several_hosts_is_asked(database_url: str, limits: PostgresLimits) -> None:
    credentials, _, rest = database_url.rpartition("@")
    host, _, name = rest.partition("/")
    url = f"{credentials}@127.0.0.1:9,{host}/{name}?target_session_attrs=read-write"
    engine = create_engine(url, limits)

    async with engine.connect() as connection:
        answer = await connection.scalar(text("SELECT 1"))
    await engine.dispose()

    assert answer == 1


async def test_url_asks_for_tls_or_goes_without(database_url: str, limits: PostgresLimits) -> None:
    async def encrypted(mode: str) -> bool:
        engine = create_engine(f"{database_url}?sslmode={mode}", limits)
        try:
            with postgres_errors():
                async with engine.connect() as connection:
                    query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                    return bool(await connection.scalar(text(query)))
        finally:
            await engine.dispose()

    without = await encrypted("disable")

    assert not without
    # Whether the server of the tests knows TLS is not ours to say: either it is used, or nothing is answered.
    with suppress(StoreUnavailable):
        assert await encrypted("require")


def test_migrations_take_the_url_as_it_stands(empty_database_url: str) -> None:
    upgrade(f"{empty_database_url}?sslmode=disable")

    with pytest.raises(InterfaceError, match="sslmode"):
        upgrade(f"{empty_database_url}?sslmode=no-such-mode")
