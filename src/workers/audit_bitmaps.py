"""Comparing cached bitmaps with Postgres."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from availability.state.bitmap_cache import BitmapCache, StaffDay
from availability.state.bitmap_faults import BitmapShape, bitmap_faults, bitmap_shape
from availability.state.repository import BusyRepository, BusySpan
from kernel.ids import ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Span, day_date, utc_days
from persistence.unit_of_work import UnitOfWork
from workers.audit_report import Difference, Findings, Kind, told_wrongly
from workers.repository import AuditRepository, KnownResource

# Staff-days read at once: at most some megabytes of bitmaps, and one statement of a listing's size.
_CHUNK: Final = 100
# A staff-day that changes while it is compared is looked at again so often, and then left for the next run.
_LOOKS: Final = 4
# Long enough for the invalidator to have worked off what a change left behind.
_PAUSE_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look found."""

    differences: Mapping[StaffDay, Difference]
    undecided: frozenset[StaffDay]
    """They differ, and the cache was just being told, or is going to be."""


class BitmapAudit:
    """A difference counts only if nothing about its staff-day changed between two looks at its version.

    A committed change is either known to Redis, and has changed the version, or a row of `invalidations` in the same
    snapshot as the change tells that Redis is still to hear of it. So no booking that happens meanwhile is taken for a
    difference.
    """

    def __init__(self, unit_of_work: UnitOfWork, cache: BitmapCache, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._pause_seconds = pause_seconds

    async def check(
        self, tenant_id: TenantId, staff_days: Iterable[StaffDay], findings: Findings, *, repair: bool
    ) -> None:
        """Compare these cached staff-days. Raises StoreUnavailable, RedisUnavailable."""
        # Days that lie together are read from Postgres together.
        rest = iter(sorted(set(staff_days), key=lambda staff_day: (staff_day[1], staff_day[0])))
        while chunk := list(islice(rest, _CHUNK)):
            findings.staff_days += len(chunk)
            await self._check(tenant_id, chunk, findings, repair=repair)

    async def _check(
        self, tenant_id: TenantId, staff_days: Sequence[StaffDay], findings: Findings, *, repair: bool
    ) -> None:
        left = list(staff_days)
        for number in range(_LOOKS):
            if number:
                await asyncio.sleep(self._pause_seconds)
            look = await self._look(tenant_id, left)
            if look.differences and repair:
                await self._cache.invalidate(tenant_id, None, catalogue=False, staff_days=look.differences)
            for difference in look.differences.values():
                findings.add(difference.mended() if repair else difference)
            left = sorted(look.undecided)
            if not left:
                return
        findings.unsettled += len(left)

    async def _look(self, tenant_id: TenantId, staff_days: Sequence[StaffDay]) -> _Look:
        before = await self._cache.versions(tenant_id, staff_days)
        cached = (await self._cache.read(tenant_id, staff_days)).bitmaps
        values = {staff_day: bitmaps for staff_day, bitmaps in cached.items() if bitmaps is not None}
        if not values:
            return _Look(differences={}, undecided=frozenset())
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = AuditRepository(connection, tenant_id)
            resources = await repository.find_resources(resource_id for resource_id, _ in values)
            busy = await BusyRepository(connection).find_busy(tenant_id, list(resources), _stretch(values))
            differing = _compare(tenant_id, values, resources, busy)
            waiting = await repository.find_pending(differing) if differing else set()
        if not differing:
            return _Look(differences={}, undecided=frozenset())
        after = await self._cache.versions(tenant_id, list(differing))
        undecided = waiting | {one for one in differing if before.days[one] != after.days[one]}
        return _Look(
            differences={one: difference for one, difference in differing.items() if one not in undecided},
            undecided=frozenset(undecided),
        )


def _stretch(staff_days: Iterable[StaffDay]) -> Span:
    days = [day for _, day in staff_days]
    return Span(min(days) * MINUTES_PER_DAY, (max(days) + 1) * MINUTES_PER_DAY)


def _compare(
    tenant_id: TenantId,
    values: Mapping[StaffDay, bytes],
    resources: Mapping[ResourceId, KnownResource],
    busy: Iterable[BusySpan],
) -> dict[StaffDay, Difference]:
    by_staff_day: defaultdict[StaffDay, list[BusySpan]] = defaultdict(list)
    for one in busy:
        for day in utc_days(one.span):
            by_staff_day[one.resource_id, day].append(one)
    found = {}
    for staff_day, value in values.items():
        detail = _detail(staff_day, value, resources.get(staff_day[0]), by_staff_day[staff_day])
        if detail is not None:
            found[staff_day] = _difference(tenant_id, staff_day, detail)
    return found


def _detail(staff_day: StaffDay, value: bytes, resource: KnownResource | None, busy: Sequence[BusySpan]) -> str | None:
    """What is wrong with one staff-day; None: nothing."""
    resource_id, day = staff_day
    date = day_date(day).isoformat()
    if resource is None:
        return f"{date} is cached for the resource {resource_id}, which does not exist."
    match bitmap_shape(value, resource.lane_count):
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
            )
            return f"{resource.key} on {date} is cached with {told_wrongly(faults)}." if faults else None


def _by_lane(busy: Iterable[BusySpan], lane_count: int) -> Iterator[list[Span]]:
    by_lane: defaultdict[int | None, list[Span]] = defaultdict(list)
    for one in busy:
        by_lane[one.lane].append(one.span)
    return (by_lane[number] for number in range(1, lane_count + 1))


def _difference(tenant_id: TenantId, staff_day: StaffDay, detail: str) -> Difference:
    resource_id, _ = staff_day
    return Difference(
        kind=Kind.BITMAP,
        tenant_id=tenant_id,
        subject=resource_id,
        resource_id=resource_id,
        span=_stretch([staff_day]),
        detail=detail,
    )
