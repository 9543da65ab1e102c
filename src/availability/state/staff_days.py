"""The state of staff-days: from Redis where it is cached, from Postgres where it is not."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from availability.model import MovingVisit
from availability.rules.bitmaps import from_spans
from availability.rules.eligibility import Present, ResourceState
from availability.rules.sessions import Session, SessionMinutes
from availability.state.bitmap_cache import BitmapCache, HeldLane, StaffDay, StaffDayBlock, Versions, block_of
from availability.state.catalogue_snapshots import CatalogueSnapshot
from availability.state.encoding import DAY_BYTES, decode_days, decode_sessions, encode_day, is_whole, sessions_to_text
from availability.state.missed_commits import MissedCommits
from availability.state.repository import BusyRepository, BusySpan
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.errors import StoreUnavailable
from kernel.ids import AppointmentId, HoldId, ResourceId, ServiceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Span, utc_days
from persistence.errors import RedisUnavailable
from persistence.redis_memory import RedisMemory
from persistence.unit_of_work import UnitOfWork
from telemetry.measures import CACHE_FILLS, CACHE_FILLS_NO_ROOM, CACHE_FILLS_REFUSED, CACHE_HITS, CACHE_MISSES
from telemetry.metrics import Metrics

# So many bitmaps take some milliseconds to encode, one for time off and for each lane: with more, others are answered
# meanwhile.
_MANY_BITMAPS: Final = 2000
_FREE_BITMAP: Final = encode_day(0, (), ())
_NO_SESSIONS: Final = sessions_to_text(())


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClaims:
    """The caller's own hold and claims, which never block the caller."""

    hold_id: HoldId | None = None
    claims: tuple[BusySpan, ...] = ()
    """The claims of the caller's own appointment."""
    present: Present = frozenset()
    """Those who serve that appointment: a move keeps as many of them as it can."""
    keeps_start: bool = False
    """True if the appointment is changed where it is, and so priced anew."""
    visit_minutes: int | None = None
    """Its length without add-ons, whoever serves; None: as chosen, or as the service and those who serve say."""

    moving: MovingVisit | None = None
    """The appointment that is moved: it keeps its service when that is archived, by its policy perhaps its price."""

    @property
    def is_moving(self) -> bool:
        """True if they are those of an appointment."""
        return bool(self.claims or self.present)

    def may_have(self, service: Service) -> bool:
        """True if the visit may be one of that service: an archived one only serves the appointments that have it."""
        return not service.archived or (self.moving is not None and self.moving.service_id == service.id)

    @property
    def appointment_id(self) -> AppointmentId | None:
        """The caller's own appointment."""
        return self.claims[0].appointment_id if self.claims else None


class StoredBlock(NamedTuple):
    """The stored state of each staff-day of a block, in the order of the block (see StaffDayBlock)."""

    bitmaps: Sequence[bytes]
    held: tuple[tuple[int, HeldLane], ...]
    """Live holds, with the places of their staff-days."""
    without_redis: bool = False
    """Holds are not known, and nobody can place one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupiedDays:
    """The states of some resources over a window of whole UTC days."""

    window: Span
    states: Mapping[ResourceId, ResourceState]
    own_holds: tuple[tuple[ResourceId, HeldLane], ...] = ()
    """The lanes of the caller's own hold."""
    without_redis: bool = False
    """Holds are not known, and nobody can place one."""
    full_minutes: tuple[Span, ...] = ()
    """The minutes of the local dates on which the service's daily limit is reached."""


