"""Closures say which dates they empty, every year where they are repeated."""

from datetime import date
from typing import Any

import pytest

from catalogue.model.closures import Closure, ClosureDocument, closure_records, desired_closures, stored_closures
from catalogue.reading import read_document
from kernel.errors import FieldError, ValidationFailed


def _closure(**entry: Any) -> Closure:
    (closure,) = desired_closures([read_document(ClosureDocument, {"name": "Holiday", **entry})])
    return closure


@pytest.mark.parametrize(
    ("entry", "closed", "open_on"),
    [
        ({"from": "2026-12-25"}, ["2026-12-25"], ["2026-12-24", "2026-12-26", "2027-12-25"]),
        (
            {"from": "2026-12-24", "until": "2026-12-26"},
            ["2026-12-24", "2026-12-25", "2026-12-26"],
            ["2026-12-23", "2026-12-27", "2027-12-25"],
        ),
        (
            {"from": "2026-12-24", "until": "2027-01-02", "yearly": True},
            ["2026-12-24", "2027-01-02", "2030-12-31", "2031-01-01", "2031-01-02"],
            ["2026-01-01", "2026-12-23", "2027-01-03", "2031-12-23"],
        ),
        # 29 February alone: in leap years only.
        ({"from": "2028-02-29", "yearly": True}, ["2028-02-29", "2032-02-29"], ["2029-02-28", "2029-03-01"]),
        # Until it: until 28 February in other years.
        (
            {"from": "2028-02-20", "until": "2028-02-29", "yearly": True},
            ["2028-02-29", "2029-02-28", "2032-02-29"],
            ["2029-02-19", "2029-03-01"],
        ),
        # From it: from 1 March in other years.
        (
            {"from": "2028-02-29", "until": "2028-03-02", "yearly": True},
            ["2028-02-29", "2029-03-01", "2029-03-02"],
            ["2029-02-28", "2029-03-03"],
        ),
        # Around it: on that date too.
        ({"from": "2027-02-27", "until": "2027-03-01", "yearly": True}, ["2028-02-29"], ["2028-02-26"]),
    ],
)
def test_closure_empties_its_dates(entry: dict[str, Any], closed: list[str], open_on: list[str]) -> None:
    closure = _closure(**entry)

    dates = {text: closure.applies_on(date.fromisoformat(text)) for text in (*closed, *open_on)}

    assert dates == dict.fromkeys(closed, True) | dict.fromkeys(open_on, False)


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        ({"from": "2026-12-24", "until": "2026-12-23"}, "must not be before from"),
        (
            {"from": "2026-12-24", "until": "2027-12-24", "yearly": True},
            "must be less than a year after from, because it is repeated every year",
        ),
    ],
)
def test_closure_is_refused_with_the_wrong_end(entry: dict[str, Any], detail: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        _closure(**entry)

    assert refusal.value.errors == (FieldError("until", detail),)


def test_closure_may_be_repeated_if_it_takes_the_whole_year() -> None:
    assert _closure(**{"from": "2026-12-24", "until": "2027-12-23"}, yearly=True).applies_on(date(2029, 7, 1))


def test_closures_are_read_from_what_is_stored() -> None:
    closures = (_closure(**{"from": "2026-12-24"}), _closure(**{"from": "2028-02-29"}, yearly=True))

    assert stored_closures(closure_records(closures)) == closures
