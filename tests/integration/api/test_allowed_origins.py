"""A business names the sites whose pages may call its API; in the fast lane and in FastAPI alike."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from access.roles import Role
from persistence import lua
from tests.support.documents import example
from tests.support.role_cells import World, open_world

_SHOP: Final = "https://fade.example"
_COPY: Final = "https://copy.example"
_CLOSE: Final = "http://engine"
_HOLD: Final = {"service": "haircut", "resource": "noa", "start": "2026-12-03T08:00:00Z"}
_DATES: Final = {"service": "haircut", "from": "2026-12-03", "to": "2026-12-03"}
_READER: Final = "Access-Control-Allow-Origin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that a visitor's browser may send."""

    method: str
    path: str
    arguments: Mapping[str, Any]
    status: int


_FAST: Final = Asked(method="GET", path="/v1/availability", arguments={"params": _DATES}, status=200)
_REQUESTS: Final = {
    "fast listing": _FAST,
    "fast hold": Asked(method="POST", path="/v1/holds", arguments={"json": _HOLD}, status=201),
    "fast refusal": Asked(method="GET", path="/v1/holds/hld_01kbc9x3v4h5m6n7p8q9r0s1t2", arguments={}, status=404),
    "storefront": Asked(method="GET", path="/v1/storefront", arguments={}, status=200),
    "ticket": Asked(method="POST", path="/v1/stream-tickets", arguments={}, status=201),
    "forbidden": Asked(method="GET", path="/v1/business", arguments={}, status=403),
}


@pytest.fixture
async def world(database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with open_world(database_url, redis_url) as opened:
        yield opened


async def _allow(world: World, *origins: str) -> None:
    document: Any = await world.door.send("GET", "/v1/business", status=200)
    document["business"]["allowed_origins"] = list(origins)
    await world.door.send("PUT", "/v1/business", json=document, status=200)


async def _ask(world: World, asked: Asked, origin: str, headers: Mapping[str, str]) -> httpx.Response:
    arguments = {**asked.arguments, "headers": {**headers, "Origin": origin}}
    return await world.door.http.request(asked.method, asked.path, **arguments)


@pytest.mark.parametrize("name", _REQUESTS)
async def test_pages_of_allowed_sites_alone_are_served(world: World, name: str) -> None:
    asked, key = _REQUESTS[name], world.door.publishable
    await _allow(world, _SHOP)

    copied = await _ask(world, asked, _COPY, key)
    allowed = await _ask(world, asked, _SHOP, key)
    own = await _ask(world, _FAST, _CLOSE, key)

    assert copied.status_code == 403
    assert copied.json()["code"] == "origin_not_allowed"
    assert _READER not in copied.headers
    assert (allowed.status_code, allowed.headers[_READER]) == (asked.status, _SHOP)
    assert "Origin" in allowed.headers["Vary"]
    assert own.status_code == 200


async def test_refused_page_changes_nothing(world: World) -> None:
    await _allow(world, _SHOP)

    refused = await _ask(world, _REQUESTS["fast hold"], _COPY, world.door.publishable)
    placed = await _ask(world, _REQUESTS["fast hold"], _SHOP, world.door.publishable)

    assert (refused.status_code, placed.status_code) == (403, 201)


async def test_every_site_may_call_unless_the_business_says_otherwise(world: World) -> None:
    for asked in _REQUESTS.values():
        answer = await _ask(world, asked, _COPY, world.door.publishable)
        assert (answer.status_code, answer.headers[_READER]) == (asked.status, "*")


@pytest.mark.parametrize("role", [Role.HOLDER, Role.CUSTOMER, Role.STAFF, Role.OWNER])
async def test_tokens_of_all_roles_are_bound_too(world: World, role: Role) -> None:
    own = Asked(method="GET", path=f"/v1/appointments/{world.appointments['own']['id']}", arguments={}, status=200)
    await _allow(world, _SHOP)

    copied = await _ask(world, own, _COPY, world.headers(role))
    allowed = await _ask(world, own, _SHOP, world.headers(role))

    assert (copied.status_code, allowed.status_code) == (403, 200)
    assert (copied.headers.get(_READER), allowed.headers[_READER]) == (None, _SHOP)


async def test_secret_key_is_of_use_to_no_page_of_another_site(world: World) -> None:
    answers = [await _ask(world, asked, _SHOP, world.door.secret) for asked in (_FAST, _REQUESTS["storefront"])]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(_READER not in answer.headers for answer in answers)


async def test_preflight_has_no_key_and_is_answered_to_every_site(world: World) -> None:
    await _allow(world, _SHOP)
    headers = {"Origin": _COPY, "Access-Control-Request-Method": "GET"}

    answer = await world.door.http.options("/v1/availability", headers=headers)

    assert (answer.status_code, answer.headers[_READER]) == (200, "*")


async def test_ticket_opens_its_stream_to_pages_of_allowed_sites(world: World) -> None:
    await _allow(world, _SHOP)
    ticket = (await world.door.send("POST", "/v1/stream-tickets", status=201))["ticket"]
    stream = Asked(method="GET", path="/v1/events/stream", arguments={"params": {"ticket": ticket}}, status=200)

    copied = await _ask(world, stream, _COPY, {})

    assert (copied.status_code, copied.json()["code"]) == (403, "origin_not_allowed")


async def test_document_has_the_origins_only_where_they_are_limited(world: World) -> None:
    unlimited: Any = await world.door.send("GET", "/v1/business", status=200)
    await _allow(world, _SHOP, "https://*.fade.example")
    limited: Any = await world.door.send("GET", "/v1/business", status=200)
    await _allow(world)
    closed: Any = await world.door.send("GET", "/v1/business", status=200)
    await world.door.send("PUT", "/v1/business", json=unlimited, status=200)

    assert "allowed_origins" not in example("barbershop")["business"]
    assert "allowed_origins" not in unlimited["business"]
    assert limited["business"]["allowed_origins"] == [_SHOP, "https://*.fade.example"]
    assert closed["business"]["allowed_origins"] == []
    assert await world.door.send("GET", "/v1/business", status=200) == unlimited


async def test_warm_request_of_a_page_asks_no_store_about_its_origin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts: list[str] = []
    in_the_background = {lua.digest(name) for name in ("metrics_add", "rate_count")}
    run = world.door.context.redis.evalsha

    async def evalsha(digest: str, *arguments: Any) -> Any:
        if digest not in in_the_background:
            scripts.append(digest)
        return await run(digest, *arguments)

    await _allow(world, _SHOP)
    await _ask(world, _FAST, _SHOP, world.door.publishable)
    monkeypatch.setattr(world.door.context.redis, "evalsha", evalsha)

    await _ask(world, _FAST, _SHOP, world.door.publishable)
    with_origin, scripts[:] = sorted(scripts), []
    await world.door.http.get(_FAST.path, params=_DATES, headers=world.door.publishable)

    assert with_origin == sorted(scripts) != []
