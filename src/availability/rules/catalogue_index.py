"""An index of a catalogue: requirements, working time and fixed grids, each computed once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache, partial, reduce
from operator import or_
from typing import Final, TypeVar, cast

from availability.rules.assignment import counted_minutes
from availability.rules.bitmaps import ahead, every_minute, fits, from_minutes, from_spans
from availability.rules.booking_window import DateRange, bookable_dates, within_horizon, within_hours
from availability.rules.business_days import somebody_works
from availability.rules.grid import clock_grid, fixed_grid, opening_grid, working_layers
from availability.rules.places import ANY_PARTY
from availability.rules.release import parts_about
from availability.rules.requirements import PartOffsets, Requirements, requirements_of
from availability.rules.shift_dates import ShiftDates, runs_past_midnight
from availability.rules.stays import starts_lasting
from availability.rules.visit_locations import VisitLocations, visit_locations_of
from availability.rules.working_time import dates_touching, working_spans
from catalogue.model.catalogue import Catalogue
from catalogue.model.grid import Align
from catalogue.model.resources import Resource
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.rule import Unset
from catalogue.model.rules.window import BusinessDaysWindow, Window
from catalogue.model.schedules import Schedule
from catalogue.model.services import Service
from catalogue.model.wall_clock import WallSpan
from kernel.ids import LocationId, ResourceId, ServiceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, merged
from kernel.zones import local_day

# What is remembered is bounded: a bitmap of a month is 6 kB, the spans of a date some 400 bytes.
_BITMAPS_KEPT: Final = 2048
_DATES_KEPT: Final = 32768
_PLANS_KEPT: Final = 1024
# Of what others work out by `once`: the largest is a question about a thousand resources or two months, some 60 kB.
_OTHERS_KEPT: Final = 128

_DAY: Final = Span(0, MINUTES_PER_DAY)

_Result = TypeVar("_Result")


class CatalogueIndex:
    """The part of every answer that no booking changes. Keep one beside each catalogue in use."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.identity = object()
        """Identity for cache keys that does not keep the catalogue alive."""
        self._like = _first_alike(catalogue.resources)
        self.any_party = ANY_PARTY if any(resource.seats is not None for resource in catalogue.resources) else 1
        """In place of a size: all suit who may serve a party of some size. Without tables, all serve one person."""
        self._twins = _first_twins(catalogue, self._like)
        self._working_spans = lru_cache(_DATES_KEPT)(self._compute_working_spans)
        self._working_starts = lru_cache(_BITMAPS_KEPT)(self._compute_working_starts)
        self._working_layers = lru_cache(_BITMAPS_KEPT)(self._compute_working_layers)
        self._near_site = lru_cache(_BITMAPS_KEPT)(self._compute_near_site)
        self._grid = lru_cache(_BITMAPS_KEPT)(self._compute_grid)
        self._stays = lru_cache(_BITMAPS_KEPT)(starts_lasting)
        self._dates = lru_cache(_BITMAPS_KEPT)(self._compute_dates)
        self._shift_dates = lru_cache(_PLANS_KEPT)(self._compute_shift_dates)
        self._shift_dates_of_service = lru_cache(_PLANS_KEPT)(self._compute_shift_dates_of_service)
        self._rules = lru_cache(_PLANS_KEPT)(self._compute_rules)
        self._lead_resources = lru_cache(_PLANS_KEPT)(self._compute_lead_resources)
        self._counted_parts = lru_cache(_PLANS_KEPT)(self._compute_counted_parts)
        self._bookable_minutes = lru_cache(_DATES_KEPT)(self._compute_bookable_minutes)
        self._remember_anew()

    def with_service(self, service: Service) -> "CatalogueIndex":
        """The index of the same catalogue with another length, price or other terms of one service.

        Resources, rules and grids are as before, so all that follows from them is shared between both.
        """
        services = tuple(service if each.id == service.id else each for each in self.catalogue.services)
        index = copy(self)
        index.catalogue = replace(self.catalogue, services=services)
        index.identity = object()
        index._remember_anew()  # noqa: SLF001 - it is one of ours
        return index

    def _remember_anew(self) -> None:
        """Remember nothing of what follows from the terms of services."""
        self._requirements = lru_cache(_PLANS_KEPT)(self._compute_requirements)
        self._visit_locations = lru_cache(_PLANS_KEPT)(self._compute_visit_locations)
        self._others = lru_cache(_OTHERS_KEPT)(lambda compute, arguments: compute(self, *arguments))

    def memoised(self, compute: "Callable[..., _Result]", *arguments: object) -> _Result:
        """The result of a pure function of this index and the arguments, kept while it is in use."""
        return cast("_Result", self._others(compute, arguments))

    def twin(self, resource: Resource) -> ResourceId:
        """The first resource that works as this one does, takes as many, and minds the same rules.

        Where the same is taken of both, both can serve at the same times.
        """
        return self._twins[resource.id]

    def requirements(
        self,
        service: Service,
        *,
        party: int = 1,
        requested_resources: frozenset[ResourceId] = frozenset(),
        location_id: LocationId | None = None,
    ) -> Requirements:
        """The roles and variants of a visit, at one location if it is given, as far as that counts.

        `resource_ids` are the resources whose state decides.
        """
        return self._requirements(service.id, party, requested_resources, location_id)

    def visit_locations(self, service: Service) -> VisitLocations:
        """The locations at which visits of a service may be."""
        return self._visit_locations(service.id)

    def rules(self, service: Service, resource: Resource | None = None) -> EffectiveRules:
        """The rules in force for a service; with a resource, for visits that it leads."""
        return self._rules(service.id, resource.id if resource is not None else None)

    def notice_minutes(self, service: Service, resource: Resource, *, leads: bool) -> int:
        """The notice of a visit in which the resource leads or takes another part."""
        if leads:
            return self.rules(service, resource).lead_time_minutes
        own = resource.rules.lead_time_minutes
        return 0 if isinstance(own, Unset) else own

    def rolling_hours(self, service: Service, resource: Resource, *, leads: bool) -> int | None:
        """Distance within which a visit may begin in which the resource leads or takes another part; None: no limit."""
        if leads:
            return self.rules(service, resource).release.rolling_hours
        own = resource.rules.release
        return None if own is None or isinstance(own, Unset) else own.rolling_hours

    def counts_claims(self, service: Service) -> bool:
        """True if what is claimed of a part of the day decides about price or opening of other times."""
        return bool(self._counted_parts(service.id))

    def lead_resources(self, service: Service) -> tuple[Resource, ...]:
        """The resources that may fill the first role, one of each group with equal hours and rules."""
        return self._lead_resources(service.id)

    def listing_window(self, service: Service, starts: Span) -> Span:
        """The minutes that decide which of the starts are offered.

        They reach from the first start's buffer to the end of the last start's longest visit with its buffer. A gap
        grid counts from where a visit could first start in a span of working time, and looks for gaps on either side:
        with one, they cover what decides all such starts. Where the claimed share of a part of the day decides, they
        cover that too.
        """
        requirements, grid = self.requirements(service, party=self.any_party), service.grid
        longest = max((variant.visit_minutes for variant in requirements.variants), default=service.duration_minutes)
        before, after = service.longest_buffers
        counted = [span for zone, hull in self._counted_parts(service.id) for span in parts_about(zone, hull, starts)]
        if grid.align is Align.GAP:
            gap = grid.minimum_gap_minutes or before + longest + after
            judged = [Span(starts.start - gap, starts.end + gap)]
            for resource_id in dict.fromkeys(map(self._like.__getitem__, requirements.roles[0].pool)):
                judged += self.working_spans_near(self.catalogue.resource_by_id[resource_id], starts)
            starts = _hull(judged)
        needed = Span(starts.start - before, starts.end - 1 + max(longest + after, grid.last_start_minutes or 0))
        return _hull([needed, *counted]) if counted else needed

    def placement_window(self, service: Service, start: Minute) -> Span:
        """The minutes that decide whether one start is offered, and who gets it.

        They have the whole local day, or the longer period over which the least booked is found.
        """
        needed = [self.listing_window(service, Span(start, start + 1))]
        pools = (role.pool.values() for role in self.requirements(service, party=self.any_party).roles)
        for zone in {resource.schedule.timezone for pool in pools for resource in pool}:
            needed += counted_minutes(service.assign, zone, start)
        return _hull(needed)

    def working_spans_near(self, resource: Resource, span: Span) -> list[Span]:
        """Every span of working time of a local date that overlaps a span; those of two dates or sites stay apart."""
        sites = range(len(resource.schedule.parts))
        return [found for site in sites for found in self._spans_at(resource, site, span)]

    def _spans_at(self, resource: Resource, site: int, span: Span) -> list[Span]:
        """The spans of working time at one of the sites of the resource."""
        dates = dates_touching(resource.schedule.parts[site].timezone, span)
        like = self._like[resource.id]
        return [found for day in dates for found in self._working_spans(like, site, day) if found.overlaps(span)]

    def working_starts(
        self, service: Service, resource: Resource, parts: tuple[PartOffsets, ...], window: Span, *, site: int = 0
    ) -> int:
        """Set: the starts of the window for which the resource works in all those parts of the visit, at one site.

        A site is the index of one of `Schedule.parts`: the hours at one location.
        """
        if service.duration is not None:
            bounds = self._bounds_of_stay(service, resource, parts)
        elif self.rules(service, resource).buffers_inside_hours:
            bounds = tuple([(part.blocked_start, part.blocked_end) for part in parts])
        else:
            bounds = tuple([(part.start, part.end) for part in parts])
        return self._working_starts(self._like[resource.id], site, bounds, window)

    def _bounds_of_stay(
        self, service: Service, resource: Resource, parts: tuple[PartOffsets, ...]
    ) -> tuple[tuple[int, int], ...]:
        """Check-in and check-out: the first and the last minute. The nights between them are not worked."""
        first, last = parts[0], parts[-1]
        if self.rules(service, resource).buffers_inside_hours:
            return (first.blocked_start, first.start + 1), (last.end - 1, last.blocked_end)
        return (first.start, first.start + 1), (last.end - 1, last.end)

    def stays(self, service: Service, resource: Resource, minutes: int, window: Span) -> int:
        """Set: the check-ins of the window, by the clock of the resource, whose stay lasts so many minutes."""
        assert service.duration is not None, "it is a stay"
        return self._stays(service.duration, minutes, resource.schedule.timezone, window)

    def working_layers(self, resource: Resource, window: Span, *, site: int = 0) -> tuple[int, ...]:
        """The working time of the window, in bitmaps that keep apart what belongs to two dates."""
        return self._working_layers(self._like[resource.id], site, window)

    def near_site(self, resource: Resource, window: Span, site: int) -> int:
        """Set: the minutes of local dates on which the resource works at that site, or at none."""
        return self._near_site(self._like[resource.id], site, window)

    def early_enough(self, service: Service, resource: Resource, window: Span, *, site: int = 0) -> int:
        """Set: the minutes of the window after which the resource works for as long as the grid asks for."""
        least = ((0, service.grid.last_start_minutes or 1),)
        return self._working_starts(self._like[resource.id], site, least, window)

    def grid(self, service: Service, resource: Resource, window: Span, *, site: int = 0) -> int:
        """Set: the minutes of the window on the opening, clock or fixed grid of the service; bookings move none."""
        assert service.grid.align is not Align.GAP, "a gap grid follows from what is booked"
        return self._grid(service.id, self._like[resource.id], site, window)

    def dates(self, service: Service, resource: Resource, today: date) -> DateRange:
        """The local dates that the booking window of a service and the horizon leave open on a resource."""
        rules = self.rules(service, resource)
        pool_of = self._pool_of(rules.window, service)
        found = within_horizon(self._dates(rules.window, self._like[resource.id], today, pool_of), today)
        hours = rules.release.rolling_hours
        return found if hours is None else within_hours(found, hours, today)

    def shift_dates(self, resource: Resource) -> ShiftDates:
        """The dates that minutes belong to by the shifts of a resource."""
        return self._shift_dates(self._like[resource.id])

    def shift_dates_of_service(self, service: Service) -> ShiftDates:
        """The dates that minutes belong to by the shifts of those in the zone of a service who may lead a visit."""
        return self._shift_dates_of_service(service.id)

    def own_dates(self, resource: Resource, today: date) -> DateRange:
        """The local dates that the resource's own booking window leaves open, whatever it is needed for."""
        window = resource.rules.window
        window = None if isinstance(window, Unset) else window
        return self._dates(window, self._like[resource.id], today, self._pool_of(window, resource))

    def _compute_requirements(
        self,
        service_id: ServiceId,
        party: int,
        requested_resources: frozenset[ResourceId],
        location_id: LocationId | None,
    ) -> Requirements:
        return requirements_of(
            self.catalogue,
            self.catalogue.service_by_id[service_id],
            party=party,
            requested_resources=requested_resources,
            location_id=location_id,
        )

    def _compute_visit_locations(self, service_id: ServiceId) -> VisitLocations:
        return visit_locations_of(self.catalogue, self.catalogue.service_by_id[service_id])

    def _compute_rules(self, service_id: ServiceId, resource_id: ResourceId | None) -> EffectiveRules:
        resource = self.catalogue.resource_by_id[resource_id] if resource_id is not None else None
        return self.catalogue.rules_for(self.catalogue.service_by_id[service_id], resource)

    def _compute_lead_resources(self, service_id: ServiceId) -> tuple[Resource, ...]:
        pool = self.catalogue.pool(self.catalogue.service_by_id[service_id].requires[0])
        twins = dict.fromkeys(self._twins[resource.id] for resource in pool)
        return tuple(self.catalogue.resource_by_id[resource_id] for resource_id in twins)

    def _compute_counted_parts(self, service_id: ServiceId) -> tuple[tuple[str, tuple[int, int]], ...]:
        """For each zone of those who may lead, the first and the last reading of the parts whose claims count."""
        service, by_zone = self.catalogue.service_by_id[service_id], dict[str, list[WallSpan]]()
        for lead in self.lead_resources(service):
            release = self.rules(service, lead).release
            if release.counts_claims:
                by_zone.setdefault(lead.schedule.timezone, []).extend(release.parts)
        return tuple(
            (zone, (min(part.start for part in parts), max(part.end for part in parts)))
            for zone, parts in by_zone.items()
        )

    def _compute_working_spans(self, resource_id: ResourceId, site: int, day: date) -> tuple[Span, ...]:
        return working_spans(self.catalogue.resource_by_id[resource_id].schedule.parts[site], day)

    def _compute_working_starts(
        self, resource_id: ResourceId, site: int, parts: tuple[tuple[int, int], ...], window: Span
    ) -> int:
        # Starts before the window's first minute are not asked for, but a buffer may reach there: that is why the
        # window is wider than the starts, and why minutes outside may count as not working.
        working = from_spans(self._spans_at(self.catalogue.resource_by_id[resource_id], site, window), window)
        starts = every_minute(window)
        for first, end in parts:
            starts &= ahead(fits(working, end - first), first, window)
        return starts

    def _compute_working_layers(self, resource_id: ResourceId, site: int, window: Span) -> tuple[int, ...]:
        return working_layers(self._spans_at(self.catalogue.resource_by_id[resource_id], site, window), window)

    def _compute_near_site(self, resource_id: ResourceId, site: int, window: Span) -> int:
        parts = self.catalogue.resource_by_id[resource_id].schedule.parts
        worked = [self._minutes_of_worked_dates(resource_id, number, window) for number in range(len(parts))]
        return worked[site] | (every_minute(window) & ~reduce(or_, worked))

    def _minutes_of_worked_dates(self, resource_id: ResourceId, site: int, window: Span) -> int:
        timezone = self.catalogue.resource_by_id[resource_id].schedule.parts[site].timezone
        dates = [day for day in dates_touching(timezone, window) if self._working_spans(resource_id, site, day)]
        return from_spans([span for day in dates for span in local_day(timezone, day)], window)

    def _compute_grid(self, service_id: ServiceId, resource_id: ResourceId, site: int, window: Span) -> int:
        service = self.catalogue.service_by_id[service_id]
        resource = self.catalogue.resource_by_id[resource_id]
        timezone, grid = resource.schedule.parts[site].timezone, service.grid
        step, offset = grid_step(service), grid.offset_minutes
        if grid.at:
            starts = fixed_grid(timezone, from_minutes(grid.at, _DAY), window=window)
        elif grid.align is Align.CLOCK:
            starts = clock_grid(timezone, step=step, offset=offset, window=window)
        else:
            starts = opening_grid(self._spans_at(resource, site, window), step=step, offset=offset, window=window)
        if grid.last_start_minutes is None:
            return starts
        return starts & self.early_enough(service, resource, window, site=site)

    def _compute_shift_dates(self, resource_id: ResourceId) -> ShiftDates:
        return self._shift_dates_by([self.catalogue.resource_by_id[resource_id]], None)

    def _compute_shift_dates_of_service(self, service_id: ServiceId) -> ShiftDates:
        service = self.catalogue.service_by_id[service_id]
        return self._shift_dates_by(self.lead_resources(service), self.catalogue.timezone_of(service))

    def _shift_dates_by(self, resources: Sequence[Resource], timezone: str | None) -> ShiftDates:
        timezone = timezone or resources[0].schedule.timezone
        sites = {
            (self._like[resource.id], site): None
            for resource in resources
            for site, part in enumerate(resource.schedule.parts)
            if part.timezone == timezone and runs_past_midnight(part)
        }
        return ShiftDates(timezone, [partial(self._working_spans, *site) for site in sites])

    def _pool_of(self, window: Window | None, of: Service | Resource) -> ServiceId | ResourceId | None:
        """Id of whose pool decides which days are business days; None where time off decides nothing."""
        return of.id if isinstance(window, BusinessDaysWindow) and self.catalogue.time_off else None

    def _compute_dates(
        self, window: Window | None, resource_id: ResourceId, today: date, pool_of: ServiceId | ResourceId | None
    ) -> DateRange:
        if pool_of is None:
            return bookable_dates(window, today, lambda day: self._works_on(resource_id, day))
        catalogue, time_off = self.catalogue, self.catalogue.time_off
        service = catalogue.service_by_id.get(ServiceId(pool_of))
        pool = [ResourceId(pool_of)] if service is None else [one.id for one in catalogue.pool(service.requires[0])]

        def works_on(day: date) -> bool:
            return self._works_on(resource_id, day) and somebody_works(pool, day, self._all_working_spans, time_off)

        return bookable_dates(window, today, works_on)

    def bookable_minutes(self, first: date, days: int) -> int:
        """The working time of all resources on so many dates, by hours, breaks, closures and single dates.

        In minutes of lanes: a place counts for itself. Time off and bookings are not taken off.
        """
        return self._bookable_minutes(first, days)

    def _compute_bookable_minutes(self, first: date, days: int) -> int:
        if days > 1:
            return sum(self.bookable_minutes(first + timedelta(days=number), 1) for number in range(days))
        return sum(
            resource.capacity * sum(span.minutes for span in merged(self._all_working_spans(resource.id, first)))
            for resource in self.catalogue.resources
        )

    def _works_on(self, resource_id: ResourceId, day: date) -> bool:
        return bool(self._all_working_spans(resource_id, day))

    def _all_working_spans(self, resource_id: ResourceId, day: date) -> tuple[Span, ...]:
        """The spans at all of the resource's locations, in order."""
        like = self._like[resource_id]
        parts = self.catalogue.resource_by_id[like].schedule.parts
        if len(parts) == 1:
            return self._working_spans(like, 0, day)
        return tuple(sorted(span for site in range(len(parts)) for span in self._working_spans(like, site, day)))


