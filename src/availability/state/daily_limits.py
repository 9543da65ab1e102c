"""On which local dates a daily limit is reached, so that no more visits are offered."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import StartQuery
from availability.state.repository import BusyRepository, Visits
from availability.state.staff_days import OccupiedDays
from catalogue.model.services import Service
from kernel.errors import StoreUnavailable
from kernel.ids import AppointmentId, ResourceId, ServiceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, Span
from kernel.zones import local_date, local_day
from persistence.unit_of_work import UnitOfWork

# A local date that a start belongs to begins and ends no farther from it, whatever the zone.
_REACH: Final = 2 * MINUTES_PER_DAY


class FullDates(NamedTuple):
    """Where daily limits are reached."""

    service_minutes: tuple[Span, ...] = ()
    """Of the local dates on which that of the service is."""
    resource_dates: tuple[tuple[ResourceId, frozenset[date]], ...] = ()
    """The local dates on which that of a resource is, of those that have one."""


class DailyLimits:
    """Counts visits in Postgres, and only where a rule limits them (docs/adr/0016)."""

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
        """What is taken, with the dates that are full. The visit `own` does not count; without Postgres as `full`."""
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
        """Where limits are reached, that of the service and those of the `limited`, on each date within the stretch.

        The visit `own` does not count.

        Without Postgres nothing is full here: the confirmation, which needs Postgres, counts again.
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
    """Those who have a daily limit of their own in visits of the service."""
    service, resource_by_id = index.catalogue.service_by_id[service_id], index.catalogue.resource_by_id
    rules = ((r, index.rules(service, resource_by_id[r])) for r in resource_ids)
    return tuple(r for r, mine in rules if mine.resource_daily_limit is not None)


def with_full_dates(occupied: OccupiedDays, full: FullDates) -> OccupiedDays:
    """What is taken, with the dates that are full."""
    if full == FullDates():
        return occupied
    states = dict(occupied.states)
    for resource_id, dates in full.resource_dates:
        states[resource_id] = replace(states[resource_id], full_dates=dates)
    return replace(occupied, states=states, full_minutes=full.service_minutes)


def _full_dates_of(index: CatalogueIndex, service: Service, limited: Sequence[ResourceId], visits: Visits) -> FullDates:
    """The pure part: dates by the counts."""
    dates: list[tuple[ResourceId, frozenset[date]]] = []
    for resource_id in limited:
        resource = index.catalogue.resource_by_id[resource_id]
        limit = index.rules(service, resource).resource_daily_limit
        assert limit is not None, "only the limited are counted"
        reached = _full_dates(visits.of_resources.get(resource_id, ()), resource.schedule.timezone, limit)
        dates.append((resource_id, reached))
    spans: list[Span] = []
    service_limit = index.rules(service).service_daily_limit
    if service_limit is not None:
        timezone = index.catalogue.timezone_of(service)
        for day in sorted(_full_dates(visits.of_service, timezone, service_limit)):
            spans += local_day(timezone, day)
    return FullDates(service_minutes=tuple(spans), resource_dates=tuple(dates))


def _full_dates(starts: Iterable[Minute], timezone: str, limit: int) -> frozenset[date]:
    counts = Counter(local_date(timezone, start) for start in starts)
    return frozenset(day for day, count in counts.items() if count >= limit)
