"""What load tests make of an answer: granted, refused as businesses refuse, or a failure."""

from typing import Any

import pytest

from api.problems import TABLE
from loadtests.visitors.answers import KINDS, judge

PROBLEM = "application/problem+json"
HOLD: dict[str, Any] = dict.fromkeys(("id", "start", "end", "resources", "party", "status", "expires_at"), "x")


def failure(name: str, status: int | None, body: object = None, media_type: str = PROBLEM) -> str | None:
    return judge(name, status=status, media_type=media_type, body=body).failure


@pytest.mark.parametrize("status", [200, 201])
def test_granted_answer_is_counted_by_the_name_of_its_request(status: int) -> None:
    found = judge("place hold", status=status, media_type="application/json", body=HOLD)

    assert (found.line, found.failure) == ("place hold", None)


@pytest.mark.parametrize(
    ("name", "body", "line"),
    [
        ("place hold", {"code": "slot_taken"}, "place hold: slot_taken"),
        ("place hold", {"code": "slot_held"}, "place hold: slot_held"),
        ("place hold", {"code": "not_offered", "reason": "time_off"}, "place hold: not_offered/time_off"),
        ("confirm hold", {"code": "hold_expired"}, "confirm hold: hold_expired"),
        ("cancel", {"code": "cutoff_passed"}, "cancel: cutoff_passed"),
    ],
)
def test_refusal_of_the_business_is_counted_by_its_own_name(name: str, body: dict[str, str], line: str) -> None:
    found = judge(name, status=409, media_type=PROBLEM, body=body)

    assert (found.line, found.failure) == (line, None)


@pytest.mark.parametrize(
    ("name", "status", "body", "media_type", "sentence"),
    [
        ("place hold", None, None, "", "no answer: "),
        ("place hold", 500, {"code": "internal"}, PROBLEM, "500 internal"),
        ("place hold", 503, {"code": "store_unavailable"}, PROBLEM, "503 store_unavailable"),
        ("place hold", 422, {"code": "validation"}, PROBLEM, "422 validation"),
        ("place hold", 422, {"code": "not_offered", "reason": "off_grid"}, PROBLEM, "422 not_offered/off_grid"),
        ("place hold", 409, {"code": "slot_taken"}, "application/json", "answered 409 without a problem document"),
        ("place hold", 502, None, "text/html", "answered 502 without a problem document"),
        ("place hold", 202, HOLD, "application/json", "answered 202, which is not documented for it"),
        ("place hold", 201, None, "text/html", "answered 201 with text/html instead of a JSON object"),
        ("place hold", 201, HOLD, "", "answered 201 with nothing instead of a JSON object"),
        ("list day", 200, {"service": "cut"}, "application/json", "answered 200 without days"),
        # A hold is a promise: whoever confirms one that lives must not hear this.
        ("confirm hold", 409, {"code": "slot_taken"}, PROBLEM, "409 slot_taken"),
    ],
)
def test_anything_else_is_a_failure(
    name: str, status: int | None, body: object, media_type: str, sentence: str
) -> None:
    assert failure(name, status, body, media_type) == sentence


def test_expected_refusals_are_documented() -> None:
    codes = {code.partition("/")[0] for kind in KINDS.values() for code in kind.refusals}

    assert codes <= TABLE.keys()
