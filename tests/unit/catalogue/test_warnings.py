"""What is accepted, but is hardly meant so, is warned of with its place and the reason."""

from typing import Any, Final

import pytest

from catalogue.model.objects import CollectionKind, ObjectKind, objects_of
from catalogue.warnings import warnings_about, warnings_of
from tests.support.documents import desired_by, empty_catalogue, example, small_document

_WEEK: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_EARLY: Final = {"start": "05:00", "end": "08:00"}
_SLOW_TIMES: Final = {"start": "12:00", "end": "15:00"}
_SLOW: Final = {**_SLOW_TIMES, "percent_off": 20, "below_share": 50}
_FEE: Final = {"free_until_minutes": 1440, "fee_percent": 50}


def _noa(**fields: Any) -> dict[str, Any]:
    hours = [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}]
    resource = {"key": "noa", "kind": "staff", "name": "Noa", "hours": hours, **fields}
    return small_document(resources=[resource, {"key": "chair", "kind": "equipment", "name": "Chair"}])


def _haircut(business: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    document = small_document()
    document["services"][0] |= fields
    document["business"]["rules"] = business or {}
    return document


def _warnings(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(warning.pointer, warning.detail) for warning in warnings_of(desired_by(document))]


@pytest.mark.parametrize(
    ("document", "pointer", "detail"),
    [
        pytest.param(
            _noa(hours=[{"days": ["mon"], "start": "09:00", "end": "08:00"}]),
            "resources[0].hours[0]",
            "runs past midnight for 23 h 00 min, from 09:00 to 08:00 on the next date; should it end before midnight?",
            id="long night",
        ),
        pytest.param(
            _haircut(rules={"lead_time_minutes": 1500, "release": {"rolling_hours": 24}}),
            "services[0].rules.release.rolling_hours",
            "are fewer than the notice, 1500 minutes, so no slot is ever offered",
            id="rolling hours within the notice",
        ),
        pytest.param(
            _haircut({"lead_time_minutes": 180, "release": {"off_peak": [_SLOW | {"within_hours": 2}]}}),
            "business.rules.release.off_peak[0].within_hours",
            "are fewer than the notice, 180 minutes, so no slot is ever cheaper",
            id="discount within the notice",
        ),
        pytest.param(
            _haircut(rules={"release": {"off_peak": [_SLOW | {"start": "20:00", "end": "23:00"}]}}),
            "services[0].rules.release.off_peak[0]",
            "lies outside of all hours of those who could serve, so no slot is ever cheaper",
            id="discount when nobody works",
        ),
        pytest.param(
            _noa(rules={"release": {"fill_earlier_first": {"parts": [_EARLY, _SLOW_TIMES], "share": 50}}}),
            "resources[0].rules.release.fill_earlier_first.parts[0]",
            "lies outside of all hours of those who could serve, so it keeps no later part closed",
            id="part to fill in which nobody works",
        ),
        pytest.param(
            _haircut(prices=[{"days": ["tue"], "percent": 120}]),
            "services[0].prices",
            "depend on the time, but a move that asks for no resource keeps its price, also to a dearer time; set "
            '"new" or "keep" as rules.reschedule.price',
            id="move to a dearer time",
        ),
        pytest.param(
            _noa(overrides=[{"date": "2027-01-04", "spans": [{"start": "09:00", "end": "05:30"}]}]),
            "resources[0].overrides",
            "of 2027-01-04 runs past midnight for 20 h 30 min, from 09:00 to 05:30 on the next date; should it end "
            "before midnight?",
            id="long night of one date",
        ),
        pytest.param(
            _noa(
                hours=[
                    {"days": ["mon", "tue"], "start": "09:00", "end": "13:00"},
                    {"days": ["tue"], "start": "12:00", "end": "18:00"},
                ]
            ),
            "resources[0].hours[1]",
            "overlaps hours[0]; the minutes of both are worked once",
            id="hours overlap",
        ),
        pytest.param(
            _noa(
                hours=[
                    {"days": ["sun"], "start": "20:00", "end": "04:00"},
                    {"days": ["mon"], "start": "03:00", "end": "09:00"},
                ]
            ),
            "resources[0].hours[1]",
            "overlaps hours[0]; the minutes of both are worked once",
            id="hours overlap the night before, over the end of the week",
        ),
        pytest.param(
            _noa(breaks=[{"days": ["mon", "wed"], "start": "13:00", "end": "13:30"}]),
            "resources[0].breaks[0]",
            "lies outside of all hours on wed, so it has no effect then",
            id="break without hours",
        ),
        pytest.param(
            _noa(exclusive="service"),
            "resources[0].exclusive",
            "changes nothing with a capacity of 1: nobody else could take part in a session",
            id="session of one",
        ),
        pytest.param(
            _haircut(grid={"align": "clock", "offset_minutes": 1440}),
            "services[0].grid.offset_minutes",
            "is a whole day or more, so no slot ever starts",
            id="offset of a day",
        ),
        pytest.param(
            _haircut(grid={"offset_minutes": 600}),
            "services[0].grid.offset_minutes",
            "leaves no room for a visit in the longest hours of those who could serve, 540 minutes, so no slot is ever "
            "offered",
            id="offset beyond the hours",
        ),
        pytest.param(
            _haircut(grid={"last_start_minutes": 541}),
            "services[0].grid.last_start_minutes",
            "is more than the longest hours of those who could serve, 540 minutes, so no slot is ever offered",
            id="last start before the hours",
        ),
        pytest.param(
            _haircut(duration_minutes=541),
            "services[0].duration_minutes",
            "is 541, but nobody who could serve works for more than 540 minutes at a stretch, so no slot is ever "
            "offered",
            id="longer than any shift",
        ),
        pytest.param(
            _haircut(durations=[540, 30, 541]),
            "services[0].durations[2]",
            "makes the visit 541 minutes long, but nobody who could serve works for more than 540 at a stretch, so no "
            "slot is ever offered with it",
            id="choice longer than any shift",
        ),
        pytest.param(
            _haircut(
                durations=[30, 60],
                add_ons=[
                    {"key": "perm", "name": "Perm", "minutes": 510},
                    {"key": "sleep", "name": "Sleep", "minutes": 511},
                ],
            ),
            "services[0].add_ons[1]",
            "makes the visit 541 minutes long, but nobody who could serve works for more than 540 at a stretch, so no "
            "slot is ever offered with it",
            id="add-on longer than any shift",
        ),
        pytest.param(
            _haircut({"cancellation": _FEE, "reschedule": {"until_minutes": 120}}),
            "business.rules.reschedule",
            "customers may move until 120 minutes before the start, but cancel free of charge only until 1440 minutes "
            "before it; a visit that is moved in between keeps the fee of its old start",
            id="late moves",
        ),
        pytest.param(
            _haircut({"reschedule": {"until_minutes": 120, "fee": "new"}}, rules={"cancellation": _FEE}),
            "services[0].rules.reschedule",
            "customers may move until 120 minutes before the start, but cancel free of charge only until 1440 minutes "
            "before it; a visit that is moved in between loses the fee of its old start",
            id="late moves by a rule of the service",
        ),
        pytest.param(
            _haircut({"cancellation": {"tiers": [{"until_minutes": 0, "percent": 20}]}, "reschedule": {}}),
            "business.rules.reschedule",
            "customers may move until the start, but never cancel free of charge; a visit that is moved keeps the fee "
            "of its old start",
            id="moves where nothing is free",
        ),
        pytest.param(
            _noa(rules={"cancellation": _FEE}),
            "resources[0].rules.reschedule",
            "customers may move until the start, but cancel free of charge only until 1440 minutes before it; a visit "
            "that is moved in between keeps the fee of its old start",
            id="late moves by a rule of the resource",
        ),
    ],
)
def test_set_up_that_is_hardly_meant_so_is_warned_of(document: dict[str, Any], pointer: str, detail: str) -> None:
    assert _warnings(document) == [(pointer, detail)]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(small_document(), id="small"),
        pytest.param(example("gym"), id="gym"),
        pytest.param(_noa(hours=[{"days": _WEEK, "start": "00:00", "end": "24:00"}]), id="around the clock"),
        pytest.param(_noa(hours=[{"days": _WEEK, "start": "20:00", "end": "12:00"}]), id="sixteen hours"),
        pytest.param(
            _noa(
                hours=[
                    {"days": ["mon"], "start": "09:00", "end": "13:00"},
                    {"days": ["mon"], "start": "13:00", "end": "18:00"},
                ]
            ),
            id="hours that touch",
        ),
        pytest.param(
            _noa(
                hours=[
                    {"days": ["mon"], "start": "09:00", "end": "18:00", "valid_until": "2027-05-31"},
                    {"days": ["mon"], "start": "10:00", "end": "19:00", "valid_from": "2027-06-01"},
                ]
            ),
            id="hours of two seasons",
        ),
        pytest.param(
            _noa(
                hours=[
                    {
                        "days": ["mon"],
                        "start": "09:00",
                        "end": "18:00",
                        "every_weeks": 2,
                        "starting": f"2027-01-{first}",
                    }
                    for first in ("04", "11")
                ]
            ),
            id="hours of alternate weeks",
        ),
        pytest.param(_noa(exclusive="service", capacity=2), id="session of two"),
        pytest.param(_haircut({"cancellation": _FEE, "reschedule": {"until_minutes": 1440}}), id="no late moves"),
        pytest.param(_haircut({"cancellation": {"free_until_minutes": 1440}}), id="no fee"),
        pytest.param(
            small_document(
                resources=[
                    _noa()["resources"][0],
                    {"key": "chair", "kind": "equipment", "name": "Chair", "rules": {"cancellation": _FEE}},
                ]
            ),
            id="rules of a resource that leads no visit",
        ),
    ],
)
def test_set_up_that_makes_sense_is_not_warned_of(document: dict[str, Any]) -> None:
    assert _warnings(document) == []


@pytest.mark.parametrize(
    ("document", "kind", "key", "pointers"),
    [
        (_noa(hours=[{"days": ["mon"], "start": "09:00", "end": "08:00"}]), ObjectKind.RESOURCE, "noa", ["hours[0]"]),
        (_noa(hours=[{"days": ["mon"], "start": "09:00", "end": "08:00"}]), ObjectKind.RESOURCE, "chair", []),
        (_haircut(duration_minutes=541), ObjectKind.SERVICE, "haircut", ["duration_minutes"]),
        (_haircut(duration_minutes=541), ObjectKind.LOCATION, "main", []),
    ],
)
def test_warnings_about_one_object_have_its_own_paths(
    document: dict[str, Any], kind: CollectionKind, key: str, pointers: list[str]
) -> None:
    desired = desired_by(document)
    items = objects_of(kind, desired.over(empty_catalogue()))

    (found,) = [warnings_about(item, desired) for item in items if item.key == key]

    assert [warning.pointer for warning in found] == pointers
