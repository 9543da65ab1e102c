"""Prices by time, in weeks of which the clocks are changed."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from availability.rules.timed_prices import PriceTerms, minute_of_week, price_at, price_by, price_week
from catalogue.model.services import Service
from catalogue.model.timed_prices import TimedPrice
from catalogue.model.wall_clock import WallSpan, Weekday
from kernel.money import Money
from kernel.spans import to_minute
from kernel.zones import offset_at
from tests.support.situations import Shop, entry, service, staff

_BERLIN = "Europe/Berlin"


def _money(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="EUR")


def _priced(*prices: TimedPrice) -> Service:
    return replace(service(entry("noa")), price=_money(3350), prices=prices)


_NIGHTS = TimedPrice(days=(Weekday.SAT,), span=WallSpan(22 * 60, 26 * 60 + 30), price=_money(5000))
_MORNINGS = TimedPrice(span=WallSpan(0, 12 * 60), percent=85)


@pytest.mark.parametrize(
    ("start", "amount_minor"),
    [
        # In the night to 28 March 2027 there is no reading from 02:00 to 03:00.
        ("2027-03-27T22:00:00+01:00", 5000),
        ("2027-03-28T01:59:00+01:00", 5000),
        ("2027-03-28T03:00:00+02:00", 2848),
        # In the night to 31 October 2027 there are two of each.
        ("2027-10-31T02:29:00+02:00", 5000),
        ("2027-10-31T02:30:00+02:00", 2848),
        ("2027-10-31T02:29:00+01:00", 5000),
        ("2027-10-31T02:30:00+01:00", 2848),
        ("2027-10-31T12:00:00+01:00", 3350),
    ],
)
def test_price_is_that_of_the_reading_of_the_wall_clock(start: str, amount_minor: int) -> None:
    offered = _priced(_NIGHTS, _MORNINGS)

    assert price_at(offered, None, _BERLIN, to_minute(datetime.fromisoformat(start))) == _money(amount_minor)


@pytest.mark.parametrize("monday", ["2027-03-22T00:00:00+01:00", "2027-10-25T00:00:00+02:00"])
def test_week_of_a_listing_has_the_prices_of_single_starts(monday: str) -> None:
    offered = _priced(_NIGHTS, TimedPrice(days=(Weekday.SUN, Weekday.MON), percent=120), _MORNINGS)
    week = price_week(Shop(offered, staff("noa")).groundwork, offered.id)
    begin = datetime.fromisoformat(monday)

    # Eight days: from Monday to Monday, over the change of clocks on Sunday.
    for number in range(8 * 24 * 4):
        start = to_minute(begin + timedelta(minutes=15 * number))
        priced = week.at(minute_of_week(start + offset_at(_BERLIN, start)))
        assert price_by(offered, None, PriceTerms(priced)) == price_at(offered, None, _BERLIN, start)


def test_amount_leaves_the_price_of_a_resource_and_a_percentage_does_not() -> None:
    own = _money(4001)
    saturday, sunday = (to_minute(datetime.fromisoformat(f"2027-06-{day}T23:00:00+02:00")) for day in ("05", "06"))
    offered = _priced(_NIGHTS, TimedPrice(percent=50))

    assert price_at(offered, own, _BERLIN, saturday) == own
    assert price_at(offered, own, _BERLIN, sunday) == _money(2001)
