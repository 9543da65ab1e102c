"""Parts of the day: their claimed share, and what it opens and makes cheaper, also when clocks are changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from availability.model import Reason
from availability.rules.release import first_too_far
from catalogue.model.resources import Resource
from catalogue.model.rules.level import Rules
from catalogue.model.rules.release import FillOrder, OffPeak, Release
from catalogue.model.schedules import Schedule
from catalogue.model.wall_clock import Weekday
from kernel.spans import Span, to_minute, utc_days
from kernel.zones import local_day
from tests.support.situations import MONDAY, Shop, daily, entry, minute, readings, service, staff, wall

_ORDER = FillOrder(parts=(wall("09:00-11:00"), wall("11:00-13:00"), wall("13:00-15:00")), share=50)


def _shop(release: Release, *resources: Resource) -> Shop:
    """Those with one hour for each visit, and the rule."""
    offered = service(*[entry(*[one.key for one in resources])])
    return Shop(replace(offered, rules=Rules(release=release)), *resources)


@pytest.mark.parametrize(
    ("claims", "starts"),
    [
        ([], ["09:00", "10:00"]),
        (["09:00-09:59"], ["10:00"]),
        (["09:00-10:00"], ["10:00", "11:00", "12:00"]),
        # Minutes of a claim count in the part in which they lie.
        (["10:30-11:30"], ["09:00"]),
        (["10:00-11:30"], ["09:00", "12:00"]),
        (["10:00-12:00"], ["09:00", "12:00", "13:00", "14:00"]),
        # A middle part that is full opens no later one while the first is empty.
        (["11:00-13:00"], ["09:00", "10:00"]),
    ],
)
def test_part_opens_when_each_before_it_is_filled_to_the_share(claims: Sequence[str], starts: Sequence[str]) -> None:
    shop = _shop(Release(fill_earlier_first=_ORDER), staff("noa", "09:00-15:00"))
    shop.take("noa", *claims)

    assert readings(shop.offers().starts()) == starts


def test_share_is_of_all_places_and_of_the_time_that_is_worked() -> None:
    shop = _shop(Release(fill_earlier_first=_ORDER), staff("noa", "09:00-15:00", capacity=2))
    shop.take("noa", "09:00-10:30")
    assert readings(shop.offers().starts()) == ["09:00", "10:00"], "an hour and a half of four"

    # An hour of the part is time off, in which both places are away.
    shop.take("noa", "09:00-10:00", time_off=["10:00-11:00"])

    assert readings(shop.offers().starts()) == ["09:00", "11:00", "12:00"]


@pytest.mark.parametrize(("hours", "first"), [(("11:00-15:00",), "11:00"), (("08:00-09:00", "11:00-15:00"), "08:00")])
def test_part_in_which_nobody_works_keeps_no_other_closed(hours: Sequence[str], first: str) -> None:
    shop = _shop(Release(fill_earlier_first=_ORDER), staff("noa", *hours))

    starts = readings(shop.offers().starts())

    assert (starts[0], "11:00" in starts, "13:00" in starts) == (first, True, False)


def test_holds_fill_nothing_and_make_nothing_dearer() -> None:
    slow = OffPeak(span=wall("09:00-11:00"), percent_off=50, below_share=1)
    shop = _shop(Release(fill_earlier_first=_ORDER, off_peak=(slow,)), staff("noa", "09:00-15:00"))
    shop.take("noa", held=["09:00-10:00"])

    offers = shop.offers()

    assert readings(offers.starts()) == ["10:00"]
    (allocation,) = offers.allocations(minute("10:00"))
    assert allocation.price.amount_minor == 500


def test_part_past_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = OffPeak(days=(Weekday.MON,), span=wall("23:00-02:00"), percent_off=10, below_share=100)
    shop = _shop(Release(off_peak=(night,)), staff("noa", "22:00-03:00"))
    early = Span(minute("00:00"), minute("00:00") + 36 * 60)

    offers = shop.offers(shop.query(early))

    prices = {start: offers.allocations(start)[0].price.amount_minor for start in offers.starts()}
    assert readings([start for start, price in prices.items() if price == 900]) == ["23:00", "00:00", "01:00"]
    assert min(start for start, price in prices.items() if price == 900) == minute("23:00")


def test_start_that_is_not_released_is_explained_before_what_is_taken() -> None:
    shop = _shop(Release(fill_earlier_first=_ORDER), staff("noa", "09:00-15:00"))
    shop.take("noa", "12:00-13:00", time_off=["11:00-12:00"])
    explanation = shop.explanation()

    assert explanation.reason_for_start(minute("11:00")) is Reason.NOT_RELEASED
    assert explanation.reason_for_start(minute("12:00")) is Reason.NOT_RELEASED
    assert explanation.reason_for_start(minute("11:10")) is Reason.OFF_GRID
    assert explanation.reason_for_day([Span(minute("11:00"), minute("15:00"))]) is Reason.NOT_RELEASED


@pytest.mark.parametrize(
    ("day", "hours"),
    # Berlin: a night with 23 hours, and one with 25. Of two hours by the clock one is skipped, or one is repeated.
    [(date(2026, 3, 29), 1), (date(2026, 10, 25), 3)],
)
def test_share_counts_minutes_that_pass_when_clocks_are_changed(day: date, hours: int) -> None:
    zone = "Europe/Berlin"
    noa = replace(staff("noa"), schedule=Schedule(timezone=zone, hours=daily("01:00-05:00")))
    order = FillOrder(parts=(wall("01:00-03:00"), wall("03:00-05:00")), share=100)
    shop = _shop(Release(fill_earlier_first=order), noa)
    (today,) = local_day(zone, day)
    days = utc_days(today)
    shop.window = Span((days.start - 1) * 1440, (days.stop + 1) * 1440)
    opens = today.start + 60
    for minutes, is_open in ((hours * 60 - 1, False), (hours * 60, True)):
        shop.take("noa")
        everything = (1 << shop.window.minutes) - 1
        taken = ((1 << minutes) - 1) << (shop.window.end - opens - minutes)
        shop.states[noa.id] = replace(shop.states[noa.id], time_off_free=everything, lanes=(everything & ~taken,))

        starts = shop.offers(shop.query(today, now=datetime(2026, 1, 1, tzinfo=UTC))).starts()

        assert (opens + hours * 60 in starts) == is_open


@pytest.mark.parametrize(("seconds", "ahead"), [(0, 0), (1, 0), (59, 0), (60, 1)])
def test_hours_ahead_are_counted_to_the_minute(seconds: int, ahead: int) -> None:
    now = datetime.fromisoformat(f"{MONDAY}T08:00:00+00:00")

    found = first_too_far(now + timedelta(seconds=seconds), 24)

    assert found == to_minute(now) + 24 * 60 + ahead + 1
