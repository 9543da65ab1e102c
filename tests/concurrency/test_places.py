"""Many parties want the places of one class at once: none is sold twice, and none stays empty that somebody wanted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from kernel.errors import DomainError
from kernel.spans import Span
from tests.support.documents import small_document
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.ledger import ledger
from tests.support.visits import book, confirm, hold, slots

CAPACITY: Final = 20
PARTIES: Final = [1 + number % 3 for number in range(200)]


def _gym() -> dict[str, Any]:
    document = small_document()
    document["resources"][0] |= {"key": "spin", "kind": "class", "capacity": CAPACITY}
    document["services"][0] |= {"requires": [{"role": "class", "any_of": ["spin"]}]}
    return document


async def _by_hold(engine: Engine, start: int, number: int) -> None:
    await confirm(engine, await hold(engine, start, party=PARTIES[number], client=f"c{number}"), number)


async def _at_once(engine: Engine, start: int, number: int) -> None:
    await book(engine, start, number, party=PARTIES[number])


# Without Redis nobody can hold.
@pytest.mark.parametrize(
    ("way", "away"), [(_by_hold, False), (_at_once, False), (_at_once, True)], ids=["hold", "book", "without redis"]
)
async def test_places_are_filled_to_the_last_and_no_further(
    database_url: str, redis_url: str, way: Callable[[Engine, int, int], Awaitable[None]], *, away: bool
) -> None:
    async with running_engine(database_url, NO_REDIS if away else redis_url, document=_gym()) as engine:
        start = (await slots(engine))[0].start

        async def attempt(number: int) -> int:
            try:
                await way(engine, start, number)
            except DomainError:
                return 0
            return PARTIES[number]

        booked = await asyncio.gather(*map(attempt, range(len(PARTIES))))

        left = CAPACITY - sum(booked)
        refused = {party for party, places in zip(PARTIES, booked, strict=True) if not places}
        # Nobody gives a place back, so whoever would fit now would have fitted when he asked.
        assert left >= 0
        assert min(refused) > left, f"{left} places are left, and parties of {refused} were refused"
        written = await ledger(engine)
        assert (written.claims, written.overlaps) == (CAPACITY - left, 0)


def _sauna() -> dict[str, Any]:
    document = small_document()
    document["resources"][0] |= {"key": "sauna", "kind": "room", "capacity": 4}
    document["services"] = [
        {
            "key": key,
            "name": key,
            "duration_minutes": minutes,
            "grid": {"step_minutes": 15},
            "requires": [{"role": "room", "any_of": ["sauna"]}],
        }
        for key, minutes in {"short": 15, "middle": 30, "long": 45}.items()
    ]
    return document


@pytest.mark.parametrize("away", [False, True], ids=["redis", "without redis"])
async def test_pieces_of_lanes_are_sold_once_each(database_url: str, redis_url: str, *, away: bool) -> None:
    """Visits of three lengths from all starts of an hour and a half: holes in every lane, which others fill."""
    async with running_engine(database_url, NO_REDIS if away else redis_url, document=_sauna()) as engine:
        starts = [slot.start for slot in await slots(engine, "short")][:6]
        services = ["short", "middle", "long"]

        async def attempt(number: int) -> tuple[int, int] | None:
            service = services[number % 3]
            start = starts[number * 7 % len(starts)]
            try:
                await book(engine, start, number, service=service)
            except DomainError:
                return None
            return start, 15 * (number % 3 + 1)

        booked = [visit for visit in await asyncio.gather(*map(attempt, range(90))) if visit is not None]

        taken = {
            minute: sum(start <= minute < start + minutes for start, minutes in booked)
            for minute in range(starts[0], starts[-1] + 15)
        }
        left = {slot.start: slot.remaining for slot in await slots(engine, "short")}
        written = await ledger(engine)
        assert written.overlaps == 0
        assert written.live == len(booked)
        assert max(taken.values()) <= 4
        assert {start: 4 - taken[start] for start in starts if taken[start] < 4} == {
            start: left[start] for start in starts if start in left
        }


@pytest.mark.parametrize("away", [False, True], ids=["redis", "without redis"])
async def test_sessions_of_an_exclusive_resource_never_meet(database_url: str, redis_url: str, *, away: bool) -> None:
    """Visits of three services from all starts of an hour and a half, for a sauna that is hot for one at a time."""
    document = _sauna()
    document["resources"][0]["exclusive"] = "service"
    async with running_engine(database_url, NO_REDIS if away else redis_url, document=document) as engine:
        starts = [slot.start for slot in await slots(engine, "short")][:6]
        services = {"short": 15, "middle": 30, "long": 45}

        async def attempt(number: int) -> tuple[str, Span] | None:
            service = list(services)[number % 3]
            start = starts[number * 7 % len(starts)]
            try:
                await book(engine, start, number, service=service)
            except DomainError:
                return None
            return service, Span(start, start + services[service])

        booked = [visit for visit in await asyncio.gather(*map(attempt, range(90))) if visit is not None]

        sessions = Counter(booked)
        listed = {service: {slot.start for slot in await slots(engine, service)} for service in services}
        written = await ledger(engine)
        assert all(one == other or not one[1].overlaps(other[1]) for one in sessions for other in sessions)
        assert max(sessions.values()) <= 4
        assert (written.live, written.claims, written.overlaps) == (len(booked), len(booked), 0)
        for service, minutes in services.items():
            for start in starts:
                visit = (service, Span(start, start + minutes))
                meets = any(visit[1].overlaps(other[1]) for other in sessions if other != visit)
                assert (start in listed[service]) is (not meets and sessions[visit] < 4), visit
