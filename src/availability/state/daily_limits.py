"""Local dates that take no more visits under a daily limit, counted in Postgres."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import StartQuery
from availability.rules.visit_limit import full_dates
from availability.state.repository import BusyRepository, Visits
from availability.state.staff_days import OccupiedDays
from catalogue.model.services import Service
from kernel.errors import StoreUnavailable
from kernel.ids import AppointmentId, ResourceId, ServiceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Span
from persistence.unit_of_work import UnitOfWork

# A local date that a start belongs to, with its shifts, begins and ends no farther from it, whatever the zone.
_REACH: Final = 3 * MINUTES_PER_DAY


class FullDates(NamedTuple):
    """Dates on which a service and its resources have reached their daily limits."""

    service_minutes: tuple[Span, ...] = ()
    """Minutes of the local dates on which the service has reached its limit."""
    resource_dates: tuple[tuple[ResourceId, frozenset[date]], ...] = ()
    """For each resource that has a limit, the local dates on which it has reached it."""


class DailyLimits:
    """Counts of visits in Postgres, made only where a rule limits visits (docs/adr/0016)."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def apply_to(
        self,
        tenant_id: TenantId,
        index: CatalogueIndex,
        query: StartQuery,
        occupied: OccupiedDays,
        *,
        own: AppointmentId | None = None,
    ) -> OccupiedDays:
        """Mark the dates that are full in `occupied`. See `find_full_dates`, also for a failing Postgres."""
        limited = limited_resources(index, query.service.id, tuple(occupied.states))
        # A resource may join long after the start: its own date is within the window, which covers the whole visit.
        stretch = Span(query.starts.start, query.window.end)
        return with_full_dates(
            occupied, await self.find_full_dates(tenant_id, index, query.service, limited, stretch, own=own)
        )

    async def find_full_dates(
        self,
        tenant_id: TenantId,
        index: CatalogueIndex,
        service: Service,
        limited: Sequence[ResourceId],
        stretch: Span,
        *,
        own: AppointmentId | None = None,
    ) -> FullDates:
        """Find the full dates within the stretch, of the service and of the `limited` resources.

        The visit `own` does not count. Without Postgres no date is full: the confirmation needs Postgres anyway, and
        counts again.
        """
        service_limit = index.rules(service).service_daily_limit
        if not limited and service_limit is None:
            return FullDates()
        try:
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                visits = await BusyRepository(connection).find_visits(
                    tenant_id,
                    limited,
                    service.id if service_limit is not None else None,
                    Span(stretch.start - _REACH, stretch.end + _REACH),
                    excluding=own,
                )
        except StoreUnavailable:
            return FullDates()
        return _full_dates_of(index, service, limited, visits)


def limited_resources(
    index: CatalogueIndex, service_id: ServiceId, resource_ids: Sequence[ResourceId]
) -> tuple[ResourceId, ...]:
    """Select the resources that have a daily limit when they serve this service."""
    service, resource_by_id = index.catalogue.service_by_id[service_id], index.catalogue.resource_by_id
    return tuple(
        resource_id
        for resource_id in resource_ids
        if index.rules(service, resource_by_id[resource_id]).resource_daily_limit is not None
    )


def with_full_dates(occupied: OccupiedDays, full: FullDates) -> OccupiedDays:
    """Mark the dates that are full in `occupied`."""
    if full == FullDates():
        return occupied
    states = dict(occupied.states)
    for resource_id, dates in full.resource_dates:
        states[resource_id] = replace(states[resource_id], full_dates=dates)
    return replace(occupied, states=states, full_minutes=full.service_minutes)


def _full_dates_of(index: CatalogueIndex, service: Service, limited: Sequence[ResourceId], visits: Visits) -> FullDates:
    dates: list[tuple[ResourceId, frozenset[date]]] = []
    for resource_id in limited:
        resource = index.catalogue.resource_by_id[resource_id]
        limit = index.rules(service, resource).resource_daily_limit
        assert limit is not None, "only the limited are counted"
        reached = full_dates(visits.of_resources.get(resource_id, ()), index.shift_dates(resource).date_of, limit)
        dates.append((resource_id, reached))
    spans: list[Span] = []
    service_limit = index.rules(service).service_daily_limit
    if service_limit is not None:
        shifts = index.shift_dates_of_service(service)
        for day in sorted(full_dates(visits.of_service, shifts.date_of, service_limit)):
            spans += shifts.minutes_of(day)
    return FullDates(service_minutes=tuple(spans), resource_dates=tuple(dates))
