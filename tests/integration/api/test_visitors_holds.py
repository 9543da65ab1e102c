"""Limits on the holds of strangers, and what the business can do about them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from persistence import keys
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.redis_time import let_pass

TUESDAY = "2026-12-01"
CUSTOMER = {"name": "Dana Levi", "email": "dana@example.com"}


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """The barbershop behind a trusted proxy: two holds from one address, three of all visitors."""
    limits = {"trusted_proxies": "127.0.0.1", "holds_per_address": 2, "holds_per_business": 3}
    settings = patient_settings(database_url, redis_url).model_copy(update=limits)
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as opened:
        await opened.set_up("barbershop")
        yield opened


async def _starts(door: Door) -> list[str]:
    """Starts with Noa that share no minutes."""
    return list(await door.slots("haircut", TUESDAY, resource="noa"))[::4]


async def _hold(door: Door, start: str, *, address: str | None = None, status: int = 201, **more: Any) -> Any:
    headers = door.publishable | ({} if address is None else {"X-Forwarded-For": address})
    body = {"service": "haircut", "resource": "noa", "start": start, **more}
    return await door.send("POST", "/v1/holds", json=body, headers=headers, status=status)


async def test_one_address_holds_no_more_than_its_budget(door: Door) -> None:
    starts = await _starts(door)
    held = [await _hold(door, start, address="203.0.113.9") for start in starts[:2]]

    refused = await _hold(door, starts[2], address="203.0.113.9", status=429)
    await _hold(door, starts[2], address="203.0.113.10")
    await door.send("DELETE", f"/v1/holds/{held[0]['id']}", headers=door.publishable, status=204)
    await _hold(door, starts[3], address="203.0.113.9")

    assert (refused["code"], refused["budget"], refused["limit"]) == ("hold_limit_reached", "address", 2)
    assert 290 <= refused["retry_after_seconds"] <= 300


async def test_rule_of_the_business_may_allow_less(door: Door) -> None:
    document = await door.send("GET", "/v1/business", status=200)
    document["business"]["rules"]["hold"]["max_per_address"] = 1
    await door.send("PUT", "/v1/business", json=document, status=200)
    starts = await _starts(door)
    await _hold(door, starts[0], address="203.0.113.9")

    refused = await _hold(door, starts[1], address="203.0.113.9", status=429)

    assert (refused["budget"], refused["limit"]) == ("address", 1)


async def test_neighbouring_addresses_share_the_budget_of_their_network(database_url: str, redis_url: str) -> None:
    limits = {"trusted_proxies": "127.0.0.1", "holds_per_network": 2}
    settings = patient_settings(database_url, redis_url).model_copy(update=limits)
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as door:
        await door.set_up("barbershop")
        starts = await _starts(door)
        for number, start in enumerate(starts[:2]):
            await _hold(door, start, address=f"203.0.113.{number}")

        refused = await _hold(door, starts[2], address="203.0.113.9", status=429)
        await _hold(door, starts[2], address="198.51.100.9")

    assert (refused["budget"], refused["limit"]) == ("network", 2)


async def test_refusal_tells_when_to_try_again(door: Door) -> None:
    starts = await _starts(door)
    for start in starts[:2]:
        await _hold(door, start, address="203.0.113.9")

    headers = door.publishable | {"X-Forwarded-For": "203.0.113.9"}
    body = {"service": "haircut", "resource": "noa", "start": starts[2]}
    response = await door.http.post("/v1/holds", json=body, headers=headers)

    assert response.headers["Retry-After"] == str(response.json()["retry_after_seconds"])


async def test_addresses_of_one_ipv6_network_share_a_budget(door: Door) -> None:
    starts = await _starts(door)
    for number, start in enumerate(starts[:2]):
        await _hold(door, start, address=f"2001:db8:1:2::{number}")

    await _hold(door, starts[2], address="2001:db8:1:2:ffff::9", status=429)
    await _hold(door, starts[2], address="2001:db8:1:3::9")


async def test_visitors_of_unknown_address_share_the_budget_of_the_business(door: Door) -> None:
    starts = await _starts(door)
    for start in starts[:3]:
        await _hold(door, start)

    refused = await _hold(door, starts[3], status=429)

    assert (refused["budget"], refused["limit"]) == ("business", 3)


async def test_business_has_no_budget(door: Door) -> None:
    starts = await _starts(door)
    for start in starts[:3]:
        await _hold(door, start)

    body = {"service": "haircut", "resource": "noa", "start": starts[3]}
    await door.send("POST", "/v1/holds", json=body, status=201)


async def test_direct_booking_has_no_budget(door: Door) -> None:
    starts = await _starts(door)
    for start in starts[:3]:
        await _hold(door, start)

    body = {"service": "haircut", "resource": "noa", "start": starts[3], "customer": CUSTOMER}
    await door.send("POST", "/v1/appointments", json=body, headers=door.publishable, status=201)


async def test_no_address_is_stored(door: Door) -> None:
    await _hold(door, (await _starts(door))[0], address="203.0.113.9")

    redis = door.context.redis
    stored = []
    async for key in redis.scan_iter("*"):
        stored.append(key)
        if await redis.type(key) == b"hash":
            stored += (await redis.hgetall(key)).values()

    assert any(b":budget:address:" in key for key in stored)
    assert not [text for text in stored if b"203.0.113.9" in text or b"cb007109" in text]


async def test_replacing_a_hold_keeps_a_time_no_longer_than_one_hold_may(door: Door) -> None:
    start = (await _starts(door))[0]
    first = await _hold(door, start, ttl_seconds=1200)
    await let_pass(door.context.redis, door.tenant_id, first["id"], 1_100_000)

    second = await _hold(door, start, ttl_seconds=1200, replaces=first["id"])
    await let_pass(door.context.redis, door.tenant_id, second["id"], 40_000)
    # Its longest life is over in half a second. The hold itself is not, or a busy machine would be told that it is.
    await door.context.redis.hincrby(keys.hold(door.tenant_id, second["id"]), "limit", -59_500)
    refused = await _hold(door, start, ttl_seconds=1200, replaces=second["id"], status=409)

    assert second["expires_at"] == second["extendable_until"]
    assert refused["code"] == "hold_life_exhausted"


@pytest.mark.parametrize(
    ("ended", "status", "code"), [("expired", 410, "hold_expired"), ("released", 404, "hold_not_found")]
)
async def test_replacing_a_hold_that_is_gone_places_nothing_unless_asked(
    door: Door, ended: str, status: int, code: str
) -> None:
    starts = await _starts(door)
    old = await _hold(door, starts[0])
    if ended == "expired":
        await let_pass(door.context.redis, door.tenant_id, old["id"], 300_000)
    else:
        await door.send("DELETE", f"/v1/holds/{old['id']}", headers=door.publishable, status=204)

    refused = await _hold(door, starts[1], replaces=old["id"], status=status)
    listed = await door.send("GET", "/v1/holds", status=200)
    await _hold(door, starts[1], replaces=old["id"], replaces_optional=True)

    assert (refused["code"], listed["data"]) == (code, [])


async def test_direct_booking_does_not_miss_the_hold_that_its_first_attempt_gave_up(door: Door) -> None:
    starts = await _starts(door)
    old = await _hold(door, starts[0])

    body = {"service": "haircut", "resource": "noa", "start": starts[1], "customer": CUSTOMER, "replaces": old["id"]}
    booked = [
        await door.send("POST", "/v1/appointments", json=body, headers={"Idempotency-Key": "once"}, status=201)
        for _ in range(2)
    ]
    refused = await door.send("POST", "/v1/appointments", json=body, status=404)

    assert booked[0]["id"] == booked[1]["id"]
    assert refused["code"] == "hold_not_found"


class TestList:
    """The business looks at the holds of its visitors."""

    async def test_pages_have_every_live_hold_in_the_order_of_their_ends(self, door: Door) -> None:
        starts = await _starts(door)
        held = [await _hold(door, start, ttl_seconds=600 - 60 * number) for number, start in enumerate(starts[:3])]
        ended = await door.send(
            "POST", "/v1/holds", json={"service": "haircut", "resource": "noa", "start": starts[3]}, status=201
        )
        await let_pass(door.context.redis, door.tenant_id, ended["id"], 300_000)

        first = await door.send("GET", "/v1/holds", params={"limit": 2}, status=200)
        cursor = {"limit": 2, "cursor": first["next_cursor"]}
        second = await door.send("GET", "/v1/holds", params=cursor, status=200)

        assert [*first["data"], *second["data"]] == held[::-1]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"service": "haircut"}, 2),
            ({"service": "beard-trim"}, 0),
            ({"resource": "noa"}, 2),
            ({"resource": "dan"}, 0),
            ({"from": TUESDAY, "to": TUESDAY}, 2),
            ({"to": "2026-11-30"}, 0),
            ({"from": "2026-12-02"}, 0),
        ],
    )
    async def test_filters_choose_holds(self, door: Door, params: dict[str, str], found: int) -> None:
        for start in (await _starts(door))[:2]:
            await _hold(door, start)

        listed = await door.send("GET", "/v1/holds", params=params, status=200)

        assert (len(listed["data"]), listed["next_cursor"]) == (found, None)

    async def test_filtered_page_goes_on_where_it_ended(self, door: Door) -> None:
        starts = await _starts(door)
        held = [await _hold(door, start) for start in starts[:3]]

        first = await door.send("GET", "/v1/holds", params={"from": held[1]["start"], "limit": 1}, status=200)
        cursor = {"from": held[1]["start"], "limit": 1, "cursor": first["next_cursor"]}
        second = await door.send("GET", "/v1/holds", params=cursor, status=200)

        assert {one["id"] for one in first["data"] + second["data"]} == {held[1]["id"], held[2]["id"]}

    async def test_list_is_for_the_business(self, door: Door) -> None:
        refused = await door.send("GET", "/v1/holds", headers=door.publishable, status=403)

        assert refused["code"] == "forbidden"

    @pytest.mark.parametrize("params", [{"cursor": "nonsense"}, {"limit": 201}, {"cursor": "MHw"}])
    async def test_unusable_parameters_are_refused(self, door: Door, params: dict[str, str]) -> None:
        await door.send("GET", "/v1/holds", params=params, status=422)

    async def test_business_removes_any_hold(self, door: Door) -> None:
        held = await _hold(door, (await _starts(door))[0], client="stranger")

        await door.send("DELETE", f"/v1/holds/{held['id']}", status=204)

        assert (await door.send("GET", "/v1/holds", status=200))["data"] == []


class TestOverride:
    """The business takes a time that a visitor holds."""

    @pytest.fixture
    async def held(self, door: Door) -> Any:
        return await _hold(door, (await _starts(door))[0])

    @staticmethod
    def _body(held: Any, **more: Any) -> dict[str, Any]:
        return {"service": "haircut", "resource": "noa", "start": held["start"], "override": ["held"], **more}

    async def test_hold_takes_the_time_and_tells_which_hold_gave_way(self, door: Door, held: Any) -> None:
        placed = await door.send("POST", "/v1/holds", json=self._body(held), status=201)
        confirm = {"customer": CUSTOMER}
        refused = await door.send(
            "POST", f"/v1/holds/{held['id']}/confirm", json=confirm, headers=door.publishable, status=410
        )

        assert placed["gave_way"] == [held["id"]]
        assert refused["code"] == "hold_expired"

    async def test_booking_takes_the_time(self, door: Door, held: Any) -> None:
        booked = await door.send("POST", "/v1/appointments", json=self._body(held, customer=CUSTOMER), status=201)

        assert booked["gave_way"] == [held["id"]]
        assert (await door.send("GET", f"/v1/holds/{held['id']}", status=200))["status"] == "expired"

    async def test_rescheduling_takes_the_time(self, door: Door, held: Any) -> None:
        later = (await _starts(door))[2]
        booked = await door.book("haircut", later, resource="noa")

        body = {"start": held["start"], "resource": "noa"}
        path = f"/v1/appointments/{booked['id']}/reschedule"
        refused = await door.send("POST", path, json=body, status=409)
        moved = await door.send("POST", path, json=body | {"override": ["held"]}, status=200)

        assert refused["code"] == "slot_held"
        assert (moved["start"], moved["gave_way"]) == (held["start"], [held["id"]])

    async def test_answer_names_none_where_none_gave_way(self, door: Door, held: Any) -> None:
        body = self._body(held) | {"start": (await _starts(door))[2]}

        placed = await door.send("POST", "/v1/holds", json=body, status=201)

        assert "gave_way" not in placed

    @pytest.mark.parametrize("path", ["/v1/holds", "/v1/appointments"])
    async def test_it_is_for_the_business(self, door: Door, held: Any, path: str) -> None:
        body = self._body(held) | ({"customer": CUSTOMER} if path.endswith("appointments") else {})

        refused = await door.send("POST", path, json=body, headers=door.publishable, status=403)

        assert refused["code"] == "forbidden"
        assert (await door.send("GET", f"/v1/holds/{held['id']}", status=200))["status"] == "held"

    async def test_customer_may_not_reschedule_with_it(self, door: Door, held: Any) -> None:
        booked = await door.book("haircut", (await _starts(door))[2], resource="noa")
        token = {"Authorization": f"Bearer {booked['token']}"}

        body = {"start": held["start"], "override": ["held"]}
        path = f"/v1/appointments/{booked['id']}/reschedule"
        await door.send("POST", path, json=body, headers=token, status=403)

    @pytest.mark.parametrize("override", [["taken"], ["held", "held"], "held"])
    async def test_nothing_else_can_be_overridden(self, door: Door, held: Any, override: Any) -> None:
        await door.send("POST", "/v1/holds", json=self._body(held) | {"override": override}, status=422)


class TestLapses:
    """Holds that end by their deadline, again and again."""

    @staticmethod
    async def _lapse(door: Door, starts: list[str], **more: Any) -> None:
        for start in starts:
            held = await _hold(door, start, **more)
            await let_pass(door.context.redis, door.tenant_id, held["id"], 300_000)

    async def test_address_pauses_after_four(self, door: Door) -> None:
        starts = await _starts(door)
        await self._lapse(door, starts[:4], address="203.0.113.9", client="tab")

        headers = door.publishable | {"X-Forwarded-For": "203.0.113.9"}
        body = {"service": "haircut", "resource": "noa", "start": starts[0]}
        refused = await door.http.post("/v1/holds", json=body, headers=headers)
        booked = await door.http.post("/v1/appointments", json=body | {"customer": CUSTOMER}, headers=headers)

        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["budget"]) == (429, "hold_limit_reached", "lapses")
        assert problem["limit"] == 4
        assert 290 <= problem["retry_after_seconds"] <= 300
        assert refused.headers["Retry-After"] == str(problem["retry_after_seconds"])
        assert booked.status_code == 201

    async def test_nobody_else_pauses(self, door: Door) -> None:
        starts = await _starts(door)
        await self._lapse(door, starts[:4], address="203.0.113.9", client="tab")

        # Another visitor, whose name the stranger has used; one of unknown address; and the business.
        await _hold(door, starts[0], address="203.0.113.10", client="tab")
        await _hold(door, starts[1], client="tab")
        body = {"service": "haircut", "resource": "noa", "start": starts[2], "client": "tab"}
        await door.send("POST", "/v1/holds", json=body, status=201)

    async def test_holds_of_the_business_never_pause(self, door: Door) -> None:
        starts = await _starts(door)
        headers = {"X-Forwarded-For": "203.0.113.9"}
        for start in starts[:5]:
            body = {"service": "haircut", "resource": "noa", "start": start}
            held = await door.send("POST", "/v1/holds", json=body, headers=headers, status=201)
            await let_pass(door.context.redis, door.tenant_id, held["id"], 300_000)

        await _hold(door, starts[0], address="203.0.113.9")

    async def test_rule_says_how_many(self, door: Door) -> None:
        document = await door.send("GET", "/v1/business", status=200)
        document["business"]["rules"]["hold"]["max_lapses"] = 1
        await door.send("PUT", "/v1/business", json=document, status=200)
        starts = await _starts(door)
        await self._lapse(door, starts[:1], address="203.0.113.9")

        refused = await _hold(door, starts[1], address="203.0.113.9", status=429)

        assert (refused["budget"], refused["limit"]) == ("lapses", 1)

    async def test_pause_is_one_of_the_business_and_the_digest_of_the_address(self, door: Door) -> None:
        starts = await _starts(door)
        await self._lapse(door, starts[:4], address="203.0.113.9")
        await _hold(door, starts[0], address="203.0.113.9", status=429)

        paused = [key async for key in door.context.redis.scan_iter("*:cooling:*")]

        assert [key.startswith(keys.prefix(door.tenant_id).encode()) for key in paused] == [True]
