"""What a move costs: the same in the listing, in a dry run and in the move itself."""

from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of, who

_DAY: Final = "2026-11-30"
_TEN: Final = f"{_DAY}T10:00:00+02:00"
_NOON: Final = f"{_DAY}T12:00:00+02:00"
_HOURS: Final = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "21:00"}


def _money(amount_minor: int, currency: str = "ILS") -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": currency}


async def _open(
    door: Door, *, cost: dict[str, Any] | None = None, cancellation: dict[str, Any] | None = None, **reschedule: Any
) -> None:
    """Noa cuts for the price of the service, Tal for more and for longer."""
    document = small_document(
        resources=[
            {"key": key, "kind": "staff", "name": key.title(), "hours": [_HOURS], "capacity": 2}
            for key in ("noa", "tal")
        ],
        services=[
            {
                "key": "haircut",
                "name": "Haircut",
                "duration_minutes": 30,
                "price": cost or _money(9000),
                "assign": "priority",
                "requires": [
                    {
                        "role": "barber",
                        "any_of": ["noa", "tal"],
                        "overrides": {
                            "tal": {
                                "price": {**(cost or {"currency": "ILS"}), "amount_minor": 12000},
                                "duration_minutes": 60,
                            }
                        },
                    }
                ],
                "rules": {"reschedule": reschedule, "cancellation": cancellation or {}},
            }
        ],
    )
    await door.send("PUT", "/v1/business", json=document, status=200)


async def _move(door: Door, booked: Any, *, status: int = 200, **body: Any) -> Any:
    path = f"/v1/appointments/{booked['id']}/reschedule"
    return await door.send("POST", path, json=body, headers=as_customer_of(booked), status=status)


async def _slot(door: Door, booked: Any, start: str, resource: str | None) -> Any:
    """The slot of the start that has the resource, where one is asked for."""
    params = {"service": "haircut", "from": _DAY, "to": _DAY, "rescheduling": booked["id"], "party": booked["party"]}
    if resource is not None:
        params["resource"] = resource
    answer = await door.send("GET", "/v1/availability", params=params, status=200)
    return next(slot for slot in answer["days"][0]["slots"] if slot["start"] == start)


@pytest.mark.parametrize(
    ("rule", "resource", "paid"),
    [
        ({}, "tal", 12000),
        ({}, "noa", 10000),
        ({}, None, 9000),
        ({"price": "keep"}, "tal", 9000),
        ({"price": "keep"}, None, 9000),
        ({"price": "new"}, "tal", 12000),
        ({"price": "new"}, None, 10000),
    ],
)
async def test_price_of_a_move_is_the_same_in_listing_dry_run_and_move(
    door: Door, rule: dict[str, Any], resource: str | None, paid: int
) -> None:
    await _open(door, **rule)
    booked = await door.book("haircut", _TEN, party=2)
    # The price of the service has risen since.
    await _open(door, cost=_money(10000), **rule)
    asked: dict[str, Any] = {"start": _NOON, **({"resource": resource} if resource else {})}

    slot = await _slot(door, booked, _NOON, resource)
    planned = await _move(door, booked, dry_run=True, **asked)
    unchanged = await door.send("GET", f"/v1/appointments/{booked['id']}", status=200)
    moved = await _move(door, booked, **asked)
    read = await door.send("GET", f"/v1/appointments/{booked['id']}", status=200)

    assert slot["price"] == planned["price"] == moved["price"] == read["price"] == _money(2 * paid)
    assert (planned["dry_run"], moved["dry_run"]) == (True, False)
    for name in ("start", "end", "resources", "previous", "changed_resources"):
        assert planned[name] == moved[name]
    assert planned["end"] == ("2026-11-30T11:00:00Z" if resource == "tal" else "2026-11-30T10:30:00Z")
    assert moved["previous"] == {
        "start": "2026-11-30T08:00:00Z",
        "end": "2026-11-30T08:30:00Z",
        "resources": [{"role": "barber", "resource": "noa"}],
        "price": _money(18000),
    }
    assert unchanged == {name: member for name, member in booked.items() if name != "token"}


async def test_dry_run_takes_no_time_from_others(door: Door) -> None:
    await _open(door)
    booked = await door.book("haircut", _TEN)

    planned = await _move(door, booked, start=_NOON, dry_run=True)
    slots = await door.slots("haircut", _DAY, resource="noa")
    other = await door.hold("haircut", _NOON, resource="noa", party=2)

    assert who(planned) == who(other) == [("barber", "noa")]
    assert slots[_NOON]["remaining"] == 2
    assert (planned["version"], planned["times_rescheduled"]) == (booked["version"], 1)


async def test_dry_run_is_refused_as_the_move_would_be(door: Door) -> None:
    await _open(door)
    booked = await door.book("haircut", _TEN)
    for resource in ("noa", "tal"):
        await door.hold("haircut", _NOON, resource=resource, party=2)
    late = f"{_DAY}T20:45:00+02:00"

    held = await _move(door, booked, start=_NOON, dry_run=True, status=409)
    closed = await _move(door, booked, start=late, dry_run=True, status=422)

    assert held["code"] == (await _move(door, booked, start=_NOON, status=409))["code"] == "slot_held"
    refused = await _move(door, booked, start=late, status=422)
    assert (closed["code"], closed["reason"]) == (refused["code"], refused["reason"])


