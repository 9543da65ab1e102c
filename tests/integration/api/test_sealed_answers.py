"""Answers that are kept for repetitions lie sealed, are given byte for byte, and go with their customer."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import httpx
import pytest

from bookings.customers import CustomerRepository
from kernel.ids import CustomerId
from persistence.business_keys import BusinessKeys
from persistence.unit_of_work import UnitOfWork
from tests.support.door import Door, act, open_door
from tests.support.engine import MovingClock
from tests.support.operations import by_business

_ONCE: Final = {"Idempotency-Key": "once"}
_CUSTOMER: Final = {"name": "Dana Marker", "email": "dana.marker@example.com"}


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _book(shop: Door) -> httpx.Response:
    body = {"service": "haircut", "start": "2026-12-01T10:00:00+02:00", "customer": _CUSTOMER, "notes": "Knee marker"}
    return await shop.http.post("/v1/appointments", json=body, headers={**shop.secret, **_ONCE})


async def _row(shop: Door, outside: "asyncpg.Connection[Any]") -> Any:
    (row,) = await outside.fetch("SELECT * FROM idempotency_keys WHERE tenant_id = $1", shop.tenant_id)
    return row


async def _erase(shop: Door, booked: Any) -> None:
    async with UnitOfWork(shop.context.engine).begin(by_business(shop.tenant_id)) as transaction:
        customers = CustomerRepository(transaction.connection, shop.tenant_id)
        await customers.erase(CustomerId(booked["customer"]["id"]))


async def test_answer_lies_sealed_and_is_given_again_byte_for_byte(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    first = await _book(shop)
    row = await _row(shop, outside)
    await act(shop, first.json(), "cancel", json={"reason": "Ill"})

    again = await _book(shop)

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert (again.headers["Idempotency-Replayed"], again.headers["ETag"]) == ("true", first.headers["ETag"])
    assert row["subject"] == first.json()["id"]
    # The program before takes it for a request that still runs.
    assert (row["status"], row["body"]) == (None, None)
    assert b"marker" not in row["sealed"].lower()


async def test_answer_opens_also_where_another_process_gave_it(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    first = await _book(shop)
    keys = BusinessKeys.of(shop.context.engine)

    keys.forget()

    assert (await _book(shop)).content == first.content


async def test_answer_about_no_appointment_is_sealed_by_the_business(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    body = {"service": "haircut", "start": "2026-12-01T10:00:00+02:00"}
    sent = {"json": body, "headers": {**shop.publishable, **_ONCE}}
    first = await shop.http.post("/v1/holds", **sent)  # type: ignore[arg-type]
    row = await _row(shop, outside)

    again = await shop.http.post("/v1/holds", **sent)  # type: ignore[arg-type]

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (row["subject"], row["body"]) == (None, None)


async def test_answer_about_an_erased_customer_is_gone(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    first = await _book(shop)

    await _erase(shop, first.json())

    refused = await _book(shop)
    assert (refused.status_code, refused.json()["code"]) == (410, "idempotency_answer_lost")
    read = await shop.send("GET", f"/v1/appointments/{first.json()['id']}", status=200)
    assert read["customer"]["name"] == "Erased"
    listed = await shop.send("GET", "/v1/appointments", status=200)
    assert [one["customer"]["name"] for one in listed["data"]] == ["Erased"]


async def test_answer_in_plain_text_about_an_erased_customer_is_gone(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    first = await _book(shop)
    await outside.execute(
        "UPDATE idempotency_keys SET status = 201, body = $2, sealed = NULL, subject = NULL WHERE tenant_id = $1",
        shop.tenant_id,
        first.content,
    )

    await _erase(shop, first.json())

    assert (await _book(shop)).status_code == 410
    row = await _row(shop, outside)
    assert (row["body"], row["sealed"]) == (None, b"")


async def test_answer_that_the_program_before_kept_is_given_again(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    first = await _book(shop)
    await outside.execute(
        "UPDATE idempotency_keys SET status = 201, body = $2, sealed = NULL, subject = NULL WHERE tenant_id = $1",
        shop.tenant_id,
        first.content,
    )

    again = await _book(shop)

    assert (again.status_code, again.content) == (201, first.content)
