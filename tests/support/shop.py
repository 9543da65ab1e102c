"""A business on a real server, for tests in a browser."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from bootstrap.context import open_context
from bootstrap.services import build_services
from catalogue.model.business import Mode
from catalogue.tenants import NewTenant
from kernel.zones import zone
from tests.support.engine import MASTER_KEY, patient_settings
from tests.support.operations import by_business
from tests.support.server import running_server

TIMEZONE: Final = "Asia/Jerusalem"
NOVEMBER: Final = datetime(2027, 11, 1, tzinfo=UTC)
"""Where the sandbox's clock stands: a week before clocks are set back in New York."""
_HOURS: Final = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "07:00", "end": "12:00"}


def _service(key: str, *, pool: list[str], **rules: Any) -> dict[str, Any]:
    return {
        "key": key,
        "name": key.title(),
        "duration_minutes": 30,
        "price": {"amount_minor": 9000, "currency": "ILS"},
        "requires": [{"role": "barber", "any_of": pool}],
        # Never free of charge, so that a fee is to be told.
        "rules": {"cancellation": {"free_until_minutes": 200_000, "fee_percent": 50}, **rules},
    }


_DOCUMENT: Final[Mapping[str, Any]] = {
    "business": {"name": "Fade & Co", "timezone": TIMEZONE, "currency": "ILS"},
    "locations": [{"key": "main", "name": "Dizengoff 12"}],
    "resources": [
        {
            "key": key,
            "kind": "staff",
            "name": key.title(),
            "hours": [_HOURS],
        }
        for key in ("noa", "dan")
    ],
    "services": [
        _service("haircut", pool=["noa"]),
        _service("colour", pool=["noa", "dan"]),
        # Who serves decides what it costs.
        {
            **_service("shave", pool=["noa", "dan"]),
            "requires": [
                {
                    "role": "barber",
                    "any_of": ["noa", "dan"],
                    "overrides": {"dan": {"price": {"amount_minor": 7000, "currency": "ILS"}}},
                }
            ],
        },
        # Free at first, then dearer in steps, two of which cost the same.
        _service(
            "massage",
            pool=["noa"],
            cancellation={
                "tiers": [
                    {"until_minutes": 2880, "percent": 0},
                    {"until_minutes": 1440, "percent": 30},
                    {"until_minutes": 60, "percent": 30},
                    {"until_minutes": 0, "amount_minor": 8000},
                ],
                "grace_minutes": 15,
            },
        ),
        # Its visitors choose a length and extras.
        {
            **_service("facial", pool=["dan"]),
            "durations": [30, {"minutes": 60, "price": {"amount_minor": 16000, "currency": "ILS"}}],
            "add_ons": [
                {"key": "mask", "name": "Mask", "minutes": 15, "price": {"amount_minor": 4000, "currency": "ILS"}},
                {"key": "towel", "name": "Hot towel"},
            ],
        },
        # Hardly held at all.
        _service("express", pool=["dan"], hold={"ttl_seconds": 3, "max_total_seconds": 3}),
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A server with a booking page of a business, and a sandbox whose clock stands still."""

    url: str
    database_url: str
    process: asyncio.subprocess.Process
    """The server's."""
    live: NewTenant
    sandbox: NewTenant
    http: httpx.AsyncClient
    """With the secret key of the first."""
    _days_ahead: Iterator[int] = field(default_factory=lambda: count(10))

    def new_day(self) -> str:
        """A date on which nothing is booked, and which no other test is given."""
        return (datetime.now(zone(TIMEZONE)).date() + timedelta(days=next(self._days_ahead))).isoformat()

    async def appointments(self, day: str) -> list[dict[str, Any]]:
        """What is booked on a date."""
        answer = await self.http.get("/v1/appointments", params={"from": day, "to": day, "timezone": TIMEZONE})
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


@asynccontextmanager
async def open_shop(database_url: str, redis_url: str, directory: Path, **settings: str) -> AsyncIterator[Shop]:
    """The server, for as long as the block lasts."""
    live, sandbox = await _set_up(database_url, redis_url)
    page = {"HOLDFAST_BOOKING_PAGE_KEY": live.publishable_key, "HOLDFAST_MASTER_KEY": MASTER_KEY, **settings}
    async with (
        running_server(database_url, redis_url, directory, **page) as server,
        httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {live.secret_key}"}) as http,
    ):
        yield Shop(
            url=server.url,
            database_url=database_url,
            process=server.process,
            live=live,
            sandbox=sandbox,
            http=http,
        )


async def _set_up(database_url: str, redis_url: str) -> tuple[NewTenant, NewTenant]:
    async with open_context(patient_settings(database_url, redis_url)) as context:
        services = build_services(context)
        live = await services.tenants.create("Fade & Co")
        sandbox = await services.tenants.create("Fade & Co", mode=Mode.SANDBOX)
        for tenant in (live, sandbox):
            await services.catalogue.apply(by_business(tenant.id), _DOCUMENT)
        await services.sandbox.set_clock(by_business(sandbox.id), NOVEMBER)
    return live, sandbox
