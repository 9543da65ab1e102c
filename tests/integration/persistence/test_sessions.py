"""What the engine's sessions with Postgres do not leave to the server."""

from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


async def test_session_is_in_utc_whatever_the_database_says(
    owner: "asyncpg.Connection[Any]", engine: AsyncEngine
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'America/New_York'")

    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW timezone")) == "UTC"
