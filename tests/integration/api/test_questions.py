"""Questions of a service and required contact details, over HTTP: asked, checked, kept, and shown."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of, open_door
from tests.support.engine import MovingClock

_START: Final = "2026-12-01T10:00:00+02:00"
_LATER: Final = "2026-12-01T11:00:00+02:00"
_HOURS: Final = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]
_DANA: Final = {"name": "Dana", "email": "dana@example.com"}
_QUESTIONS: Final = [
    {"key": "allergies", "label": "Any allergies?", "type": "text", "required": True},
    {"key": "hair", "label": "How long is it?", "type": "choice", "options": ["Short", "Long"], "required": False},
]


@pytest.fixture
async def barber(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    # MovingClock stands at Monday, 2026-11-30T08:00 UTC.
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        yield opened


async def _set_up(barber: Door, **service: Any) -> None:
    document = small_document()
    document["resources"] = [resource | {"hours": _HOURS} for resource in document["resources"]]
    document["services"] = [document["services"][0] | service, document["services"][0] | {"key": "trim"}]
    await barber.send("PUT", "/v1/business", json=document, status=200)


async def _confirmed(barber: Door, held: Any, status: int, customer: Any = _DANA, **more: Any) -> Any:
    path, body = f"/v1/holds/{held['id']}/confirm", {"customer": customer, **more}
    return await barber.send("POST", path, json=body, headers=barber.publishable, status=status)


def _faults(refused: Any) -> dict[str, str]:
    assert refused["code"] == "validation"
    return {error["pointer"]: error["detail"] for error in refused["errors"]}


async def test_answers_are_checked_at_the_confirmation_and_kept(barber: Door) -> None:
    await _set_up(barber, questions=_QUESTIONS)
    held = await barber.hold("haircut", _START)

    refused = await _confirmed(barber, held, 422, answers={"hair": "Medium", "shoes": "42"})

    assert _faults(refused) == {
        "answers.hair": 'must be one of "Short", "Long"',
        "answers.shoes": 'is no question of the service "haircut", which asks "allergies", "hair"',
        "answers.allergies": 'is required: "Any allergies?"',
    }
    # The hold lives on, and becomes an appointment with the right answers.
    booked = await _confirmed(barber, held, 201, answers={"hair": "Long", "allergies": " None\n"})
    assert booked["answers"] == {"hair": "Long", "allergies": "None"}
    path = f"/v1/appointments/{booked['id']}"
    for headers in (barber.secret, as_customer_of(booked)):
        assert (await barber.send("GET", path, headers=headers, status=200))["answers"] == booked["answers"]
    listed = await barber.send("GET", "/v1/appointments", status=200)
    assert [one["answers"] for one in listed["data"]] == [booked["answers"]]
    again = await _confirmed(barber, held, 200, answers={"hair": "Long", "allergies": "None"})
    assert again["answers"] == booked["answers"]
    other = await _confirmed(barber, held, 200, answers={"allergies": "Nuts"})
    assert (other["token"], "answers" in other) == (None, False), "somebody else may have sent it"


async def test_answers_are_checked_at_a_direct_booking(barber: Door) -> None:
    await _set_up(barber, questions=_QUESTIONS)
    held = await barber.hold("haircut", _START)
    body = {"service": "haircut", "start": _START, "customer": _DANA, "override": ["held"]}

    refused = await barber.send("POST", "/v1/appointments", json=body | {"answers": {"allergies": "  "}}, status=422)

    assert list(_faults(refused)) == ["answers.allergies"]
    assert (await barber.send("GET", f"/v1/holds/{held['id']}", status=200))["status"] == "held", "nothing gave way"
    booked = await barber.send("POST", "/v1/appointments", json=body | {"answers": {"allergies": "Nuts"}}, status=201)
    assert booked["answers"] == {"allergies": "Nuts"}


async def test_answers_to_a_service_that_asks_nothing_are_refused(barber: Door) -> None:
    await _set_up(barber, questions=_QUESTIONS)
    held = await barber.hold("trim", _START)

    refused = await _confirmed(barber, held, 422, answers={"allergies": "None"})

    assert _faults(refused) == {"answers.allergies": 'the service "trim" asks no questions'}
    assert "answers" not in await _confirmed(barber, held, 201)


async def test_direct_booking_repeated_with_another_answer_is_another_request(barber: Door) -> None:
    await _set_up(barber, questions=_QUESTIONS)
    body = {"service": "haircut", "start": _START, "customer": _DANA, "answers": {"allergies": "Nuts"}}
    headers = {"Idempotency-Key": "one"}

    first = await barber.send("POST", "/v1/appointments", json=body, headers=headers, status=201)
    again = await barber.send("POST", "/v1/appointments", json=body, headers=headers, status=201)

    assert again["id"] == first["id"]


async def test_contact_details_that_a_rule_requires_have_to_be_there(barber: Door) -> None:
    await _set_up(barber, rules={"require": ["phone", "email"]})
    held = await barber.hold("haircut", _START)

    refused = await _confirmed(barber, held, 422)

    assert _faults(refused) == {"customer.phone": "is required: this service is not booked without a telephone number"}
    await _confirmed(barber, held, 201, _DANA | {"phone": "054 123 4567"})
    await _confirmed(barber, await barber.hold("trim", _LATER), 201, {"name": "Noa"})


async def test_amendment_cannot_remove_a_contact_detail_that_a_rule_requires(barber: Door) -> None:
    await _set_up(barber, questions=_QUESTIONS, rules={"require": ["phone"]})
    customer = _DANA | {"phone": "054 123 4567"}
    booked = await _confirmed(
        barber, await barber.hold("haircut", _START), 201, customer, answers={"allergies": "None"}
    )
    path = f"/v1/appointments/{booked['id']}"

    refused = await barber.send("PATCH", path, json={"customer": {"phone": None}}, status=422)

    assert list(_faults(refused)) == ["customer.phone"]
    amended = await barber.send("PATCH", path, json={"customer": {"email": None}, "party": 1}, status=200)
    assert (amended["customer"]["phone"], amended["answers"]) == ("054 123 4567", {"allergies": "None"})


async def test_storefront_has_what_a_form_asks_for(barber: Door) -> None:
    await _set_up(barber, questions=_QUESTIONS, rules={"require": ["phone"]})

    shown = await barber.send("GET", "/v1/storefront", headers=barber.publishable, status=200)

    haircut, trim = shown["services"]
    assert haircut["questions"] == [
        {"key": "allergies", "label": "Any allergies?", "type": "text", "required": True},
        {"key": "hair", "label": "How long is it?", "type": "choice", "options": ["Short", "Long"], "required": False},
    ]
    assert haircut["require"] == ["phone"]
    assert not {"questions", "require"} & set(trim)


@pytest.mark.parametrize(
    ("question", "pointer", "detail"),
    [
        ({"type": "choice"}, "services[0].questions[0].options", "a choice needs options to choose from"),
        ({"options": ["A"]}, "services[0].questions[0].options", "belong to a question of the type choice"),
        (
            {"type": "choice", "options": ["A", "A"]},
            "services[0].questions[0].options",
            "must differ from each other",
        ),
    ],
)
async def test_question_without_sense_is_refused(
    barber: Door, question: dict[str, Any], pointer: str, detail: str
) -> None:
    document = small_document()
    document["services"][0]["questions"] = [{"key": "a", "label": "A?", **question}]

    refused = await barber.send("PUT", "/v1/business", json=document, status=422)

    assert _faults(refused) == {pointer: detail}


async def test_two_questions_of_one_key_are_refused(barber: Door) -> None:
    document = small_document()
    document["services"][0]["questions"] = [{"key": "a", "label": "A?"}, {"key": "a", "label": "B?"}]

    refused = await barber.send("PUT", "/v1/business", json=document, status=422)

    assert _faults(refused) == {"services[0].questions[1].key": 'another question has the key "a"'}
