from collections.abc import AsyncIterator

import pytest

from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """The application on MONDAY, at six in the morning by UTC."""
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY)) as opened:
        yield opened
