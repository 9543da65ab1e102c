from collections.abc import AsyncIterator

import pytest

from tests.support.door import open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.operator import KEY, NEXT_KEY, Operator


@pytest.fixture
async def operator(database_url: str, redis_url: str) -> AsyncIterator[Operator]:
    settings = patient_settings(database_url, redis_url).model_copy(update={"operator_key": f"{KEY}, {NEXT_KEY}"})
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as door:
        yield Operator(door)
