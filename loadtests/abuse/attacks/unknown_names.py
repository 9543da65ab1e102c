"""A stranger asks for services, resources and holds that do not exist, with the key that is on the page.

Each unknown name made the process read the whole set-up of the business anew, archived objects too: 0.16 s for a
thousand resources, 0.64 s with 16,000 archived objects, for one small request.
"""

import asyncio
import random
import statistics
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import asyncpg

from loadtests.abuse.engine import Engine, Keys
from loadtests.abuse.http import Answer, Client
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {}
_RESOURCES: Final = 1000
_ARCHIVED: Final = 8000
"""Resources, and as many services."""
_STRANGERS: Final = 50
_PAUSE_SECONDS: Final = 0.5
"""Pause of each stranger between two requests: names that do not exist are the burden, not the number of requests."""
_SECONDS: Final = 5.0
_ROUNDS: Final = 4
"""Known and unknown names take turns, so that whatever else the machine does meets both."""
_SLOWER_AT_MOST: Final = 3.0
_NOT_FOUND: Final = 404
_CREATED: Final = 201
_NOON: Final = 12

_Request = tuple[str, str, object]
"""Method, path, body."""


async def attack(engine: Engine, report: Report) -> None:
    """Compare requests that name what is there with requests that name what is not, then make a service."""
    keys = await engine.new_business(_document())
    await _archive(engine, keys)
    # The first request loads the set-up for all others.
    await _play(engine, keys, _named, strangers=1, seconds=0.0)
    known, unknown = [], []
    for _ in range(_ROUNDS):
        known += await _play(engine, keys, _named)
        unknown += await _play(engine, keys, _unnamed)
    p50_known, p50_unknown = (_median_ms(answers) for answers in (known, unknown))
    report.figure("known names: requests", len(known))
    report.figure("known names: p50_ms", p50_known)
    report.figure("unknown names: requests", len(unknown))
    report.figure("unknown names: p50_ms", p50_unknown)
    report.figure("unknown names: longest_ms", max(answer.seconds for answer in unknown) * 1000)
    report.require(
        "every unknown name is answered 404", bool(unknown) and {answer.status for answer in unknown} == {_NOT_FOUND}
    )
    report.require(
        f"an unknown name costs less than {_SLOWER_AT_MOST:g} x a known one (p50)",
        p50_unknown < _SLOWER_AT_MOST * p50_known,
    )
    made = await engine.request("POST", "/v1/services", key=keys.secret, body=_service("just-made", "staff-0"))
    found = await engine.request("GET", _listing("just-made"), key=keys.publishable)
    report.require("a service that was just made is found", (made.status, found.status) == (_CREATED, 200))


async def _play(
    engine: Engine,
    keys: Keys,
    request_of: Callable[[random.Random, Iterator[int]], _Request],
    *,
    strangers: int = _STRANGERS,
    seconds: float = _SECONDS,
) -> list[Answer]:
    """The answers to requests of some strangers at once, for so long; each sends one at least."""
    answers: list[Answer] = []
    numbers = count()
    end = asyncio.get_running_loop().time() + seconds

    async def stranger(chance: random.Random) -> None:
        async with Client(engine.url) as client:
            while True:
                method, path, body = request_of(chance, numbers)
                answers.append(await client.request(method, path, key=keys.publishable, body=body))
                await asyncio.sleep(chance.expovariate(1 / _PAUSE_SECONDS) if seconds else 0)
                if asyncio.get_running_loop().time() >= end:
                    return

    async with asyncio.TaskGroup() as group:
        for number in range(strangers):
            group.create_task(stranger(random.Random(number)))
    return answers


def _named(chance: random.Random, _numbers: Iterator[int]) -> _Request:
    return "GET", _listing(f"service-{chance.randrange(10)}"), None


