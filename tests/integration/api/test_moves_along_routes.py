"""Moves and amendments over HTTP stay with those that the answers at the booking led to; the business decides."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, act, as_customer_of, open_door, who
from tests.support.engine import MovingClock

_HOURS: Final = [{"days": ["mon", "tue", "wed"], "start": "09:00", "end": "18:00"}]
_DAY: Final = {"from": "2026-12-02", "to": "2026-12-02"}
_START: Final = "2026-12-01T10:00:00+02:00"
_NEXT_DAY: Final = "2026-12-02T10:00:00+02:00"
_DANA: Final = {"name": "Dana", "email": "dana@example.com"}
_BALD: Final = {"hair": "Bald"}
_AMONG: Final = 'must be one of those that the answers lead to: "dan", "eli"'


def _document() -> dict[str, Any]:
    document = small_document()
    document["resources"] = [
        {"key": key, "kind": "staff", "name": key.title(), "hours": _HOURS} for key in ("noa", "dan", "eli")
    ]
    options = ["Short", "Long", "Bald", "Wild"]
    cut = {
        "key": "cut",
        "name": "Cut",
        "duration_minutes": 30,
        "grid": {"step_minutes": 30},
        "requires": [{"role": "barber", "kind": "staff"}],
    }
    document["services"] = [
        cut
        | {
            "questions": [{"key": "hair", "label": "How long is it?", "type": "choice", "options": options}],
            "routes": [
                {"if": {"hair": "Bald"}, "then": {"resources": ["dan", "eli"]}},
                {"if": {"hair": "Long"}, "then": {"duration_minutes": 45}},
                {"if": {"hair": "Wild"}, "then": {"service": "colouring", "duration_minutes": 120}},
            ],
            "durations": [30, 45, 60],
            "add_ons": [{"key": "wash", "name": "Wash", "minutes": 10}],
            "assign": "priority",
            "price": {"amount_minor": 1000, "currency": "ILS"},
        },
        cut | {"key": "colouring", "name": "Colouring", "duration_minutes": 90, "durations": [90, 120]},
    ]
    return document


@pytest.fixture
async def barber(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        await opened.send("PUT", "/v1/business", json=_document(), status=200)
        yield opened


async def _book(barber: Door, answers: dict[str, str], start: str = _START, status: int = 201, **more: Any) -> Any:
    body = {"service": "cut", "start": start, "customer": _DANA, "answers": answers, **more}
    return await barber.send("POST", "/v1/appointments", json=body, headers=barber.publishable, status=status)


async def _listed(
    barber: Door, booked: Any, status: int = 200, headers: dict[str, str] | None = None, **more: Any
) -> Any:
    params = {"service": booked["service"], "rescheduling": booked["id"], **_DAY, **more}
    return await barber.send("GET", "/v1/availability", params=params, headers=headers or {}, status=status)


def _as_visitor(barber: Door, booked: Any) -> dict[str, str]:
    """Headers of a widget that moves the appointment for its customer."""
    return {**barber.publishable, "Appointment-Token": booked["token"]}


def _leads(listing: Any) -> set[str]:
    return {key for day in listing["days"] for slot in day["slots"] for key in slot["resources"]}


def _faults(refused: Any) -> dict[str, str]:
    assert refused["code"] == "validation"
    return {error["pointer"]: error["detail"] for error in refused["errors"]}


async def _take(barber: Door, key: str) -> None:
    """Somebody else has all day with them."""
    span = {"start": "2026-12-02T00:00:00+02:00", "end": "2026-12-03T00:00:00+02:00"}
    await barber.send("POST", f"/v1/resources/{key}/time-off", json=span, status=201)


async def test_move_by_pool_stays_with_those_that_answers_led_to(barber: Door) -> None:
    booked = await _book(barber, _BALD)
    assert who(booked) == [("barber", "dan")]

    assert _leads(await _listed(barber, booked)) == {"dan", "eli"}
    await _take(barber, "dan")
    listed = await _listed(barber, booked)
    held = await barber.send(
        "POST",
        "/v1/holds",
        json={"service": "cut", "start": _NEXT_DAY, "rescheduling": booked["id"]},
        headers=_as_visitor(barber, booked),
        status=201,
    )
    moved = await act(barber, booked, "reschedule", json={"hold": held["id"]}, headers=as_customer_of(booked))

    assert _leads(listed) == {"eli"}
    assert who(held) == who(moved) == [("barber", "eli")]
    # Noa is free, and nobody moves to her.
    await _take(barber, "eli")
    assert _leads(await _listed(barber, booked)) == set()
    later = {"start": "2026-12-02T14:00:00+02:00"}
    for refused in (
        await barber.send(
            "POST",
            "/v1/holds",
            json={"service": "cut", "rescheduling": booked["id"], **later},
            headers=_as_visitor(barber, booked),
            status=422,
        ),
        await act(barber, booked, "reschedule", json=later, headers=as_customer_of(booked), status=422),
        await act(barber, booked, "reschedule", json=later | {"dry_run": True}, status=422),
    ):
        assert (refused["code"], refused["reason"]) == ("not_offered", "time_off")


async def test_customer_moves_to_nobody_else_and_the_business_to_whom_it_likes(barber: Door) -> None:
    booked = await _book(barber, _BALD)
    customer = as_customer_of(booked)
    to_noa = {"start": _NEXT_DAY, "resource": "noa"}
    plain = await barber.send(
        "POST", "/v1/holds", json={"service": "cut", **to_noa}, headers=barber.publishable, status=201
    )

    refused = [
        await _listed(barber, booked, 422, headers=_as_visitor(barber, booked), resource="noa"),
        await barber.send(
            "POST",
            "/v1/holds",
            json={"service": "cut", "rescheduling": booked["id"], **to_noa},
            headers=_as_visitor(barber, booked),
            status=422,
        ),
        await act(barber, booked, "reschedule", json=to_noa, headers=customer, status=422),
        await act(barber, booked, "reschedule", json=to_noa | {"dry_run": True}, headers=customer, status=422),
    ]
    onto_hold = await act(barber, booked, "reschedule", json={"hold": plain["id"]}, headers=customer, status=422)

    assert [_faults(each) for each in refused] == [{"resource": _AMONG}] * 4
    detail = 'must be with one of those that the answers at the booking led to: "dan", "eli"'
    assert _faults(onto_hold) == {"hold": detail}
    assert _leads(await _listed(barber, booked, resource="noa")) == {"noa"}
    moved = await act(barber, booked, "reschedule", json={"hold": plain["id"]})
    assert who(moved) == [("barber", "noa")]
    # What the business decided holds from then on: she is kept.
    again = await act(barber, booked, "reschedule", json={"start": "2026-12-02T15:00:00+02:00"}, headers=customer)
    assert who(again) == [("barber", "noa")]
    assert _leads(await _listed(barber, booked)) == {"noa", "dan", "eli"}


async def test_price_of_a_move_along_a_route_is_kept_and_so_listed(barber: Door) -> None:
    booked = await _book(barber, _BALD)
    document = _document()
    document["services"][0]["price"]["amount_minor"] = 2000
    await barber.send("PUT", "/v1/business", json=document, status=200)

    listed = await _listed(barber, booked)
    planned = await act(barber, booked, "reschedule", json={"start": _NEXT_DAY, "dry_run": True})
    asked = await _listed(barber, booked, resource="dan")

    # Nobody was asked for by name, so the price stays; where somebody is, it is the new one.
    prices = [{slot["price"]["amount_minor"] for slot in each["days"][0]["slots"]} for each in (listed, asked)]
    assert prices == [{1000}, {2000}]
    assert planned["price"]["amount_minor"] == 1000


async def test_whoever_can_serve_takes_over_when_nobody_of_the_route_is_left(barber: Door) -> None:
    booked = await _book(barber, _BALD)
    document = _document()
    document["resources"] = document["resources"][:1]
    document["services"][0]["routes"] = document["services"][0]["routes"][1:]
    await barber.send("PUT", "/v1/business", json=document, status=200)

    assert _leads(await _listed(barber, booked)) == {"noa"}
    moved = await act(barber, booked, "reschedule", json={"start": _NEXT_DAY}, headers=as_customer_of(booked))
    assert who(moved) == [("barber", "noa")]


async def test_answers_choose_the_length_in_listing_hold_and_booking(barber: Door) -> None:
    params = {"service": "cut", "answer": ["hair:Long"], **_DAY}

    listed = await barber.send("GET", "/v1/availability", params=params, status=200)
    held = await barber.hold("cut", _START, answers={"hair": "Long"}, add_ons=["wash"])
    other = await barber.hold("cut", _START, answers={"hair": "Long"}, duration_minutes=60, status=422)
    unlisted = await barber.send("GET", "/v1/availability", params=params | {"duration_minutes": 60}, status=422)

    assert listed["route"] == {
        "asked": "cut", "answers": {"hair": "Long"}, "service": "cut", "duration_minutes": 45,
    }  # fmt: skip
    first = listed["days"][0]["slots"][0]
    assert (first["start"], first["end"]) == ("2026-12-02T09:00:00+02:00", "2026-12-02T09:45:00+02:00")
    assert (held["duration_minutes"], held["end"]) == (45, "2026-12-01T08:55:00Z")
    assert _faults(other) == _faults(unlisted)
    assert _faults(other) == {"duration_minutes": "must be 45, or absent: the answers choose the length"}
    same = await barber.send("GET", "/v1/availability", params=params | {"duration_minutes": 45}, status=200)
    assert same == listed
    plain = await barber.hold("cut", "2026-12-01T14:00:00+02:00")
    body = {"customer": _DANA, "answers": {"hair": "Long"}}
    refused = await barber.send("POST", f"/v1/holds/{plain['id']}/confirm", json=body, status=422)
    assert _faults(refused) == {
        "answers.hair": "leads to a visit of 45 minutes: list its times with these answers, and choose one of those"
    }
    wild = await _book(barber, {"hair": "Wild"}, "2026-12-01T15:00:00+02:00")
    assert (wild["service"], wild["duration_minutes"], wild["end"]) == ("colouring", 120, "2026-12-01T15:00:00Z")


async def _amended(barber: Door, booked: Any, change: dict[str, Any], *, by: str, status: int = 200) -> Any:
    headers = as_customer_of(booked) if by == "customer" else {}
    path = f"/v1/appointments/{booked['id']}"
    return await barber.send("PATCH", path, json=change, headers=headers, status=status)


async def test_business_amends_past_the_route_and_the_visit_stays_where_it_is(barber: Door) -> None:
    bald, wild = await _book(barber, _BALD), await _book(barber, {"hair": "Wild"}, _NEXT_DAY)

    longer = await _amended(barber, bald, {"duration_minutes": 60}, by="business")
    other = await _amended(barber, wild, {"service": "cut"}, by="business")

    assert (longer["duration_minutes"], who(longer)) == (60, [("barber", "dan")])
    assert _leads(await _listed(barber, longer)) == {"dan", "eli"}
    assert (other["service"], other["duration_minutes"], other["answers"]) == ("cut", 30, {"hair": "Wild"})
    # Another service has nothing to do with those whom the answers led to.
    switched = await _amended(barber, bald, {"service": "colouring"}, by="business")
    assert _leads(await _listed(barber, switched)) == {"noa", "dan", "eli"}


async def test_amended_party_stays_with_those_that_answers_led_to(barber: Door) -> None:
    for key in ("noa", "dan", "eli"):
        await barber.send("PATCH", f"/v1/resources/{key}", json={"capacity": 2 if key != "dan" else 1}, status=200)
    booked = await _book(barber, _BALD)
    assert who(booked) == [("barber", "dan")]

    grown = await _amended(barber, booked, {"party": 2}, by="customer")

    # Noa has room for two as well, and comes first.
    assert who(grown) == [("barber", "eli")]


@pytest.mark.parametrize(
    ("then", "detail"),
    [
        ({"duration_minutes": 40}, "must be one of the durations of the service: 30, 45, 60"),
        ({"duration_minutes": 30, "service": "colouring"}, "must be one of the durations of the service: 90, 120"),
    ],
)
async def test_length_that_is_not_offered_is_refused(barber: Door, then: dict[str, Any], detail: str) -> None:
    document = _document()
    document["services"][0]["routes"] = [{"if": {"hair": "Long"}, "then": then}]

    refused = await barber.send("PUT", "/v1/business", json=document, status=422)

    assert _faults(refused) == {"services[0].routes[0].then.duration_minutes": detail}
