"""Limits on a customer's appointments count whom they are about: nobody is kept out by whoever types their address."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from tests.support.codes import Codes
from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of, open_door
from tests.support.engine import MovingClock

_DANA: Final = {"name": "Dana", "email": "dana@example.com"}
_ALWAYS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """A shop at which each customer may have two appointments; MovingClock stands on Monday, 2026-11-30T08:00 UTC."""
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        document = small_document()
        document["business"]["rules"] = {"customer_limit": {"active": 2}}
        document["resources"] = [resource | {"hours": _ALWAYS} for resource in document["resources"]]
        await opened.send("PUT", "/v1/business", json=document, status=200)
        yield opened


@pytest.fixture
def codes(shop: Door, outside: "asyncpg.Connection[Any]") -> Codes:
    return Codes(shop, outside)


async def _book(shop: Door, hour: int, *, status: int = 201, headers: Any = None, customer: Any = _DANA) -> Any:
    """Book directly, as a visitor unless headers say otherwise."""
    body = {"service": "haircut", "start": _start(hour), "customer": customer}
    return await shop.send("POST", "/v1/appointments", json=body, headers=headers or shop.publishable, status=status)


async def _confirm(shop: Door, hold: Any, *, status: int = 201, customer: Any = _DANA) -> Any:
    path = f"/v1/holds/{hold['id']}/confirm"
    return await shop.send("POST", path, json={"customer": customer}, headers=shop.publishable, status=status)


async def _prove_and_book(codes: Codes, hour: int, *, status: int = 201, client: str | None = None) -> Any:
    more: dict[str, Any] = {} if client is None else {"client": client}
    hold = await codes.door.hold("haircut", _start(hour), **more)
    await codes.prove(hold, email="dana@example.com")
    return await _confirm(codes.door, hold, status=status)


def _start(hour: int) -> str:
    return f"2026-12-{1 + hour // 20:02}T{hour % 20:02}:00:00+02:00"


async def test_stranger_who_types_my_address_does_not_lock_me_out(shop: Door, codes: Codes) -> None:
    for hour in (0, 1):
        await _book(shop, hour)

    hold = await shop.hold("haircut", _start(2))
    refused = await _confirm(shop, hold, status=409)
    await codes.prove(hold, email="Dana@example.com")
    await _confirm(shop, hold)

    assert (refused["code"], refused["rule"], refused["limit"]) == ("limit_reached", "customer_limit", 2)
    assert refused["verification"] == "email"
    assert "prove that it is yours" in refused["detail"]


async def test_unproved_repeat_is_limited_by_all_visits_of_the_address(shop: Door, codes: Codes) -> None:
    await _prove_and_book(codes, 0)
    await _book(shop, 1)

    refused = await _book(shop, 2, status=409)

    assert refused["verification"] == "email"


async def test_proved_visits_limit_whoever_has_proved(shop: Door, codes: Codes) -> None:
    await _prove_and_book(codes, 0)
    await _prove_and_book(codes, 1)

    refused = await _prove_and_book(codes, 2, status=409)

    assert refused["rule"] == "customer_limit"
    assert "verification" not in refused


async def test_visits_that_the_business_booked_limit_whoever_has_proved(shop: Door, codes: Codes) -> None:
    await _book(shop, 0, headers=shop.secret)
    await _book(shop, 1, headers=shop.secret)

    await _prove_and_book(codes, 2, status=409)


async def test_visits_of_the_same_client_count_as_well(shop: Door, codes: Codes) -> None:
    for hour in (0, 1):
        await _confirm(shop, await shop.hold("haircut", _start(hour), client="browser-1"))

    await _prove_and_book(codes, 2, status=409, client="browser-1")
    await _prove_and_book(codes, 3, client="browser-2")


async def test_business_is_limited_by_all_visits_of_the_address(shop: Door) -> None:
    for hour in (0, 1):
        await _book(shop, hour)

    refused = await _book(shop, 2, headers=shop.secret, status=409)

    assert "verification" not in refused


async def test_telephone_number_is_proved_by_sms(shop: Door, codes: Codes) -> None:
    phone = {"name": "Dana", "phone": "+972521234567"}
    for hour in (0, 1):
        await _book(shop, hour, customer=phone)
    hold = await shop.hold("haircut", _start(2))

    refused = await _confirm(shop, hold, customer=phone, status=409)
    await codes.prove(hold, phone="052-123-4567")
    await _confirm(shop, hold, customer=phone)

    assert refused["verification"] == "sms"


async def test_proof_of_ones_own_number_proves_no_address_that_is_typed_beside_it(shop: Door, codes: Codes) -> None:
    hold = await shop.hold("haircut", _start(0))
    await codes.prove(hold, phone="+972521234567")
    await _confirm(shop, hold, customer={**_DANA, "phone": "+972521234567"})
    await _book(shop, 1)

    # It is the address that tells customers apart: neither visit is one of its owner's.
    await _prove_and_book(codes, 2)
    await _prove_and_book(codes, 3)
    await _prove_and_book(codes, 4, status=409)


async def test_move_by_its_customer_is_limited_by_proved_visits(shop: Door, codes: Codes) -> None:
    document = await shop.send("GET", "/v1/business", status=200)
    document["business"]["rules"] = {"customer_limit": {"daily": 1}}
    await shop.send("PUT", "/v1/business", json=document, status=200)
    # On the first of December a stranger, on the second its owner.
    await _book(shop, 0)
    booked = await _prove_and_book(codes, 20)
    path, moved = f"/v1/appointments/{booked['id']}/reschedule", {"start": _start(5)}

    await shop.send("POST", path, json=moved, status=409)
    await shop.send("POST", path, json=moved, headers=as_customer_of(booked), status=200)


async def test_appointment_remembers_whether_its_contact_was_proved(
    shop: Door, codes: Codes, outside: "asyncpg.Connection[Any]"
) -> None:
    unproved = await _book(shop, 0)
    proved = await _prove_and_book(codes, 1, client="browser-1")
    by_business = await _book(shop, 2, headers=shop.secret, customer={"name": "Noa", "email": "noa@example.com"})

    rows = await outside.fetch("SELECT id, is_proved, client FROM appointments WHERE tenant_id = $1", shop.tenant_id)
    found = {row["id"]: (row["is_proved"], row["client"] is not None) for row in rows}

    assert found == {unproved["id"]: (False, False), proved["id"]: (True, True), by_business["id"]: (True, False)}
    assert not any("browser" in (row["client"] or "") for row in rows)
