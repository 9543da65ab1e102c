"""The minutes in which a service can be booked at all: what is taken outside of them decides nothing."""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from availability.model import Override
from availability.rules.booking_window import farthest_dates
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.overrides import earliest_start
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.ids import ServiceId
from kernel.spans import MINUTES_PER_DAY, Span, day_date, day_number, to_minute_ceiling, utc_day
from kernel.zones import local_now

_ONE_DAY: Final = timedelta(days=1)


class DateLimits(NamedTuple):
    """Dates before the first and after the last of which no start is offered, in any zone."""

    first: date
    last: date


def date_limits(
    index: CatalogueIndex, service: Service, now: datetime, overrides: Collection[Override] = ()
) -> DateLimits:
    """The dates that the booking windows of a service and the horizon leave open."""
    return _bounds(index, service, lambda lead: local_now(lead.schedule.timezone, now).date(), overrides)


def bookable_span(
    index: CatalogueIndex, service: Service, now: datetime, overrides: tuple[Override, ...] = ()
) -> Span | None:
    """A span outside of which no start is offered, whatever is taken; None where none is offered at all.

    It is some days longer than need be, so that one a day is worked out for all times and zones.
    """
    minute = to_minute_ceiling(now)
    bounds, notice_minutes = index.memoised(_bounds_on, service.id, utc_day(minute), overrides)
    earliest = earliest_start(now, notice_minutes, overrides)
    start = max(earliest, (day_number(bounds.first) - 1) * MINUTES_PER_DAY)
    end = (day_number(bounds.last) + 2) * MINUTES_PER_DAY
    return Span(start, end) if start < end else None


def _bounds_on(
    index: CatalogueIndex, service_id: ServiceId, day: int, overrides: tuple[Override, ...]
) -> tuple[DateLimits, int]:
    """The bounds at any time of a UTC day, and the shortest notice of those who may lead."""
    service = index.catalogue.service_by_id[service_id]
    # In some zone it is the next date already: the farther date counts, and a first one does not depend on today.
    bounds = _bounds(index, service, lambda _: day_date(day) + _ONE_DAY, overrides)
    leads = index.lead_resources(service)
    return bounds, min((index.notice_minutes(service, lead, leads=True) for lead in leads), default=0)


def _bounds(
    index: CatalogueIndex,
    service: Service,
    today_of: Callable[[Resource], date],
    overrides: Collection[Override],
) -> DateLimits:
    leads = index.lead_resources(service)
    if Override.LIMITS in overrides:
        ranges = [farthest_dates(today_of(lead)) for lead in leads]
    else:
        ranges = [index.dates(service, lead, today_of(lead)) for lead in leads]
    # One more on each side: the viewer's date may be behind or ahead of the resource's.
    return DateLimits(
        first=min((dates.first or date.min + _ONE_DAY for dates in ranges), default=date.min + _ONE_DAY) - _ONE_DAY,
        last=max((dates.last or date.max - _ONE_DAY for dates in ranges), default=date.min) + _ONE_DAY,
    )
