"""A business that has been set up on a server, ready to be sent requests."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import orjson

from benchmark import business
from benchmark.business import Business
from benchmark.client import Server, ask, closed_loop

CONNECTIONS: Final = 64
DAYS_AHEAD: Final = 2
"""The first day that is asked for lies wholly in the future, whatever the zone."""
_OK: Final = 200
_CREATED: Final = 201
# However long it takes: preparations end with their last request.
_UNTIL_DONE: Final = 3600.0


class Unexpected(Exception):
    """The engine answered something else than what was to be measured."""


class NotEmpty(Exception):
    """The business has a set-up of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One business on one server. What is handed out is handed out once."""

    server: Server
    business: Business
    first_day: date
    places: Iterator[tuple[str, str]]
    """Desks with a start each, all free."""
    pool_starts: Iterator[str]
    cold_weeks: Iterator[tuple[str, date]]
    """Staff with a first date each, from which on nobody has listed a week yet."""
    cold_months: Iterator[tuple[list[str], date]]
    kept: dict[str, list[bytes]] = field(default_factory=dict)
    """Requests that a scenario prepared once, by its name."""

    async def get(self, path: str) -> dict[str, Any]:
        """A granted GET. Raises Unexpected."""
        return await _granted(self.server, "GET", path)

    async def send(self, requests: Iterable[bytes], *, expected: int = _CREATED) -> list[dict[str, Any]]:
        """All the requests, and their answers in the order in which they came. Raises Unexpected."""
        answers: list[dict[str, Any]] = []
        sample = await closed_loop(
            self.server,
            iter(requests),
            connections=CONNECTIONS,
            seconds=_UNTIL_DONE,
            answered=lambda _status, body: answers.append(orjson.loads(body)),
        )
        expect(sample.statuses, sample.bodies, {expected})
        return answers


def expect(statuses: object, bodies: object, expected: set[int]) -> None:
    """Raise Unexpected unless all answers had one of the statuses."""
    assert isinstance(statuses, Counter)
    assert isinstance(bodies, dict)
    for status in statuses.keys() - expected:
        message = f"{statuses[status]} answers had status {status}; the first: {bodies[status][:300]!r}"
        raise Unexpected(message)


async def open_site(server: Server, *, force: bool = False, fresh_names: bool = False) -> Site:
    """Set the benchmark's business up where the key leads. Raises NotEmpty, Unexpected."""
    if not force:
        await _must_be_empty(server)
    made = Business(f"{uuid4().hex[:4]}-" if fresh_names else "")
    await _granted(server, "PUT", "/v1/business", orjson.dumps(made.document()))
    first_day = datetime.now(UTC).date() + timedelta(days=DAYS_AHEAD)
    desks = made.names("desk", business.DESKS)
    starts = await _starts(server, "visit", first_day, desks[0])
    for first in range(0, business.DESKS, 20):
        # Filled now, so that no round is the first to come to a staff-day.
        path = business.listing("visit", first_day, business.PLACE_DAYS, desks[first : first + 20], route="/days")
        await _granted(server, "GET", path)
    return Site(
        server=server,
        business=made,
        first_day=first_day,
        places=business.places(desks, starts),
        pool_starts=business.endlessly(await _starts(server, "pool", first_day, made.name("pool", 0))),
        cold_weeks=_cold_weeks(made, first_day),
        cold_months=_cold_months(made, first_day),
    )


async def _must_be_empty(server: Server) -> None:
    found = await _granted(server, "GET", "/v1/business")
    if found["locations"] or found["resources"] or found["services"]:
        message = (
            "the business is not empty. The benchmark replaces the set-up of its business and books in it: make one "
            "for it (holdfast tenant create Benchmark --sandbox), or say --force"
        )
        raise NotEmpty(message)


async def _starts(server: Server, service: str, first: date, resource: str) -> list[str]:
    path = business.listing(service, first, business.PLACE_DAYS, [resource])
    found = await _granted(server, "GET", path)
    return [slot["start"] for day in found["days"] for slot in day["slots"]]


async def _granted(server: Server, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
    status, content = await ask(server, method, path, body)
    if status != _OK:
        message = f"{method} {path[:100]} was answered {status}: {content[:300]!r}"
        raise Unexpected(message)
    answer: dict[str, Any] = orjson.loads(content)
    return answer


def _cold_weeks(made: Business, first_day: date) -> Iterator[tuple[str, date]]:
    """After all that other scenarios list, and before the cold months."""
    for week in range(10, 100):
        for name in made.names("staff", business.STAFF):
            yield name, first_day + timedelta(weeks=week)


def _cold_months(made: Business, first_day: date) -> Iterator[tuple[list[str], date]]:
    names = made.names("staff", business.STAFF)
    for month in range(80):
        for first in range(0, business.STAFF, 20):
            yield names[first : first + 20], first_day + timedelta(weeks=100, days=31 * month)
