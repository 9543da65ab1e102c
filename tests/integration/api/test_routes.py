"""Routes over HTTP: answers to questions choose the service or who serves, the same in listing, hold and booking."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock

_HOURS: Final = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]
_DAY: Final = {"from": "2026-12-01", "to": "2026-12-01"}
_START: Final = "2026-12-01T10:00:00+02:00"
_LATER: Final = "2026-12-01T14:00:00+02:00"
_DANA: Final = {"name": "Dana", "email": "dana@example.com"}
_QUESTIONS: Final = [
    {
        "key": "hair",
        "label": "How long is it?",
        "type": "choice",
        "options": ["Short", "Long", "Bald"],
        "required": True,
    },
    {"key": "colour", "label": "Colour?", "type": "choice", "options": ["Yes", "No"]},
    {"key": "remark", "label": "Anything else?"},
]
_ROUTES: Final = [
    {"if": {"hair": "Long", "colour": "Yes"}, "then": {"service": "colouring"}},
    {"if": {"hair": ["Long", "Bald"]}, "then": {"resources": ["dan", "eli"]}},
]


def _document() -> dict[str, Any]:
    document = small_document()
    staff = [{"key": key, "kind": "staff", "name": key.title(), "hours": _HOURS} for key in ("noa", "dan", "eli")]
    document["resources"] = staff
    cut = {"key": "cut", "name": "Cut", "duration_minutes": 30, "requires": [{"role": "barber", "kind": "staff"}]}
    document["services"] = [
        cut | {"questions": _QUESTIONS, "routes": _ROUTES, "durations": [30, 45]},
        cut
        | {
            "key": "colouring",
            "name": "Colouring",
            "duration_minutes": 90,
            "visibility": "staff",
            "rules": {
                "cancellation": {"free_until_minutes": 1440, "fee_percent": 50},
                "approval": {"within_minutes": 60},
            },
        },
    ]
    return document


@pytest.fixture
async def barber(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        await opened.send("PUT", "/v1/business", json=_document(), status=200)
        yield opened


async def _listed(barber: Door, *answers: str, path: str = "", **more: Any) -> Any:
    days = {} if path == "/next" else _DAY
    params = {"service": "cut", "answer": list(answers), **days, **more}
    return await barber.send("GET", f"/v1/availability{path}", params=params, headers=barber.publishable, status=200)


async def _held(barber: Door, start: str, answers: dict[str, str], status: int = 201, **more: Any) -> Any:
    body = {"service": "cut", "start": start, "answers": answers, **more}
    return await barber.send("POST", "/v1/holds", json=body, headers=barber.publishable, status=status)


async def _confirmed(barber: Door, held: Any, answers: dict[str, str], status: int = 201) -> Any:
    path, body = f"/v1/holds/{held['id']}/confirm", {"customer": _DANA, "answers": answers}
    return await barber.send("POST", path, json=body, headers=barber.publishable, status=status)


def _faults(refused: Any) -> dict[str, str]:
    assert refused["code"] == "validation"
    return {error["pointer"]: error["detail"] for error in refused["errors"]}


async def test_answers_lead_to_another_service_in_listing_hold_and_booking(barber: Door) -> None:
    answers = {"hair": "Long", "colour": "Yes"}

    listed = await _listed(barber, "hair:Long", "colour:Yes", "remark:A: b")

    assert (listed["service"], listed["route"]) == (
        "colouring",
        {
            "asked": "cut",
            "answers": {"hair": "Long", "colour": "Yes"},
            "service": "colouring",
            # Visitors know of it by their answers alone: it is not in the storefront.
            "name": "Colouring",
            "approval": True,
            "cancellation": {"free_until_minutes": 1440, "fee_percent": 50},
        },
    )
    first = listed["days"][0]["slots"][0]
    assert (first["start"], first["end"]) == ("2026-12-01T09:00:00+02:00", "2026-12-01T10:30:00+02:00")
    for path in ("/days", "/next"):
        assert (await _listed(barber, "hair:Long", "colour:Yes", path=path))["route"] == listed["route"]
    held = await _held(barber, first["start"], answers)
    assert (held["service"], held["routed_from"], held["end"]) == ("colouring", "cut", "2026-12-01T08:30:00Z")
    # What was answered at the hold is kept.
    booked = await _confirmed(barber, held, {"remark": "None"})
    assert (booked["service"], booked["end"]) == ("colouring", "2026-12-01T08:30:00Z")
    assert booked["answers"] == answers | {"remark": "None"}
    body = {"service": "cut", "start": "2026-12-01T13:30:00+02:00", "customer": _DANA, "answers": answers}
    direct = await barber.send("POST", "/v1/appointments", json=body, headers=barber.publishable, status=201)
    assert (direct["service"], direct["answers"]) == ("colouring", answers)


async def test_answers_lead_to_those_who_may_serve(barber: Door) -> None:
    listed = await _listed(barber, "hair:Bald")

    assert listed["route"]["resources"] == ["dan", "eli"]
    assert {key for slot in listed["days"][0]["slots"] for key in slot["resources"]} == {"dan", "eli"}
    served = [(await _held(barber, _START, {"hair": "Bald"}, client=name))["resources"] for name in ("a", "b")]
    assert {part["resource"] for parts in served for part in parts} == {"dan", "eli"}
    # Both are held, and Noa is not among them.
    assert (await _held(barber, _START, {"hair": "Bald"}, 409, client="c"))["code"] == "slot_held"
    slots = (await _listed(barber, "hair:Bald"))["days"][0]["slots"]
    assert _START not in {slot["start"] for slot in slots}
    assert (await _held(barber, _START, {"hair": "Short"}, client="d"))["resources"][0]["resource"] == "noa"
    longer: dict[str, Any] = {"start": "2026-12-01T16:00:00+02:00", "answers": {"hair": "Bald"}, "duration_minutes": 45}
    served = [(await _held(barber, **longer, client=name))["resources"] for name in ("a", "b")]
    assert {part["resource"] for parts in served for part in parts} == {"dan", "eli"}
    body = {"service": "cut", "start": _LATER, "customer": _DANA, "answers": {"hair": "Bald"}}
    direct = await barber.send("POST", "/v1/appointments", json=body, headers=barber.publishable, status=201)
    assert direct["resources"][0]["resource"] in {"dan", "eli"}


async def test_answers_that_lead_nowhere_else_leave_the_listing_as_it_is(barber: Door) -> None:
    listed = await _listed(barber, "hair:Short")

    assert listed == await _listed(barber)
    assert "route" not in listed


async def test_booking_whose_answers_lead_elsewhere_is_refused(barber: Door) -> None:
    plain = await _held(barber, _START, {}, resource="noa")
    pooled = await _held(barber, _LATER, {"hair": "Bald"})

    elsewhere = await _confirmed(barber, plain, {"hair": "Long", "colour": "Yes"}, 422)
    others = await _confirmed(barber, plain, {"hair": "Bald"}, 422)
    changed = await _confirmed(barber, pooled, {"hair": "Long", "colour": "Yes"}, 422)

    assert _faults(elsewhere) == {
        "answers.hair": 'leads to the service "colouring": list its times with these answers, and choose one of those'
    }
    assert _faults(changed) == _faults(elsewhere)
    assert _faults(others) == {
        "answers.hair": 'leads to "dan", "eli": list their times with these answers, and choose one of those'
    }
    # The holds live on.
    await _confirmed(barber, plain, {"hair": "Short"})
    await _confirmed(barber, pooled, {})


async def test_requested_resource_has_to_be_among_those_that_answers_lead_to(barber: Door) -> None:
    params = {"service": "cut", "answer": ["hair:Bald"], "resource": ["noa"], **_DAY}

    refused = [
        await barber.send("GET", "/v1/availability", params=params, status=422),
        await _held(barber, _START, {"hair": "Bald"}, 422, resource="noa"),
    ]

    detail = 'must be one of those that the answers lead to: "dan", "eli"'
    assert [_faults(each) for each in refused] == [{"resource": detail}] * 2
    assert (await _listed(barber, "hair:Bald", resource="dan"))["days"][0]["slots"][0]["resources"] == ["dan"]


async def test_answers_to_no_question_are_refused_before_the_listing(barber: Door) -> None:
    params = {"service": "cut", "answer": ["shoes:42"], **_DAY}

    refused = await barber.send("GET", "/v1/availability", params=params, status=422)

    assert _faults(refused) == {
        "answers.shoes": 'is no question of the service "cut", which asks "hair", "colour", "remark"'
    }
    unseparated = await barber.send("GET", "/v1/availability", params=params | {"answer": ["hair"]}, status=422)
    assert "must be a question's key and the answer" in next(iter(_faults(unseparated).values()))


async def test_storefront_tells_which_questions_choose(barber: Door) -> None:
    shown = await barber.send("GET", "/v1/storefront", headers=barber.publishable, status=200)

    (cut,) = shown["services"]
    assert {question["key"]: question.get("chooses") for question in cut["questions"]} == {
        "hair": True, "colour": True, "remark": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("route", "pointer", "detail"),
    [
        ({"if": {"shoes": "42"}, "then": {"service": "colouring"}}, "if.shoes", "is no question of this service"),
        (
            {"if": {"remark": "A"}, "then": {"service": "colouring"}},
            "if.remark",
            "must be a question of the type choice",
        ),
        (
            {"if": {"hair": "Grey"}, "then": {"service": "colouring"}},
            "if.hair",
            '"Grey" is not among the options of the question',
        ),
        ({"if": {"hair": 5}, "then": {"service": "colouring"}}, "if.hair", "must be a list"),
        (
            {"if": {"hair": "Long"}, "then": {"service": "colorin"}},
            "then.service",
            'no service "colorin"; did you mean',
        ),
        ({"if": {"hair": "Long"}, "then": {"service": "cut"}}, "then.service", "is this service"),
        ({"if": {"hair": "Long"}, "then": {"resources": ["dam"]}}, "then.resources[0]", 'no resource "dam"; did you'),
        ({"if": {"hair": "Long"}, "then": {}}, "then", "choose a service, resources, a length, or some of them"),
    ],
)
async def test_route_without_sense_is_refused(barber: Door, route: dict[str, Any], pointer: str, detail: str) -> None:
    document = _document()
    document["services"][0]["routes"] = [route]

    refused = await barber.send("PUT", "/v1/business", json=document, status=422)

    ((found, told),) = _faults(refused).items()
    assert found == f"services[0].routes[0].{pointer}"
    assert told.startswith(detail)
