"""Whoever was erased is in no table any more, also after an interruption, and after a restored backup."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from audit.service import AuditService
from bootstrap.services import build_erasures, build_services
from catalogue.model.business import Mode
from cli.main import application
from customers.erasures.journal import JournalEntry, read_entries
from customers.erasures.repository import ErasureRepository
from customers.tasks import KIND, ErasureHandler
from kernel.errors import StoreUnavailable
from kernel.ids import CustomerId
from reconciliation.service import Reconciliation
from tasks.model import Task
from tests.integration.customers.conftest import is_waited_for
from tests.support.door import Door, open_door
from tests.support.dumps import dump
from tests.support.engine import MASTER_KEY, MONDAY, FixedClock, patient_settings, pools
from tests.support.shared_routes import app_with_shared_routes
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

# As text, and as the hexadecimal in which a dump has bytes.
_MARKERS: Final = re.compile(r"qzjxw|717a6a7877|517a6a7877|547654321|54 765 4321", re.IGNORECASE)
_PERSON: Final = {"name": "Qzjxw Levi", "email": "qzjxw@example.com", "phone": "+972 54 765 4321"}
_DETAILS: Final = {
    "customer": _PERSON,
    "notes": "Qzjxw notes",
    "metadata": {"crm": json.dumps({"one": {"two": {"three": "Qzjxw nested"}}}), "qzjxw-key": "Qzjxw value"},
    "answers": {"allergies": "Qzjxw answer"},
}
# What is slow on a busy machine is no fault.
_PATIENCE: Final = {
    "POSTGRES_STATEMENT_MS": "30000",
    "POSTGRES_POOL_WAIT_SECONDS": "30",
    "POSTGRES_CONNECT_SECONDS": "10",
    "STORE_SILENCE_MS": "10000",
}
_STARTS: Final = [f"2026-12-{day:02}T{hour}:00:00+02:00" for day in (1, 3) for hour in (10, 11, 12)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "erasures.jsonl"


@pytest.fixture
def _commands(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "MASTER_KEY": MASTER_KEY, **_PATIENCE}
    for name, value in settings.items():
        monkeypatch.setenv(f"HOLDFAST_{name}", value)


@pytest.fixture(params=[MASTER_KEY, ""], ids=["sealed", "plain"])
async def door(request: pytest.FixtureRequest, database_url: str, redis_url: str, journal: Path) -> AsyncIterator[Door]:
    async with _open(database_url, redis_url, journal, request.param) as opened:
        yield opened


@asynccontextmanager
async def _open(database_url: str, redis_url: str, journal: Path, master_key: str) -> AsyncIterator[Door]:
    settings = patient_settings(database_url, redis_url).model_copy(
        update={"master_key": master_key, "erasure_journal": journal}
    )
    clock = FixedClock(MONDAY)
    async with open_door(database_url, redis_url, clock=clock, settings=settings, mode=Mode.SANDBOX) as opened:
        await opened.set_up("barbershop")
        document = await opened.send("GET", "/v1/business", status=200)
        (haircut,) = [service for service in document["services"] if service["key"] == "haircut"]
        haircut["questions"] = [{"key": "allergies", "label": "Any allergies?", "type": "text"}]
        await opened.send("PUT", "/v1/business", json=document, status=200)
        yield opened


async def _book(door: Door, number: int, key: str | None = None, **more: Any) -> Any:
    """Book a start with all details; with a key, so that the answer is kept."""
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {"service": "haircut", "resource": "noa", "start": _STARTS[number], **_DETAILS, **more}
    return await door.send("POST", "/v1/appointments", json=body, headers=headers, status=201)


async def _live(door: Door) -> tuple[str, str]:
    """Leave a marker wherever a business can; the ids of the customer, and of an appointment."""
    booked = await _book(door, 0, "first")
    path = f"/v1/appointments/{booked['id']}"
    await door.send("PATCH", path, json={"notes": "Qzjxw staff", "customer": {"name": "Qzjxw Cohen"}}, status=200)
    cancelled = await _book(door, 1, "second")
    reason = {"reason": "Qzjxw reason"}
    headers = {"Idempotency-Key": "third"}
    cancel = f"/v1/appointments/{cancelled['id']}/cancel"
    await door.send("POST", cancel, json=reason, headers=headers, status=200)
    former = (await _book(door, 2, customer={**_PERSON, "email": "qzjxw2@example.com"}))["customer"]["id"]
    customer = booked["customer"]["id"]
    merge = f"/v1/customers/{former}/merge"
    await door.send("POST", merge, json={"into": customer}, headers={"Idempotency-Key": "fourth"}, status=200)
    consent = {"granted": True, "source": "qzjxw-form"}
    await door.send("PUT", f"/v1/customers/{customer}/consents/reminders", json=consent, status=200)
    await door.send("PATCH", f"/v1/customers/{customer}", json={"name": "Qzjxw Mizrahi"}, status=200)
    await door.send("GET", f"/v1/customers/{customer}/export", status=200)
    return customer, booked["id"]


def _leaks(database_url: str) -> list[str]:
    return [line for line in dump(database_url).splitlines() if _MARKERS.search(line)]


def _task(door: Door, customer: str) -> Task:
    now = datetime.now(UTC)
    return Task(
        id=1, tenant_id=door.tenant_id, kind=KIND.name, subject=customer, key=customer, due_at=now, attempt=1,
        leased_until=now + timedelta(minutes=1), revision=1, created_at=now,
    )  # fmt: skip


def _entries(journal: Path) -> set[JournalEntry]:
    return set(read_entries(journal.read_text().splitlines(keepends=True)))


def _take_place_of(journal: Path) -> None:
    journal.mkdir(parents=True)


def _make_room_for(journal: Path) -> None:
    journal.rmdir()


async def test_nothing_of_an_erased_person_is_in_any_table_and_the_times_stay(door: Door, database_url: str) -> None:
    customer, appointment = await _live(door)
    before = await asyncio.to_thread(_leaks, database_url)

    await door.send("DELETE", f"/v1/customers/{customer}", status=204)

    leaks = await asyncio.to_thread(_leaks, database_url)
    tables = {line.split()[2] for line in before if line.startswith("INSERT INTO")}
    # Of what is sealed a search finds nothing. The source of a consent names nobody, and is in plain text.
    assert tables == {"public.consents"} if door.context.settings.master_key else len(tables) >= 3
    assert leaks == []
    visit = await door.send("GET", f"/v1/appointments/{appointment}", status=200)
    assert (visit["start"], visit["status"]) == ("2026-12-01T08:00:00Z", "confirmed")
    assert "zjxw" not in json.dumps(visit)
    audit = AuditService(door.context.engine)
    while await audit.link():
        pass
    assert (await audit.verify(door.tenant_id)).faults == ()


async def test_erased_person_is_not_found_again(door: Door) -> None:
    customer, _ = await _live(door)
    path = f"/v1/customers/{customer}"

    await door.send("DELETE", path, status=204)
    await door.send("DELETE", path, status=204)

    for query in ({"email": "qzjxw@example.com"}, {"email": "qzjxw2@example.com"}, {"phone": "+972547654321"}, {}):
        assert (await door.send("GET", "/v1/customers", params=query, status=200))["data"] == [], query
    for actor in ("qzjxw@example.com", "Qzjxw Levi"):
        assert (await door.send("GET", "/v1/audit", params={"actor": actor}, status=200))["data"] == []
    erased = await door.send("GET", path, status=200)
    assert (erased["name"], erased["email"], erased["consents"]) == ("Erased", None, [])
    assert erased["erased_at"] is not None
    for method, rest, body in (
        ("GET", "/export", None),
        ("PATCH", "", {"name": "Back"}),
        ("PUT", "/consents/reminders", {"granted": True, "source": "phone"}),
    ):
        await door.send(method, f"{path}{rest}", json=body, status=404)
    assert len((await door.send("GET", f"{path}/appointments", status=200))["data"]) == 3
    assert (await _book(door, 3))["customer"]["id"] != customer
    repeated = await door.http.request(
        "POST",
        "/v1/appointments",
        json={"service": "haircut", "resource": "noa", "start": _STARTS[0], **_DETAILS},
        headers={**door.secret, "Idempotency-Key": "first"},
    )
    assert repeated.status_code == 410 or not door.context.settings.master_key


async def test_old_copies_of_the_data_lose_the_person_with_the_keys(
    door: Door, database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    customer, _ = await _live(door)

    await door.send("DELETE", f"/v1/customers/{customer}", status=204)

    assert await outside.fetchval("SELECT count(*) FROM personal_keys WHERE customer_id = $1", customer) == 0
    assert await outside.fetchval("SELECT count(*) FROM personal_keys WHERE subject = $1", customer) == 0


async def test_interrupted_erasure_is_finished_by_its_task(
    door: Door, database_url: str, journal: Path, outside: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, _ = await _live(door)

    async def fail(*_: object) -> None:
        message = "The process died here."
        raise StoreUnavailable(message)

    with monkeypatch.context() as patched:
        patched.setattr(ErasureRepository, "finish", fail)
        await door.send("DELETE", f"/v1/customers/{customer}", status=503)
    read = await door.send("GET", f"/v1/customers/{customer}", status=200)
    planned = await outside.fetchval("SELECT count(*) FROM tasks WHERE kind = $1 AND subject = $2", KIND.name, customer)
    handler = ErasureHandler(build_erasures(door.context))
    for _ in range(2):
        await handler.run(_task(door, customer))

    assert (read["name"], planned) == ("Qzjxw Mizrahi", 1)
    assert await asyncio.to_thread(_leaks, database_url) == []
    assert await outside.fetchval("SELECT count(*) FROM outbox WHERE name = 'customer.erased.v1'") == 1
    assert await outside.fetchval("SELECT count(*) FROM erasures WHERE finished_at IS NULL") == 0
    entries = _entries(journal)
    assert JournalEntry(door.tenant_id, CustomerId(customer)) in entries
    assert len(entries) == 2, "who was merged may be two again in a backup"


async def test_booking_of_the_same_moment_is_erased_by_the_task(
    door: Door, database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    customer, _ = await _live(door)
    await door.send("DELETE", f"/v1/customers/{customer}", status=204)
    other = await _book(door, 3)
    # As one that found the customer just before.
    await outside.execute("UPDATE appointments SET customer_id = $1 WHERE id = $2", customer, other["id"])
    await outside.execute("DELETE FROM personal_keys WHERE subject = $1", other["customer"]["id"])
    await outside.execute("DELETE FROM customers WHERE id = $1", other["customer"]["id"])

    await ErasureHandler(build_erasures(door.context)).run(_task(door, customer))

    assert await asyncio.to_thread(_leaks, database_url) == []
    assert (await door.send("GET", f"/v1/appointments/{other['id']}", status=200))["customer"]["name"] == "Erased"


async def test_erasure_waits_for_a_journal_that_can_be_written(door: Door, journal: Path, database_url: str) -> None:
    customer, _ = await _live(door)
    _take_place_of(journal)

    refused = await door.send("DELETE", f"/v1/customers/{customer}", status=503)
    _make_room_for(journal)
    await ErasureHandler(build_erasures(door.context)).run(_task(door, customer))

    assert "journal" in refused["detail"]
    assert await asyncio.to_thread(_leaks, database_url) == []


async def test_erasure_that_waits_follows_a_customer_who_is_merged_meanwhile(
    door: Door, journal: Path, database_url: str
) -> None:
    customer, _ = await _live(door)
    other = (await _book(door, 3, customer={**_PERSON, "email": "qzjxw3@example.com"}))["customer"]["id"]
    _take_place_of(journal)
    await door.send("DELETE", f"/v1/customers/{customer}", status=503)
    await door.send("POST", f"/v1/customers/{customer}/merge", json={"into": other}, status=200)
    _make_room_for(journal)

    await ErasureHandler(build_erasures(door.context)).run(_task(door, customer))

    assert await asyncio.to_thread(_leaks, database_url) == []
    assert (await door.send("GET", f"/v1/customers/{other}", status=200))["name"] == "Erased"
    assert JournalEntry(door.tenant_id, CustomerId(other)) in _entries(journal)


async def test_erasure_that_waits_for_a_merge_erases_both(
    door: Door, database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    customer, _ = await _live(door)
    other = (await _book(door, 3, customer={**_PERSON, "email": "qzjxw3@example.com"}))["customer"]["id"]
    # As a merge does.
    async with outside.transaction():
        for statement in (
            "UPDATE customers SET merged_into = $2 WHERE id = $1 OR merged_into = $1",
            "UPDATE appointments SET customer_id = $2 WHERE customer_id = $1",
            "UPDATE personal_keys SET customer_id = $2 WHERE customer_id = $1",
        ):
            await outside.execute(statement, customer, other)
        erasing = asyncio.create_task(door.send("DELETE", f"/v1/customers/{customer}", status=204))
        await eventually(lambda: is_waited_for(database_url))
    await erasing

    assert await asyncio.to_thread(_leaks, database_url) == []


@pytest.mark.usefixtures("_commands")
async def test_restore_drill(
    database_url: str, redis_url: str, journal: Path, outside: "asyncpg.Connection[Any]"
) -> None:
    async with _open(database_url, redis_url, journal, MASTER_KEY) as door:
        customer, appointment = await _live(door)
        other = await _book(door, 3, customer={"name": "Gil", "email": "gil@example.com"})
        backup = await asyncio.to_thread(dump, database_url)
        await door.send("DELETE", f"/v1/customers/{customer}", status=204)
        await door.context.redis.flushdb()

    await outside.execute(backup)
    async with _reopened(door, database_url, redis_url) as again:
        brought_back = await again.send("GET", f"/v1/customers/{customer}", status=200)
    results = [
        await asyncio.to_thread(CliRunner().invoke, application, ["restore-erasures", str(journal)]) for _ in range(2)
    ]

    assert brought_back["name"] == "Qzjxw Mizrahi"
    assert [result.exit_code for result in results] == [0, 0], [result.output for result in results]
    assert results[0].stdout.startswith("2 customers of the journals are erased")
    assert await asyncio.to_thread(_leaks, database_url) == []
    async with _reopened(door, database_url, redis_url) as again:
        assert (await again.send("GET", f"/v1/appointments/{appointment}", status=200))["customer"]["name"] == "Erased"
        assert (await again.send("GET", f"/v1/appointments/{other['id']}", status=200))["customer"]["name"] == "Gil"
        assert (await again.send("GET", "/v1/customers", params={"q": "gil"}, status=200))["data"] != []
        await _book(again, 4)
        reconciliation = Reconciliation(
            engine=again.context.engine, redis=again.context.redis, clock=FixedClock(MONDAY),
            metrics=again.context.metrics,
        )  # fmt: skip
        assert (await reconciliation.run_once(repair=False)).total == 0


@asynccontextmanager
async def _reopened(door: Door, database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """The application on what was restored, with the keys of before."""
    async with pools(patient_settings(database_url, redis_url)) as context:
        transport = httpx.ASGITransport(app_with_shared_routes(context, build_services(context, FixedClock(MONDAY))))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
            yield replace(door, http=http, context=context)
