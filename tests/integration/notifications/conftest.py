from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.door import open_door
from tests.support.notifications import Notices


@pytest.fixture
async def notices(database_url: str, redis_url: str, outside: "asyncpg.Connection[Any]") -> AsyncIterator[Notices]:
    """The notifications of a barbershop, by the real time until the test lets it pass."""
    async with open_door(database_url, redis_url) as door:
        await door.set_up("barbershop")
        yield Notices(door, outside)
