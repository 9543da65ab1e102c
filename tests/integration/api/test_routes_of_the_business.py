"""Routes of the business over HTTP: answers choose the service before any is chosen."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, act, as_customer_of, open_door, who
from tests.support.engine import MovingClock

_HOURS: Final = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]
_DAY: Final = {"from": "2026-12-01", "to": "2026-12-01"}
_START: Final = "2026-12-01T10:00:00+02:00"
_DANA: Final = {"name": "Dana", "email": "dana@example.com"}
_QUESTIONS: Final = [
    {"key": "wish", "label": "What for?", "type": "choice", "options": ["Cut", "Colour", "Talk"], "required": True},
    {"key": "remark", "label": "Anything else?"},
]
_ROUTES: Final = [
    {"if": {"wish": "Colour"}, "then": {"service": "colouring", "resources": ["dan"], "duration_minutes": 120}},
    {"if": {"wish": "Cut"}, "then": {"service": "cut"}},
]
_COLOUR: Final = {"wish": "Colour"}


def _document() -> dict[str, Any]:
    document = small_document()
    document["business"] |= {"questions": _QUESTIONS, "routes": _ROUTES}
    document["resources"] = [
        {"key": key, "kind": "staff", "name": key.title(), "hours": _HOURS} for key in ("noa", "dan")
    ]
    cut = {
        "key": "cut",
        "name": "Cut",
        "duration_minutes": 30,
        "grid": {"step_minutes": 30},
        "requires": [{"role": "barber", "kind": "staff"}],
    }
    document["services"] = [
        cut,
        cut | {"key": "colouring", "duration_minutes": 90, "durations": [90, 120], "visibility": "staff"},
    ]
    return document


@pytest.fixture
async def barber(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        await opened.send("PUT", "/v1/business", json=_document(), status=200)
        yield opened


async def _listed(barber: Door, *answers: str, path: str = "", status: int = 200, **more: Any) -> Any:
    params = {"answer": list(answers), **({} if path == "/next" else _DAY), **more}
    return await barber.send("GET", f"/v1/availability{path}", params=params, headers=barber.publishable, status=status)


async def _held(barber: Door, body: dict[str, Any], status: int = 201) -> Any:
    return await barber.send("POST", "/v1/holds", json=body, headers=barber.publishable, status=status)


async def _confirmed(barber: Door, held: Any, answers: dict[str, str], status: int = 201) -> Any:
    path, body = f"/v1/holds/{held['id']}/confirm", {"customer": _DANA, "answers": answers}
    return await barber.send("POST", path, json=body, headers=barber.publishable, status=status)


def _faults(refused: Any) -> dict[str, str]:
    assert refused["code"] == "validation"
    return {error["pointer"]: error["detail"] for error in refused["errors"]}


async def test_answers_choose_the_service_in_listing_hold_and_booking(barber: Door) -> None:
    listed = await _listed(barber, "wish:Colour")

    assert listed["service"] == "colouring"
    assert listed["route"] == {
        "asked": None,
        "answers": _COLOUR,
        "service": "colouring",
        "resources": ["dan"],
        "duration_minutes": 120,
        "name": "Cut",
        "approval": False,
        "cancellation": {"free_until_minutes": 0, "fee_percent": 0},
    }
    first = listed["days"][0]["slots"][0]
    assert (first["start"], first["end"], first["resources"]) == (
        "2026-12-01T09:00:00+02:00", "2026-12-01T11:00:00+02:00", ["dan"],
    )  # fmt: skip
    for path in ("/days", "/next"):
        assert (await _listed(barber, "wish:Colour", path=path))["route"] == listed["route"]
    held = await _held(barber, {"start": first["start"], "answers": _COLOUR})
    assert (held["service"], held["routed_from"], held["duration_minutes"]) == ("colouring", None, 120)
    booked = await _confirmed(barber, held, {"remark": "None"})
    assert (booked["service"], who(booked), booked["answers"]) == (
        "colouring", [("barber", "dan")], _COLOUR | {"remark": "None"},
    )  # fmt: skip
    body = {"start": "2026-12-01T13:00:00+02:00", "customer": _DANA, "answers": _COLOUR}
    direct = await barber.send("POST", "/v1/appointments", json=body, headers=barber.publishable, status=201)
    assert (direct["service"], direct["duration_minutes"], who(direct)) == ("colouring", 120, [("barber", "dan")])


async def test_move_keeps_to_what_answers_to_the_business_chose(barber: Door) -> None:
    body = {"start": _START, "customer": _DANA, "answers": _COLOUR}
    booked = await barber.send("POST", "/v1/appointments", json=body, headers=barber.publishable, status=201)
    customer = as_customer_of(booked)

    to_noa = {"start": "2026-12-01T14:00:00+02:00", "resource": "noa"}
    refused = await act(barber, booked, "reschedule", json=to_noa, headers=customer, status=422)

    assert _faults(refused) == {"resource": 'must be one of those that the answers lead to: "dan"'}
    moved = await act(barber, booked, "reschedule", json={"start": to_noa["start"]}, headers=customer)
    assert (who(moved), moved["answers"]) == ([("barber", "dan")], _COLOUR)


async def test_service_is_required_where_answers_choose_none(barber: Door) -> None:
    bodies: list[dict[str, Any]] = [{"start": _START}, {"start": _START, "customer": _DANA}]

    missing = [
        await _listed(barber, status=422),
        await _listed(barber, path="/next", status=422),
        await _held(barber, bodies[0], 422),
        await barber.send("POST", "/v1/appointments", json=bodies[1], status=422),
    ]
    aimless = [
        await _listed(barber, "wish:Talk", status=422),
        await _held(barber, {"start": _START, "answers": {"wish": "Talk"}}, 422),
        await barber.send("POST", "/v1/appointments", json=bodies[1] | {"answers": {"wish": "Talk"}}, status=422),
    ]

    in_query, in_body = {"query.service": "required"}, {"service": "required"}
    assert [_faults(each) for each in missing] == [in_query, in_query, in_body, in_body]
    assert [_faults(each) for each in aimless] == [
        {"service": "required, because these answers lead to no service"}
    ] * 3
    nothing = await barber.send("POST", "/v1/holds", json={}, headers=barber.publishable, status=422)
    assert _faults(nothing) == {"service": "required", "start": "required"}


async def test_answers_of_the_business_are_checked_and_required(barber: Door) -> None:
    held = await _held(barber, {"start": _START, "answers": _COLOUR})

    unknown = await _listed(barber, "shoes:42", status=422)
    led_away = await _confirmed(barber, held, {"wish": "Cut"}, 422)
    aimless = await _confirmed(barber, held, {"wish": "Talk"}, 422)
    emptied = await _confirmed(barber, held, {"wish": ""}, 422)

    assert _faults(unknown) == {"answers.shoes": 'is no question of the business, which asks "wish", "remark"'}
    assert _faults(led_away) == {
        "answers.wish": 'leads to the service "cut": list its times with these answers, and choose one of those'
    }
    assert _faults(aimless) == {"answers": "lead to no service: list the times with these answers to see why"}
    assert _faults(emptied) == {"answers.wish": 'is required: "What for?"'}
    await _confirmed(barber, held, {})


async def test_service_that_is_named_asks_its_own_questions(barber: Door) -> None:
    listed = await _listed(barber, service="cut")

    assert "route" not in listed
    refused = await _listed(barber, "wish:Cut", service="cut", status=422)
    assert _faults(refused) == {"answers.wish": 'the service "cut" asks no questions'}


async def test_business_without_routes_leads_nowhere(barber: Door) -> None:
    document = _document()
    document["business"] |= {"questions": [], "routes": []}
    await barber.send("PUT", "/v1/business", json=document, status=200)

    refused = [
        await _listed(barber, "wish:Cut", status=422),
        await _held(barber, {"start": _START, "answers": {"wish": "Cut"}}, 422),
        await barber.send(
            "POST",
            "/v1/appointments",
            json={"start": _START, "customer": _DANA, "answers": {"wish": "Cut"}},
            status=422,
        ),
    ]

    assert [_faults(each) for each in refused] == [{"answers.wish": "the business asks no questions"}] * 3


async def test_storefront_has_the_questions_of_the_business(barber: Door) -> None:
    shown = await barber.send("GET", "/v1/storefront", headers=barber.publishable, status=200)

    assert [(one["key"], one.get("chooses")) for one in shown["business"]["questions"]] == [
        ("wish", True), ("remark", None),
    ]  # fmt: skip
    assert [one["key"] for one in shown["services"]] == ["cut"]


async def test_routes_of_the_business_come_back_as_they_were_written(barber: Door) -> None:
    written = (await barber.send("GET", "/v1/business", status=200))["business"]
    again = await barber.send("PUT", "/v1/business", json=_document(), status=200)
    document = _document()
    document["business"]["routes"] = [_ROUTES[1]]
    planned = await barber.send("PUT", "/v1/business", params={"dry_run": True}, json=document, status=200)

    assert (written["routes"], [one["key"] for one in written["questions"]]) == (_ROUTES, ["wish", "remark"])
    assert again["changes"] == []
    (change,) = planned["changes"]
    assert (change["kind"], {one["pointer"] for one in change["changes"]}) == ("business", {"routes"})


@pytest.mark.parametrize(
    ("route", "pointer", "detail"),
    [
        ({"if": {"shoes": "42"}, "then": {"service": "cut"}}, "if.shoes", "is no question of the business"),
        ({"if": {"wish": "Cut"}, "then": {"resources": ["noa"]}}, "then.service", "required: before it, no service"),
        ({"if": {"wish": "Cut"}, "then": {"service": "cat"}}, "then.service", 'no service "cat"; did you mean "cut"?'),
        (
            {"if": {"wish": "Cut"}, "then": {"service": "cut", "duration_minutes": 45}},
            "then.duration_minutes",
            "the service has no durations",
        ),
    ],
)
async def test_route_without_sense_is_refused(barber: Door, route: dict[str, Any], pointer: str, detail: str) -> None:
    document = _document()
    document["business"]["routes"] = [route]

    refused = await barber.send("PUT", "/v1/business", json=document, status=422)

    ((found, told),) = _faults(refused).items()
    assert found == f"business.routes[0].{pointer}"
    assert told.startswith(detail)
