"""What is taken of resources: from Redis where it is cached, from Postgres where it is not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from availability.bitmaps import DAY_BYTES, decode_days, encode_day, from_spans
from availability.cache import AvailabilityCache, CachedDays, Held, StaffDay, Versions
from availability.catalogues import Known
from availability.debts import Debts
from availability.repository import Busy, BusyRepository
from availability.search import ResourceState
from kernel.ids import AppointmentId, HoldId, ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Span, utc_days
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """What the caller has already: it is not in the caller's own way."""

    hold_id: HoldId | None = None
    claims: tuple[Busy, ...] = ()
    """Of the caller's own appointment."""

    @property
    def appointment_id(self) -> AppointmentId | None:
        """The caller's own appointment."""
        return self.claims[0].appointment_id if self.claims else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is taken of some resources over a window of whole UTC days."""

    window: Span
    states: Mapping[ResourceId, ResourceState]
    own_holds: tuple[tuple[ResourceId, Held], ...] = ()
    """The lanes of the caller's own hold."""
    without_redis: bool = False
    """Holds are not known, and nobody can place one."""
    full: tuple[Span, ...] = ()
    """The minutes of the local dates on which the service's daily limit is reached."""


def whole_days(span: Span) -> Span:
    """The UTC days the span touches."""
    days = utc_days(span)
    return Span(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY)


class StaffDays:
    """Reads staff-days through the cache."""

    def __init__(self, unit_of_work: UnitOfWork, cache: AvailabilityCache, debts: Debts) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._debts = debts

    async def load(
        self, tenant_id: TenantId, known: Known, resource_ids: Sequence[ResourceId], span: Span, mine: Mine
    ) -> Taken | None:
        """What is taken over the days of the span; None when the catalogue is out of date.

        Raises StoreUnavailable when something must come from Postgres and it does not answer.
        """
        window = whole_days(span)
        staff_days = [(resource_id, day) for resource_id in resource_ids for day in utc_days(window)]
        try:
            # After a commit that Redis was not told of, its bitmaps are not to be believed.
            await self._debts.pay(tenant_id, self._cache)
            cached = await self._cache.read(tenant_id, staff_days)
        except RedisUnavailable:
            if not known.is_fresh():
                return None
            found = await self._encode(tenant_id, known, staff_days)
            return _taken(resource_ids, window, found, {}, mine, without_redis=True)
        # Nothing equals nothing: a Redis that came back empty has no version, and what was read without Redis has none.
        if cached.catalogue_version is None or cached.catalogue_version != known.version:
            return None
        missing = [staff_day for staff_day in staff_days if not _is_whole(known, staff_day, cached)]
        filled = await self.fill(tenant_id, known, missing) if missing else {}
        bitmaps = {staff_day: filled.get(staff_day) or cached.bitmaps[staff_day] or b"" for staff_day in staff_days}
        return _taken(resource_ids, window, bitmaps, cached.held, mine)

    async def fill(self, tenant_id: TenantId, known: Known, staff_days: Sequence[StaffDay]) -> Mapping[StaffDay, bytes]:
        """Read staff-days from Postgres and cache them, unless they change meanwhile.

        The versions are read first: whatever is committed after that makes the cache refuse what was read before it.
        """
        try:
            versions: Versions | None = await self._cache.versions(tenant_id, staff_days)
        except RedisUnavailable:
            versions = None
        bitmaps = await self._encode(tenant_id, known, staff_days)
        if versions is not None:
            # Without Redis what was read is right all the same; the next reader fills again.
            with suppress(RedisUnavailable):
                await self._cache.fill(tenant_id, versions, bitmaps)
        return bitmaps

    async def _encode(self, tenant_id: TenantId, known: Known, staff_days: Sequence[StaffDay]) -> dict[StaffDay, bytes]:
        """The bitmaps of staff-days as Postgres has them, all as of one instant."""
        days = [day for _, day in staff_days]
        stretch = Span(min(days) * MINUTES_PER_DAY, (max(days) + 1) * MINUTES_PER_DAY)
        resource_ids = sorted({resource_id for resource_id, _ in staff_days})
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            busy = await BusyRepository(connection).find_busy(tenant_id, resource_ids, stretch)
        by_staff_day: defaultdict[StaffDay, list[Busy]] = defaultdict(list)
        for one in busy:
            for day in utc_days(one.span):
                by_staff_day[one.resource_id, day].append(one)
        return {
            staff_day: _encoded(staff_day[1], by_staff_day[staff_day], _lane_count(known, staff_day[0]))
            for staff_day in staff_days
        }


def _lane_count(known: Known, resource_id: ResourceId) -> int:
    return len(known.catalogue.resource_by_id[resource_id].lanes)


def _is_whole(known: Known, staff_day: StaffDay, cached: CachedDays) -> bool:
    """Whether the bitmaps are cached with as many lanes as the resource has."""
    bitmap = cached.bitmaps[staff_day]
    return bitmap is not None and len(bitmap) == (_lane_count(known, staff_day[0]) + 1) * DAY_BYTES


def _encoded(day: int, busy: Iterable[Busy], lane_count: int) -> bytes:
    time_off: list[Span] = []
    claims: list[list[Span]] = [[] for _ in range(lane_count)]
    for one in busy:
        if one.lane is None:
            time_off.append(one.span)
        elif one.lane <= lane_count:
            claims[one.lane - 1].append(one.span)
    return encode_day(day, time_off, claims)


def _taken(
    resource_ids: Sequence[ResourceId],
    window: Span,
    bitmaps: Mapping[StaffDay, bytes],
    held: Mapping[StaffDay, Sequence[Held]],
    mine: Mine,
    *,
    without_redis: bool = False,
) -> Taken:
    others: defaultdict[ResourceId, list[Held]] = defaultdict(list)
    own: list[tuple[ResourceId, Held]] = []
    for (resource_id, _), entries in held.items():
        for entry in entries:
            if entry.hold_id == mine.hold_id:
                own.append((resource_id, entry))
            else:
                others[resource_id].append(entry)
    states = {
        resource_id: _state(
            [bitmaps[resource_id, day] for day in utc_days(window)],
            window,
            others.get(resource_id, ()),
            [claim for claim in mine.claims if claim.resource_id == resource_id],
        )
        for resource_id in resource_ids
    }
    return Taken(window=window, states=states, own_holds=tuple(own), without_redis=without_redis)


def _state(values: Sequence[bytes], window: Span, held: Sequence[Held], own_claims: Sequence[Busy]) -> ResourceState:
    time_off_free, lanes = decode_days(values)
    if own_claims:
        freed = [
            from_spans([claim.span for claim in own_claims if claim.lane == number], window)
            for number in range(1, len(lanes) + 1)
        ]
        lanes = tuple(lane | (free & time_off_free) for lane, free in zip(lanes, freed, strict=True))
    if not held:
        return ResourceState(time_off_free=time_off_free, lanes=lanes)
    return ResourceState(
        time_off_free=time_off_free,
        lanes=lanes,
        held=tuple(
            from_spans([entry.span for entry in held if entry.lane == number], window)
            for number in range(1, len(lanes) + 1)
        ),
    )
