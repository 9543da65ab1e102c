"""A refusal names the first rule that leaves nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from availability.model import Reason
from catalogue.model.grid import Align, Grid
from catalogue.model.rules.level import Rules
from catalogue.model.rules.window import FixedWindow, RollingWindow
from tests.support.situations import MONDAY, Shop, entry, minute, service, span, staff

_DAY = [span("00:00-23:59")]


def _shop(*, rules: Rules | None = None, grid: Grid | None = None) -> Shop:
    return Shop(replace(service(entry("noa"), grid=grid), rules=rules or Rules()), staff("noa"))


def test_nothing_is_refused_where_something_is_offered() -> None:
    explanation = _shop().explanation()

    assert explanation.reason_for_start(minute("09:00")) is None
    assert explanation.reason_for_day(_DAY) is None


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("08:00", Reason.CLOSED),
        ("11:30", Reason.CLOSED),
        ("09:30", Reason.OFF_GRID),
        ("09:00", Reason.TIME_OFF),
        ("10:00", Reason.FULLY_BOOKED),
        ("11:00", Reason.HELD),
    ],
)
def test_start_is_refused_by_its_own_rule(start: str, reason: Reason) -> None:
    shop = _shop()
    shop.take("noa", "10:00-10:30", time_off=["09:30-10:00"], held=["11:30-11:40"])

    assert shop.explanation().reason_for_start(minute(start)) is reason


@pytest.mark.parametrize(
    ("rules", "now", "reason"),
    [
        (Rules(lead_time_minutes=120), datetime(2026, 6, 1, 8, 0, tzinfo=UTC), Reason.LEAD_TIME),
        (Rules(), datetime(2026, 6, 1, 9, 0, 1, tzinfo=UTC), Reason.LEAD_TIME),
        (Rules(window=RollingWindow(days=2)), datetime(2026, 5, 29, 23, 59, tzinfo=UTC), Reason.OUTSIDE_WINDOW),
        (Rules(window=RollingWindow(days=2)), datetime(2026, 5, 30, tzinfo=UTC), None),
        (
            Rules(window=FixedWindow(from_date=date(2026, 6, 2), until_date=None), lead_time_minutes=99999),
            datetime(2026, 5, 30, tzinfo=UTC),
            Reason.OUTSIDE_WINDOW,
        ),
    ],
)
def test_start_is_refused_for_its_distance(rules: Rules, now: datetime, reason: Reason | None) -> None:
    shop = _shop(rules=rules)

    assert shop.explanation(shop.query(now=now)).reason_for_start(minute("09:00")) is reason


def test_daily_limit_is_named_before_a_hold() -> None:
    shop = _shop()
    shop.take("noa", held=["09:00-12:00"], full_dates=[MONDAY])

    assert shop.explanation().reason_for_start(minute("09:00")) is Reason.DAILY_LIMIT
    assert shop.explanation().reason_for_day(_DAY) is Reason.DAILY_LIMIT


def test_party_that_nobody_can_serve_is_named_first() -> None:
    shop = _shop(rules=Rules(window=RollingWindow(days=0)))

    explanation = shop.explanation(shop.query(party=2))

    assert explanation.reason_for_start(minute("03:00")) is Reason.PARTY_TOO_LARGE
    assert explanation.reason_for_day(_DAY) is Reason.PARTY_TOO_LARGE


def test_time_just_taken_is_fully_booked_though_it_left_the_gap_grid() -> None:
    shop = _shop(grid=Grid(align=Align.GAP))
    shop.take("noa", "10:00-11:00")

    assert shop.explanation().reason_for_start(minute("10:00")) is Reason.FULLY_BOOKED


@pytest.mark.parametrize(
    ("claims", "held", "reason"), [(["09:00-12:00"], [], Reason.FULLY_BOOKED), ([], ["09:00-12:00"], Reason.HELD)]
)
def test_what_is_taken_beyond_the_capacity_is_the_reason(claims: list[str], held: list[str], reason: Reason) -> None:
    shop = Shop(service(entry("yoga")), staff("yoga", capacity=1, lanes=2))
    shop.take("yoga", *claims, held=held, lane=2)

    assert shop.explanation().reason_for_start(minute("09:00")) is reason
    assert shop.explanation().reason_for_day(_DAY) is reason


def test_free_time_between_the_starts_of_a_gap_grid_is_off_the_grid() -> None:
    shop = _shop(grid=Grid(align=Align.GAP))

    assert shop.explanation().reason_for_start(minute("09:10")) is Reason.OFF_GRID


@pytest.mark.parametrize(
    ("claims", "time_off", "held", "reason"),
    [
        (["09:00-12:00"], [], [], Reason.FULLY_BOOKED),
        ([], ["00:00-23:59"], [], Reason.TIME_OFF),
        (["09:00-10:00"], ["10:00-12:00"], [], Reason.FULLY_BOOKED),
        (["09:00-10:00"], [], ["10:30-11:30"], Reason.HELD),
    ],
)
@pytest.mark.parametrize("align", list(Align))
def test_day_is_emptied_by_the_first_rule_that_leaves_nothing(
    align: Align, claims: list[str], time_off: list[str], held: list[str], reason: Reason
) -> None:
    shop = _shop(grid=Grid(align=align))
    shop.take("noa", *claims, time_off=time_off, held=held)

    assert shop.explanation().reason_for_day(_DAY) is reason


@pytest.mark.parametrize(
    ("rules", "now", "reason"),
    [
        pytest.param(
            Rules(lead_time_minutes=300), "2026-06-01T08:00", Reason.LEAD_TIME, id="notice beyond closing time"
        ),
        pytest.param(Rules(), "2026-06-01T11:30", Reason.LEAD_TIME, id="too late today"),
        pytest.param(Rules(), "2026-06-08T00:00", Reason.LEAD_TIME, id="in the past"),
        pytest.param(
            Rules(window=RollingWindow(days=1)), "2026-05-01T00:00", Reason.OUTSIDE_WINDOW, id="too far ahead"
        ),
    ],
)
def test_open_day_is_never_called_closed(rules: Rules, now: str, reason: Reason) -> None:
    shop = _shop(rules=rules)
    question = shop.query(now=datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert shop.explanation(question).reason_for_day(_DAY) is reason


def test_date_that_the_calendar_skips_is_closed() -> None:
    assert _shop().explanation().reason_for_day([]) is Reason.CLOSED


@pytest.mark.parametrize("grid", [Grid(), Grid(offset_minutes=500)])
def test_day_without_a_start_in_its_hours_is_closed(grid: Grid) -> None:
    shop = Shop(service(entry("noa"), minutes=60, grid=grid), staff("noa", "09:00-09:30"))

    assert shop.explanation().reason_for_day(_DAY) is Reason.CLOSED
