"""Many want any of a pool at once: nobody is refused while somebody is left."""

import asyncio
from typing import Any

import pytest

from kernel.errors import DomainError
from tests.support.documents import small_document
from tests.support.engine import Engine, running_engine
from tests.support.visits import book, hold, slots


def _shop(barbers: int, chairs: int, *requires: dict[str, Any]) -> dict[str, Any]:
    document = small_document()
    noa = document["resources"][0]
    document["resources"] = [noa | {"key": f"b{number}"} for number in range(barbers)]
    document["resources"] += [noa | {"key": f"c{number}", "kind": "chair"} for number in range(chairs)]
    document["services"][0] |= {"requires": list(requires)}
    return document


_BARBER = {"role": "barber", "kind": "staff"}
_CHAIR = {"role": "seat", "kind": "chair"}


@pytest.mark.parametrize("way", [hold, book])
@pytest.mark.parametrize(
    ("document", "places"),
    [
        (_shop(80, 0, _BARBER), 80),
        (_shop(20, 20, _BARBER, _CHAIR), 20),
        (_shop(24, 0, _BARBER | {"count": 2}), 12),
    ],
    ids=["one of many", "one of each", "two of many"],
)
async def test_pool_too_large_to_be_tried_at_once_is_filled(
    database_url: str, redis_url: str, way: Any, document: dict[str, Any], places: int
) -> None:
    async with running_engine(database_url, redis_url, document=document) as engine:
        start = (await slots(engine))[0].start

        outcomes = await asyncio.gather(*(_outcome(engine, way, start) for _ in range(places + 3)))

        assert outcomes.count("had") == places


async def _outcome(engine: Engine, way: Any, start: int) -> str:
    try:
        await way(engine, start)
    except DomainError as refusal:
        return refusal.code
    return "had"
