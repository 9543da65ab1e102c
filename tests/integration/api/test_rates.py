"""Rates as callers meet them, and as processes share them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from redis.asyncio import Redis

from access.rates.counts import Charge, RateCounts, charge_of
from access.rates.model import Activity, Rate, RateLimited, Source
from bootstrap.rate_settling import RateSettling, build_rate_settling
from kernel.errors import StoreUnavailable
from persistence import keys
from persistence.idempotency import IdempotencyService
from persistence.redis import create_redis
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, NO_REDIS, Engine, FixedClock, patient_settings

TUESDAY = "2026-12-01"
CUSTOMER = {"name": "Dana Levi", "email": "dana@example.com"}
LISTING = {"service": "haircut", "from": TUESDAY, "to": TUESDAY}
LIMITS = {
    "trusted_proxies": "127.0.0.1",
    "rates_per_address": "list=5/hour,hold=3/hour,book=5/hour,booked=2/hour",
    "rates_per_network": "booked=3/hour",
    "rates_per_credential": "other=2/hour",
    "rates_per_business": "hold=5/hour",
    "rates_per_back_end": "other=5/hour",
}


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """The barbershop behind a trusted proxy, with low rates."""
    settings = patient_settings(database_url, redis_url).model_copy(update=LIMITS)
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _ask(
    door: Door, method: str, path: str, *, address: str | None = "203.0.113.9", **more: Any
) -> httpx.Response:
    headers = door.publishable | ({} if address is None else {"X-Forwarded-For": address})
    return await door.http.request(method, path, headers=headers, **more)


async def _list(door: Door, address: str | None = "203.0.113.9") -> httpx.Response:
    return await _ask(door, "GET", "/v1/availability", address=address, params=LISTING)


async def _book(door: Door, start: str, address: str, **more: Any) -> httpx.Response:
    body = {"service": "haircut", "resource": "noa", "start": start, "customer": CUSTOMER, **more}
    return await _ask(door, "POST", "/v1/appointments", address=address, json=body)


async def _starts(door: Door) -> list[str]:
    """Starts with Noa that share no minutes."""
    listed = await _ask(door, "GET", "/v1/availability", address=None, params=LISTING | {"resource": "noa"})
    return [slot["start"] for slot in listed.json()["days"][0]["slots"]][::4]


async def test_refusal_names_the_policy_in_body_and_headers(door: Door) -> None:
    answers = [await _list(door) for _ in range(6)]
    refused = answers[-1]
    problem = refused.json()

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert (problem["code"], problem["policy"], problem["limit"]) == ("rate_limited", "address-list", 5)
    assert refused.headers["RateLimit-Policy"] == '"address-list";q=5;w=3600'
    assert refused.headers["RateLimit"] == f'"address-list";r=0;t={problem["retry_after_seconds"]}'
    assert refused.headers["Retry-After"] == str(problem["retry_after_seconds"])


async def test_addresses_count_apart_and_unknown_ones_not_at_all(door: Door) -> None:
    for _ in range(6):
        await _list(door)

    others = [await _list(door, address) for address in ("203.0.113.10", *[None] * 6)]

    assert {answer.status_code for answer in others} == {200}


async def test_visitors_of_a_business_share_its_rate(door: Door) -> None:
    starts = await _starts(door)
    body = {"service": "haircut", "resource": "noa"}

    answers = [
        await _ask(door, "POST", "/v1/holds", address=f"203.0.113.{number}", json=body | {"start": start})
        for number, start in enumerate(starts[:6])
    ]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert answers[-1].json()["policy"] == "business-hold"


async def test_key_of_visitors_and_secret_key_have_rates_of_their_own(door: Door) -> None:
    # The set-up was one request of the secret key already.
    back_end = [await door.http.get("/v1/services", headers=door.secret) for _ in range(5)]
    visitors = [await door.http.post("/v1/stream-tickets", headers=door.publishable) for _ in range(3)]

    assert [answer.status_code for answer in back_end] == [200] * 4 + [429]
    assert back_end[-1].json()["policy"] == "key-other"
    assert [answer.status_code == 429 for answer in visitors] == [False, False, True]


async def test_made_appointments_count_and_attempts_do_not(door: Door) -> None:
    starts = await _starts(door)
    answers = [
        await _book(door, starts[0], "203.0.113.9"),
        # Taken by now.
        await _book(door, starts[0], "203.0.113.9"),
        # The fast lane leaves what is malformed to FastAPI: it counts once all the same.
        await _book(door, starts[1], "203.0.113.9", customer={}),
        await _book(door, starts[1], "203.0.113.9"),
        await _book(door, starts[2], "203.0.113.9"),
    ]

    assert [answer.status_code for answer in answers] == [201, 409, 422, 201, 429]
    assert answers[-1].json()["policy"] == "address-booked"


async def test_neighbouring_addresses_share_the_rate_of_their_network(door: Door) -> None:
    starts = await _starts(door)

    answers = [await _book(door, start, f"198.51.100.{number}") for number, start in enumerate(starts[:4])]
    other = {"name": "Ron Bar", "email": "ron@example.com"}
    elsewhere = await _book(door, starts[3], "192.0.2.1", customer=other)

    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].json()["policy"] == "network-booked"
    assert elsewhere.status_code == 201


async def test_confirmed_hold_counts_as_made(door: Door) -> None:
    starts = await _starts(door)
    statuses = []
    for start in starts[:3]:
        body = {"service": "haircut", "resource": "noa", "start": start}
        held = (await _ask(door, "POST", "/v1/holds", json=body)).json()
        path = f"/v1/holds/{held['id']}/confirm"
        statuses.append((await _ask(door, "POST", path, json={"customer": CUSTOMER})).status_code)
        # Confirming again makes nothing.
        statuses.append((await _ask(door, "POST", path, json={"customer": CUSTOMER})).status_code)

    assert statuses == [201, 200, 201, 200, 429, 429]


async def test_lost_confirmation_is_answered_again_at_the_limit(door: Door) -> None:
    starts = await _starts(door)
    await _book(door, starts[0], "203.0.113.9")
    body = {"service": "haircut", "resource": "noa", "start": starts[1]}
    held = (await _ask(door, "POST", "/v1/holds", json=body)).json()

    async def confirm(key: str | None) -> httpx.Response:
        headers = door.publishable | {"X-Forwarded-For": "203.0.113.9"} | ({"Idempotency-Key": key} if key else {})
        path = f"/v1/holds/{held['id']}/confirm"
        return await door.http.post(path, headers=headers, json={"customer": CUSTOMER})

    first, again, plainly = await confirm("once"), await confirm("once"), await confirm(None)

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (plainly.status_code, plainly.json()["id"]) == (200, first.json()["id"])
    assert plainly.json()["token"] == first.json()["token"]
    assert (await _book(door, starts[2], "203.0.113.9")).json()["policy"] == "address-booked"


async def test_answer_to_a_repetition_counts_as_no_appointment(door: Door) -> None:
    starts = await _starts(door)

    async def book(start: str, key: str) -> httpx.Response:
        headers = door.publishable | {"X-Forwarded-For": "203.0.113.9", "Idempotency-Key": key}
        body = {"service": "haircut", "resource": "noa", "start": start, "customer": CUSTOMER}
        return await door.http.post("/v1/appointments", headers=headers, json=body)

    answers = [await book(starts[0], "one") for _ in range(3)]
    answers += [await book(starts[1], "two"), await book(starts[2], "three")]

    assert [answer.status_code for answer in answers] == [201] * 4 + [429]
    assert answers[-1].json()["policy"] == "address-booked"
    assert len({answer.json()["id"] for answer in answers[:3]}) == 1


async def test_booking_whose_answer_could_not_be_kept_is_answered_at_the_limit(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("The database does not answer.")

    starts = await _starts(door)
    body = {"service": "haircut", "resource": "noa", "start": starts[0], "customer": CUSTOMER}
    headers = door.publishable | {"X-Forwarded-For": "203.0.113.9", "Idempotency-Key": "lost"}
    await _book(door, starts[1], "203.0.113.9")
    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyService, "remember", away)
        first = await door.http.post("/v1/appointments", headers=headers, json=body)
    monkeypatch.setattr("persistence.idempotency.ABANDONED_AFTER", timedelta())

    again = await door.http.post("/v1/appointments", headers=headers, json=body)

    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, first.json()["id"])


async def test_refusals_are_counted_by_policy(door: Door) -> None:
    for _ in range(7):
        await _list(door)

    assert door.context.metrics.take_counts()["requests_limited:address-list"] == 2


class TestSettling:
    """Two processes on the same stores."""

    @staticmethod
    def _process(engine: Engine, redis: Redis) -> tuple[RateCounts, RateSettling]:
        counts = RateCounts()
        services = replace(engine.services, rate_counts=counts)
        return counts, build_rate_settling(replace(engine.context, redis=redis), services)

    @staticmethod
    def _charge(engine: Engine) -> Charge:
        return charge_of(
            engine.tenant_id.int, Source.ADDRESS, bytes([203, 0, 113, 9]), Activity.BOOKED, Rate(3, 86_400)
        )

    async def test_what_one_counted_limits_the_other(self, engine: Engine) -> None:
        (here, settling), (there, other) = (self._process(engine, engine.context.redis) for _ in range(2))
        charge = self._charge(engine)
        here.charge([charge])
        here.charge([charge])

        await settling.run_once()
        there.charge([charge])
        await other.run_once()

        with pytest.raises(RateLimited):
            there.charge([charge])

    async def test_no_address_is_stored(self, engine: Engine) -> None:
        counts, settling = self._process(engine, engine.context.redis)
        counts.charge([self._charge(engine)])
        await settling.run_once()

        redis = engine.context.redis
        fields = [
            field
            async for key in redis.scan_iter(f"{keys.rates(engine.tenant_id)}:*")
            for field in await redis.hkeys(key)
        ]

        assert len(fields) == 1
        assert re.fullmatch(r"b'address:[0-9a-f]{32}:booked'", repr(fields[0]))

    async def test_process_counts_by_itself_and_says_so_while_redis_is_away(self, engine: Engine) -> None:
        away = create_redis(NO_REDIS, engine.context.settings.redis_limits)
        counts, settling = self._process(engine, away)
        charge = self._charge(engine)
        for _ in range(3):
            counts.charge([charge])

        with structlog.testing.capture_logs() as logged:
            await settling.run_once()
            counts.take_back([charge])
            counts.charge([charge])
            await settling.run_once()
        await away.aclose()

        with pytest.raises(RateLimited):
            counts.charge([charge])
        assert [line["event"] for line in logged if line["event"].startswith("rates.")] == ["rates.counted_alone"]
        assert engine.context.metrics.gauges["rates_unsettled"] == 1
