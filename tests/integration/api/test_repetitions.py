"""A booking that is asked for again: who gets the first answer, by which key, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from bookings.booking_service import BookingService
from bootstrap.services import build_services
from catalogue.tenants import KeyKind
from holds.store import HoldStore
from kernel.errors import StoreUnavailable
from persistence.errors import RedisUnavailable
from persistence.idempotency import IdempotencyService
from tests.support.door import Door

_DANA: Final = {
    "customer": {"name": "Dana Levi", "email": "dana@example.com", "phone": "+972 50 123 4567"},
    "notes": "Bad knee",
    "metadata": {"crm": "81"},
}
_STRANGER: Final = {"customer": {"name": "Mallory"}}
_NINE: Final = "2026-12-01T07:00:00Z"
_TEN: Final = "2026-12-01T08:00:00Z"


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.set_up("barbershop")
    return door


@pytest.fixture
async def outside(database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def _confirm(shop: Door, hold: Any, body: object, status: int, **headers: str) -> Any:
    path = f"/v1/holds/{hold['id']}/confirm"
    return await shop.send("POST", path, json=body, headers={**shop.publishable, **headers}, status=status)


async def _book(shop: Door, start: str, key: str, status: int, **headers: str) -> Any:
    body = {"service": "haircut", "start": start, **_DANA}
    headers = {**shop.publishable, "Idempotency-Key": key, **headers}
    return await shop.send("POST", "/v1/appointments", json=body, headers=headers, status=status)


def _concealed(booked: Any) -> Any:
    return booked | {"customer": None, "notes": None, "metadata": {}, "token": None}


async def _age(outside: "asyncpg.Connection[Any]", shop: Door, table: str, age: str) -> None:
    await outside.execute(
        f"UPDATE {table} SET created_at = created_at - CAST($2 AS text)::interval WHERE tenant_id = $1",  # noqa: S608
        shop.tenant_id,
        age,
    )


async def _key_of_its_own(shop: Door, kind: KeyKind) -> dict[str, str]:
    key = await build_services(shop.context).tenants.create_key(shop.tenant_id, kind)
    return {"Authorization": f"Bearer {key.key}"}


async def test_other_details_get_the_appointment_without_anything_personal(shop: Door) -> None:
    hold = await shop.hold("haircut", _NINE, client="dana")
    repeated = await shop.hold("haircut", _NINE, client="dana", status=200)
    booked = await _confirm(shop, hold, _DANA, 201)

    seen = await _confirm(shop, repeated, _STRANGER, 200)

    assert booked["token"]
    assert seen == _concealed(booked)


async def test_hold_tells_nothing_personal(shop: Door) -> None:
    hold = await shop.hold("haircut", _NINE, client="dana@example.com")
    booked = await _confirm(shop, hold, _DANA, 201)

    read = await shop.send("GET", f"/v1/holds/{hold['id']}", headers=shop.publishable, status=200)
    opened = await shop.send("GET", f"/v1/appointments/{booked['id']}", headers=shop.publishable, status=403)

    assert read == hold | {"status": "confirmed", "appointment": booked["id"], "expires_at": read["expires_at"]}
    assert opened["code"] == "forbidden"


async def test_same_details_get_the_first_answer_however_they_are_written(shop: Door) -> None:
    hold = await shop.hold("haircut", _NINE)
    booked = await _confirm(shop, hold, _DANA, 201)

    again = await _confirm(shop, hold, {"if_free": True, **dict(reversed(_DANA.items()))}, 200)

    assert again == booked


async def test_same_details_get_the_first_answer_for_a_quarter_of_an_hour(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    hold = await shop.hold("haircut", _NINE)
    booked = await _confirm(shop, hold, _DANA, 201)
    await _age(outside, shop, "appointments", "14 minutes")
    in_time = await _confirm(shop, hold, _DANA, 200)
    await _age(outside, shop, "appointments", "2 minutes")

    late = await _confirm(shop, hold, _DANA, 200)

    assert in_time["token"] == booked["token"]
    assert late == _concealed(late)


async def test_secret_key_always_gets_all_of_it(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    hold = await shop.hold("haircut", _NINE)
    booked = await _confirm(shop, hold, _DANA, 201)
    await _age(outside, shop, "appointments", "2 days")

    again = await shop.send("POST", f"/v1/holds/{hold['id']}/confirm", json=_STRANGER, status=200)

    assert (again["customer"], again["token"]) == (booked["customer"], booked["token"])


async def test_same_details_get_the_token_though_the_business_has_annotated_the_appointment(shop: Door) -> None:
    hold = await shop.hold("haircut", _NINE)
    booked = await _confirm(shop, hold, _DANA, 201)
    await shop.send("PATCH", f"/v1/appointments/{booked['id']}", json={"metadata": {"crm": "82"}}, status=200)

    again = await _confirm(shop, hold, _DANA, 200)

    assert (again["token"], again["metadata"]) == (booked["token"], {"crm": "82"})


async def test_rule_is_the_same_when_redis_has_lost_the_hold(shop: Door) -> None:
    hold = await shop.hold("haircut", _NINE)
    booked = await _confirm(shop, hold, _DANA, 201)
    await shop.context.redis.delete(*[key async for key in shop.context.redis.scan_iter(f"*:hold:{hold['id']}")])

    strangers, danas = await _confirm(shop, hold, _STRANGER, 200), await _confirm(shop, hold, _DANA, 200)

    assert (strangers, danas) == (_concealed(booked), booked)


async def test_rule_is_the_same_when_redis_is_away(shop: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = await shop.hold("haircut", _NINE)
    booked = await _confirm(shop, hold, _DANA, 201)

    async def away(*_: object) -> None:
        raise RedisUnavailable

    monkeypatch.setattr(HoldStore, "pin", away)
    strangers, danas = await _confirm(shop, hold, _STRANGER, 200), await _confirm(shop, hold, _DANA, 200)

    assert (strangers, danas) == (_concealed(booked), booked)


async def test_rule_is_the_same_for_two_confirmations_at_once(shop: Door) -> None:
    hold = await shop.hold("haircut", _NINE)
    path = f"/v1/holds/{hold['id']}/confirm"

    answers = await asyncio.gather(
        *(shop.http.post(path, json=body, headers=shop.publishable) for body in (_DANA, _STRANGER) * 3)
    )

    (winner,) = (answer.json() for answer in answers if answer.status_code == 201)
    alike = [answer.json() for answer in answers if answer.status_code == 200 and answer.json()["token"]]
    concealed = [answer.json() for answer in answers if answer.status_code == 200 and not answer.json()["token"]]
    assert alike == [winner] * 2
    assert concealed == [_concealed(winner)] * 3


async def test_each_credential_has_keys_of_its_own(shop: Door) -> None:
    others = [await _key_of_its_own(shop, kind) for kind in (KeyKind.PUBLISHABLE, KeyKind.SECRET)]
    booked = [await _book(shop, _NINE, "order-1", 201)]
    starts = ["2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z"]

    booked += [await _book(shop, start, "order-1", 201, **one) for start, one in zip(starts, others, strict=True)]

    assert len({one["id"] for one in booked}) == 3


async def test_each_token_has_keys_of_its_own(shop: Door) -> None:
    booked = [await shop.book("haircut", start) for start in (_NINE, _TEN)]

    cancelled = [
        await shop.send(
            "POST",
            f"/v1/appointments/{one['id']}/cancel",
            json={},
            headers={**shop.publishable, "Appointment-Token": one["token"], "Idempotency-Key": "cancel"},
            status=200,
        )
        for one in booked
    ]

    assert [one["id"] for one in cancelled] == [one["id"] for one in booked]


async def test_key_is_not_kept_as_it_was_sent(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    await shop.send(
        "POST",
        "/v1/holds",
        json={"service": "haircut", "start": _NINE},
        headers={"Idempotency-Key": "k" * 255},
        status=201,
    )

    kept = await outside.fetchval("SELECT key FROM idempotency_keys WHERE tenant_id = $1", shop.tenant_id)

    assert len(kept) == 64


async def test_direct_booking_is_made_anew_when_its_key_is_free_again(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    first = await _book(shop, _NINE, "order-1", 201)
    await shop.send("POST", f"/v1/appointments/{first['id']}/cancel", json={}, status=200)
    await _age(outside, shop, "idempotency_keys", "23 hours 59 minutes")
    repeated = await _book(shop, _NINE, "order-1", 201)
    await _age(outside, shop, "idempotency_keys", "1 minute")

    anew = await _book(shop, _NINE, "order-1", 201)

    assert repeated == first
    assert (anew["id"] == first["id"], anew["status"]) == (False, "confirmed")


async def test_direct_booking_is_made_anew_when_its_key_was_deleted(
    shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    first = await _book(shop, _NINE, "order-1", 201)
    await shop.send("POST", f"/v1/appointments/{first['id']}/cancel", json={}, status=200)
    await outside.execute("DELETE FROM idempotency_keys WHERE tenant_id = $1", shop.tenant_id)

    anew = await _book(shop, _NINE, "order-1", 201)

    assert anew["id"] != first["id"]


async def test_direct_booking_whose_answer_could_not_be_kept_is_not_made_twice(
    shop: Door, outside: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyService, "remember", away)
        first = await _book(shop, _NINE, "order-1", 201)
    running = await _book(shop, _NINE, "order-1", 409)
    await _age(outside, shop, "idempotency_keys", "60 seconds")

    again = await _book(shop, _NINE, "order-1", 200)

    assert running["code"] == "idempotency_in_flight"
    assert again == first


async def test_direct_booking_of_unknown_outcome_may_be_repeated_at_once_and_is_not_made_twice(
    shop: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = BookingService.book

    async def losing(*arguments: Any, **named: Any) -> object:
        await book(*arguments, **named)
        raise StoreUnavailable("The database did not say whether it has committed.")

    with monkeypatch.context() as patched:
        patched.setattr(BookingService, "book", losing)
        await _book(shop, _NINE, "order-1", 503)

    again = await _book(shop, _NINE, "order-1", 200)
    booked = await shop.send("GET", "/v1/appointments", status=200)

    assert [one["id"] for one in booked["data"]] == [again["id"]]
    assert again["token"]
