"""A planned change has the old and the new value of each part that differs."""

from collections.abc import Callable
from typing import Any

import pytest

from catalogue.changed_values import with_values
from catalogue.diff import diff
from catalogue.model.rules.rule import UNSET
from catalogue.model.time_off import TimeOffDocument, desired_time_off
from tests.support.documents import catalogue_of, desired_by, small_document

Edit = Callable[[dict[str, Any]], object]
_HOURS = {"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}
_OFF = {"start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda d: d, []),
        (lambda d: d["business"].update(name="Fade"), [("name", "Fade & Co", "Fade")]),
        (lambda d: d["business"].update(rules={"window": None}), [("rules.window", UNSET, None)]),
        (
            lambda d: d["services"][0].update(duration_minutes=45, description="Short"),
            [("description", UNSET, "Short"), ("duration_minutes", 30, 45)],
        ),
        (
            lambda d: d["services"][0].update(grid={"align": "clock", "step_minutes": 15}),
            [("grid.align", "opening", "clock"), ("grid.step_minutes", UNSET, 15)],
        ),
        (
            lambda d: d["services"][0]["requires"][0].update(role="stylist"),
            [("requires[0].role", "barber", "stylist")],
        ),
        (
            lambda d: d["resources"][0]["hours"][0].update(days=["mon"], end="17:00"),
            [("hours[0].days", ["mon", "tue"], ["mon"]), ("hours[0].end", "18:00", "17:00")],
        ),
        (lambda d: d["resources"][0].update(hours=[]), [("hours", [_HOURS], [])]),
        (
            lambda d: d["resources"][0].update(overrides=[{"date": "2027-01-01", "spans": []}]),
            [("overrides", [], [{"date": "2027-01-01", "spans": []}])],
        ),
        (lambda d: d["resources"].reverse(), [("position", 1, 0), ("position", 0, 1)]),
        (lambda d: d["services"].clear(), []),
        (lambda d: d["resources"].append({"key": "dan", "kind": "staff", "name": "Dan"}), []),
    ],
)
def test_planned_change_has_the_old_and_the_new_value(edit: Edit, expected: list[object]) -> None:
    stored, document = catalogue_of(small_document()), small_document()
    edit(document)
    desired = desired_by(document, stored)

    changes = with_values(diff(stored, {}, desired), stored, desired)

    assert [(value.pointer, value.old, value.new) for change in changes for value in change.values] == expected
    for change in changes:
        named = {value.pointer.partition(".")[0].partition("[")[0] for value in change.values}
        assert named == set(change.fields)


def test_time_off_is_planned_without_the_reasons_of_people() -> None:
    stored, document = catalogue_of(small_document()), small_document()
    (noa, _) = stored.resources
    document["resources"][0]["time_off"] = [{**_OFF, "reason": "surgery"}]
    desired = desired_by(document, stored)
    earlier = desired_time_off(
        [TimeOffDocument.model_validate({**_OFF, "end": "2027-01-03T00:00:00Z", "reason": "ill"})]
    )

    (change,) = with_values(diff(stored, {noa.id: earlier}, desired), stored, desired)

    assert [(value.pointer, value.old, value.new) for value in change.values] == [
        ("time_off", [{**_OFF, "end": "2027-01-03T00:00:00Z"}], [_OFF])
    ]
