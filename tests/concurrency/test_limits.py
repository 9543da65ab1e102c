"""Many book at once under a limit: exactly as many as it allows succeed."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import pytest

from bookings.model import Booked
from kernel.errors import DomainError
from tests.support.documents import small_document
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.ledger import ledger
from tests.support.visits import book, confirm, hold, slots

CROWD: Final = 50


def _shop(**rules: Any) -> dict[str, Any]:
    """As many barbers as visitors, and one service."""
    document = small_document()
    noa = document["resources"][0]
    document["resources"] = [noa | {"key": f"b{number}"} for number in range(CROWD)]
    document["services"][0] |= {"requires": [{"role": "barber", "kind": "staff"}], "rules": rules}
    return document


async def _outcomes(attempts: Sequence[Coroutine[Any, Any, Booked]]) -> Counter[str]:
    async def outcome(attempt: Coroutine[Any, Any, Booked]) -> str:
        try:
            return "booked" if (await attempt).created else "again"
        except DomainError as refusal:
            return refusal.code

    return Counter(await asyncio.gather(*map(outcome, attempts)))


async def _start(engine: Engine) -> int:
    return (await slots(engine))[0].start


async def test_daily_limit_is_exact_when_many_confirm_at_once(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url, document=_shop(daily_limit=5)) as engine:
        start = await _start(engine)
        held = [await hold(engine, start, client=f"c{number}") for number in range(CROWD)]

        answers = await _outcomes([confirm(engine, one, number) for number, one in enumerate(held)])

        assert answers == {"booked": 5, "limit_reached": CROWD - 5}
        assert (await ledger(engine)).live == 5


@pytest.mark.parametrize("away", [False, True], ids=["redis", "no redis"])
async def test_daily_limit_is_exact_when_many_book_at_once(database_url: str, redis_url: str, *, away: bool) -> None:
    redis = NO_REDIS if away else redis_url
    async with running_engine(database_url, redis, document=_shop(daily_limit=5)) as engine:
        start = await _start(engine)

        answers = await _outcomes([book(engine, start, number) for number in range(CROWD)])

        assert answers["booked"] == 5
        assert answers.keys() <= {"booked", "limit_reached", "not_offered", "slot_held", "slot_taken"}
        assert (await ledger(engine)).live == 5


async def test_customer_limit_is_exact_when_one_books_many_at_once(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url, document=_shop(customer_limit={"active": 3})) as engine:
        start = await _start(engine)

        answers = await _outcomes([book(engine, start) for _ in range(CROWD)])

        assert answers == {"booked": 3, "limit_reached": CROWD - 3}
        assert (await ledger(engine)).live == 3
