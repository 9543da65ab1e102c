"""Shares of a business's time as visitors meet them, and the proof that they are asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, NO_REDIS, FixedClock, patient_settings
from tests.support.peers import answering, running_peer

TUESDAY = "2026-12-01"
CUSTOMER = {"name": "Dana Levi", "email": "dana@example.com"}
HOURS = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "13:00"}
MANY = {"rates_per_address": "none", "rates_per_network": "none", "holds_per_network": 0}


def _document(**rules: int) -> dict[str, Any]:
    """One chair, eight starts a day."""
    hold = {"max_per_address": 50, "max_per_client": 50, "max_unproven_percent": 100, **rules}
    return {
        "business": {"name": "Corner shop", "timezone": "UTC", "currency": "EUR", "rules": {"hold": hold}},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [{"key": "noa", "kind": "staff", "name": "Noa", "hours": [HOURS]}],
        "services": [
            {
                "key": "cut",
                "name": "Cut",
                "duration_minutes": 30,
                "grid": {"step_minutes": 30},
                "requires": [{"role": "staff", "any_of": ["noa"]}],
            }
        ],
    }


@asynccontextmanager
async def _opened(urls: tuple[str, str], rules: dict[str, int], **settings: object) -> AsyncIterator[Door]:
    changes = {"trusted_proxies": "127.0.0.1", **MANY, **settings}
    configured = patient_settings(*urls).model_copy(update=changes)
    async with open_door(*urls, clock=FixedClock(MONDAY), settings=configured) as door:
        await door.send("PUT", "/v1/business", json=_document(**rules), status=200)
        yield door


@pytest.fixture
def urls(database_url: str, redis_url: str) -> tuple[str, str]:
    """The stores."""
    return database_url, redis_url


def _at(number: int, day: str = TUESDAY) -> str:
    return f"{day}T{9 + number // 2:02}:{number % 2 * 30:02}:00Z"


async def _hold(door: Door, number: int, status: int = 201, *, day: str = TUESDAY, **more: Any) -> Any:
    headers = door.publishable | {"X-Forwarded-For": more.pop("address", "203.0.113.9")}
    body = {"service": "cut", "start": _at(number, day), **more}
    return await door.send("POST", "/v1/holds", json=body, headers=headers, status=status)


async def _book(door: Door, number: int, status: int = 201, **more: Any) -> Any:
    headers = door.publishable | {"X-Forwarded-For": more.pop("address", "203.0.113.9")} | more.pop("headers", {})
    customer = {"name": "Dana Levi", "email": f"dana{number}@example.com"}
    body = {"service": "cut", "start": _at(number), "customer": customer, **more}
    return await door.send("POST", "/v1/appointments", json=body, headers=headers, status=status)


class TestOfAnAddress:
    """The rule hold.max_share_percent."""

    async def test_two_visits_are_possible_in_a_tiny_shop_and_then_no_more(self, urls: tuple[str, str]) -> None:
        async with _opened(urls, {"max_share_percent": 1}) as door:
            await _hold(door, 0)
            await _book(door, 1)
            refused = [await _hold(door, 2, 429), await _book(door, 2, 429)]
            # Another day, another address, and the business itself.
            await _hold(door, 2, day="2026-12-02")
            await _hold(door, 2, address="203.0.113.10")
            await door.send("POST", "/v1/holds", json={"service": "cut", "start": _at(3)}, status=201)

        assert {one["code"] for one in refused} == {"hold_limit_reached"}
        assert {one["budget"] for one in refused} == {"share"}
        assert all(3300 <= one["retry_after_seconds"] <= 3600 for one in refused)

    async def test_share_is_that_of_the_day_and_counts_minutes(self, urls: tuple[str, str]) -> None:
        async with _opened(urls, {"max_share_percent": 50}) as door:
            # Half of four hours.
            for number in range(4):
                await _hold(door, number)
            refused = await _hold(door, 4, 429)

        assert refused["limit"] == 120

    async def test_default_lets_a_family_hold_in_an_ordinary_shop(self, door: Door) -> None:
        await door.set_up("barbershop")
        starts = list(await door.slots("haircut", TUESDAY))

        for start in starts[::6][:3]:
            body = {"service": "haircut", "start": start}
            await door.send("POST", "/v1/holds", json=body, headers=door.publishable, status=201)

    async def test_released_hold_and_refused_booking_give_back(self, urls: tuple[str, str]) -> None:
        async with _opened(urls, {"max_share_percent": 1}) as door:
            first = await _hold(door, 0)
            await _hold(door, 1)
            await door.send("DELETE", f"/v1/holds/{first['id']}", headers=door.publishable, status=204)
            # Held by itself, so it is refused; it must not count.
            await _book(door, 1, 409)
            await _hold(door, 2)
            await _hold(door, 3, 429)

    async def test_move_of_an_appointment_takes_nothing_more(self, urls: tuple[str, str]) -> None:
        async with _opened(urls, {"max_share_percent": 1}) as door:
            booked, _ = [await _book(door, number) for number in range(2)]
            token = {"Appointment-Token": booked["token"], "X-Forwarded-For": "203.0.113.9"}
            body = {"service": "cut", "start": _at(5), "rescheduling": booked["id"]}
            await door.send("POST", "/v1/holds", json=body, headers=door.publishable | token, status=201)

    async def test_another_business_counts_by_itself(self, urls: tuple[str, str]) -> None:
        async with _opened(urls, {"max_share_percent": 1}) as door:
            await _hold(door, 0)
            await _hold(door, 1)
            await _hold(door, 2, 429)
            async with _opened(urls, {"max_share_percent": 1}) as other:
                await _hold(other, 0)


class TestOfAllWithoutProof:
    """The rule hold.max_unproven_percent."""

    @staticmethod
    @asynccontextmanager
    async def _challenged(urls: tuple[str, str], *, is_good: bool = True, **more: object) -> AsyncIterator[Door]:
        body = orjson.dumps({"success": is_good})
        async with running_peer(answering(200, body)) as peer:
            challenge = {
                "challenge_secret": "shh",
                "challenge_url": f"http://127.0.0.1:{peer.port}/siteverify",
                "challenge_always": False,
                "challenge_site_key": "0x4AAA",
                **more,
            }
            rules = {"max_share_percent": 100, "max_unproven_percent": 1}
            async with _opened(urls, rules, **challenge) as door:
                yield door

    async def _take(self, door: Door, count: int = 5) -> None:
        """Take so much, from as many networks, that further visitors are asked."""
        for number in range(count):
            await _hold(door, number, address=f"45.{number}.{number}.7")

    async def test_visitors_are_asked_when_much_was_taken(self, urls: tuple[str, str]) -> None:
        async with self._challenged(urls) as door:
            await self._take(door)
            asked = [await _hold(door, 5, 403), await _book(door, 5, 403)]
            await _hold(door, 5, challenge="passed")
            await _book(door, 6, challenge="passed")
            # One who has shown a proof is nobody's suspicion: the others are asked as before, and no sooner.
            await _hold(door, 7, 403)

        assert {one["code"] for one in asked} == {"challenge_required"}
        assert {one["site_key"] for one in asked} == {"0x4AAA"}

    async def test_response_that_is_not_good_helps_nobody(self, urls: tuple[str, str]) -> None:
        async with self._challenged(urls, is_good=False) as door:
            await self._take(door)
            await _hold(door, 5, 403, challenge="guessed")

    async def test_business_and_later_days_are_not_asked(self, urls: tuple[str, str]) -> None:
        async with self._challenged(urls) as door:
            await self._take(door)
            await door.send("POST", "/v1/holds", json={"service": "cut", "start": _at(5)}, status=201)
            await _hold(door, 5, day="2026-12-15")
            await _hold(door, 5, 403, day="2026-12-14")

    async def test_visitors_who_release_take_nothing(self, urls: tuple[str, str]) -> None:
        async with self._challenged(urls) as door:
            for number in range(12):
                held = await _hold(door, number % 8, address=f"45.{number}.{number}.7")
                await door.send("DELETE", f"/v1/holds/{held['id']}", headers=door.publishable, status=204)

            await _hold(door, 0)

    async def test_nobody_is_asked_where_there_is_no_challenge(self, urls: tuple[str, str]) -> None:
        async with _opened(urls, {"max_share_percent": 100, "max_unproven_percent": 1}) as door:
            await self._take(door, 8)

    async def test_direct_booking_goes_on_while_redis_is_away(self, urls: tuple[str, str]) -> None:
        async with self._challenged((urls[0], NO_REDIS)) as door:
            for number in range(6):
                await _book(door, number, address=f"45.{number}.{number}.7")
