"""Comparison of cached bitmaps with Postgres."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from availability.state.bitmap_cache import BitmapCache, StaffDay
from availability.state.bitmap_faults import BitmapShape, bitmap_faults, bitmap_shape
from availability.state.repository import BusyRepository, BusySpan
from availability.state.staff_days import sessions_of
from kernel.ids import ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Span, day_date, utc_days
from persistence.unit_of_work import UnitOfWork
from reconciliation.report import Discrepancy, DiscrepancyKind, ReportDraft, format_faults
from reconciliation.repository import ReconciliationRepository, ResourceSummary

# Staff-days read at once: at most some megabytes of bitmaps, and one statement of a listing's size.
_CHUNK: Final = 100
# Comparisons of a staff-day that keeps changing; then it is left for the next run.
_ATTEMPTS: Final = 4
# Long enough for the invalidator to have worked off what a change left behind.
_PAUSE_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """Result of comparing some staff-days once."""

    discrepancies: Mapping[StaffDay, Discrepancy]
    undecided: frozenset[StaffDay]
    """They differ, and the cache was just hearing of a change, or will."""


class BitmapReconciliation:
    """A discrepancy counts only if the version of its staff-day is the same before and after the comparison.

    A committed change is either known to Redis, and has changed the version, or a row of `invalidations` in the same
    snapshot as the change tells that Redis is still to hear of it. So no booking that happens meanwhile is taken for a
    discrepancy.
    """

    def __init__(self, unit_of_work: UnitOfWork, cache: BitmapCache, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._pause_seconds = pause_seconds

    async def check(
        self, tenant_id: TenantId, staff_days: Iterable[StaffDay], draft: ReportDraft, *, repair: bool
    ) -> None:
        """Compare these cached staff-days. Raises StoreUnavailable, RedisUnavailable."""
        # Days that lie together are read from Postgres together.
        rest = iter(sorted(set(staff_days), key=lambda staff_day: (staff_day[1], staff_day[0])))
        while chunk := list(islice(rest, _CHUNK)):
            draft.staff_days += len(chunk)
            await self._check(tenant_id, chunk, draft, repair=repair)

    async def _check(
        self, tenant_id: TenantId, staff_days: Sequence[StaffDay], draft: ReportDraft, *, repair: bool
    ) -> None:
        left = list(staff_days)
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._pause_seconds)
            comparison = await self._compare_once(tenant_id, left)
            if comparison.discrepancies and repair:
                await self._cache.invalidate(tenant_id, None, catalogue=False, staff_days=comparison.discrepancies)
            for discrepancy in comparison.discrepancies.values():
                draft.add(discrepancy.as_repaired() if repair else discrepancy)
            left = sorted(comparison.undecided)
            if not left:
                return
        draft.unsettled += len(left)

    async def _compare_once(self, tenant_id: TenantId, staff_days: Sequence[StaffDay]) -> _Comparison:
        before = await self._cache.versions(tenant_id, staff_days)
        cached = (await self._cache.read(tenant_id, staff_days)).bitmaps
        values = {staff_day: bitmaps for staff_day, bitmaps in cached.items() if bitmaps is not None}
        if not values:
            return _Comparison(discrepancies={}, undecided=frozenset())
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = ReconciliationRepository(connection, tenant_id)
            resources = await repository.find_resources(resource_id for resource_id, _ in values)
            exclusive = [resource_id for resource_id, resource in resources.items() if resource.exclusive]
            busy = await BusyRepository(connection).find_busy(
                tenant_id, list(resources), _span_of(values), exclusive=exclusive
            )
            suspects = _compare(tenant_id, values, resources, busy)
            pending = await repository.find_pending(suspects) if suspects else set()
        if not suspects:
            return _Comparison(discrepancies={}, undecided=frozenset())
        after = await self._cache.versions(tenant_id, list(suspects))
        undecided = pending | {one for one in suspects if before.days[one] != after.days[one]}
        return _Comparison(
            discrepancies={one: discrepancy for one, discrepancy in suspects.items() if one not in undecided},
            undecided=frozenset(undecided),
        )


def _span_of(staff_days: Iterable[StaffDay]) -> Span:
    days = [day for _, day in staff_days]
    return Span(min(days) * MINUTES_PER_DAY, (max(days) + 1) * MINUTES_PER_DAY)


def _compare(
    tenant_id: TenantId,
    values: Mapping[StaffDay, bytes],
    resources: Mapping[ResourceId, ResourceSummary],
    busy: Iterable[BusySpan],
) -> dict[StaffDay, Discrepancy]:
    by_staff_day: defaultdict[StaffDay, list[BusySpan]] = defaultdict(list)
    for one in busy:
        for day in utc_days(one.span):
            by_staff_day[one.resource_id, day].append(one)
    discrepancies = {}
    for staff_day, value in values.items():
        detail = _detail(staff_day, value, resources.get(staff_day[0]), by_staff_day[staff_day])
        if detail is not None:
            discrepancies[staff_day] = _discrepancy(tenant_id, staff_day, detail)
    return discrepancies


def _detail(
    staff_day: StaffDay, value: bytes, resource: ResourceSummary | None, busy: Sequence[BusySpan]
) -> str | None:
    """The fault of one staff-day in words; None: there is none."""
    resource_id, day = staff_day
    date = day_date(day).isoformat()
    if resource is None:
        return f"{date} is cached for the resource {resource_id}, which does not exist."
    match bitmap_shape(value, resource.lane_count, exclusive=resource.exclusive):
        case BitmapShape.SHORT:
            return None
        case BitmapShape.BROKEN:
            size = f"{len(value)} bytes, which are no bitmaps of {resource.lane_count} lanes"
            return f"{resource.key} on {date} is cached as {size}."
        case BitmapShape.WHOLE:
            faults = bitmap_faults(
                day,
                value,
                time_off=[one.span for one in busy if one.lane is None],
                claims_by_lane=list(_by_lane(busy, resource.lane_count)),
                sessions=sessions_of(busy) if resource.exclusive else (),
            )
            return f"{resource.key} on {date} is cached with {format_faults(faults)}." if faults else None


def _by_lane(busy: Iterable[BusySpan], lane_count: int) -> Iterator[list[Span]]:
    by_lane: defaultdict[int | None, list[Span]] = defaultdict(list)
    for one in busy:
        by_lane[one.lane].append(one.span)
    return (by_lane[number] for number in range(1, lane_count + 1))


def _discrepancy(tenant_id: TenantId, staff_day: StaffDay, detail: str) -> Discrepancy:
    resource_id, _ = staff_day
    return Discrepancy(
        kind=DiscrepancyKind.BITMAP,
        tenant_id=tenant_id,
        subject=resource_id,
        resource_id=resource_id,
        span=_span_of([staff_day]),
        detail=detail,
    )
