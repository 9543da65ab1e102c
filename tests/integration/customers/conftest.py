from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import pytest

from access.roles import Role
from catalogue.model.business import Mode
from kernel.ids import ResourceId
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock
from tests.support.role_cells import TestTokens

STARTS = [f"2026-12-{day:02}T{hour}:00:00+02:00" for day in (1, 3, 8, 10) for hour in (10, 11, 12)]


@dataclass(slots=True, kw_only=True)
class Desk:
    """The front desk of a barbershop, where Noa and Dan work."""

    door: Door
    tokens: TestTokens
    numbers: Any = field(default_factory=lambda: {"noa": count(), "dan": count()})

    @property
    def staff(self) -> dict[str, str]:
        """The credential of Noa."""
        return {"Authorization": f"Bearer test.{Role.STAFF}.test"}

    async def book(self, resource: str = "noa", **more: Any) -> Any:
        """Book the next start; `customer` and more are as they are sent."""
        start = STARTS[next(self.numbers[resource])]
        body = {"service": "haircut", "resource": resource, "start": start, **more}
        return await self.door.send("POST", "/v1/appointments", json=body, status=201)

    async def customer(self, name: str, resource: str = "noa", **contact: str) -> str:
        """The id of a customer who has booked."""
        booked = await self.book(resource, customer={"name": name, **contact})
        return str(booked["customer"]["id"])

    async def find(self, **query: Any) -> list[str]:
        """The ids of the customers whom a query finds, on all pages."""
        ids: list[str] = []
        headers = query.pop("headers", self.door.secret)
        cursor: dict[str, str] = {}
        while True:
            page = await self.door.send("GET", "/v1/customers", params={**query, **cursor}, headers=headers, status=200)
            ids += [one["id"] for one in page["data"]]
            if page["next_cursor"] is None:
                return ids
            cursor = {"cursor": page["next_cursor"]}


async def is_waited_for(database_url: str) -> bool:
    """True if a transaction waits for a lock of another."""
    connection = await asyncpg.connect(database_url)
    try:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(await connection.fetch(waiting))
    finally:
        await connection.close()


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    tokens = TestTokens()
    async with open_door(
        database_url, redis_url, clock=FixedClock(MONDAY), mode=Mode.SANDBOX, web_tokens=tokens
    ) as door:
        await door.set_up("barbershop")
        document = await door.send("GET", "/v1/business", status=200)
        document["business"]["rules"]["customer_limit"] = None
        await door.send("PUT", "/v1/business", json=document, status=200)
        tokens.tenant_id = door.tenant_id
        noa = await door.send("GET", "/v1/resources/noa", status=200)
        tokens.resource_id = ResourceId(noa["id"])
        yield Desk(door=door, tokens=tokens)


@pytest.fixture
async def outside(database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Postgres past the engine."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
