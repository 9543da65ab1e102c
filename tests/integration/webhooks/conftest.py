from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.door import open_door
from tests.support.webhooks import Hooks


@pytest.fixture
async def hooks(database_url: str, redis_url: str, outside: "asyncpg.Connection[Any]") -> AsyncIterator[Hooks]:
    """The webhooks of a new business, by the real time until the test lets it pass."""
    async with open_door(database_url, redis_url) as door:
        yield Hooks(door, outside)
