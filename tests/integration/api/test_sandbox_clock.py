"""A sandbox sets its own clock, and every process of the engine goes by it at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest

from bootstrap.context import open_context
from bootstrap.services import build_services
from catalogue.model.business import Mode
from catalogue.tenants import KeyKind
from tests.support.door import as_customer_of
from tests.support.engine import MONDAY, NO_REDIS, Engine, FixedClock, patient_settings, running_engine
from tests.support.shared_routes import app_with_shared_routes

_CLOCK: Final = "/v1/sandbox/clock"
# Nine to six on Sundays to Thursdays in Asia/Jerusalem, with an hour's notice and 60 days ahead.
_HAIRCUT: Final = {"service": "haircut", "resource": "noa"}
_CUSTOMER: Final = {"customer": {"name": "Dana Levi", "email": "dana@example.com"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A sandbox, and two processes that serve it."""

    here: httpx.AsyncClient
    there: httpx.AsyncClient
    engine: Engine

    async def set_clock(self, now: str) -> None:
        """Through the one process; the tests look at what the other one makes of it."""
        await send(self.here, "PUT", _CLOCK, json={"now": now})


async def send(http: httpx.AsyncClient, method: str, path: str, *, status: int = 200, **arguments: Any) -> Any:
    """The JSON of the answer, which must have that status."""
    response = await http.request(method, path, **arguments)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


@asynccontextmanager
async def client(engine: Engine, key: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_with_shared_routes(engine.context, engine.services))
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as http:
        yield http


@asynccontextmanager
async def two_processes(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with (
        running_engine(database_url, redis_url, mode=Mode.SANDBOX) as engine,
        open_context(patient_settings(database_url, redis_url)) as context,
    ):
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key
        other = Engine(
            services=build_services(context, FixedClock(MONDAY)), context=context, tenant_id=engine.tenant_id
        )
        async with client(engine, key) as here, client(other, key) as there:
            yield Shop(here=here, there=there, engine=engine)


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with two_processes(database_url, redis_url) as running:
        yield running


async def starts(http: httpx.AsyncClient, day: str) -> list[str]:
    """When Noa's haircuts of a local day begin, in UTC."""
    found = await send(http, "GET", "/v1/availability", params={**_HAIRCUT, "from": day, "to": day})
    begin = [datetime.fromisoformat(slot["start"]) for slot in found["days"][0]["slots"]]
    return [instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for instant in begin]


async def next_start(http: httpx.AsyncClient) -> str | None:
    found = await send(http, "GET", "/v1/availability/next", params={**_HAIRCUT, "limit": 1, "timezone": "UTC"})
    return found["slots"][0]["start"] if found["slots"] else None


async def book(http: httpx.AsyncClient, start: str, status: int = 201) -> Any:
    return await send(http, "POST", "/v1/appointments", json={**_HAIRCUT, "start": start, **_CUSTOMER}, status=status)


async def test_clock_is_set_read_and_taken_away(shop: Shop) -> None:
    real = await send(shop.there, "GET", _CLOCK)
    put = await send(shop.here, "PUT", _CLOCK, json={"now": "2026-03-29T03:00:00+03:00"})
    read = await send(shop.there, "GET", _CLOCK)
    for _ in range(2):
        await send(shop.here, "DELETE", _CLOCK, status=204)
    after = await send(shop.there, "GET", _CLOCK)

    assert put == read == {"now": "2026-03-29T00:00:00Z", "frozen": True}
    assert real == after == {"now": "2026-11-30T06:00:00Z", "frozen": False}


@pytest.mark.parametrize(
    "now",
    [
        "2026-03-29T00:00:00",
        "2026-03-29",
        "2026-03-29T00:00:30.5Z",
        "1999-12-31T23:59:00Z",
        "2000-12-31T23:59:00Z",
        "2200-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        1774742400,
        None,
    ],
)
async def test_clock_is_refused_what_names_no_second_of_the_calendar(shop: Shop, now: object) -> None:
    refused = await send(shop.here, "PUT", _CLOCK, json={"now": now}, status=422)

    assert [error["pointer"] for error in refused["errors"]] == ["now"]
    assert (await send(shop.here, "GET", _CLOCK))["frozen"] is False


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2001-01-01T00:00:00Z", "2001-01-01T07:00:00Z"),
        ("2199-12-30T23:59:00Z", "2199-12-31T07:00:00Z"),
        # What begins after the calendar cannot be held.
        ("2199-12-31T23:59:00Z", None),
        ("2199-12-31T23:59:59Z", None),
    ],
)
async def test_both_ends_of_the_calendar_are_times_as_any_other(shop: Shop, now: str, first: str | None) -> None:
    await shop.set_clock(now)

    assert await next_start(shop.there) == first