def _unnamed(chance: random.Random, numbers: Iterator[int]) -> _Request:
    name = f"nothing-{next(numbers)}"
    start = f"{_date()}T{_NOON}:00:00Z"
    booking = {"start": start, "customer": {"name": "A Stranger", "email": "stranger@example.com"}}
    requests: list[_Request] = [
        ("GET", _listing(name), None),
        ("GET", f"{_listing('service-0')}&resource={name}", None),
        ("GET", f"/v1/availability/next?service={name}", None),
        ("GET", f"/v1/holds/hld_{name}", None),
        ("POST", "/v1/holds", {"service": name, "start": start}),
        ("POST", "/v1/holds", {"service": "service-0", "resource": name, "start": start}),
        ("POST", "/v1/appointments", {"service": name, **booking}),
        ("POST", "/v1/appointments", {"service": "service-0", "resource": name, **booking}),
    ]
    return chance.choice(requests)


def _listing(service: str) -> str:
    return f"/v1/availability?service={service}&from={_date()}&to={_date()}"


def _date() -> str:
    return str(datetime.now(UTC).date() + timedelta(days=7))


def _median_ms(answers: list[Answer]) -> float:
    return statistics.median(answer.seconds for answer in answers) * 1000


def _document() -> dict[str, Any]:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "08:00", "end": "20:00"}]
    return {
        "business": {"name": "A thousand chairs", "timezone": "Europe/Berlin", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            {"key": f"staff-{number}", "kind": "staff", "name": f"Staff {number}", "location": "main", "hours": hours}
            for number in range(_RESOURCES)
        ],
        "services": [_service(f"service-{number}", f"staff-{number}") for number in range(10)],
    }


def _service(key: str, resource: str) -> dict[str, Any]:
    return {
        "key": key,
        "name": key,
        "duration_minutes": 60,
        "price": {"amount_minor": 1000, "currency": "EUR"},
        "requires": [{"role": "staff", "any_of": [resource]}],
    }


async def _archive(engine: Engine, keys: Keys) -> None:
    """Store archived objects, as applying other documents again and again leaves them."""
    connection = await asyncpg.connect(engine.database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant_id', $1, true)", keys.tenant_id)
            arguments = (keys.tenant_id, _ARCHIVED)
            for statement in _ARCHIVE:
                filled = statement.replace(":numbers", "generate_series(1, $2::int) AS number")
                await connection.execute(filled.replace(":id", "lpad(number::text, 26, '0')"), *arguments)
    finally:
        await connection.close()


# :numbers counts the objects, :id is the end of the id of each.
_ARCHIVE: Final = (
    """INSERT INTO resources (tenant_id, id, key, position, kind, name, location_id, capacity, archived_at)
        SELECT $1::uuid, 'res_' || :id, 'gone-' || number, number, 'staff', 'Gone', locations.id, 1, now()
        FROM :numbers, locations WHERE locations.tenant_id = $1::uuid""",
    """INSERT INTO lanes (tenant_id, resource_id, number)
        SELECT $1::uuid, 'res_' || :id, 1 FROM :numbers""",
    """INSERT INTO hours (tenant_id, resource_id, position, days, start_minute, end_minute)
        SELECT $1::uuid, 'res_' || :id, 0, 'mon,tue', 540, 1080 FROM :numbers""",
    """INSERT INTO services (tenant_id, id, key, position, name, duration_minutes, buffer_before_minutes,
            buffer_after_minutes, buffers_inside_hours, price_minor, price_currency, grid_align, grid_offset_minutes,
            assign, archived_at)
        SELECT $1::uuid, 'svc_' || :id, 'gone-' || number, number, 'Gone', 30, 0, 0, false, 1000, 'EUR', 'opening', 0,
            'priority', now() FROM :numbers""",
    """INSERT INTO requirements (tenant_id, service_id, position, role, count, offset_minutes)
        SELECT $1::uuid, 'svc_' || :id, 0, 'staff', 1, 0 FROM :numbers""",
    """INSERT INTO requirement_resources (tenant_id, service_id, requirement_position, resource_id, position)
        SELECT $1::uuid, 'svc_' || :id, 0, 'res_' || :id, 0 FROM :numbers""",
)