async def test_dry_run_chooses_whom_the_move_chooses_when_a_hold_is_in_the_way(door: Door) -> None:
    await _open(door, cost=_money(9000))
    booked = await door.book("haircut", _TEN)
    await door.hold("haircut", _NOON, resource="noa", party=2)

    planned = await _move(door, booked, start=_NOON, dry_run=True)
    moved = await _move(door, booked, start=_NOON)

    assert who(planned) == who(moved) == [("barber", "tal")]
    assert (
        planned["changed_resources"] == moved["changed_resources"] == [{"role": "barber", "from": "noa", "to": "tal"}]
    )
    # It was not asked for, so it costs what it did.
    assert planned["price"] == moved["price"] == _money(9000)


async def test_dry_run_onto_a_hold_tells_its_price_and_leaves_the_hold(door: Door) -> None:
    await _open(door)
    booked = await door.book("haircut", _TEN)
    hold = await door.hold("haircut", _NOON, resource="tal")

    planned = await _move(door, booked, hold=hold["id"], dry_run=True)
    still = await door.send("GET", f"/v1/holds/{hold['id']}", headers=door.publishable, status=200)
    moved = await _move(door, booked, hold=hold["id"])

    assert still["status"] == "held"
    assert planned["price"] == moved["price"] == hold["price"] == _money(12000)


async def test_amount_in_another_currency_takes_the_place_of_none(door: Door) -> None:
    await _open(door, cost=_money(9000), price="new")
    booked = await door.book("haircut", _TEN)
    await _open(door, cost=_money(5000, "EUR"), price="new")

    slot = await _slot(door, booked, _NOON, "noa")
    moved = await _move(door, booked, start=_NOON, resource="noa")

    assert slot["price"] == moved["price"] == _money(9000)


async def test_rule_of_the_booking_holds_when_the_business_has_changed_it(door: Door) -> None:
    await _open(door, price="keep")
    booked = await door.book("haircut", _TEN)
    await _open(door, price="new")

    moved = await _move(door, booked, start=_NOON, resource="tal")

    assert booked["policy"]["reschedule"]["price"] == "keep"
    assert moved["price"] == _money(9000)


@pytest.mark.parametrize(("resource", "paid"), [(None, 9000), ("tal", 12000)])
async def test_hold_for_a_move_has_the_price_of_the_move(door: Door, resource: str | None, paid: int) -> None:
    await _open(door)
    booked = await door.book("haircut", _TEN)
    # The price of the service has risen since.
    await _open(door, cost=_money(10000))
    asked = {"service": "haircut", "start": _NOON, "rescheduling": booked["id"]}
    asked |= {"resource": resource} if resource else {}

    hold = await door.send("POST", "/v1/holds", json=asked, status=201)
    moved = await _move(door, booked, hold=hold["id"])

    assert hold["price"] == moved["price"] == _money(paid)


async def test_fee_that_is_kept_may_be_more_than_the_new_price_and_leaves_no_refund_below_nothing(door: Door) -> None:
    fees = {"free_until_minutes": 10_000, "fee_percent": 100}
    await _open(door, cancellation=fees)
    booked = await door.book("haircut", _TEN, resource="tal")

    planned = await _move(door, booked, start=_NOON, resource="noa", dry_run=True)
    await _move(door, booked, start=_NOON, resource="noa")
    cancelled = await door.send(
        "POST", f"/v1/appointments/{booked['id']}/cancel", json={}, headers=as_customer_of(booked), status=200
    )

    assert (planned["price"], planned["kept_fee"]) == (_money(9000), _money(12000))
    assert (cancelled["fee"], cancelled["refund"]) == (_money(12000), _money(0))


async def test_dry_run_in_the_query_is_refused_where_it_would_be_ignored(door: Door) -> None:
    """Other operations have it there: a move or a cancellation that was only to be tried must not take place."""
    await _open(door)
    booked = await door.book("haircut", _TEN)
    at = f"/v1/appointments/{booked['id']}"
    start = {"service": "haircut", "start": _NOON}
    customer = {"customer": {"name": "Dana Levi"}}
    hold = await door.hold("haircut", f"{_DAY}T14:00:00+02:00")

    refused = [
        await door.send(method, path, params=query, json=body, status=422)
        for query in ({"dry_run": "true"}, {"a": "1", "dry_run": ""})
        for method, path, body in (
            ("POST", f"{at}/reschedule", {"start": _NOON}),
            ("POST", f"{at}/cancel", {}),
            ("PATCH", at, {"party": 2}),
            ("POST", "/v1/appointments", start | customer),
            ("POST", "/v1/holds", start),
            ("POST", f"/v1/holds/{hold['id']}/confirm", customer),
        )
    ]

    assert {error["pointer"] for answer in refused for error in answer["errors"]} == {"query.dry_run"}
    assert await door.send("GET", at, params={"dry_run": "true"}, status=200) == {
        name: member for name, member in booked.items() if name != "token"
    }
    assert len((await door.send("GET", "/v1/appointments", status=200))["data"]) == 1
