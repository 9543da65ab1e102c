"""How Alembic reaches the database: through the engine's own driver, one transaction for all migrations."""

import asyncio
import os
from functools import partial

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from persistence.schema import DRIVER, LOCK_MS, MIGRATION_LOCK
from persistence.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        # Two nodes that start at once migrate one after the other; the second finds nothing left to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        # Only from here on: whoever waits for another migration may wait as long as that takes.
        lock_ms = context.config.attributes.get("lock_ms", LOCK_MS)
        connection.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": str(lock_ms)})
        context.run_migrations()


async def _run_online(url: str) -> None:
    engine = create_async_engine(DRIVER, poolclass=pool.NullPool, async_creator=partial(asyncpg.connect, url))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


asyncio.run(_run_online(context.config.attributes.get("url") or os.environ["HOLDFAST_DATABASE_URL"]))
