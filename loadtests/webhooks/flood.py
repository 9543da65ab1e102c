"""Ten thousand events at once, to one endpoint."""

import time
from typing import Any, Final

import asyncpg

from loadtests.webhooks.engine import Receiver, Stores, endpoint, opened, process, register, until

_EVENTS: Final = 10_000
_SUBJECTS: Final = 2000
ADD: Final = """
    INSERT INTO outbox (tenant_id, name, subject, data)
    SELECT $1, 'appointment.annotated.v1', 'apt_' || number % $3::int, jsonb_build_object('number', number)
    FROM generate_series(1, $2::int) AS number
"""
"""Adds events of a business, so many, of so many subjects."""


async def run(stores: Stores) -> None:
    """Measure how long it takes until the last has arrived."""
    arrivals: list[float] = []
    async with endpoint(lambda: Receiver(arrivals)) as url, opened(stores) as services:
        tenant = await services.tenants.create("Measured")
        await register(services, tenant.id, url)
        outside: asyncpg.Connection[Any] = await asyncpg.connect(stores.database_url)
        async with process(["worker"], stores):
            # One comes through first, so that the worker is up.
            await outside.execute(ADD, tenant.id, 1, 1)
            await until(arrivals, 1)
            begun = time.monotonic()
            await outside.execute(ADD, tenant.id, _EVENTS, _SUBJECTS)
            committed = time.monotonic() - begun
            await until(arrivals, 1 + _EVENTS)
            seconds = time.monotonic() - begun
        await outside.close()
    print(
        f"{_EVENTS} events of {_SUBJECTS} subjects committed in {committed:.2f} s, all delivered after {seconds:.2f} s"
    )
