"""Customers are erased as many days after their last visit as the business says, and not before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from bootstrap.services import build_services
from customers.erasures.service import ErasureService
from customers.retention import service as retention
from customers.retention.service import RetentionService
from customers.retention.subscriber import RETAIN, SUBSCRIBER
from customers.tasks import RETENTION_KIND, RetentionHandler
from events.service import Relay
from kernel.ids import TenantId
from tasks.model import RunAgain, Task
from telemetry.measures import CUSTOMERS_PAST_RETENTION
from tests.integration.customers.conftest import Desk
from tests.support.engine import FixedClock

# The visits of these tests are on 2026-12-01 and later; rows are as old as the test.
_DAYS = 30


def _task(tenant_id: TenantId) -> Task:
    now = datetime.now(UTC)
    return Task(
        id=1, tenant_id=tenant_id, kind=RETENTION_KIND.name, subject="retention", key="retention", due_at=now,
        attempt=1, leased_until=now + timedelta(minutes=1), revision=1, created_at=now,
    )  # fmt: skip


def _handler(desk: Desk, now: datetime) -> RetentionHandler:
    services = build_services(desk.door.context)
    clock = FixedClock(now)
    service = RetentionService(
        unit_of_work=services.unit_of_work, snapshots=services.snapshots, erasures=services.erasures, clock=clock
    )
    return RetentionHandler(retention=service, clock=clock, metrics=desk.door.context.metrics)


async def _keep_for(desk: Desk, days: int | None) -> None:
    document = await desk.door.send("GET", "/v1/business", status=200)
    document["business"]["retention_days"] = days
    await desk.door.send("PUT", "/v1/business", json=document, status=200)


async def _names(desk: Desk, *ids: str) -> list[str]:
    return [(await desk.door.send("GET", f"/v1/customers/{one}", status=200))["name"] for one in ids]


async def test_customers_past_the_retention_are_erased(desk: Desk, outside: "asyncpg.Connection[Any]") -> None:
    await _keep_for(desk, _DAYS)
    first = await desk.customer("Dana", email="dana@example.com")
    later = await desk.customer("Gil", "dan", email="gil@example.com")
    both = await desk.customer("Tal", "dan", email="tal@example.com")
    await outside.execute("UPDATE customers SET created_at = '2026-11-01Z' WHERE tenant_id = $1", desk.door.tenant_id)
    await outside.execute(
        "UPDATE appointments SET starts_at = '2026-12-10Z', ends_at = '2026-12-10T01:00Z' WHERE customer_id = $1", later
    )
    handler = _handler(desk, datetime(2026, 12, 1, 12, tzinfo=UTC) + timedelta(days=_DAYS))

    again = await handler.run(_task(desk.door.tenant_id))

    assert await _names(desk, first, later, both) == ["Erased", "Gil", "Erased"]
    assert isinstance(again, RunAgain)
    assert desk.door.context.metrics.gauges[CUSTOMERS_PAST_RETENTION.name] == 0


async def test_rest_is_erased_by_the_next_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    await _keep_for(desk, _DAYS)
    ids = [await desk.customer(name, email=f"{name}@example.com") for name in ("dana", "gil")]
    handler = _handler(desk, datetime.now(UTC) + timedelta(days=400))
    gauges = []

    for _ in ids:
        await handler.run(_task(desk.door.tenant_id))
        gauges.append(desk.door.context.metrics.gauges[CUSTOMERS_PAST_RETENTION.name])

    assert gauges == [1, 0]
    assert await _names(desk, *ids) == ["Erased", "Erased"]


async def test_customer_who_books_again_meanwhile_stays(
    desk: Desk, outside: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    await _keep_for(desk, _DAYS)
    first = await desk.customer("Dana", email="dana@example.com")
    returning = await desk.customer("Gil", "dan", email="gil@example.com")
    erase = ErasureService.erase

    async def erase_while_somebody_books(*arguments: Any, **more: Any) -> bool:
        await outside.execute(
            "UPDATE appointments SET starts_at = '2029-12-10Z', ends_at = '2029-12-10T01:00Z' WHERE customer_id = $1",
            returning,
        )
        return await erase(*arguments, **more)

    monkeypatch.setattr(ErasureService, "erase", erase_while_somebody_books)

    await _handler(desk, datetime(2028, 1, 1, tzinfo=UTC)).run(_task(desk.door.tenant_id))

    assert await _names(desk, first, returning) == ["Erased", "Gil"]


async def test_business_that_says_nothing_keeps_everybody(desk: Desk) -> None:
    dana = await desk.customer("Dana", email="dana@example.com")
    handler = _handler(desk, datetime.now(UTC) + timedelta(days=4000))

    assert await handler.run(_task(desk.door.tenant_id)) is None

    assert await _names(desk, dana) == ["Dana"]


async def test_change_of_the_business_plans_the_task(desk: Desk, outside: "asyncpg.Connection[Any]") -> None:
    await _keep_for(desk, _DAYS)
    relay = Relay(engine=desk.door.context.engine, subscribers=(SUBSCRIBER,), metrics=desk.door.context.metrics)

    while await relay.run_once():
        pass

    query = "SELECT count(*) FROM tasks WHERE kind = $1 AND tenant_id = $2"
    assert await outside.fetchval(query, RETAIN, desk.door.tenant_id) == 1
    document = await desk.door.send("GET", "/v1/business", status=200)
    assert document["business"]["retention_days"] == _DAYS
    document["business"]["retention_days"] = 1
    await desk.door.send("PUT", "/v1/business", json=document, status=422)
