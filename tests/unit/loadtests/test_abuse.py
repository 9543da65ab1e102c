import json

from loadtests.abuse.http import Answer
from loadtests.abuse.report import Report
from loadtests.abuse.visitors import Crowd


def _problem(status: int, code: str) -> Answer:
    return Answer(status=status, body=json.dumps({"code": code}).encode(), seconds=0.002)


def test_refusals_of_an_ordinary_day_are_no_refusals() -> None:
    crowd = Crowd()
    for answer in (Answer(status=201, seconds=0.001), _problem(409, "slot_taken"), _problem(409, "slot_held")):
        crowd.note(answer)

    assert crowd.as_document() | {"p99_ms": 2.0} == {
        "requests": 3,
        "refused": {},
        "p50_ms": 2.0,
        "p99_ms": 2.0,
        "longest_ms": 2.0,
    }


def test_no_answer_and_any_other_refusal_count() -> None:
    crowd = Crowd()
    for answer in (Answer(status=0), _problem(503, "holds_unavailable"), Answer(status=503, body=b"busy")):
        crowd.note(answer)

    assert crowd.refused == {"0": 1, "holds_unavailable": 1, "503": 1}


def test_a_report_without_promises_keeps_none() -> None:
    assert not Report(attack="silent").kept


def test_one_broken_promise_breaks_the_report() -> None:
    report = Report(attack="silent")
    report.require("the server answers", kept=True)
    report.require("within 50 ms", kept=False)

    assert not report.kept
    assert "  BROKEN within 50 ms" in report.lines()
