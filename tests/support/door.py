"""The whole application as clients meet it: over HTTP, in this process, on real stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson

from access.subject import JwtVerifier
from bootstrap.context import Context
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from catalogue.model.business import Mode
from kernel.clock import Clock
from kernel.ids import TenantId
from reconciliation.service import Reconciliation
from tests.support.documents import example
from tests.support.engine import patient_settings, pools
from tests.support.shared_routes import app_with_shared_routes


def as_customer_of(booked: Any) -> dict[str, str]:
    """Headers of the customer of an appointment, by its token."""
    return {"Authorization": f"Bearer {booked['token']}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The application, and the keys of one business."""

    http: httpx.AsyncClient
    secret: dict[str, str]
    publishable: dict[str, str]
    context: Context
    """What the application works on."""
    tenant_id: TenantId
    services: Services
    """The use cases of the application."""

    async def send(self, method: str, path: str, *, status: int, **arguments: Any) -> Any:
        """The JSON of the answer, which must have that status."""
        headers = {**self.secret, **arguments.pop("headers", {})}
        response = await self.http.request(method, path, headers=headers, **arguments)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def discrepancies(self, booked: Any, clock: Clock) -> list[str]:
        """The sentences of a reconciliation about an appointment."""
        reconciliation = Reconciliation(
            engine=self.context.engine, redis=self.context.redis, clock=clock, metrics=self.context.metrics
        )
        report = await reconciliation.run_once(repair=False)
        return [one.detail for one in report.discrepancies if one.subject == booked["id"]]

    async def set_up(self, name: str, *, dry_run: bool = False) -> Any:
        """Apply an example business; what changed."""
        # YAML has made dates of what JSON spells as text; orjson spells them so again.
        content = orjson.dumps(example(name))
        return await self.send("PUT", "/v1/business", params={"dry_run": dry_run}, content=content, status=200)

    async def days(self, service: str, first: str, last: str | None = None, **more: Any) -> dict[str, list[Any]]:
        """The slots listed under each date."""
        params = {"service": service, "from": first, "to": last or first, **more}
        listing = await self.send("GET", "/v1/availability", params=params, headers=self.publishable, status=200)
        return {day["date"]: day["slots"] for day in listing["days"]}

    async def slots(self, service: str, first: str, last: str | None = None, **more: Any) -> dict[str, Any]:
        """The slots listed, by their starts."""
        days = await self.days(service, first, last, **more)
        return {slot["start"]: slot for slots in days.values() for slot in slots}

    async def hold(self, service: str, start: str, *, status: int = 201, **more: Any) -> Any:
        """What a widget hears that asks for a hold."""
        body = {"service": service, "start": start, **more}
        return await self.send("POST", "/v1/holds", json=body, headers=self.publishable, status=status)

    async def confirm(self, hold: Any) -> Any:
        """The appointment a hold becomes; each has a customer of its own."""
        customer = {"name": "Dana Levi", "email": f"{hold['id']}@example.com"}
        path = f"/v1/holds/{hold['id']}/confirm"
        return await self.send("POST", path, json={"customer": customer}, headers=self.publishable, status=201)

    async def book(self, service: str, start: str, **more: Any) -> Any:
        """Hold a start, and confirm it."""
        return await self.confirm(await self.hold(service, start, **more))


@asynccontextmanager
async def open_door(
    database_url: str,
    redis_url: str,
    *,
    clock: Clock | None = None,
    settings: Settings | None = None,
    mode: Mode = Mode.LIVE,
    web_tokens: JwtVerifier | None = None,
) -> AsyncIterator[Door]:
    """The application with a new business in which nothing is set up. Where no clock is given, it is the machine's.

    `web_tokens`: a verifier in place of the engine's own.
    """
    async with pools(settings or patient_settings(database_url, redis_url)) as context:
        services = build_services(context, clock)
        services = services if web_tokens is None else replace(services, web_tokens=web_tokens)
        tenant = await services.tenants.create("New", mode=mode)
        transport = httpx.ASGITransport(app_with_shared_routes(context, services))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
            yield Door(
                http=http,
                secret={"Authorization": f"Bearer {tenant.secret_key}"},
                publishable={"Authorization": f"Bearer {tenant.publishable_key}"},
                context=context,
                tenant_id=tenant.id,
                services=services,
            )


async def act(door: Door, booked: Any, what: str, *, status: int = 200, **more: Any) -> Any:
    """Ask for an operation on an appointment, as the business unless headers say otherwise."""
    return await door.send("POST", f"/v1/appointments/{booked['id']}/{what}", status=status, **more)


def who(booked: Any) -> list[tuple[str, str]]:
    """Of a hold or an appointment: each role, and the resource that fills it."""
    return [(used["role"], used["resource"]) for used in booked["resources"]]
