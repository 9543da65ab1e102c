"""Services that only the staff knows."""

from typing import Any, Final

import pytest

from tests.support.door import Door, as_customer_of

_VISIT: Final = {"service": "haircut", "start": "2026-12-02T10:00:00+02:00"}
_CUSTOMER: Final = {"customer": {"name": "Dana Levi", "email": "dana@example.com"}}
_DATES: Final = {"service": "haircut", "from": "2026-12-02", "to": "2026-12-02"}


@pytest.fixture
async def shop(door: Door) -> Door:
    """The barbershop, whose haircut is for staff."""
    await door.set_up("barbershop")
    changed = await door.send("PATCH", "/v1/services/haircut", json={"visibility": "staff"}, status=200)
    assert changed["visibility"] == "staff"
    return door


@pytest.mark.parametrize("by", ["key", "id"])
async def test_service_for_staff_is_unknown_to_publishable_keys(shop: Door, by: str) -> None:
    service = "haircut" if by == "key" else (await shop.send("GET", "/v1/services/haircut", status=200))["id"]
    unknown = {"service": "no-such-service"}

    async def ask(method: str, path: str, **arguments: Any) -> Any:
        return await shop.send(method, path, headers=shop.publishable, status=404, **arguments)

    answers = [
        (
            await ask("GET", path, params=params | {"service": service}),
            await ask("GET", path, params=params | unknown),
        )
        for path, params in (
            ("/v1/availability", _DATES),
            ("/v1/availability/days", _DATES),
            ("/v1/availability/next", {}),
        )
    ]
    answers += [
        (await ask("POST", path, json=body | {"service": service}), await ask("POST", path, json=body | unknown))
        for path, body in (("/v1/holds", _VISIT), ("/v1/appointments", _VISIT | _CUSTOMER))
    ]

    for hidden, absent in answers:
        assert (hidden["code"], hidden["detail"]) == ("not_found", f'There is no service "{service}".')
        assert hidden.keys() == absent.keys()
    storefront = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)
    assert "haircut" not in {one["key"] for one in storefront["services"]}


async def test_business_lists_holds_and_books_it_and_its_customer_confirms_and_moves(shop: Door) -> None:
    listed = await shop.send("GET", "/v1/availability", params=_DATES, status=200)
    held = await shop.send("POST", "/v1/holds", json=_VISIT, status=201)
    confirmed = await shop.confirm(held)
    booked = await shop.send("POST", "/v1/appointments", json=_VISIT | _CUSTOMER, status=201)
    storefront = await shop.send("GET", "/v1/storefront", status=200)
    moving = {**_DATES, "rescheduling": booked["id"], "token": booked["token"]}
    others = await shop.send("GET", "/v1/availability", params=moving, headers=shop.publishable, status=200)
    moved = await shop.send(
        "POST",
        f"/v1/appointments/{booked['id']}/reschedule",
        json={"start": others["days"][0]["slots"][-1]["start"]},
        headers=as_customer_of(booked),
        status=200,
    )

    assert listed["days"][0]["slots"]
    assert {confirmed["service"], booked["service"], moved["service"]} == {"haircut"}
    assert "haircut" in {one["key"] for one in storefront["services"]}


async def test_service_is_public_unless_it_says_otherwise_and_becomes_so_again(shop: Door) -> None:
    document = await shop.send("GET", "/v1/business", status=200)
    by_key = {service["key"]: service for service in document["services"]}
    refused = await shop.send("PATCH", "/v1/services/haircut", json={"visibility": "secret"}, status=422)
    await shop.send("PATCH", "/v1/services/haircut", json={"visibility": "public"}, status=200)

    assert (by_key["haircut"]["visibility"], "visibility" in by_key["colour"]) == ("staff", False)
    assert [error["pointer"] for error in refused["errors"]] == ["visibility"]
    assert await shop.hold("haircut", "2026-12-02T10:00:00+02:00")
