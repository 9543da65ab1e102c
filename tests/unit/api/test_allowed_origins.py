"""Origins are judged by what is remembered, and never out of date for long."""

from collections.abc import Sequence
from typing import Any

import pytest
from starlette.types import Scope

from api.allowed_origins import FRESH_SECONDS, RECHECKED_SECONDS, AllowedOrigins, OriginNotAllowed, reader_of
from kernel.errors import StoreUnavailable
from kernel.ids import TenantId
from tests.support.application import TENANT

_SHOP = "https://fade.example"
_COPY = "https://copy.example"


class Business:
    """A business that counts how often it is asked."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        self.asked = 0
        self.is_away = False

    async def find(self, _tenant_id: TenantId) -> Sequence[str]:
        self.asked += 1
        if self.is_away:
            detail = "away"
            raise StoreUnavailable(detail)
        return self.allowed


class Hand:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _scope(origin: str | None, host: str = "booking.example.com") -> Scope:
    sent = [("host", host), *([] if origin is None else [("origin", origin)])]
    headers: Any = [(name.encode(), value.encode()) for name, value in sent]
    return {"type": "http", "headers": headers, "state": {}}


async def _is_refused(origins: AllowedOrigins, origin: str) -> bool:
    scope = _scope(origin)
    try:
        await origins.admit(scope, TENANT)
    except OriginNotAllowed:
        assert reader_of(scope) is None
        return True
    return False


@pytest.mark.parametrize(
    ("allowed", "origin", "reader"),
    [(("*",), _SHOP, b"*"), ((_SHOP,), _SHOP, _SHOP.encode()), ((), None, b"*"), (("*",), "null", b"*")],
)
async def test_allowed_page_reads_the_answer(allowed: Sequence[str], origin: str | None, reader: bytes) -> None:
    scope = _scope(origin)

    await AllowedOrigins(find=Business(*allowed).find, own=None).admit(scope, TENANT)

    assert reader_of(scope) == reader


@pytest.mark.parametrize("origin", ["https://booking.example.com", "http://booking.example.com"])
async def test_own_pages_are_always_allowed(origin: str) -> None:
    behind_a_proxy = AllowedOrigins(find=Business().find, own="https://Booking.example.com/app")
    by_host = AllowedOrigins(find=Business().find, own=None)

    await by_host.admit(_scope(origin), TENANT)
    await behind_a_proxy.admit(_scope("https://booking.example.com", host="10.0.0.7:8080"), TENANT)

    with pytest.raises(OriginNotAllowed):
        await behind_a_proxy.admit(_scope("https://10.0.0.8"), TENANT)


async def test_requests_of_pages_ask_once_while_it_is_fresh() -> None:
    business, hand = Business(_SHOP), Hand()
    origins = AllowedOrigins(find=business.find, own=None, elapsed=hand)

    for _ in range(3):
        assert not await _is_refused(origins, _SHOP)
    assert business.asked == 1

    business.allowed = ()
    hand.now += FRESH_SECONDS + 0.1
    assert await _is_refused(origins, _SHOP)


async def test_added_origin_is_let_in_within_a_second() -> None:
    business, hand = Business(_SHOP), Hand()
    origins = AllowedOrigins(find=business.find, own=None, elapsed=hand)
    assert await _is_refused(origins, _COPY)
    business.allowed = (_SHOP, _COPY)

    assert await _is_refused(origins, _COPY)
    assert business.asked == 1

    hand.now += RECHECKED_SECONDS + 0.1
    assert not await _is_refused(origins, _COPY)
    assert business.asked == 2


async def test_what_is_remembered_counts_while_the_stores_are_away() -> None:
    business, hand = Business(_SHOP), Hand()
    origins = AllowedOrigins(find=business.find, own=None, elapsed=hand)
    assert not await _is_refused(origins, _SHOP)
    business.is_away = True
    hand.now += FRESH_SECONDS + 0.1

    assert not await _is_refused(origins, _SHOP)
    assert await _is_refused(origins, _COPY)
    with pytest.raises(StoreUnavailable):
        await AllowedOrigins(find=business.find, own=None).admit(_scope(_SHOP), TENANT)
