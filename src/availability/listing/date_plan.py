"""The plan of a listing, from the catalogue alone: its resources, and the UTC days that decide each date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from availability.model import Override
from availability.rules.catalogue_index import CatalogueIndex, grid_step
from availability.rules.lookup import answer_zone, location_named, resources_named, service_named
from availability.rules.overrides import earliest_start
from availability.rules.release import first_too_far
from availability.rules.requirements import Requirements
from availability.rules.search_cost import estimated_steps, steps_of_reading
from availability.state.bitmap_cache import StaffDayBlock, block_of
from availability.state.daily_limits import limited_resources
from catalogue.limits import CALENDAR
from catalogue.model.rules.rule import Unset
from catalogue.model.services import Service
from kernel.ids import LocationId, ResourceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_number, utc_days
from kernel.zones import local_day, local_now


class ListingScope(NamedTuple):
    """The part of a listing query that does not depend on the caller (see availability.model.ListingQuery)."""

    service: str
    resources: tuple[str, ...]
    first: date
    last: date
    timezone: str | None
    party: int
    with_archived: bool = False
    """True if the service may be archived: it is that of an appointment."""
    overrides: tuple[Override, ...] = ()
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatePlan:
    """One date of the viewer's zone."""

    date: date
    minutes: tuple[Span, ...]
    """None: the zone's calendar skipped the date, or the date is beyond ours (catalogue.limits.CALENDAR)."""
    starts: Span
    """From the first to the last of the minutes; some minute, where there is none."""
    days: range
    """The UTC days that decide which of them are offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPlan:
    """A listing, as far as the catalogue alone answers it."""

    service: Service
    timezone: str
    party: int
    requested_resources: frozenset[ResourceId]
    location_id: LocationId | None
    overrides: tuple[Override, ...]
    dates: tuple[DatePlan, ...]
    block: StaffDayBlock
    """All staff-days that decide."""
    limited_resources: tuple[ResourceId, ...]
    """Resources with a daily limit."""
    stretch: Span
    """All minutes at which a part of a visit may begin."""
    lead_times: tuple[int, ...]
    """Every distinct notice of the resources, in minutes."""
    hours_ahead: tuple[int, ...]
    """Every distinct number of hours ahead that a rule on release names."""
    counts_claims: bool
    """True if what is claimed of a part of the day decides about price or opening of other times."""
    zones: tuple[str, ...]
    """The zones of all resources."""
    reading_steps: int
    """The steps of reading the state of the block (see availability.rules.search_cost)."""
    steps: int
    """The steps that a search over all dates is likely to take, with the reading."""


class NoticeBounds(NamedTuple):
    """The bounds that the time sets on starts."""

    earliest: tuple[Minute, ...]
    """The first minute that each notice of the plan leaves open."""
    today: tuple[date, ...]
    """In each zone."""
    too_far: tuple[Minute, ...] = ()
    """The first minute beyond each number of hours of the plan."""


def plan_listing(index: CatalogueIndex, scope: ListingScope) -> ListingPlan:
    """The plan of a listing. Raises NotFound for an unknown service or resource, ValidationFailed for a zone."""
    catalogue = index.catalogue
    service = service_named(catalogue, scope.service, with_archived=scope.with_archived)
    location_id = location_named(catalogue, scope.location)
    shown_in = answer_zone(catalogue, service, scope.timezone, location_id)
    requested_resources = resources_named(catalogue, scope.resources)
    requirements = index.requirements(service, party=scope.party, requested_resources=requested_resources)
    resource_ids = requirements.resource_ids
    dates = tuple(_date(index, service, shown_in, day) for day in _days(scope.first, scope.last))
    days = range(min(found.days.start for found in dates), max(found.days.stop for found in dates))
    reading_steps = steps_of_reading(requirements, days)
    window = Span(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY)
    step = 1 if Override.OFF_GRID in scope.overrides else grid_step(service)
    starts = len(dates) * -(-MINUTES_PER_DAY // step)
    everybody = [resource for role in requirements.roles for resource in role.pool.values()]
    return ListingPlan(
        service=service,
        timezone=shown_in,
        party=scope.party,
        requested_resources=requested_resources,
        location_id=location_id,
        overrides=scope.overrides,
        dates=dates,
        block=block_of(resource_ids, days),
        limited_resources=index.memoised(limited_resources, service.id, resource_ids),
        stretch=Span(starts_of(dates).start, days.stop * MINUTES_PER_DAY),
        lead_times=_lead_times(index, service, requirements),
        hours_ahead=_hours_ahead(index, service, requirements),
        counts_claims=index.counts_claims(service),
        zones=tuple(dict.fromkeys(resource.schedule.timezone for resource in everybody)),
        reading_steps=reading_steps,
        steps=reading_steps + estimated_steps(requirements, window, starts=starts),
    )


def days_within(plan: ListingPlan, bookable: Span | None) -> range:
    """The UTC days that decide the dates of a plan on which some minute is bookable; none where no date has any."""
    if bookable is None or plan.dates[-1].starts.end <= bookable.start or bookable.end <= plan.dates[0].starts.start:
        return range(0)
    if bookable.start < plan.dates[0].starts.end and plan.dates[-1].starts.start < bookable.end:
        return plan.block.days
    found = [part.days for part in plan.dates if part.starts.overlaps(bookable)]
    return range(min(days.start for days in found), max(days.stop for days in found)) if found else range(0)


def starts_of(dates: Iterable[DatePlan]) -> Span:
    """From the first to the last minute of the dates."""
    spans = [found.starts for found in dates]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def notice_bounds(requirements: ListingPlan, now: datetime) -> NoticeBounds:
    """The bounds that the time sets on the starts of a plan."""
    return NoticeBounds(
        tuple([earliest_start(now, minutes, requirements.overrides) for minutes in requirements.lead_times]),
        tuple([local_now(name, now).date() for name in requirements.zones]),
        tuple([first_too_far(now, hours) for hours in requirements.hours_ahead]),
    )


def _date(index: CatalogueIndex, service: Service, timezone: str, day: date) -> DatePlan:
    # Dates are local, and the calendar ends at one instant: no hold would be placed on a start after it.
    minutes = tuple([part for span in local_day(timezone, day) for part in _within_calendar(span)])
    noted = day_number(day) * MINUTES_PER_DAY
    starts = Span(minutes[0].start, minutes[-1].end) if minutes else Span(noted, noted + 1)
    days = utc_days(index.listing_window(service, starts))
    return DatePlan(date=day, minutes=minutes, starts=starts, days=days)


def _within_calendar(span: Span) -> tuple[Span, ...]:
    if CALENDAR.contains(span):
        return (span,)
    start, end = max(span.start, CALENDAR.start), min(span.end, CALENDAR.end)
    return (Span(start, end),) if start < end else ()


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


def _hours_ahead(index: CatalogueIndex, service: Service, requirements: Requirements) -> tuple[int, ...]:
    found: set[int | None] = set()
    for place, role in enumerate(requirements.roles):
        for resource in role.pool.values():
            found.add(index.rolling_hours(service, resource, leads=place == 0))
            if place == 0:
                found.update(entry.within_hours for entry in index.rules(service, resource).release.off_peak)
    return tuple(sorted(hours for hours in found if hours is not None))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