class StaffDays:
    """Reads staff-days through the cache."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        cache: BitmapCache,
        missed_commits: MissedCommits,
        memory: RedisMemory,
        metrics: Metrics,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._memory = memory
        self._cache = cache
        self._missed_commits = missed_commits
        self._metrics = metrics

    async def load(
        self,
        tenant_id: TenantId,
        snapshot: CatalogueSnapshot,
        resource_ids: Sequence[ResourceId],
        span: Span,
        own: OwnClaims,
        *,
        with_held: bool = True,
        matters: bool = True,
    ) -> OccupiedDays | None:
        """The state of the resources on the days of the span; None and raises as `read`.

        Without holds, if `with_held` is false: there may be many, and they do not count as booked. Not read, but as if
        nothing were taken, if what is taken does not matter.
        """
        block = block_of(resource_ids, utc_days(span))
        days = block.days if matters else range(0)
        stored = await self.read(tenant_id, snapshot, block, days, with_held=with_held)
        return None if stored is None else occupied_days(block.resource_ids, block.days, stored, own)

    async def own_claims(self, tenant_id: TenantId, appointment_id: AppointmentId) -> OwnClaims:
        """The claims of an appointment, which do not block the appointment itself. Raises StoreUnavailable."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            claims = await BusyRepository(connection).find_claims(tenant_id, appointment_id)
        return OwnClaims(claims=tuple(claims))

    async def moving_claims(self, tenant_id: TenantId, appointment_id: AppointmentId) -> OwnClaims:
        """The claims of an appointment that is to move, with all that decides its new price; none once it has ended."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = BusyRepository(connection)
            claims = await repository.find_claims(tenant_id, appointment_id)
            return OwnClaims(
                claims=tuple(claims),
                moving=await repository.find_moving_visit(tenant_id, appointment_id) if claims else None,
            )

    async def last_assigned(
        self,
        tenant_id: TenantId,
        service_id: ServiceId,
        resource_ids: Sequence[ResourceId],
        shared: AbstractSet[ResourceId],
    ) -> Mapping[ResourceId, datetime]:
        """The instant of each resource's last turn of a service, of any for `shared`; nothing without Postgres.

        A hold can be placed without Postgres, which matters more than taking turns.
        """
        try:
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                return await BusyRepository(connection).find_last_assigned(tenant_id, service_id, resource_ids, shared)
        except StoreUnavailable:
            return {}

    async def read(
        self,
        tenant_id: TenantId,
        snapshot: CatalogueSnapshot,
        block: StaffDayBlock,
        days: range,
        *,
        with_held: bool = True,
    ) -> StoredBlock | None:
        """The state of a block, as stored on these days of it, and on its others as if nothing were taken.

        None when the catalogue is out of date. What is taken on the other days must not matter: they are neither read
        nor cached, so that nobody fills Redis with days that cannot be booked. Raises StoreUnavailable when something
        must come from Postgres and it does not answer.
        """
        if days == block.days:
            return await self._read(tenant_id, snapshot, block, with_held=with_held)
        stored = await self._read(tenant_id, snapshot, block_of(block.resource_ids, days), with_held=with_held)
        return None if stored is None else _widened(snapshot, block, days, stored)

    async def _read(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, block: StaffDayBlock, *, with_held: bool
    ) -> StoredBlock | None:
        try:
            # After a commit that Redis was not told of, its bitmaps are not to be believed.
            await self._missed_commits.catch_up(tenant_id, self._cache)
            cached = await self._cache.read_block(tenant_id, block, with_held=with_held)
        except RedisUnavailable:
            if not snapshot.is_fresh():
                return None
            staff_days = _staff_days(block)
            found = await self._encode(tenant_id, snapshot, staff_days)
            return StoredBlock([found[staff_day] for staff_day in staff_days], (), without_redis=True)
        # Nothing equals nothing: a Redis that came back empty has no version, and what was read without Redis has none.
        if cached.catalogue_version is None or cached.catalogue_version != snapshot.version:
            return None
        bitmaps = cached.bitmaps
        missing = _missing(snapshot, block, bitmaps)
        self._metrics.add(CACHE_HITS, len(bitmaps) - len(missing))
        if missing:
            self._metrics.add(CACHE_MISSES, len(missing))
            staff_days = _staff_days(block)
            filled = await self.fill(tenant_id, snapshot, [staff_days[place] for place in missing], needed=False)
            bitmaps = list(bitmaps)
            for place in missing:
                bitmaps[place] = filled[staff_days[place]]
        return StoredBlock(bitmaps, cached.held)

    async def fill(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, staff_days: Sequence[StaffDay], *, needed: bool
    ) -> Mapping[StaffDay, bytes]:
        """Read staff-days from Postgres and cache them, unless they change meanwhile.

        The versions are read first: whatever is committed after that makes the cache refuse what was read before it.
        Where the business has no room left, or all of Redis little, they are cached only if they are `needed` there, as
        the hold script needs them: what is left is for holds.
        """
        versions: Versions | None = None
        if needed or not self._memory.is_short:
            with suppress(RedisUnavailable):
                versions = await self._cache.versions(tenant_id, staff_days, needed=needed)
        else:
            self._metrics.add(CACHE_FILLS_NO_ROOM, len(staff_days), label="redis")
        bitmaps = await self._encode(tenant_id, snapshot, staff_days)
        if versions is not None:
            # Without Redis what was read is right all the same; the next reader fills again.
            with suppress(RedisUnavailable):
                report = await self._cache.fill(tenant_id, versions, bitmaps, needed=needed)
                self._metrics.add(CACHE_FILLS, report.stored)
                self._metrics.add(CACHE_FILLS_REFUSED, report.refused)
                self._metrics.add(CACHE_FILLS_NO_ROOM, report.no_room, label="business")
        return bitmaps

    async def _encode(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, staff_days: Sequence[StaffDay]
    ) -> dict[StaffDay, bytes]:
        """The bitmaps of staff-days as Postgres has them, all as of one instant."""
        if not staff_days:
            return {}
        days = [day for _, day in staff_days]
        stretch = Span(min(days) * MINUTES_PER_DAY, (max(days) + 1) * MINUTES_PER_DAY)
        resource_ids = sorted({resource_id for resource_id, _ in staff_days})
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            exclusive = [each for each in resource_ids if _resource(snapshot, each).exclusive is not None]
            busy = await BusyRepository(connection).find_busy(tenant_id, resource_ids, stretch, exclusive=exclusive)
        by_staff_day: defaultdict[StaffDay, list[BusySpan]] = defaultdict(list)
        for one in busy:
            for day in utc_days(one.span):
                by_staff_day[one.resource_id, day].append(one)

        def encoded() -> dict[StaffDay, bytes]:
            return {
                staff_day: _encoded(staff_day[1], by_staff_day[staff_day], _resource(snapshot, staff_day[0]))
                for staff_day in staff_days
            }

        bitmaps = sum(1 + len(_resource(snapshot, resource_id).lanes) for resource_id, _ in staff_days)
        return encoded() if bitmaps < _MANY_BITMAPS else await asyncio.to_thread(encoded)


def _resource(snapshot: CatalogueSnapshot, resource_id: ResourceId) -> Resource:
    return snapshot.catalogue.resource_by_id[resource_id]


def _staff_days(block: StaffDayBlock) -> list[StaffDay]:
    """The staff-days of the block, in its order."""
    return [(resource_id, day) for day in block.days for resource_id in block.resource_ids]


def _widened(snapshot: CatalogueSnapshot, block: StaffDayBlock, days: range, stored: StoredBlock) -> StoredBlock:
    """The state of a block that was stored on some of its days; nothing is taken on the others."""
    width = len(block.resource_ids)
    resources = [_resource(snapshot, resource_id) for resource_id in block.resource_ids]
    free = [_FREE_BITMAP * (1 + len(one.lanes)) + (_NO_SESSIONS if one.exclusive else b"") for one in resources]
    before, after = (days.start - block.days.start, block.days.stop - days.stop) if days else (len(block.days), 0)
    return StoredBlock(
        [*free * before, *stored.bitmaps, *free * after],
        tuple([(before * width + place, entry) for place, entry in stored.held]),
        stored.without_redis,
    )


def _missing(snapshot: CatalogueSnapshot, block: StaffDayBlock, bitmaps: Sequence[bytes]) -> list[int]:
    """The places whose values are not cached as they are for a resource of that kind."""
    resources = [_resource(snapshot, resource_id) for resource_id in block.resource_ids]
    # Those of exclusive resources are looked at one by one.
    whole = [-1 if one.exclusive else (len(one.lanes) + 1) * DAY_BYTES for one in resources]
    width = len(whole)
    missing: list[int] = []
    for first in range(0, len(bitmaps), max(width, 1)):
        sizes = list(map(len, bitmaps[first : first + width]))
        if sizes != whole:
            missing += (
                first + place
                for place, one in enumerate(resources)
                if not is_whole(bitmaps[first + place], len(one.lanes), exclusive=one.exclusive is not None)
            )
    return missing


def _encoded(day: int, busy: Sequence[BusySpan], resource: Resource) -> bytes:
    time_off: list[Span] = []
    claims: list[list[Span]] = [[] for _ in resource.lanes]
    for one in busy:
        if one.lane is None:
            time_off.append(one.span)
        elif one.lane <= len(claims):
            claims[one.lane - 1].append(one.span)
    return encode_day(day, time_off, claims, sessions_of(busy) if resource.exclusive else None)


def sessions_of(taken: Iterable[BusySpan | HeldLane]) -> tuple[SessionMinutes, ...]:
    """The minutes of an exclusive resource's claims or holds, with their sessions."""
    spans = dict.fromkeys((one.session, one.span) for one in taken if one.lane is not None)
    return tuple([SessionMinutes(None if name is None else Session.from_name(name), span) for name, span in spans])


