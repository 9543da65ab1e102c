"""How many bookings are made in a second with invalidation, and without.

By the booking service in one process, without HTTP: a booking over HTTP costs the same more with and without, so that
the ratio seen here is the smaller one. Rounds take turns (ABBA …): a machine is not the same for long, nor is a table.

Where other programs want the processor too, how many bookings fit into a second says more of them than of us. So the
processor time of all processes (ours, both stores, the worker) is counted as well: on a machine that is busy with
bookings alone, throughput is what that time allows.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from loadtests.invalidation.processor import seconds_used
from loadtests.invalidation.shop import DAYS, VISITS_A_DAY, Desk, Shop

_TRIGGERS = """
    SELECT format('ALTER TABLE %s {} TRIGGER %I', tgrelid::regclass, tgname) AS statement
    FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE '%\\_invalidate'
"""
# Days that the latencies use, and that stay out of this.
_FIRST_DAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round achieved."""

    bookings: int
    seconds: float
    processor_seconds: float

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.bookings / self.seconds

    @property
    def per_processor_second(self) -> float:
        """Throughput of one core that does nothing else."""
        return self.bookings / self.processor_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two rounds, one right after the other."""

    invalidating: Round
    without: Round

    @property
    def ratio(self) -> float:
        """What is left of the throughput."""
        return self.invalidating.per_second / self.without.per_second

    @property
    def processor_ratio(self) -> float:
        """What is left of the throughput of a core."""
        return self.invalidating.per_processor_second / self.without.per_processor_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A ratio over all pairs."""

    middle: float
    lower: float
    """A quarter of the pairs are below, ..."""
    upper: float
    """... and a quarter above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All rounds."""

    pairs: tuple[Pair, ...]

    @property
    def ratio(self) -> Spread:
        """Of bookings per second."""
        return _spread([pair.ratio for pair in self.pairs])

    @property
    def processor_ratio(self) -> Spread:
        """Of bookings per second of a core."""
        return _spread([pair.processor_ratio for pair in self.pairs])


async def compare(shop: Shop, *, pairs: int, bookers: int, seconds: float) -> Comparison:
    """Rounds with the triggers and without, after one that only warms up."""
    visits = [_visits(shop.desks[number::bookers]) for number in range(bookers)]
    await _round(shop, visits, seconds, invalidating=True)
    found = []
    for number in range(pairs):
        order = (True, False) if number % 2 == 0 else (False, True)
        rates = {which: await _round(shop, visits, seconds, invalidating=which) for which in order}
        found.append(Pair(invalidating=rates[True], without=rates[False]))
    await _switch(shop, invalidating=True)
    return Comparison(pairs=tuple(found))


async def _round(
    shop: Shop, visits: list[Iterator[tuple[Desk, int, int]]], seconds: float, *, invalidating: bool
) -> Round:
    await _switch(shop, invalidating=invalidating)
    begun, used = time.monotonic(), seconds_used()
    made = await asyncio.gather(*(_book(shop, mine, begun + seconds) for mine in visits))
    took = time.monotonic() - begun
    # What the bookings leave to the worker is part of their price.
    await _drained(shop)
    return Round(bookings=sum(made), seconds=took, processor_seconds=seconds_used() - used)


async def _book(shop: Shop, visits: Iterator[tuple[Desk, int, int]], until: float) -> int:
    """One booking after the other."""
    made = 0
    while time.monotonic() < until:
        await shop.book(*next(visits))
        made += 1
    return made


def _visits(desks: tuple[Desk, ...]) -> Iterator[tuple[Desk, int, int]]:
    """Every visit that these desks have, once: a desk's day is booked out before the next one begins."""
    for day in range(_FIRST_DAY, DAYS):
        for desk in desks:
            for visit in range(VISITS_A_DAY):
                yield desk, day, visit


async def _switch(shop: Shop, *, invalidating: bool) -> None:
    """Turn the triggers on or off."""
    owner = await shop.connect()
    try:
        for row in await owner.fetch(_TRIGGERS.format("ENABLE" if invalidating else "DISABLE")):
            await owner.execute(row["statement"])
        # What one round has written is not to be cleaned up in the next one.
        await owner.execute("CHECKPOINT")
    finally:
        await owner.close()


async def _drained(shop: Shop) -> None:
    """Wait until the worker has emptied the table; it tells nobody."""
    owner = await shop.connect()
    try:
        while await owner.fetchval("SELECT EXISTS (SELECT FROM invalidations)"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        await owner.close()


def _spread(ratios: list[float]) -> Spread:
    ordered = sorted(ratios)
    quarter = len(ordered) // 4
    return Spread(middle=median(ordered), lower=ordered[quarter], upper=ordered[-1 - quarter])
