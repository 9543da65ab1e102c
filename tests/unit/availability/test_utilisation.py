"""How full a date is, by bitmaps that are made as the cache has them."""

from datetime import date
from typing import Final

import pytest

from availability.state.encoding import encode_day
from availability.utilisation.calculation import DayUse, HeldMinutes, day_use
from catalogue.model.resources import Lane, Resource
from catalogue.model.schedules import Schedule, WeeklySpan
from catalogue.model.wall_clock import WallSpan, Weekday
from kernel.ids import LocationId, ResourceId
from kernel.spans import MINUTES_PER_DAY, Span, day_number

_TUESDAY: Final = date(2026, 12, 1)
_DAY: Final = day_number(_TUESDAY)
_MIDNIGHT: Final = _DAY * MINUTES_PER_DAY


def _resource(
    start: int = 540, end: int = 1020, *, timezone: str = "UTC", capacity: int = 1, lanes: int = 1
) -> Resource:
    hours = (WeeklySpan(days=tuple(Weekday), span=WallSpan(start, end)),)
    return Resource(
        id=ResourceId("res_1"),
        key="noa",
        kind="staff",
        name="Noa",
        location_id=LocationId("loc_1"),
        capacity=capacity,
        schedule=Schedule(timezone=timezone, hours=hours),
        lanes=tuple(Lane(id=number, number=number) for number in range(1, lanes + 1)),
    )


def _at(start: int, end: int) -> Span:
    """Minutes of Tuesday, in UTC."""
    return Span(_MIDNIGHT + start, _MIDNIGHT + end)


def test_minutes_outside_of_working_time_do_not_count() -> None:
    cached = {_DAY: encode_day(_DAY, [], [[_at(500, 600), _at(1000, 1100)]])}

    assert day_use(_resource(), _TUESDAY, cached, []) == DayUse(offered=480, booked=80, held=0)


def test_time_off_is_not_offered() -> None:
    cached = {_DAY: encode_day(_DAY, [_at(540, 660)], [[_at(660, 720)]])}

    assert day_use(_resource(), _TUESDAY, cached, []) == DayUse(offered=360, booked=60, held=0)


def test_each_place_counts_and_those_beyond_the_capacity_do_not() -> None:
    claims = [[_at(540, 600)], [_at(540, 570)], [_at(540, 1020)]]
    cached = {_DAY: encode_day(_DAY, [], claims)}

    assert day_use(_resource(capacity=2, lanes=3), _TUESDAY, cached, []) == DayUse(offered=960, booked=90, held=0)


def test_held_minutes_are_those_that_are_not_taken_as_well() -> None:
    cached = {_DAY: encode_day(_DAY, [], [[_at(540, 600)], []])}
    held = [
        HeldMinutes(lane=1, span=_at(570, 630)),
        HeldMinutes(lane=1, span=_at(600, 630)),
        HeldMinutes(lane=2, span=_at(1000, 1030)),
    ]

    found = day_use(_resource(capacity=2, lanes=2), _TUESDAY, cached, held)

    assert found == DayUse(offered=960, booked=60, held=30 + 20)


def test_date_of_another_zone_needs_both_of_its_utc_days() -> None:
    # Tuesday in Auckland, 13 hours ahead, from eight to five: 19:00 on Monday to 04:00 on Tuesday.
    resource = _resource(480, 1020, timezone="Pacific/Auckland")
    monday = encode_day(_DAY - 1, [], [[Span(_MIDNIGHT - 60, _MIDNIGHT)]])
    tuesday = encode_day(_DAY, [], [[_at(0, 30)]])

    both = day_use(resource, _TUESDAY, {_DAY - 1: monday, _DAY: tuesday}, [])

    assert both == DayUse(offered=540, booked=90, held=0)
    assert day_use(resource, _TUESDAY, {_DAY: tuesday}, []) is None
    assert day_use(resource, _TUESDAY, {_DAY - 1: monday, _DAY: b""}, []) is None


@pytest.mark.parametrize("lanes", [1, 3])
def test_value_with_another_number_of_places_is_unknown(lanes: int) -> None:
    cached = {_DAY: encode_day(_DAY, [], [[]] * lanes)}

    assert day_use(_resource(capacity=2, lanes=2), _TUESDAY, cached, []) is None


def test_day_off_is_known_without_the_cache() -> None:
    resource = Resource(
        id=ResourceId("res_1"),
        key="noa",
        kind="staff",
        name="Noa",
        location_id=LocationId("loc_1"),
        capacity=1,
        schedule=Schedule(timezone="UTC"),
        lanes=(Lane(id=1, number=1),),
    )

    assert day_use(resource, _TUESDAY, {}, []) == DayUse(offered=0, booked=0, held=0)
