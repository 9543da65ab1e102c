"""What it takes to make one catalogue another."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from catalogue.diff import diff
from catalogue.model.catalogue import Catalogue
from tests.support.documents import catalogue_of, desired_by, empty_catalogue, small_document

Edit = Callable[[dict[str, Any]], object]


def changes(stored: Catalogue, document: dict[str, Any]) -> list[tuple[str, str, str, tuple[str, ...]]]:
    todo = diff(stored, {}, desired_by(document, stored))
    return [(change.action.value, change.kind.value, change.key, change.fields) for change in todo.changes]


def test_everything_is_created_when_nothing_is_there() -> None:
    stored = empty_catalogue()

    found = changes(stored, small_document())

    assert found == [
        ("change", "business", "Fade & Co", ("name", "timezone", "currency")),
        ("create", "location", "main", ()),
        ("create", "resource", "noa", ()),
        ("create", "resource", "chair", ()),
        ("create", "service", "haircut", ()),
    ]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda d: d, []),
        (lambda d: d["business"].update(rules={"approval": True}), [("change", "business", "Fade & Co", ("rules",))]),
        # Resources show their location's zone, but it is the location that changes.
        (lambda d: d["locations"][0].update(timezone="UTC"), [("change", "location", "main", ("timezone",))]),
        (lambda d: d["resources"][0].update(capacity=2), [("change", "resource", "noa", ("capacity",))]),
        (lambda d: d["resources"][0].update(description="Fades"), [("change", "resource", "noa", ("description",))]),
        (lambda d: d["locations"][0].update(address="Here"), [("change", "location", "main", ("address",))]),
        (lambda d: d["resources"][0].update(hours=[]), [("change", "resource", "noa", ("hours",))]),
        (
            lambda d: d["resources"][0].update(overrides=[{"date": "2027-01-01", "spans": []}]),
            [("change", "resource", "noa", ("overrides",))],
        ),
        (
            lambda d: d["resources"][0].update(
                time_off=[{"start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"}]
            ),
            [("change", "resource", "noa", ("time_off",))],
        ),
        (
            lambda d: d["resources"].reverse(),
            [("change", "resource", "chair", ("position",)), ("change", "resource", "noa", ("position",))],
        ),
        (
            lambda d: d["resources"].insert(0, {"key": "dan", "kind": "staff", "name": "Dan"}),
            [("create", "resource", "dan", ())],
        ),
        (lambda d: d["services"].clear(), [("archive", "service", "haircut", ())]),
        (
            lambda d: d["services"][0].update(buffer_after_minutes=5, assign="priority"),
            [("change", "service", "haircut", ("buffer_after_minutes", "assign"))],
        ),
    ],
)
def test_difference_names_what_changes(edit: Edit, expected: list[object]) -> None:
    stored = catalogue_of(small_document())
    document = small_document()
    edit(document)

    found = changes(stored, document)

    assert found == expected


def test_archived_object_is_revived_under_its_id_when_its_key_comes_back() -> None:
    before = catalogue_of(small_document())
    stored = replace(before, services=(replace(before.services[0], archived=True),))

    todo = diff(stored, {}, desired_by(small_document(), stored))

    assert [(change.action.value, change.id) for change in todo.changes] == [("revive", before.services[0].id)]


def test_archived_object_stays_archived_when_it_is_absent() -> None:
    before = catalogue_of(small_document())
    stored = replace(before, services=(replace(before.services[0], archived=True),))

    found = changes(stored, small_document(services=[]))

    assert found == []


def test_overrides_stay_when_absent_and_go_when_empty() -> None:
    document = small_document()
    document["resources"][0]["overrides"] = [{"date": "2027-01-01", "spans": []}]
    stored = catalogue_of(document)
    silent, emptying = small_document(), small_document()
    emptying["resources"][0]["overrides"] = []

    assert changes(stored, silent) == []
    assert changes(stored, emptying) == [("change", "resource", "noa", ("overrides",))]


def test_time_off_that_says_the_same_keeps_its_id() -> None:
    first = {"start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"}
    second = {"start": "2027-02-01T00:00:00Z", "end": "2027-02-02T00:00:00Z", "reason": "course"}
    third = {"start": "2027-03-01T00:00:00Z", "end": "2027-03-02T00:00:00Z"}
    document = small_document()
    document["resources"][0]["time_off"] = [first, first, second]
    before = desired_by(document)
    stored = Catalogue(before.business, before.locations, before.resources, before.services)
    document["resources"][0]["time_off"] = [third, second, first]

    todo = diff(stored, before.time_off, desired_by(document, stored))

    (change,) = todo.time_off
    assert [entry.start.month for entry in change.added] == [3]
    assert [entry.start.month for entry in change.removed] == [1]
    assert not todo.touches_catalogue
