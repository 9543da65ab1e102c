"""Connections that go past the engine."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.rows import Rows, insert_business


@pytest.fixture
async def owner(database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """Whoever migrated the database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def ours(owner: "asyncpg.Connection[Any]") -> Rows:
    return await insert_business(owner, "ours")


@pytest.fixture
async def theirs(owner: "asyncpg.Connection[Any]") -> Rows:
    return await insert_business(owner, "theirs")


@pytest.fixture
async def engine_connection(database_url: str, ours: Rows, theirs: Rows) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """What the engine connects as, in a transaction of one of two businesses."""
    connection = await asyncpg.connect(database_url, server_settings={"role": "holdfast_app"})
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(ours.tenant_id))
    yield connection
    await transaction.rollback()
    await connection.close()