async def test_business_that_takes_real_bookings_has_no_clock_of_its_own(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url) as engine:
        key = (await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)).key
        async with client(engine, key) as http:
            refusals = [
                await send(http, "PUT", _CLOCK, json={"now": "2026-03-29T00:00:00Z"}, status=403),
                await send(http, "GET", _CLOCK, status=403),
                await send(http, "DELETE", _CLOCK, status=403),
            ]

    assert {refusal["code"] for refusal in refusals} == {"forbidden"}
    assert all("sandbox" in refusal["detail"] for refusal in refusals)


async def test_visitors_cannot_set_the_clock(shop: Shop) -> None:
    key = (await shop.engine.services.tenants.create_key(shop.engine.tenant_id, KeyKind.PUBLISHABLE)).key
    headers = {"Authorization": f"Bearer {key}"}

    await send(shop.here, "PUT", _CLOCK, json={"now": "2026-03-29T00:00:00Z"}, headers=headers, status=403)

    assert (await send(shop.here, "GET", _CLOCK))["frozen"] is False


async def test_other_process_lists_by_the_new_time_at_once(shop: Shop) -> None:
    day = "2026-12-01"
    whole = await starts(shop.there, day)
    for now, first in [
        ("2026-12-01T07:59:00Z", "09:00"),
        ("2026-12-01T10:00:00Z", "11:30"),
        ("2026-11-30T06:00:00Z", "07:00"),
    ]:
        await shop.set_clock(now)

        assert (await starts(shop.there, day))[0] == f"{day}T{first}:00Z"

    assert await starts(shop.there, day) == whole


@pytest.mark.parametrize("first", ["2030-06-03T05:00:00Z", "2026-01-05T05:00:00Z"])
async def test_other_process_finds_the_next_by_the_new_time_at_once(shop: Shop, first: str) -> None:
    """Back and forth; the dates that are asked about follow from the time."""
    await shop.set_clock(first)
    assert str(await next_start(shop.there)).startswith(first[:10])

    await shop.set_clock("2027-11-01T05:00:00Z")

    assert await next_start(shop.there) == "2027-11-01T07:00:00Z"


async def test_other_process_finds_the_next_although_nothing_could_be_booked_before(shop: Shop) -> None:
    """A window that has closed leaves no date to ask about, and still a process must hear that it is another time."""
    document = await send(shop.here, "GET", "/v1/business")
    document["business"]["rules"]["window"] = {"until": "2026-12-31"}
    await send(shop.here, "PUT", "/v1/business", json=document)
    await shop.set_clock("2028-01-03T05:00:00Z")
    assert await next_start(shop.there) is None

    await shop.set_clock("2026-12-01T05:00:00Z")

    assert await next_start(shop.there) == "2026-12-01T07:00:00Z"


async def test_other_process_holds_and_books_by_the_new_time_at_once(shop: Shop) -> None:
    start = "2026-12-01T10:00:00Z"
    hold = await send(shop.there, "POST", "/v1/holds", json={**_HAIRCUT, "start": start}, status=201)
    await send(shop.there, "DELETE", f"/v1/holds/{hold['id']}", status=204)

    await shop.set_clock("2026-12-01T09:01:00Z")
    held = await send(shop.there, "POST", "/v1/holds", json={**_HAIRCUT, "start": start}, status=422)
    booked = await book(shop.there, start, status=422)
    await shop.set_clock("2026-12-01T09:00:00Z")
    made = await book(shop.there, start)

    assert (held["reason"], booked["reason"]) == ("lead_time", "lead_time")
    assert made["created_at"] == made["updated_at"] == "2026-12-01T09:00:00Z"


async def test_rules_tell_one_second_from_the_next(shop: Shop) -> None:
    """An hour of notice, and free cancellation until a day before."""
    start = "2026-12-01T10:00:00Z"
    await shop.set_clock("2026-12-01T09:00:01Z")
    listed = await starts(shop.there, "2026-12-01")
    refused = await book(shop.there, start, status=422)
    await shop.set_clock("2026-11-30T10:00:01Z")
    late = await book(shop.there, start)
    late = await send(shop.there, "POST", f"/v1/appointments/{late['id']}/cancel", headers=as_customer_of(late))
    await shop.set_clock("2026-11-30T10:00:00Z")
    early = await book(shop.there, start)
    early = await send(shop.there, "POST", f"/v1/appointments/{early['id']}/cancel", headers=as_customer_of(early))

    read = await send(shop.there, "GET", _CLOCK)

    assert (start in listed, refused["reason"]) == (False, "lead_time")
    assert (late["fee"]["amount_minor"], late["cancelled_at"]) == (4500, "2026-11-30T10:00:01Z")
    assert (early["fee"]["amount_minor"], early["cancelled_at"]) == (0, "2026-11-30T10:00:00Z")
    assert read == {"now": "2026-11-30T10:00:00Z", "frozen": True}


