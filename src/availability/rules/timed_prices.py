"""Prices by time: the entry of a service's `prices` that a start belongs to, and what it makes of a price."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from availability.rules.catalogue_index import CatalogueIndex
from catalogue.model.services import Service
from catalogue.model.timed_prices import TimedPrice
from kernel.ids import ServiceId
from kernel.money import Money
from kernel.spans import MINUTES_PER_DAY, Minute
from kernel.zones import offset_at

OwnPrice: TypeAlias = Money | None
"""The price of a resource of its own; None: that of the service."""

_DAYS: Final = 7
# 1 January 1970, from which minutes are counted, was a Thursday.
_FIRST_WEEKDAY: Final = 3


class PriceTerms(NamedTuple):
    """Effect of the time of a start on a price."""

    entry: TimedPrice | None = None
    """The entry of `prices` that the start belongs to."""
    percent_off: int = 0
    """The discount of its part of the day."""


def price_at(service: Service, own: OwnPrice, timezone: str, start: Minute, percent_off: int = 0) -> Money:
    """The price of a visit for one person, by the own price that decides and the wall clock of the lead's zone.

    The discount `percent_off` is taken off all but add-ons.
    """
    if not service.prices:
        return price_by(service, own, PriceTerms(None, percent_off))
    weekday, reading = divmod(minute_of_week(start + offset_at(timezone, start)), MINUTES_PER_DAY)
    return price_by(service, own, PriceTerms(_first_that_fits(service.prices, weekday, reading), percent_off))


def price_by(service: Service, own: OwnPrice, terms: PriceTerms) -> Money:
    """The price for one person at starts of these terms.

    An amount takes the place of the service's price, not of a resource's own; a percentage applies to either. Add-ons
    come on top.
    """
    entry, price = terms.entry, own or service.price
    if entry is not None and entry.percent is not None:
        price = price.percent(entry.percent)
    elif entry is not None and own is None:
        assert entry.price is not None, "an entry has a price or a percentage"
        price = entry.price
    if terms.percent_off:
        price = price.percent(100 - terms.percent_off)
    return price.plus(service.added_minor) if service.added_minor else price


def minute_of_week(reading: int) -> int:
    """The minutes since Monday 00:00, from those that a wall clock has counted since 1970."""
    return (reading + _FIRST_WEEKDAY * MINUTES_PER_DAY) % (_DAYS * MINUTES_PER_DAY)


class PriceWeek(NamedTuple):
    """The entries of a service's `prices` over the minutes of a week, from Monday 00:00 on."""

    since: Sequence[int]
    """The minutes at which another entry may begin; the first is 0."""
    entries: Sequence[TimedPrice | None]
    """The entry from each of them on; None: the usual price."""

    def at(self, minute: int) -> TimedPrice | None:
        """The entry at a minute of the week."""
        return self.entries[bisect_right(self.since, minute) - 1]


def price_week(index: CatalogueIndex, service_id: ServiceId) -> PriceWeek:
    """The week of a service. Ask for it by `CatalogueIndex.memoised`."""
    prices = index.catalogue.service_by_id[service_id].prices
    readings = {0, *(minute % MINUTES_PER_DAY for entry in prices for minute in (entry.span.start, entry.span.end))}
    cuts = [(weekday, reading) for weekday in range(_DAYS) for reading in sorted(readings)]
    return PriceWeek(
        [weekday * MINUTES_PER_DAY + reading for weekday, reading in cuts],
        [_first_that_fits(prices, weekday, reading) for weekday, reading in cuts],
    )


def _first_that_fits(prices: Iterable[TimedPrice], weekday: int, reading: int) -> TimedPrice | None:
    return next((entry for entry in prices if entry.fits(weekday, reading)), None)
