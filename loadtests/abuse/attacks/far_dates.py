"""A visitor asks for dates that nobody can book, to the end of the calendar and back to its beginning.

Each was read from Postgres and cached for a day: 700 requests with one publishable key filled a Redis of 64 MB, and
from then on holds, confirmations and direct bookings of every business were answered 503, while the server said it was
ready.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, product
from typing import Final

from redis.asyncio import Redis

from loadtests.abuse.engine import Engine, Keys
from loadtests.abuse.http import Client
from loadtests.abuse.report import Report
from loadtests.business import document

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {}

_MEMORY: Final = "64mb"
_MEGABYTE: Final = 1024 * 1024
_MOST_GROWTH: Final = 16 * _MEGABYTE
"""Bytes that the bookable days of both businesses take, with all that ordinary visitors do meanwhile."""
_REQUESTS: Final = 700
_HOLDS: Final = 100
_AT_ONCE: Final = 4
_DAYS: Final = 31
_SERVICES: Final = ("haircut", "beard", "colour", "consultation", "class", "drop")
_OTHERS: Final = 5
"""Visitors of another business, each of whom holds, confirms and books."""


async def attack(engine: Engine, report: Report) -> None:
    """Ask for far dates, then be an ordinary visitor of another business."""
    other = await engine.new_business(document())
    redis = Redis.from_url(engine.redis_url)
    try:
        await redis.config_set("maxmemory", _MEMORY)
        before = int((await redis.info("memory"))["used_memory"])
        answers = await _ask_far(engine)
        used = int((await redis.info("memory"))["used_memory"])
    finally:
        await redis.aclose()
    report.figure("far requests answered", sum(answers.values()))
    report.figure(
        "far requests by status", ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
    )
    report.figure("memory of Redis before (MB)", before / _MEGABYTE)
    report.figure("memory of Redis afterwards (MB)", used / _MEGABYTE)
    report.require("memory of Redis grows by less than 16 MB", used - before < _MOST_GROWTH)
    statuses = await _visit(engine, other)
    report.figure("another business: statuses of holds, confirmations, bookings", str(statuses))
    report.require("another business has its holds, confirmations and bookings", set(statuses) == {201})
    report.require("the server is ready", (await engine.request("GET", "/readyz")).status == 200)  # noqa: PLR2004


async def _ask_far(engine: Engine) -> dict[int, int]:
    """The numbers of answers by status."""
    requests, counts = iter(list(_requests())), dict[int, int]()

    async def ask() -> None:
        async with Client(engine.url) as client:
            for method, path, body in requests:
                answer = await client.request(method, path, key=engine.publishable_key, body=body)
                counts[answer.status] = counts.get(answer.status, 0) + 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(ask())
    return counts


def _requests() -> Iterator[tuple[str, str, object]]:
    years = [*range(2199, 2030, -3), *range(2024, 1999, -2)]
    firsts = [date(year, month, 1) for year, month in product(years, (1, 6, 11))]
    for number, (first, service) in enumerate(zip(cycle(firsts), cycle(_SERVICES), strict=False)):
        if number == _REQUESTS:
            break
        kind = ("availability", "availability/days")[number % 7 == 0]
        last = first + timedelta(days=_DAYS - 1)
        yield "GET", f"/v1/{kind}?service={service}&from={first}&to={last}&explain=true", None
    for number in range(_HOLDS):
        start = datetime(2100 + number % 90, 6, 1 + number % 28, 10, tzinfo=UTC)
        body = {"service": _SERVICES[number % 4], "start": start.isoformat(), "client": f"far-{number}"}
        yield "POST", "/v1/holds", body


async def _visit(engine: Engine, keys: Keys) -> list[int]:
    """The statuses of what ordinary visitors do: hold and confirm one start, and book another."""
    today = datetime.now(UTC).date()
    found = await engine.request(
        "GET",
        f"/v1/availability?service=haircut&from={today + timedelta(days=2)}&to={today + timedelta(days=9)}",
        key=keys.publishable,
    )
    starts = [slot["start"] for day in found.json.get("days", []) for slot in day["slots"]]
    statuses: list[int] = []
    for number in range(_OTHERS):
        customer = {"name": "Dana Levi", "email": f"dana-{number}@example.com"}
        held = await engine.request(
            "POST",
            "/v1/holds",
            key=keys.publishable,
            body={"service": "haircut", "start": starts[8 * number], "client": f"visitor-{number}"},
        )
        confirmed = await engine.request(
            "POST",
            f"/v1/holds/{held.json.get('id', 'hld_none')}/confirm",
            key=keys.publishable,
            body={"customer": customer},
        )
        booked = await engine.request(
            "POST",
            "/v1/appointments",
            key=keys.publishable,
            body={"service": "haircut", "start": starts[8 * number + 4], "customer": customer},
        )
        statuses += [held.status, confirmed.status, booked.status]
    return statuses
