"""Bookings in a second over HTTP, with relay and one webhook, and without.

Rounds take turns (ABBA …): a machine is not the same for long, nor is a table. Without means that another session has
the relay's lock: then events wait in the outbox, and go out between two rounds. Where other programs want the processor
too, the processor time of all processes but this one says more than bookings in a second: both are told.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median
from typing import Any, Final

import asyncpg
import httpx

from benchmark.client import Server, closed_loop
from kernel.operation import by_system
from loadtests.invalidation.processor import seconds_used
from loadtests.webhooks.engine import Receiver, Stores, endpoint, free_port, opened, process, register

_PAIRS: Final = 8
_SECONDS: Final = 6.0
_CONNECTIONS: Final = 16
_STAFF: Final = 40
_STARTS: Final = 2400
"""In fifty days."""
_CREATED: Final = 201
_RELAY_LOCK: Final = 46533280
"""As in the migration that made the relay's function."""
_UP_SECONDS: Final = 120.0


def _document() -> dict[str, Any]:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
    return {
        "business": {"name": "Measured", "timezone": "UTC", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main", "timezone": "UTC"}],
        "resources": [
            {"key": key, "kind": "staff", "name": key, "location": "main", "hours": hours} for key in _staff()
        ],
        "services": [
            {
                "key": "visit",
                "name": "Visit",
                "duration_minutes": 30,
                "price": {"amount_minor": 1000, "currency": "EUR"},
                "requires": [{"role": "staff", "any_of": _staff()}],
            }
        ],
    }


def _staff() -> list[str]:
    return [f"staff-{number}" for number in range(_STAFF)]


def _requests(server: Server) -> Iterator[bytes]:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    for number in count():
        body = {
            "service": "visit",
            "start": (midnight + timedelta(minutes=30 * (number % _STARTS))).isoformat(),
            "resource": f"staff-{number // _STARTS}",
            "customer": {"name": "A", "email": f"{number}@example.com"},
        }
        yield server.request("POST", "/v1/appointments", json.dumps(body).encode())


async def run(stores: Stores) -> None:
    """Measure, and print both ratios."""
    arrivals: list[float] = []
    async with endpoint(lambda: Receiver(arrivals)) as url, opened(stores) as services:
        tenant = await services.tenants.create("Measured")
        await services.catalogue.apply(by_system(tenant.id, "load-test"), _document())
        await register(services, tenant.id, url)
        port = free_port()
        server = Server(url=f"http://127.0.0.1:{port}", key=tenant.secret_key)
        serving = {"HOLDFAST_PORT": str(port), "HOLDFAST_WORKERS": "1", "HOLDFAST_LOOPS_IN_PROCESS": "false"}
        async with process(["serve"], stores, **serving), process(["worker"], stores):
            await _ready(server.url)
            outside: asyncpg.Connection[Any] = await asyncpg.connect(stores.database_url)
            requests = _requests(server)
            await _round(outside, server, requests, arrivals, relaying=True)
            pairs = []
            for number in range(_PAIRS):
                order = (True, False) if number % 2 == 0 else (False, True)
                found = {which: await _round(outside, server, requests, arrivals, relaying=which) for which in order}
                pairs.append((found[True], found[False]))
                print(f"with {found[True][0]:.0f} a second, without {found[False][0]:.0f}", flush=True)
            await outside.close()
    for name, place in (("bookings in a second", 0), ("bookings in a second of a core", 1)):
        ratios = sorted(told[place] / untold[place] for told, untold in pairs)
        print(f"{name}: ratio {median(ratios):.3f} (from {ratios[0]:.3f} to {ratios[-1]:.3f}, {_PAIRS} pairs)")


async def _round(
    outside: "asyncpg.Connection[Any]",
    server: Server,
    requests: Iterator[bytes],
    arrivals: list[float],
    *,
    relaying: bool,
) -> tuple[float, float]:
    """Book for some seconds; the bookings in a second, and those in a second of a core."""
    # Without statistics of the rows that came since, Postgres checks references by whatever index it likes.
    await outside.execute("ANALYZE")
    await outside.execute("CHECKPOINT")

    def processor_seconds() -> float:
        return seconds_used() - time.process_time()

    used = processor_seconds()
    if relaying:
        sample = await closed_loop(server, requests, connections=_CONNECTIONS, seconds=_SECONDS)
        # What bookings leave to the worker is part of their price.
        await _told(outside, arrivals)
        used = processor_seconds() - used
    else:
        async with _relay_stopped(outside):
            sample = await closed_loop(server, requests, connections=_CONNECTIONS, seconds=_SECONDS)
            used = processor_seconds() - used
        await _told(outside, arrivals)
    assert set(sample.statuses) == {_CREATED}, sample.bodies
    booked = sample.statuses[_CREATED]
    return booked / sample.seconds, booked / used


@asynccontextmanager
async def _relay_stopped(outside: "asyncpg.Connection[Any]") -> AsyncIterator[None]:
    await outside.execute("SELECT pg_advisory_lock($1)", _RELAY_LOCK)
    try:
        yield
    finally:
        await outside.execute("SELECT pg_advisory_unlock($1)", _RELAY_LOCK)


async def _told(outside: "asyncpg.Connection[Any]", arrivals: list[float]) -> None:
    """Wait until every event has been delivered."""
    waiting = "SELECT EXISTS (SELECT FROM outbox)"
    while await outside.fetchval(waiting) or len(arrivals) < await outside.fetchval("SELECT count(*) FROM events"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


async def _ready(url: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(_UP_SECONDS):
        while True:
            try:
                if (await client.get(f"{url}/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
