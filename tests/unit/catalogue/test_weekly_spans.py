"""Weekly spans begin on the dates of their weeks, and of their days in a month."""

from datetime import date, timedelta
from typing import Any

import pytest

from catalogue.model.schedules import WeeklySpan, WeeklySpanDocument, desired_weekly_span
from catalogue.reading import read_document
from kernel.errors import FieldError, ValidationFailed


def _span(**terms: Any) -> WeeklySpan:
    return desired_weekly_span(read_document(WeeklySpanDocument, {"start": "09:00", "end": "17:00", **terms}))


def _dates(span: WeeklySpan, first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    dates = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    return [day.isoformat() for day in dates if span.applies_on(day)]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        # From a Monday: the weeks of ISO 8601. Nothing before it.
        (
            {"days": ["mon", "sun"], "every_weeks": 2, "starting": "2026-11-30"},
            ["2026-11-30", "2026-12-06", "2026-12-14", "2026-12-20", "2026-12-28"],
        ),
        # From a Sunday: Sunday and Monday are of one week.
        (
            {"days": ["mon", "sun"], "every_weeks": 2, "starting": "2026-12-06"},
            ["2026-12-06", "2026-12-07", "2026-12-20", "2026-12-21"],
        ),
        ({"days": ["wed"], "every_weeks": 3, "starting": "2026-11-30"}, ["2026-12-02", "2026-12-23"]),
        ({"days": ["mon"], "nth": 1}, ["2026-12-07"]),
        ({"days": ["tue"], "nth": 5}, ["2026-12-29"]),
        ({"days": ["mon"], "nth": 5}, ["2026-11-30"]),
        ({"days": ["mon", "tue"], "nth": -1}, ["2026-11-30", "2026-12-28", "2026-12-29"]),
        ({"days": ["thu"], "nth": 1, "valid_from": "2026-12-04"}, []),
    ],
)
def test_span_begins_on_its_dates(terms: dict[str, Any], expected: list[str]) -> None:
    assert _dates(_span(**terms), "2026-11-25", "2026-12-31") == expected


def test_weeks_go_on_over_the_end_of_a_year_with_53() -> None:
    span = _span(days=["thu"], every_weeks=2, starting="2026-12-21")

    assert _dates(span, "2026-12-01", "2027-01-31") == ["2026-12-24", "2027-01-07", "2027-01-21"]


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"every_weeks": 2}, ("starting", "required with every_weeks: the first date of the first week")),
        ({"starting": "2026-12-07"}, ("starting", "only with every_weeks")),
        ({"every_weeks": 2, "starting": "2026-12-07", "nth": 1}, ("nth", "not with every_weeks")),
    ],
)
def test_terms_that_do_not_go_together_are_refused(terms: dict[str, Any], fault: tuple[str, str]) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        _span(days=["mon"], **terms)

    assert refusal.value.errors == (FieldError(*fault),)
