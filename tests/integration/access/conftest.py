from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.door import Door, open_door
from tests.support.users import Users


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """The application with a new business, by the machine's clock."""
    async with open_door(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
def users(shop: Door, outside: "asyncpg.Connection[Any]") -> Users:
    """The users of the business."""
    return Users(shop, outside)
