"""One endpoint that hangs, with ten thousand deliveries waiting, beside a hundred that are well."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from statistics import quantiles
from typing import Any, Final

import asyncpg

from loadtests.webhooks.engine import Receiver, Stores, endpoint, opened, process, register
from loadtests.webhooks.flood import ADD
from webhooks.model import MOST_ENDPOINTS

_WAITING: Final = 10_000
_HEALTHY: Final = 100
_ROUNDS: Final = 30
_BETWEEN_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 60.0
_HANG_SECONDS: Final = 15.0


class _Hanging(asyncio.Protocol):
    """Reads, and closes the connection without an answer after fifteen seconds."""

    under_way = 0
    most = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST "):
            _Hanging.under_way += 1
            _Hanging.most = max(_Hanging.most, _Hanging.under_way)
            asyncio.get_running_loop().call_later(_HANG_SECONDS, self._transport.close)

    def connection_lost(self, _error: Exception | None) -> None:
        _Hanging.under_way -= 1


async def run(stores: Stores) -> None:
    """Measure how long deliveries to the healthy endpoints take."""
    arrivals: list[list[float]] = [[] for _ in range(_HEALTHY)]
    async with AsyncExitStack() as stack:
        hanging = await stack.enter_async_context(endpoint(_Hanging))
        urls = [await stack.enter_async_context(endpoint(partial(Receiver, mine))) for mine in arrivals]
        services = await stack.enter_async_context(opened(stores))
        slow = await services.tenants.create("Slow")
        await register(services, slow.id, hanging)
        businesses = []
        for first in range(0, _HEALTHY, MOST_ENDPOINTS):
            tenant = await services.tenants.create(f"Healthy {first}")
            await register(services, tenant.id, *urls[first : first + MOST_ENDPOINTS])
            businesses.append(tenant.id)
        outside: asyncpg.Connection[Any] = await asyncpg.connect(stores.database_url)
        await outside.execute(ADD, slow.id, _WAITING, _WAITING)
        async with process(["worker"], stores):
            while await outside.fetchval("SELECT EXISTS (SELECT FROM outbox)"):  # noqa: ASYNC110 - the worker empties it
                await asyncio.sleep(0.1)
            begun: list[float] = []
            for _ in range(_ROUNDS):
                begun.append(time.monotonic())
                for tenant_id in businesses:
                    await outside.execute(ADD, tenant_id, 1, 1)
                await asyncio.sleep(_BETWEEN_SECONDS)
            await _arrived(arrivals)
        await outside.close()
    delays = [at - start for mine in arrivals for start, at in zip(begun, mine, strict=False)]
    hundredths = quantiles(delays, n=100)
    print(f"{len(delays)} of {_HEALTHY * _ROUNDS} deliveries to {_HEALTHY} healthy endpoints beside one that hangs:")
    print(f"p50 {hundredths[49]:.2f} s, p95 {hundredths[94]:.2f} s, longest {max(delays):.2f} s")
    print(f"at most {_Hanging.most} deliveries under way at the one that hangs, {_WAITING} waiting")


async def _arrived(arrivals: Sequence[Sequence[float]]) -> None:
    deadline = time.monotonic() + _LAST_SECONDS
    while any(len(mine) < _ROUNDS for mine in arrivals) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