def occupied_days(resource_ids: Sequence[ResourceId], days: range, stored: StoredBlock, own: OwnClaims) -> OccupiedDays:
    """The states on stored days, with the caller's own hold and claims taken out."""
    window = Span(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY)
    width = len(resource_ids)
    others: defaultdict[ResourceId, list[HeldLane]] = defaultdict(list)
    own_holds: list[tuple[ResourceId, HeldLane]] = []
    for place, entry in stored.held:
        resource_id = resource_ids[place % width]
        if entry.hold_id == own.hold_id:
            own_holds.append((resource_id, entry))
        else:
            others[resource_id].append(entry)
    # Those who have the same bitmaps, as all do who have nothing to do, have the same state.
    clear: dict[tuple[bytes, ...], ResourceState] = {}
    states: dict[ResourceId, ResourceState] = {}
    for number, resource_id in enumerate(resource_ids):
        values = tuple(stored.bitmaps[number::width])
        state = clear.get(values)
        if state is None:
            state = clear[values] = _clear(values)
        claims = [claim for claim in own.claims if claim.resource_id == resource_id]
        if claims or resource_id in others:
            state = _state(state, window, others.get(resource_id, ()), claims)
        states[resource_id] = state
    return OccupiedDays(window=window, states=states, own_holds=tuple(own_holds), without_redis=stored.without_redis)


def _clear(values: Sequence[bytes]) -> ResourceState:
    time_off_free, lanes = decode_days(values)
    return ResourceState(time_off_free=time_off_free, lanes=lanes, sessions=decode_sessions(values))


def _state(
    clear: ResourceState, window: Span, held: Sequence[HeldLane], own_claims: Sequence[BusySpan]
) -> ResourceState:
    lanes, own_sessions = clear.lanes, {claim.session for claim in own_claims}
    sessions = tuple([one for one in clear.sessions if one.session is None or one.session.name not in own_sessions])
    if own_claims:
        freed = [
            from_spans([claim.span for claim in own_claims if claim.lane == number], window)
            for number in range(1, len(lanes) + 1)
        ]
        lanes = tuple(lane | (free & clear.time_off_free) for lane, free in zip(lanes, freed, strict=True))
    if not held:
        return ResourceState(time_off_free=clear.time_off_free, lanes=lanes, sessions=sessions)
    return ResourceState(
        time_off_free=clear.time_off_free,
        lanes=lanes,
        held=tuple(
            from_spans([entry.span for entry in held if entry.lane == number], window)
            for number in range(1, len(lanes) + 1)
        ),
        sessions=sessions,
        held_sessions=sessions_of(held),
    )
