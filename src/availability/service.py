"""Which times are free: the listing, and the judgement of one start that holds and bookings rely on."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from availability.listing.date_cache import DateCache, Renderer
from availability.listing.date_plan import (
    ListingPlan,
    ListingScope,
    plan_listing,
    resources_named,
    service_of,
    timezone_of,
)
from availability.listing.dates import EVERY_SLOT, DateOffers, ListingInputs, render_dates
from availability.model import DatedAnswer, Day, Listing, ListingQuery, Reason, Rendered
from availability.rules.allocations import MAX_ALLOCATIONS, Allocation
from availability.rules.catalogue_candidates import least_booked_first, local_days_of
from availability.rules.eligibility import EVERY_RULE, StartQuery
from availability.rules.explain import reason_for_start
from availability.rules.search import search
from availability.state.bitmap_cache import BitmapCache, StaffDay
from availability.state.catalogue_snapshots import CatalogueSnapshot, CatalogueSnapshots
from availability.state.daily_limits import DailyLimits
from availability.state.missed_commits import MissedCommits
from availability.state.repository import BusyRepository
from availability.state.staff_days import OccupiedDays, OwnClaims, StaffDays
from catalogue.model.catalogue import Catalogue
from catalogue.model.services import Assign, Service
from kernel.clock import Clock, business_now
from kernel.errors import NotFound, StoreUnavailable
from kernel.ids import AppointmentId, CommitId, ResourceId, TenantId
from kernel.spans import Minute, Span, to_minute, utc_days
from kernel.zones import local_date, local_now
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import UnitOfWork

# Somebody would have to change the catalogue this often between two round trips for a question to fail.
_ATTEMPTS: Final = 5
# `next` looks this far ahead at first: long enough for one round trip to be enough on most days.
_NEXT_CHUNK_DAYS: Final = 14
# How far `next` looks, from now or the beginning of the booking window, where that has no end.
_NEXT_FARTHEST_DAYS: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """One start, wanted."""

    service: str
    """Id or key."""
    start: Minute
    resource: str | None
    """Id or key; None: any that can serve."""
    party: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCandidates:
    """What the rules say of one start as things stand."""

    snapshot: CatalogueSnapshot
    now: datetime
    """What time it was for the business."""
    service: Service
    allocations: tuple[Allocation, ...]
    """Ways to serve, the best first; after them those that live holds are in the way of."""
    is_truncated: bool
    """Whether there may be more that no hold is in the way of."""
    reason: Reason | None
    """Why there is none."""
    without_redis: bool
    """Holds are not known, and nobody can place one."""


class AvailabilityService:
    """Every question raises StoreUnavailable when something must come from Postgres and it does not answer."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        catalogues: CatalogueSnapshots,
        staff_days: StaffDays,
        daily_limits: DailyLimits,
        cache: BitmapCache,
        missed_commits: MissedCommits,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._snapshots = catalogues
        self._staff_days = staff_days
        self._daily_limits = daily_limits
        self._cache = cache
        self._missed_commits = missed_commits
        self._clock = clock
        self._date_cache = DateCache()

    async def list_slots(self, tenant_id: TenantId, query: ListingQuery) -> Listing:
        """Every start offered on the dates asked for. Raises as `show`."""
        found = await self.render(tenant_id, query, EVERY_SLOT)
        return Listing(service=found.service, timezone=found.timezone, days=found.days)

    async def render(
        self, tenant_id: TenantId, query: ListingQuery, form: Renderer[DateOffers, Rendered]
    ) -> DatedAnswer[Rendered]:
        """What is offered on the dates asked for, each in that form.

        Raises NotFound for an unknown service, resource or appointment, ValidationFailed for an unknown zone.
        """
        own = await self._mine(tenant_id, query)
        scope = ListingScope(query.service, query.resources, query.first, query.last, query.timezone, query.party)
        for _ in range(_ATTEMPTS):
            snapshot = await self._knowing(tenant_id, query.service, query.resources)
            plan = snapshot.index.memoised(plan_listing, scope)
            inputs = await self._situation(tenant_id, snapshot, plan, own, explain=query.explain)
            if inputs is not None:
                days = render_dates(self._date_cache, tenant_id, inputs, form)
                return DatedAnswer(service=plan.service.key, timezone=plan.timezone, days=days)
            self._snapshots.forget(tenant_id, snapshot)
        raise _restless()

    async def next_slots(self, tenant_id: TenantId, query: ListingQuery, limit: int) -> Listing:
        """The first `limit` slots from now on; the dates of the query do not count. Days without any are left out.

        Raises as `list_slots`.
        """
        for _ in range(_ATTEMPTS):
            snapshot = await self._snapshots.get(tenant_id)
            listing = await self._next_slots(tenant_id, snapshot, query, limit)
            # The listings below have asked Redis: was it already another day for the business?
            current = await self._snapshots.get(tenant_id)
            if current.catalogue.business.sandbox_now == snapshot.catalogue.business.sandbox_now:
                return listing
        raise _restless()

    async def _next_slots(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, query: ListingQuery, limit: int
    ) -> Listing:
        service = service_of(snapshot.catalogue, query.service)
        timezone = timezone_of(snapshot.catalogue, service, query.timezone)
        now = self._now(snapshot)
        bookable = _bookable(snapshot, service, now)
        first = max(local_date(timezone, to_minute(now)), bookable.first)
        last = min(first + timedelta(days=_NEXT_FARTHEST_DAYS), bookable.last)
        # One date at least is asked for: only by asking does one hear that the catalogue is another one by now.
        last = max(first, last)
        found: list[Day] = []
        at_once = _NEXT_CHUNK_DAYS
        while first <= last and sum(len(day.slots) for day in found) < limit:
            chunk_last = min(first + timedelta(days=at_once - 1), last)
            chunk = replace(query, first=first, last=chunk_last, timezone=timezone, explain=False)
            listing = await self.list_slots(tenant_id, chunk)
            found += [day for day in listing.days if day.slots]
            first = chunk_last + timedelta(days=1)
            # Whoever is booked up for so long is likely to be for longer.
            at_once *= 2
        return Listing(service=service.key, timezone=timezone, days=tuple(_first_slots(found, limit)))

    async def judge(self, tenant_id: TenantId, request: StartRequest, own: OwnClaims) -> StartCandidates:
        """Whether one start is offered now, to whom it would go, and if not, why.

        The same rules as the listing's. Raises NotFound for an unknown service or resource.
        """
        for _ in range(_ATTEMPTS):
            snapshot, query = await self._wanted(tenant_id, request)
            occupied = await self._load(tenant_id, snapshot, query, own)
            if occupied is not None:
                last_assigned = await self._last_assigned(tenant_id, query.service, occupied)
                return _judgement(
                    snapshot,
                    replace(query, window=occupied.window, full_minutes=occupied.full_minutes),
                    occupied,
                    last_assigned,
                )
            self._snapshots.forget(tenant_id, snapshot)
        raise _restless()

    async def presume(self, tenant_id: TenantId, request: StartRequest) -> StartCandidates | None:
        """The ways to serve by what no booking changes, in the order in which they are to be asked.

        What is free, the hold script finds out, and says if the catalogue is another. None when it takes `judge` to
        tell. Raises NotFound.
        """
        snapshot = await self._snapshots.get(tenant_id)
        kind = snapshot.candidates.visit_kind(request.service, request.resource, request.party)
        if kind is None:
            # Another process may have made it a moment ago; if not, `judge` says that there is none.
            snapshot, _ = await self._wanted(tenant_id, request)
            kind = snapshot.candidates.visit_kind(request.service, request.resource, request.party)
        if kind is None or kind.assign is None or snapshot.version is None:
            return None
        now = self._now(snapshot)
        ways = snapshot.candidates.allocations(kind, request.start, now)
        if not ways:
            return None
        try:
            # After a commit that Redis was not told of, the script would look at bitmaps that are not to be believed.
            await self._missed_commits.catch_up(tenant_id, self._cache)
        except RedisUnavailable:
            return None
        if kind.assign is Assign.LEAST_BOOKED and len(ways) > 1:
            serving = list(dict.fromkeys(claim.resource_id for way in ways for claim in way.claims))
            occupied = await self._staff_days.load_booked(
                tenant_id, snapshot, serving, local_days_of(kind.requirements, request.start)
            )
            if occupied is None or occupied.without_redis:
                return None
            ways = least_booked_first(kind.requirements, ways, occupied.states, occupied.window)
        return StartCandidates(
            snapshot=snapshot,
            now=now,
            service=kind.service,
            allocations=ways,
            is_truncated=False,
            reason=None,
            without_redis=False,
        )

    async def catalogue(self, tenant_id: TenantId, *, naming: Collection[str] = ()) -> Catalogue:
        """The set-up of the business as this process remembers it, perhaps a little out of date.

        `naming`: ids of services and resources, which another process may have made a moment ago, that it must know.
        """
        snapshot = await self._snapshots.get(tenant_id)
        if not snapshot.catalogue.ids.issuperset(naming):
            self._snapshots.forget(tenant_id, snapshot)
            snapshot = await self._snapshots.get(tenant_id)
        return snapshot.catalogue

    async def current(self, tenant_id: TenantId, version: str | None) -> CatalogueSnapshot:
        """The set-up as of the version that Redis has just told, or hardly older where Redis could not be asked."""
        snapshot = await self._snapshots.get(tenant_id)
        if snapshot.version != version if version is not None else not snapshot.is_fresh():
            self._snapshots.forget(tenant_id, snapshot)
            snapshot = await self._snapshots.get(tenant_id)
        return snapshot

    async def fill(self, tenant_id: TenantId, snapshot: CatalogueSnapshot, staff_days: Sequence[StaffDay]) -> None:
        """Cache staff-days that a script missed."""
        await self._staff_days.fill(tenant_id, snapshot, staff_days)

    async def changed(
        self,
        tenant_id: TenantId,
        commit_id: CommitId,
        *,
        catalogue: bool = False,
        time_off: Sequence[tuple[ResourceId, Span]] = (),
        claims: Sequence[tuple[ResourceId, Span]] = (),
    ) -> None:
        """Settle an operation that has just committed: what it changed is forgotten at once (see catalogue.ports)."""
        staff_days = {(resource_id, day) for resource_id, span in (*time_off, *claims) for day in utc_days(span)}
        # The rows the transaction left behind are worked off later; until then this process does not trust the cache.
        try:
            await self._cache.settle(tenant_id, commit_id, catalogue=catalogue, staff_days=staff_days)
        except RedisUnavailable:
            self._missed_commits.note_missed(tenant_id)

    def not_settled(self, tenant_id: TenantId) -> None:
        """Remember that Redis has not heard of a commit, so that what it caches is not believed until it has."""
        self._missed_commits.note_missed(tenant_id)

    async def forget(self, tenant_id: TenantId, spans: Sequence[tuple[ResourceId, Span]]) -> None:
        """Drop bitmaps that turned out to be wrong. Raises RedisUnavailable."""
        staff_days = {(resource_id, day) for resource_id, span in spans for day in utc_days(span)}
        await self._cache.invalidate(tenant_id, None, catalogue=False, staff_days=staff_days)

    async def own_claims(self, tenant_id: TenantId, appointment_id: AppointmentId) -> OwnClaims:
        """What an appointment claims, as something not in its own way."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            claims = await BusyRepository(connection).find_claims(tenant_id, appointment_id)
        return OwnClaims(claims=tuple(claims))

    async def _mine(self, tenant_id: TenantId, query: ListingQuery) -> OwnClaims:
        if query.rescheduling is None:
            return OwnClaims(hold_id=query.hold_id)
        own = await self.own_claims(tenant_id, query.rescheduling)
        if not own.claims:
            raise NotFound(f'There is no appointment "{query.rescheduling}" that could be rescheduled.')
        return replace(own, hold_id=query.hold_id)

    async def _last_assigned(
        self, tenant_id: TenantId, service: Service, occupied: OccupiedDays
    ) -> Mapping[ResourceId, datetime]:
        """When each resource was last given a visit, where the service takes turns."""
        if service.assign is not Assign.ROUND_ROBIN:
            return {}
        try:
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                return await BusyRepository(connection).find_last_assigned(tenant_id, list(occupied.states))
        except StoreUnavailable:
            # A hold can be placed without Postgres; whose turn it is then matters less than that.
            return {}

    async def _knowing(self, tenant_id: TenantId, service: str, resources: Iterable[str]) -> CatalogueSnapshot:
        """The catalogue as remembered; as it is now, where it lacks one of those named: another process may have it."""
        snapshot = await self._snapshots.get(tenant_id)
        find = snapshot.catalogue.find_resource
        if snapshot.catalogue.find_service(service) is None or any(find(resource) is None for resource in resources):
            self._snapshots.forget(tenant_id, snapshot)
            snapshot = await self._snapshots.get(tenant_id)
        return snapshot

    async def _wanted(self, tenant_id: TenantId, request: StartRequest) -> tuple[CatalogueSnapshot, StartQuery]:
        resources = [request.resource] if request.resource else []
        snapshot = await self._knowing(tenant_id, request.service, resources)
        service = service_of(snapshot.catalogue, request.service)
        return snapshot, StartQuery(
            service=service,
            party=request.party,
            now=self._now(snapshot),
            starts=Span(request.start, request.start + 1),
            window=snapshot.index.placement_window(service, request.start),
            requested_resources=resources_named(snapshot.catalogue, resources),
        )

    async def _situation(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, plan: ListingPlan, own: OwnClaims, *, explain: bool
    ) -> ListingInputs | None:
        """What the answer rests on as things stand; None when the catalogue is out of date."""
        now = self._now(snapshot)
        stored = await self._staff_days.read(tenant_id, snapshot, plan.block)
        if stored is None:
            return None
        full = await self._daily_limits.find_full_dates(
            tenant_id, snapshot.index, plan.service, plan.limited_resources, plan.stretch, own=own.appointment_id
        )
        return ListingInputs(
            index=snapshot.index, plan=plan, now=now, stored=stored, full_dates=full, own=own, explain=explain
        )

    def _now(self, snapshot: CatalogueSnapshot) -> datetime:
        """What time it is for the business, by the very catalogue that the answer rests on."""
        return business_now(snapshot.catalogue.business.sandbox_now, self._clock)

    async def _load(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, query: StartQuery, own: OwnClaims
    ) -> OccupiedDays | None:
        plan = snapshot.index.requirements(
            query.service, party=query.party, requested_resources=query.requested_resources
        )
        occupied = await self._staff_days.load(tenant_id, snapshot, plan.resource_ids, query.window, own)
        if occupied is None:
            return None
        return await self._daily_limits.apply_to(tenant_id, snapshot.index, query, occupied, own=own.appointment_id)


def _judgement(
    snapshot: CatalogueSnapshot, query: StartQuery, occupied: OccupiedDays, last_assigned: Mapping[ResourceId, datetime]
) -> StartCandidates:
    start = query.starts.start
    allocations = search(snapshot.index, query, occupied.states).allocations(start, last_assigned)
    cut = len(allocations) == MAX_ALLOCATIONS
    if any(any(state.held) for state in occupied.states.values()):
        # Those that holds are in the way of come after: the script knows the holds of the very moment, the caller's own
        # among them.
        enforced = EVERY_RULE - {Reason.HELD}
        others = search(snapshot.index, query, occupied.states, enforced=enforced).allocations(start, last_assigned)
        free = {_who(allocation) for allocation in allocations}
        allocations += tuple(allocation for allocation in others if _who(allocation) not in free)
    reason = None if allocations else reason_for_start(snapshot.index, query, occupied.states, start)
    return StartCandidates(
        snapshot=snapshot,
        now=query.now,
        service=query.service,
        allocations=allocations,
        is_truncated=cut,
        reason=reason,
        without_redis=occupied.without_redis,
    )


def _who(allocation: Allocation) -> tuple[ResourceId, ...]:
    return tuple(claim.resource_id for claim in allocation.claims)


class _Bookable(NamedTuple):
    """Dates before the first and after the last of which no start is offered, in any zone."""

    first: date
    last: date


def _bookable(snapshot: CatalogueSnapshot, service: Service, now: datetime) -> _Bookable:
    leads = snapshot.index.lead_resources(service)
    dates = [snapshot.index.dates(service, lead, local_now(lead.schedule.timezone, now).date()) for lead in leads]
    # One more on each side: the viewer's date may be behind or ahead of the resource's.
    one = timedelta(days=1)
    return _Bookable(
        first=min((found.first or date.min + one for found in dates), default=date.min + one) - one,
        last=max((found.last or date.max - one for found in dates), default=date.min) + one,
    )


def _first_slots(days: Iterable[Day], limit: int) -> Iterator[Day]:
    """The days cut after that many slots."""
    for day in days:
        if limit <= 0:
            return
        yield replace(day, slots=day.slots[:limit])
        limit -= len(day.slots)


def _restless() -> StoreUnavailable:
    return StoreUnavailable("The set-up of the business is being changed all the time. Repeat the request in a moment.")
