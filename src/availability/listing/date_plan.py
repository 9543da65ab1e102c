"""What a listing asks, worked out from the catalogue: who is asked about, and which of their days decide each date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.requirements import Requirements
from availability.state.bitmap_cache import StaffDayBlock, block_of
from availability.state.daily_limits import limited_resources
from catalogue.model.catalogue import Catalogue
from catalogue.model.rules.rule import Unset
from catalogue.model.services import Service
from kernel.errors import NotFound, ValidationFailed
from kernel.ids import ResourceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_number, to_minute_ceiling, utc_days
from kernel.zones import UnknownZoneError, local_day, local_now, zone


class ListingScope(NamedTuple):
    """What a query names, whoever asks it (see availability.model.Query)."""

    service: str
    resources: tuple[str, ...]
    first: date
    last: date
    timezone: str | None
    party: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatePlan:
    """One date of the viewer's zone."""

    date: date
    minutes: tuple[Span, ...]
    """None: the zone's calendar skipped the date."""
    starts: Span
    """From the first to the last of the minutes; some minute, where there is none."""
    days: range
    """The UTC days that decide which of them are offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPlan:
    """A question of the listing, as far as the catalogue alone answers it."""

    service: Service
    timezone: str
    party: int
    requested_resources: frozenset[ResourceId]
    dates: tuple[DatePlan, ...]
    block: StaffDayBlock
    """All that decides."""
    limited_resources: tuple[ResourceId, ...]
    """Those who have a daily limit."""
    stretch: Span
    """All dates on which somebody's share of a visit may begin."""
    lead_times: tuple[int, ...]
    """Every notice, in minutes, that somebody asks for."""
    zones: tuple[str, ...]
    """Those of everybody's dates."""


class NoticeBounds(NamedTuple):
    """All that the rules take from what time it is."""

    earliest: tuple[Minute, ...]
    """The first minute that each notice leaves open."""
    today: tuple[date, ...]
    """In each zone."""


def plan_listing(index: CatalogueIndex, scope: ListingScope) -> ListingPlan:
    """The layout of a query. Raises NotFound for an unknown service or resource, ValidationFailed for a zone."""
    catalogue = index.catalogue
    service = service_of(catalogue, scope.service)
    shown_in = timezone_of(catalogue, service, scope.timezone)
    requested_resources = resources_named(catalogue, scope.resources)
    requirements = index.requirements(service, party=scope.party, requested_resources=requested_resources)
    resource_ids = requirements.resource_ids
    dates = tuple(_date(index, service, shown_in, day) for day in _days(scope.first, scope.last))
    days = range(min(found.days.start for found in dates), max(found.days.stop for found in dates))
    everybody = [resource for role in requirements.roles for resource in role.pool.values()]
    return ListingPlan(
        service=service,
        timezone=shown_in,
        party=scope.party,
        requested_resources=requested_resources,
        dates=dates,
        block=block_of(resource_ids, days),
        limited_resources=index.memoised(limited_resources, service.id, resource_ids),
        stretch=Span(starts_of(dates).start, days.stop * MINUTES_PER_DAY),
        lead_times=_lead_times(index, service, requirements),
        zones=tuple(dict.fromkeys(resource.schedule.timezone for resource in everybody)),
    )


def starts_of(dates: Iterable[DatePlan]) -> Span:
    """From the first to the last minute of the dates."""
    spans = [found.starts for found in dates]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def notice_bounds(requirements: ListingPlan, now: datetime) -> NoticeBounds:
    """What the rules of that question take from the time."""
    return NoticeBounds(
        tuple([to_minute_ceiling(now + timedelta(minutes=minutes)) for minutes in requirements.lead_times]),
        tuple([local_now(name, now).date() for name in requirements.zones]),
    )


def service_of(catalogue: Catalogue, name: str) -> Service:
    """The live service with that id or key. Raises NotFound."""
    service = catalogue.find_service(name)
    if service is None:
        raise NotFound(f'There is no service "{name}".')
    return service


def resources_named(catalogue: Catalogue, names: Iterable[str]) -> frozenset[ResourceId]:
    """The live resources with those ids or keys. Raises NotFound."""
    requested_resources = set()
    for name in names:
        resource = catalogue.find_resource(name)
        if resource is None:
            raise NotFound(f'There is no resource "{name}".')
        requested_resources.add(resource.id)
    return frozenset(requested_resources)


def timezone_of(catalogue: Catalogue, service: Service, wanted: str | None) -> str:
    """The zone of an answer: the one asked for, else that of the location. Raises ValidationFailed."""
    if wanted is None:
        return catalogue.timezone_of(service)
    try:
        zone(wanted)
    except UnknownZoneError:
        raise ValidationFailed.of("timezone", "must be an IANA name such as Europe/Berlin") from None
    return wanted


def _date(index: CatalogueIndex, service: Service, timezone: str, day: date) -> DatePlan:
    minutes = local_day(timezone, day)
    noted = day_number(day) * MINUTES_PER_DAY
    starts = Span(minutes[0].start, minutes[-1].end) if minutes else Span(noted, noted + 1)
    days = utc_days(index.listing_window(service, starts))
    return DatePlan(date=day, minutes=minutes, starts=starts, days=days)


def _lead_times(index: CatalogueIndex, service: Service, requirements: Requirements) -> tuple[int, ...]:
    """The notices that availability.rules.eligibility applies: all levels for the lead, for others only their own."""
    found: set[int] = set()
    for place, role in enumerate(requirements.roles):
        for resource in role.pool.values():
            own = resource.rules.lead_time_minutes
            if place == 0:
                found.add(index.rules(service, resource).lead_time_minutes)
            elif not isinstance(own, Unset):
                found.add(own)
            else:
                found.add(0)
    return tuple(sorted(found))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