def grid_step(service: Service) -> int:
    """Minutes from one start of the grid to the next."""
    return service.grid.step_minutes or service.duration_minutes


def minimum_gap(service: Service, parts: Sequence[PartOffsets]) -> int:
    """Minutes of the shortest gap that is of use: as the grid says, else what another such visit takes of the lead."""
    return service.grid.minimum_gap_minutes or parts[-1].blocked_end - parts[0].blocked_start


def _first_alike(resources: Iterable[Resource]) -> dict[ResourceId, ResourceId]:
    """For each resource the first with the same schedule: what follows from a schedule is worked out once."""
    first: dict[object, ResourceId] = {}
    alike: dict[ResourceId, ResourceId] = {}
    for resource in resources:
        located = tuple([(one.location_id, _key_of(one.schedule)) for one in resource.schedule.at])
        alike[resource.id] = first.setdefault((_key_of(resource.schedule), located), resource.id)
    return alike


def _key_of(schedule: Schedule) -> object:
    """Equal keys, equal schedules at one location."""
    return (
        schedule.timezone,
        schedule.hours,
        schedule.breaks,
        tuple(sorted(schedule.overrides.items())),
        schedule.despite_closures,
        schedule.closures,
    )


def _first_twins(catalogue: Catalogue, like: Mapping[ResourceId, ResourceId]) -> dict[ResourceId, ResourceId]:
    """For each resource the first with which it may be judged together (see CatalogueIndex.twin)."""
    first: dict[object, ResourceId] = {}

    def key_of(resource: Resource) -> object:
        # The time off of those whose own window counts business days decides where it ends.
        counts = isinstance(resource.rules.window, BusinessDaysWindow)
        time_off = catalogue.time_off.get(resource.id, ()) if counts else ()
        return (
            like[resource.id],
            resource.capacity,
            resource.allows_pieces,
            resource.seats,
            resource.exclusive,
            resource.rules,
            time_off,
        )

    return {resource.id: first.setdefault(key_of(resource), resource.id) for resource in catalogue.resources}


def _hull(spans: Sequence[Span]) -> Span:
    """The shortest span that contains them all."""
    return Span(min(span.start for span in spans), max(span.end for span in spans))
