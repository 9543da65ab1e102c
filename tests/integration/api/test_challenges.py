"""Challenges of visitors, judged by a peer in the place of Cloudflare Turnstile."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.peers import Peer, Respond, answering, running_peer

_GOOD = orjson.dumps({"success": True})
_BAD = orjson.dumps({"success": False, "error-codes": ["timeout-or-duplicate"]})
_WRONG_SECRET = orjson.dumps({"success": False, "error-codes": ["invalid-input-secret"]})
_CUSTOMER = {"name": "Dana Levi", "email": "dana@example.com"}


@asynccontextmanager
async def _opened(urls: tuple[str, str], respond: Respond, **more: object) -> AsyncIterator[tuple[Door, Peer]]:
    """The barbershop, whose visitors are challenged."""
    async with running_peer(respond) as peer:
        settings = patient_settings(*urls).model_copy(
            update={
                "trusted_proxies": "127.0.0.1",
                "challenge_secret": "shh",
                "challenge_url": f"http://127.0.0.1:{peer.port}/siteverify",
                **more,
            }
        )
        async with open_door(*urls, clock=FixedClock(MONDAY), settings=settings) as door:
            await door.set_up("barbershop")
            yield door, peer


@pytest.fixture
def urls(database_url: str, redis_url: str) -> tuple[str, str]:
    """The stores."""
    return database_url, redis_url


async def _start(door: Door) -> str:
    return next(iter(await door.slots("haircut", "2026-12-01")))


async def _hold(door: Door, *, status: int, **more: Any) -> Any:
    headers = door.publishable | {"X-Forwarded-For": "203.0.113.9"}
    body = {"service": "haircut", "start": await _start(door), **more}
    return await door.send("POST", "/v1/holds", json=body, headers=headers, status=status)


def _form(peer: Peer) -> Mapping[str, list[str]]:
    return parse_qs(peer.requests[-1].body.decode())


async def test_good_response_lets_the_visitor_hold(urls: tuple[str, str]) -> None:
    async with _opened(urls, answering(200, _GOOD)) as (door, peer):
        held = await _hold(door, status=201, challenge="passed")
        # Confirming asks for nothing more.
        await door.confirm(held)

    assert len(peer.requests) == 1
    assert peer.requests[0].line == "POST /siteverify HTTP/1.1"
    assert _form(peer) == {"secret": ["shh"], "response": ["passed"], "remoteip": ["203.0.113.9"]}


async def test_provider_hears_the_address_of_a_direct_booking(urls: tuple[str, str]) -> None:
    async with _opened(urls, answering(200, _GOOD)) as (door, peer):
        headers = door.publishable | {"X-Forwarded-For": "203.0.113.9"}
        body = {"service": "haircut", "start": await _start(door), "customer": _CUSTOMER, "challenge": "passed"}
        await door.send("POST", "/v1/appointments", json=body, headers=headers, status=201)
        # FastAPI's way, past the fast lane.
        await door.send(
            "POST",
            "/v1/appointments",
            json=body | {"start": list(await door.slots("haircut", "2026-12-01"))[5]},
            headers=headers | {"Idempotency-Key": "one"},
            status=201,
        )

    assert [parse_qs(request.body.decode())["remoteip"] for request in peer.requests] == [["203.0.113.9"]] * 2


@pytest.mark.parametrize("path", ["/v1/holds", "/v1/appointments"])
async def test_refusal_tells_pages_how_to_show_the_challenge(urls: tuple[str, str], path: str) -> None:
    form = {"challenge_site_key": "0x4AAA", "challenge_script_url": "https://challenges.example/api.js"}
    async with _opened(urls, answering(200, _BAD), **form) as (door, _):
        body = {"service": "haircut", "start": await _start(door), "customer": _CUSTOMER}
        sent = body if path == "/v1/appointments" else {name: body[name] for name in ("service", "start")}
        refused = [
            await door.send("POST", path, json=sent | more, headers=door.publishable, status=403)
            for more in ({}, {"challenge": "used before"})
        ]

    assert [(one["site_key"], one["script"]) for one in refused] == [
        ("0x4AAA", "https://challenges.example/api.js")
    ] * 2


@pytest.mark.parametrize("more", [{}, {"challenge": "used before"}])
async def test_visitor_without_a_good_response_neither_holds_nor_books(
    urls: tuple[str, str], more: dict[str, str]
) -> None:
    async with _opened(urls, answering(200, _BAD)) as (door, _):
        refused = [await _hold(door, status=403, **more)]
        body = {"service": "haircut", "start": await _start(door), "customer": _CUSTOMER, **more}
        refused.append(await door.send("POST", "/v1/appointments", json=body, headers=door.publishable, status=403))
        held = await door.send("GET", "/v1/holds", status=200)

    assert {problem["code"] for problem in refused} == {"challenge_required"}
    assert held["data"] == []


async def test_business_is_not_challenged(urls: tuple[str, str]) -> None:
    async with _opened(urls, answering(200, _BAD)) as (door, peer):
        body = {"service": "haircut", "start": await _start(door)}
        await door.send("POST", "/v1/holds", json=body, status=201)

    assert peer.requests == []


@pytest.mark.parametrize(("fails_open", "status"), [(True, 201), (False, 403)])
@pytest.mark.parametrize(
    "respond", [answering(500, b""), answering(200, b"<html>"), answering(200, _WRONG_SECRET), answering(200, b"{}")]
)
async def test_setting_says_what_becomes_of_visitors_without_a_judgement(
    urls: tuple[str, str],
    respond: Respond,
    *,
    fails_open: bool,
    status: int,
) -> None:
    async with _opened(urls, respond, challenge_fails_open=fails_open) as (door, _):
        await _hold(door, status=status, challenge="passed")


async def test_nobody_is_challenged_without_the_setting(urls: tuple[str, str]) -> None:
    async with _opened(urls, answering(200, _BAD), challenge_secret=None) as (door, peer):
        await _hold(door, status=201)

    assert peer.requests == []