async def test_hold_lives_in_real_time(shop: Shop) -> None:
    await shop.set_clock("2031-06-02T05:00:00Z")
    before = datetime.now(UTC)

    hold = await send(shop.there, "POST", "/v1/holds", json={**_HAIRCUT, "start": "2031-06-02T07:00:00Z"}, status=201)
    await shop.set_clock("2031-06-02T06:59:00Z")
    booked = await send(shop.there, "POST", f"/v1/holds/{hold['id']}/confirm", json=_CUSTOMER, status=201)

    assert 0 < (datetime.fromisoformat(hold["expires_at"]) - before).total_seconds() < 600
    assert booked["created_at"] == "2031-06-02T06:59:00Z"


async def test_booking_window_and_summer_time_are_those_of_the_clock(shop: Shop) -> None:
    """In the night to 27 March 2026 Israel sets its clocks ahead; the window reaches 60 days on."""
    await shop.set_clock("2026-03-26T21:59:00Z")
    thursday, sunday = await starts(shop.there, "2026-03-26"), await starts(shop.there, "2026-03-29")
    last, beyond = await starts(shop.there, "2026-05-25"), await starts(shop.there, "2026-05-26")
    await shop.set_clock("2026-03-26T22:00:00Z")

    assert (thursday, sunday[0], len(last) > 0, beyond) == ([], "2026-03-29T06:00:00Z", True, [])
    assert (await starts(shop.there, "2026-05-26"))[0] == "2026-05-26T06:00:00Z"


@pytest.mark.parametrize("redis", ["redis", "no redis"])
async def test_other_process_changes_appointments_by_the_new_time_at_once(
    database_url: str, redis_url: str, redis: str
) -> None:
    """They ask Postgres in the transaction: no memory of the process comes in between, with Redis or without."""
    async with two_processes(database_url, redis_url if redis == "redis" else NO_REDIS) as shop:
        one, other = await book(shop.there, "2026-12-02T10:00:00Z"), await book(shop.there, "2026-12-02T12:00:00Z")

        await shop.set_clock("2026-12-02T08:01:00Z")
        refused = await send(
            shop.there, "POST", f"/v1/appointments/{one['id']}/reschedule", json={"start": "2026-12-03T10:00:00Z"},
            headers=as_customer_of(one), status=409,
        )  # fmt: skip
        late = await send(shop.there, "POST", f"/v1/appointments/{one['id']}/cancel", headers=as_customer_of(one))
        await shop.set_clock("2026-12-01T12:00:00Z")
        early = await send(shop.there, "POST", f"/v1/appointments/{other['id']}/cancel", headers=as_customer_of(other))

    assert (refused["code"], refused["cutoff"]) == ("cutoff_passed", "2026-12-02T08:00:00Z")
    assert refused["detail"] == "The appointment could be rescheduled until 2026-12-02T08:00:00Z."
    assert (late["fee"]["amount_minor"], late["cancelled_at"]) == (4500, "2026-12-02T08:01:00Z")
    assert (early["fee"]["amount_minor"], early["cancelled_at"]) == (0, "2026-12-01T12:00:00Z")


async def test_everybody_has_a_turn_though_the_clock_stands_still(shop: Shop) -> None:
    await shop.set_clock("2026-12-01T06:00:00Z")

    served = []
    for number in range(6):
        start = f"2026-12-06T{8 + number // 2:02}:{number % 2 * 30:02}:00Z"
        customer = {"name": f"Visitor {number}", "email": f"visitor{number}@example.com"}
        booked = await send(
            shop.here, "POST", "/v1/appointments",
            json={"service": "beard-trim", "start": start, "customer": customer}, status=201,
        )  # fmt: skip
        served += [used["resource"] for used in booked["resources"]]

    assert served == ["noa", "dan", "omer"] * 2


async def test_clock_is_no_part_of_the_document(shop: Shop) -> None:
    before = await shop.here.get("/v1/business")
    await shop.set_clock("2031-06-02T05:00:00Z")
    after = await shop.there.get("/v1/business")

    document = after.json()
    document["business"]["name"] = "Fade & Daughters"
    await send(shop.there, "PUT", "/v1/business", json=document, headers={"If-Match": before.headers["ETag"]})

    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.content == before.content
    assert await send(shop.here, "GET", _CLOCK) == {"now": "2031-06-02T05:00:00Z", "frozen": True}


async def test_clock_of_one_sandbox_is_not_that_of_another(shop: Shop, database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url, mode=Mode.SANDBOX) as other:
        key = (await other.services.tenants.create_key(other.tenant_id, KeyKind.SECRET)).key
        await shop.set_clock("2031-06-02T05:00:00Z")
        async with client(other, key) as http:
            read = await send(http, "GET", _CLOCK)

    assert read == {"now": "2026-11-30T06:00:00Z", "frozen": False}
