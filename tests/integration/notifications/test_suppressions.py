"""Addresses that are written to no more: how they are found, what is kept of them, and when they go."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import asyncpg
import pytest

from kernel.operation import by_system
from messages.model import ChannelName
from notifications.suppressions.model import SuppressionReason
from notifications.suppressions.repository import SuppressionRepository
from persistence.business_keys import ensure_key
from persistence.unit_of_work import UnitOfWork
from tests.support.door import Door, open_door

_EMAIL: Final = "Noa@Fade.example"
_PHONE: Final = "+972501234567"
Open = Callable[[], AbstractAsyncContextManager[SuppressionRepository]]


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url) as opened:
        await opened.set_up("barbershop")
        await ensure_key(opened.context.engine, opened.tenant_id)
        yield opened


def _opening(door: Door) -> Open:
    @asynccontextmanager
    async def opening() -> AsyncIterator[SuppressionRepository]:
        async with UnitOfWork(door.context.engine).begin(by_system(door.tenant_id, "tested")) as tx:
            yield SuppressionRepository(tx.connection, tx.tenant_id)

    return opening


@pytest.fixture
def opened(door: Door) -> Open:
    return _opening(door)


@pytest.mark.parametrize(
    ("channel", "address", "spelling", "another"),
    [
        (ChannelName.EMAIL, _EMAIL, "noa@fade.example ", "dana@fade.example"),
        (ChannelName.SMS, _PHONE, "+972 50-123-4567", "+972501234568"),
    ],
)
async def test_address_is_found_in_every_spelling_and_no_other_one_is(
    opened: Open, channel: ChannelName, address: str, spelling: str, another: str
) -> None:
    async with opened() as suppressions:
        added = await suppressions.add(channel, address, SuppressionReason.BOUNCED)
        again = await suppressions.add(channel, spelling, SuppressionReason.OPTED_OUT)
    async with opened() as suppressions:
        found = await suppressions.find(channel, spelling)
        others = [await suppressions.is_suppressed(one, another) for one in ChannelName]

    assert (added, again) == (True, False)
    assert found is not None
    assert found.reason is SuppressionReason.BOUNCED
    assert others == [False] * len(ChannelName)


async def test_suppression_is_of_one_channel_and_one_business(opened: Open, database_url: str, redis_url: str) -> None:
    async with opened() as suppressions:
        await suppressions.add(ChannelName.EMAIL, _EMAIL, SuppressionReason.BOUNCED)
        on_another_channel = await suppressions.is_suppressed(ChannelName.SMS, _EMAIL)
    async with open_door(database_url, redis_url) as other, _opening(other)() as suppressions:
        of_another_business = await suppressions.is_suppressed(ChannelName.EMAIL, _EMAIL)

    assert (on_another_channel, of_another_business) == (False, False)


async def test_suppression_ends_for_the_reason_that_is_named(opened: Open) -> None:
    async with opened() as suppressions:
        await suppressions.add(ChannelName.SMS, _PHONE, SuppressionReason.BOUNCED)
        for_another = await suppressions.remove(ChannelName.SMS, _PHONE, SuppressionReason.OPTED_OUT)
        for_this = await suppressions.remove(ChannelName.SMS, _PHONE, SuppressionReason.BOUNCED)
        is_left = await suppressions.is_suppressed(ChannelName.SMS, _PHONE)

    assert (for_another, for_this, is_left) == (False, True, False)


async def test_row_has_no_address(door: Door, opened: Open, outside: "asyncpg.Connection[Any]") -> None:
    async with opened() as suppressions:
        await suppressions.add(ChannelName.EMAIL, _EMAIL, SuppressionReason.BOUNCED)

    rows = await outside.fetch("SELECT address_index FROM suppressions WHERE tenant_id = $1", door.tenant_id)
    assert [row["address_index"].partition(":")[0] for row in rows] == ["blind"]


async def _book(door: Door, number: int, email: str, phone: str) -> Any:
    slots = list(await door.slots("haircut", "2026-12-07", "2026-12-14"))
    customer = {"name": "Noa", "email": email, "phone": phone}
    body = {"service": "haircut", "start": slots[number * 8], "customer": customer}
    return await door.send("POST", "/v1/appointments", json=body, status=201)


async def test_erased_person_leaves_no_suppression(door: Door, opened: Open) -> None:
    booked = await _book(door, 0, "noa@fade.example", _PHONE)
    async with opened() as suppressions:
        for channel, address in ((ChannelName.EMAIL, _EMAIL), (ChannelName.SMS, _PHONE)):
            await suppressions.add(channel, address, SuppressionReason.OPTED_OUT)
        await suppressions.add(ChannelName.EMAIL, "dana@fade.example", SuppressionReason.OPTED_OUT)

    await door.send("DELETE", f"/v1/customers/{booked['customer']['id']}", status=204)

    async with opened() as suppressions:
        left = [
            await suppressions.is_suppressed(channel, address)
            for channel, address in (
                (ChannelName.EMAIL, _EMAIL),
                (ChannelName.SMS, _PHONE),
                (ChannelName.EMAIL, "dana@fade.example"),
            )
        ]
    assert left == [False, False, True]


async def test_number_of_another_customer_stays_suppressed(door: Door, opened: Open) -> None:
    booked = [await _book(door, number, f"{number}@fade.example", _PHONE) for number in range(2)]
    async with opened() as suppressions:
        await suppressions.add(ChannelName.SMS, _PHONE, SuppressionReason.OPTED_OUT)

    left = []
    for one in booked:
        await door.send("DELETE", f"/v1/customers/{one['customer']['id']}", status=204)
        async with opened() as suppressions:
            left.append(await suppressions.is_suppressed(ChannelName.SMS, _PHONE))

    assert left == [True, False]
