"""Which times are free: the listing, and the judgement of one start that holds and bookings rely on."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from availability.allocation import MAX_ALLOCATIONS
from availability.cache import AvailabilityCache, StaffDay
from availability.catalogues import Catalogues, Known
from availability.days import Mine, StaffDays, Taken
from availability.debts import Debts
from availability.explain import reason_for_start
from availability.layout import Layout, Scope, layout_of, pinned_of, service_of, timezone_of
from availability.limits import DailyLimits
from availability.model import Dated, Day, Listing, Query, Reason, Shown
from availability.presumption import least_booked_first, local_days
from availability.remembered import Form, Remembered
from availability.repository import BusyRepository
from availability.search import EVERY_RULE, Allocation, Question, search
from availability.showing import EACH_SLOT, DateOffers, Situation, shown
from catalogue.model import Assign, Catalogue, Service
from kernel.clock import Clock, business_now
from kernel.errors import NotFound, StoreUnavailable
from kernel.ids import AppointmentId, OperationId, ResourceId, TenantId
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
class Wish:
    """One start, wanted."""

    service: str
    """Id or key."""
    start: Minute
    resource: str | None
    """Id or key; None: any that can serve."""
    party: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules say of one start as things stand."""

    known: Known
    now: datetime
    """What time it was for the business."""
    service: Service
    allocations: tuple[Allocation, ...]
    """Ways to serve, the best first; after them those that live holds are in the way of."""
    cut: bool
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
        catalogues: Catalogues,
        staff_days: StaffDays,
        daily_limits: DailyLimits,
        cache: AvailabilityCache,
        debts: Debts,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._catalogues = catalogues
        self._staff_days = staff_days
        self._daily_limits = daily_limits
        self._cache = cache
        self._debts = debts
        self._clock = clock
        self._remembered = Remembered()

    async def list_slots(self, tenant_id: TenantId, query: Query) -> Listing:
        """Every start offered on the dates asked for. Raises as `show`."""
        found = await self.show(tenant_id, query, EACH_SLOT)
        return Listing(service=found.service, timezone=found.timezone, days=found.days)

    async def show(self, tenant_id: TenantId, query: Query, form: Form[DateOffers, Shown]) -> Dated[Shown]:
        """What is offered on the dates asked for, each in that form.

        Raises NotFound for an unknown service, resource or appointment, ValidationFailed for an unknown zone.
        """
        mine = await self._mine(tenant_id, query)
        scope = Scope(query.service, query.resources, query.first, query.last, query.timezone, query.party)
        for _ in range(_ATTEMPTS):
            known = await self._knowing(tenant_id, query.service, query.resources)
            layout = known.groundwork.once(layout_of, scope)
            situation = await self._situation(tenant_id, known, layout, mine, explain=query.explain)
            if situation is not None:
                days = shown(self._remembered, tenant_id, situation, form)
                return Dated(service=layout.service.key, timezone=layout.timezone, days=days)
            self._catalogues.forget(tenant_id, known)
        raise _restless()

    async def next_slots(self, tenant_id: TenantId, query: Query, limit: int) -> Listing:
        """The first `limit` slots from now on; the dates of the query do not count. Days without any are left out.

        Raises as `list_slots`.
        """
        for _ in range(_ATTEMPTS):
            known = await self._catalogues.get(tenant_id)
            listing = await self._next_slots(tenant_id, known, query, limit)
            # The listings below have asked Redis: was it already another day for the business?
            current = await self._catalogues.get(tenant_id)
            if current.catalogue.business.sandbox_now == known.catalogue.business.sandbox_now:
                return listing
        raise _restless()

    async def _next_slots(self, tenant_id: TenantId, known: Known, query: Query, limit: int) -> Listing:
        service = service_of(known.catalogue, query.service)
        timezone = timezone_of(known.catalogue, service, query.timezone)
        now = self._now(known)
        bookable = _bookable(known, service, now)
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

    async def judge(self, tenant_id: TenantId, wish: Wish, mine: Mine) -> Judgement:
        """Whether one start is offered now, to whom it would go, and if not, why.

        The same rules as the listing's. Raises NotFound for an unknown service or resource.
        """
        for _ in range(_ATTEMPTS):
            known, question = await self._wanted(tenant_id, wish)
            taken = await self._load(tenant_id, known, question, mine)
            if taken is not None:
                last_assigned = await self._last_assigned(tenant_id, question.service, taken)
                return _judgement(known, replace(question, window=taken.window, full=taken.full), taken, last_assigned)
            self._catalogues.forget(tenant_id, known)
        raise _restless()

    async def presume(self, tenant_id: TenantId, wish: Wish) -> Judgement | None:
        """The ways to serve by what no booking changes, in the order in which they are to be asked.

        What is free, the hold script finds out, and says if the catalogue is another. None when it takes `judge` to
        tell. Raises NotFound.
        """
        known = await self._catalogues.get(tenant_id)
        kind = known.presumption.kind(wish.service, wish.resource, wish.party)
        if kind is None:
            # Another process may have made it a moment ago; if not, `judge` says that there is none.
            known, _ = await self._wanted(tenant_id, wish)
            kind = known.presumption.kind(wish.service, wish.resource, wish.party)
        if kind is None or kind.assign is None or known.version is None:
            return None
        now = self._now(known)
        ways = known.presumption.ways(kind, wish.start, now)
        if not ways:
            return None
        try:
            # After a commit that Redis was not told of, the script would look at bitmaps that are not to be believed.
            await self._debts.pay(tenant_id, self._cache)
        except RedisUnavailable:
            return None
        if kind.assign is Assign.LEAST_BOOKED and len(ways) > 1:
            serving = list(dict.fromkeys(claim.resource_id for way in ways for claim in way.claims))
            taken = await self._staff_days.load_claims(tenant_id, known, serving, local_days(kind.plan, wish.start))
            if taken is None or taken.without_redis:
                return None
            ways = least_booked_first(kind.plan, ways, taken.states, taken.window)
        return Judgement(
            known=known, now=now, service=kind.service, allocations=ways, cut=False, reason=None, without_redis=False
        )

    async def catalogue(self, tenant_id: TenantId, *, naming: Collection[str] = ()) -> Catalogue:
        """The set-up of the business as this process remembers it, perhaps a little out of date.

        `naming`: ids of services and resources, which another process may have made a moment ago, that it must know.
        """
        known = await self._catalogues.get(tenant_id)
        if not known.catalogue.ids.issuperset(naming):
            self._catalogues.forget(tenant_id, known)
            known = await self._catalogues.get(tenant_id)
        return known.catalogue

    async def current(self, tenant_id: TenantId, version: str | None) -> Known:
        """The set-up as of the version that Redis has just told, or hardly older where Redis could not be asked."""
        known = await self._catalogues.get(tenant_id)
        if known.version != version if version is not None else not known.is_fresh():
            self._catalogues.forget(tenant_id, known)
            known = await self._catalogues.get(tenant_id)
        return known

    async def fill(self, tenant_id: TenantId, known: Known, staff_days: Sequence[StaffDay]) -> None:
        """Cache staff-days that a script missed."""
        await self._staff_days.fill(tenant_id, known, staff_days)

    async def changed(
        self,
        tenant_id: TenantId,
        operation_id: OperationId,
        *,
        catalogue: bool = False,
        time_off: Sequence[tuple[ResourceId, Span]] = (),
        claims: Sequence[tuple[ResourceId, Span]] = (),
    ) -> None:
        """Settle an operation that has just committed: what it changed is forgotten at once (see catalogue.ports)."""
        staff_days = {(resource_id, day) for resource_id, span in (*time_off, *claims) for day in utc_days(span)}
        # The rows the transaction left behind are worked off later; until then this process does not trust the cache.
        try:
            await self._cache.settle(tenant_id, operation_id, catalogue=catalogue, staff_days=staff_days)
        except RedisUnavailable:
            self._debts.owe(tenant_id)

    def not_settled(self, tenant_id: TenantId) -> None:
        """Remember that Redis has not heard of a commit, so that what it caches is not believed until it has."""
        self._debts.owe(tenant_id)

    async def forget(self, tenant_id: TenantId, spans: Sequence[tuple[ResourceId, Span]]) -> None:
        """Drop bitmaps that turned out to be wrong. Raises RedisUnavailable."""
        staff_days = {(resource_id, day) for resource_id, span in spans for day in utc_days(span)}
        await self._cache.invalidate(tenant_id, None, catalogue=False, staff_days=staff_days)

    async def own_claims(self, tenant_id: TenantId, appointment_id: AppointmentId) -> Mine:
        """What an appointment claims, as something not in its own way."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            claims = await BusyRepository(connection).find_claims(tenant_id, appointment_id)
        return Mine(claims=tuple(claims))

    async def _mine(self, tenant_id: TenantId, query: Query) -> Mine:
        if query.rescheduling is None:
            return Mine(hold_id=query.hold_id)
        mine = await self.own_claims(tenant_id, query.rescheduling)
        if not mine.claims:
            raise NotFound(f'There is no appointment "{query.rescheduling}" that could be rescheduled.')
        return replace(mine, hold_id=query.hold_id)

    async def _last_assigned(
        self, tenant_id: TenantId, service: Service, taken: Taken
    ) -> Mapping[ResourceId, datetime]:
        """When each resource was last given a visit, where the service takes turns."""
        if service.assign is not Assign.ROUND_ROBIN:
            return {}
        try:
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                return await BusyRepository(connection).find_last_assigned(tenant_id, list(taken.states))
        except StoreUnavailable:
            # A hold can be placed without Postgres; whose turn it is then matters less than that.
            return {}

    async def _knowing(self, tenant_id: TenantId, service: str, resources: Iterable[str]) -> Known:
        """The catalogue as remembered; as it is now, where it lacks one of those named: another process may have it."""
        known = await self._catalogues.get(tenant_id)
        find = known.catalogue.find_resource
        if known.catalogue.find_service(service) is None or any(find(resource) is None for resource in resources):
            self._catalogues.forget(tenant_id, known)
            known = await self._catalogues.get(tenant_id)
        return known

    async def _wanted(self, tenant_id: TenantId, wish: Wish) -> tuple[Known, Question]:
        resources = [wish.resource] if wish.resource else []
        known = await self._knowing(tenant_id, wish.service, resources)
        service = service_of(known.catalogue, wish.service)
        return known, Question(
            service=service,
            party=wish.party,
            now=self._now(known),
            starts=Span(wish.start, wish.start + 1),
            window=known.groundwork.minutes_to_place(service, wish.start),
            pinned=pinned_of(known.catalogue, resources),
        )

    async def _situation(
        self, tenant_id: TenantId, known: Known, layout: Layout, mine: Mine, *, explain: bool
    ) -> Situation | None:
        """What the answer rests on as things stand; None when the catalogue is out of date."""
        now = self._now(known)
        stored = await self._staff_days.read(tenant_id, known, layout.block)
        if stored is None:
            return None
        full = await self._daily_limits.full(
            tenant_id, known.groundwork, layout.service, layout.limited, layout.stretch, own=mine.appointment_id
        )
        return Situation(
            groundwork=known.groundwork, layout=layout, now=now, stored=stored, full=full, mine=mine, explain=explain
        )

    def _now(self, known: Known) -> datetime:
        """What time it is for the business, by the very catalogue that the answer rests on."""
        return business_now(known.catalogue.business.sandbox_now, self._clock)

    async def _load(self, tenant_id: TenantId, known: Known, question: Question, mine: Mine) -> Taken | None:
        plan = known.groundwork.plan(question.service, party=question.party, pinned=question.pinned)
        taken = await self._staff_days.load(tenant_id, known, plan.resource_ids, question.window, mine)
        if taken is None:
            return None
        return await self._daily_limits.applied(tenant_id, known.groundwork, question, taken, own=mine.appointment_id)


def _judgement(
    known: Known, question: Question, taken: Taken, last_assigned: Mapping[ResourceId, datetime]
) -> Judgement:
    start = question.starts.start
    allocations = search(known.groundwork, question, taken.states).allocations(start, last_assigned)
    cut = len(allocations) == MAX_ALLOCATIONS
    if any(any(state.held) for state in taken.states.values()):
        # Those that holds are in the way of come after: the script knows the holds of the very moment, the caller's own
        # among them.
        enforced = EVERY_RULE - {Reason.HELD}
        others = search(known.groundwork, question, taken.states, enforced=enforced).allocations(start, last_assigned)
        free = {_who(allocation) for allocation in allocations}
        allocations += tuple(allocation for allocation in others if _who(allocation) not in free)
    reason = None if allocations else reason_for_start(known.groundwork, question, taken.states, start)
    return Judgement(
        known=known,
        now=question.now,
        service=question.service,
        allocations=allocations,
        cut=cut,
        reason=reason,
        without_redis=taken.without_redis,
    )


def _who(allocation: Allocation) -> tuple[ResourceId, ...]:
    return tuple(claim.resource_id for claim in allocation.claims)


class _Bookable(NamedTuple):
    """Dates before the first and after the last of which no start is offered, in any zone."""

    first: date
    last: date


def _bookable(known: Known, service: Service, now: datetime) -> _Bookable:
    leads = known.groundwork.leads(service)
    dates = [known.groundwork.dates(service, lead, local_now(lead.schedule.timezone, now).date()) for lead in leads]
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
