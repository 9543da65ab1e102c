"""A migrated database with two businesses, the engine's way into it, and a way past the engine."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from persistence.engine import PostgresLimits, create_engine
from persistence.unit_of_work import UnitOfWork


@pytest.fixture
def limits() -> PostgresLimits:
    """Tests whose subject is a limit have their own."""
    return PostgresLimits(pool_size=2, connect_seconds=5)


@pytest.fixture
async def engine(database_url: str, limits: PostgresLimits) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, limits)
    yield engine
    await engine.dispose()


@pytest.fixture
def unit_of_work(engine: AsyncEngine) -> UnitOfWork:
    return UnitOfWork(engine)
