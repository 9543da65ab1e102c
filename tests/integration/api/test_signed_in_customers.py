"""Customers who are signed in by the business's identity provider prove their own address by that."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock
from tests.support.role_cells import TestTokens

_DANA: Final = {"name": "Dana", "email": "dana@example.com"}
_NOA: Final = {"name": "Noa", "email": "noa@example.com"}
_ALWAYS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
_SIGNED_IN: Final = {"Authorization": "Bearer test.customer.test"}


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """A shop that knows Dana, who is signed in, and asks visitors for proved addresses."""
    tokens = TestTokens()
    async with open_door(database_url, redis_url, clock=MovingClock(), web_tokens=tokens) as opened:
        document = small_document()
        document["business"]["rules"] = {"verify": "email", "customer_limit": {"active": 2}}
        document["resources"] = [resource | {"hours": _ALWAYS} for resource in document["resources"]]
        await opened.send("PUT", "/v1/business", json=document, status=200)
        known = await _book(opened, 1, _DANA, headers=opened.secret)
        tokens.tenant_id, tokens.customer_id = opened.tenant_id, known["customer"]["id"]
        yield opened


async def _book(shop: Door, hour: int, customer: Any, *, headers: Any = None, status: int = 201) -> Any:
    body = {"service": "haircut", "start": f"2026-12-01T{hour:02}:00:00+02:00", "customer": customer}
    return await shop.send("POST", "/v1/appointments", json=body, headers=headers or _SIGNED_IN, status=status)


async def test_own_address_needs_no_code_and_is_limited_by_proved_visits(shop: Door) -> None:
    await _book(shop, 2, {**_DANA, "email": "DANA@example.com"})

    refused = await _book(shop, 3, _DANA, status=409)

    assert (refused["code"], refused["rule"]) == ("limit_reached", "customer_limit")
    assert "verification" not in refused


async def test_address_of_somebody_else_needs_a_code(shop: Door) -> None:
    hold = await shop.hold("haircut", "2026-12-01T05:00:00+02:00")
    path = f"/v1/holds/{hold['id']}/confirm"

    direct = await _book(shop, 4, _NOA, status=409)
    held = await shop.send("POST", path, json={"customer": _NOA}, headers=_SIGNED_IN, status=409)
    await shop.send("POST", path, json={"customer": _DANA}, headers=_SIGNED_IN, status=201)

    assert {(one["code"], one["channel"]) for one in (direct, held)} == {("verification_required", "email")}
