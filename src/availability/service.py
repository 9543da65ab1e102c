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
from availability.explain import Explanation, reason_for_start
from availability.limits import DailyLimits
from availability.model import Day, Listing, Query, Reason, Slot
from availability.presumption import least_booked_first, local_days
from availability.repository import BusyRepository
from availability.search import EVERY_RULE, Allocation, Offer, Question, search
from catalogue.model import Assign, Catalogue, Service
from kernel.clock import Clock, business_now
from kernel.errors import NotFound, StoreUnavailable, ValidationFailed
from kernel.ids import AppointmentId, OperationId, ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_date, to_minute, utc_days
from kernel.zones import UnknownZoneError, constant_offsets, local_date, local_day, local_now, wall_span, zone
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import UnitOfWork

# Somebody would have to change the catalogue this often between two round trips for a question to fail.
_ATTEMPTS: Final = 5
# `next` looks this far ahead at a time: long enough for one round trip to be enough on most days.
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

    async def list_slots(self, tenant_id: TenantId, query: Query) -> Listing:
        """Every start offered on the dates asked for.

        Raises NotFound for an unknown service, resource or appointment, ValidationFailed for an unknown zone.
        """
        mine = await self._mine(tenant_id, query)
        for _ in range(_ATTEMPTS):
            known = await self._knowing(tenant_id, query.service, query.resources)
            service = _service(known.catalogue, query.service)
            timezone = _timezone(known.catalogue, service, query)
            starts = _starts(timezone, query.first, query.last)
            if starts is None:
                return Listing(service=service.key, timezone=timezone, days=_skipped(query))
            question = self._question(known, service, query, starts)
            taken = await self._load(tenant_id, known, question, mine)
            if taken is not None:
                return self._answer(known, question, taken, timezone, query)
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
        service = _service(known.catalogue, query.service)
        timezone = _timezone(known.catalogue, service, query)
        now = self._now(known)
        bookable = _bookable(known, service, now)
        first = max(local_date(timezone, to_minute(now)), bookable.first)
        last = min(first + timedelta(days=_NEXT_FARTHEST_DAYS), bookable.last)
        # One date at least is asked for: only by asking does one hear that the catalogue is another one by now.
        last = max(first, last)
        found: list[Day] = []
        while first <= last and sum(len(day.slots) for day in found) < limit:
            chunk_last = min(first + timedelta(days=_NEXT_CHUNK_DAYS - 1), last)
            chunk = replace(query, first=first, last=chunk_last, timezone=timezone, explain=False)
            listing = await self.list_slots(tenant_id, chunk)
            found += [day for day in listing.days if day.slots]
            first = chunk_last + timedelta(days=1)
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
        named = [wish.resource] if wish.resource else []
        known = await self._knowing(tenant_id, wish.service, named)
        service, pinned = _service(known.catalogue, wish.service), _pinned(known.catalogue, named)
        assign = known.presumption.assign(service, party=wish.party, pinned=pinned)
        if known.version is None or assign is None:
            return None
        now = self._now(known)
        ways = known.presumption.ways(service, wish.start, party=wish.party, pinned=pinned, now=now)
        if not ways:
            return None
        try:
            # After a commit that Redis was not told of, the script would look at bitmaps that are not to be believed.
            await self._debts.pay(tenant_id, self._cache)
        except RedisUnavailable:
            return None
        if assign is Assign.LEAST_BOOKED and len(ways) > 1:
            plan = known.groundwork.plan(service, party=wish.party, pinned=pinned)
            serving = list(dict.fromkeys(claim.resource_id for way in ways for claim in way.claims))
            taken = await self._staff_days.load(tenant_id, known, serving, local_days(plan, wish.start), Mine())
            if taken is None or taken.without_redis:
                return None
            ways = least_booked_first(plan, ways, taken.states, taken.window)
        return Judgement(
            known=known, now=now, service=service, allocations=ways, cut=False, reason=None, without_redis=False
        )

    async def catalogue(self, tenant_id: TenantId, *, naming: Collection[str] = ()) -> Catalogue:
        """The set-up of the business as this process remembers it, perhaps a little out of date.

        `naming`: ids of services and resources, which another process may have made a moment ago, that it must know.
        """
        known = await self._catalogues.get(tenant_id)
        if not all(one in known.catalogue.service_by_id or one in known.catalogue.resource_by_id for one in naming):
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
        service = _service(known.catalogue, wish.service)
        return known, Question(
            service=service,
            party=wish.party,
            now=self._now(known),
            starts=Span(wish.start, wish.start + 1),
            window=known.groundwork.minutes_to_place(service, wish.start),
            pinned=_pinned(known.catalogue, resources),
        )

    def _question(self, known: Known, service: Service, query: Query, starts: Span) -> Question:
        return Question(
            service=service,
            party=query.party,
            now=self._now(known),
            starts=starts,
            window=known.groundwork.minutes_to_list(service, starts),
            pinned=_pinned(known.catalogue, query.resources),
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

    def _answer(self, known: Known, question: Question, taken: Taken, timezone: str, query: Query) -> Listing:
        question = replace(question, window=taken.window, full=taken.full)
        own = _Own(known, question, taken)
        offers = search(known.groundwork, question, taken.states).slots()
        slots = dict[date, list[Slot]]((day, []) for day in _days(query.first, query.last))
        for day, slot in _by_date(timezone, list(_slots(known.catalogue, offers, own))):
            if day in slots:
                slots[day].append(slot)
        explanation = Explanation(known.groundwork, question, taken.states) if query.explain else None
        return Listing(
            service=question.service.key,
            timezone=timezone,
            days=tuple(_day(timezone, day, found, explanation) for day, found in slots.items()),
        )


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
    leads = known.catalogue.pool(service.requires[0])
    dates = [known.groundwork.dates(service, lead, local_now(lead.schedule.timezone, now).date()) for lead in leads]
    # One more on each side: the viewer's date may be behind or ahead of the resource's.
    one = timedelta(days=1)
    return _Bookable(
        first=min((found.first or date.min + one for found in dates), default=date.min + one) - one,
        last=max((found.last or date.max - one for found in dates), default=date.min) + one,
    )


def _service(catalogue: Catalogue, name: str) -> Service:
    service = catalogue.find_service(name)
    if service is None:
        raise NotFound(f'There is no service "{name}".')
    return service


def _pinned(catalogue: Catalogue, names: Iterable[str]) -> frozenset[ResourceId]:
    pinned = set()
    for name in names:
        resource = catalogue.find_resource(name)
        if resource is None:
            raise NotFound(f'There is no resource "{name}".')
        pinned.add(resource.id)
    return frozenset(pinned)


def _timezone(catalogue: Catalogue, service: Service, query: Query) -> str:
    """The zone of the answer: the one asked for, else that of the location."""
    if query.timezone is None:
        return catalogue.timezone_of(service)
    try:
        zone(query.timezone)
    except UnknownZoneError:
        raise ValidationFailed.of("timezone", "must be an IANA name such as Europe/Berlin") from None
    return query.timezone


def _starts(timezone: str, first: date, last: date) -> Span | None:
    """From the first to the last minute of the viewer's dates; None when the zone skipped them all."""
    spans = wall_span(timezone, first, 0, ((last - first).days + 1) * MINUTES_PER_DAY)
    return Span(spans[0].start, spans[-1].end) if spans else None


class _Own:
    """Which starts are those of the caller's own hold."""

    def __init__(self, known: Known, question: Question, taken: Taken) -> None:
        plan = known.groundwork.plan(question.service, party=question.party, pinned=question.pinned)
        self._held = {(held.span.start, resource_id) for resource_id, held in taken.own_holds}
        # Whoever leads may be busy in parts of the visit, and need not be so from its start.
        self._parts = {tuple([part.blocked_start for part in case.parts[0]]) for case in plan.cases}

    @property
    def is_any(self) -> bool:
        """Whether there is such a hold."""
        return bool(self._held)

    def holds(self, start: Minute, resource_id: ResourceId) -> bool:
        """Whether the hold has all that the resource would do in a visit that starts then."""
        return any(all((start + part, resource_id) in self._held for part in parts) for parts in self._parts)


def _slots(catalogue: Catalogue, offers: Iterable[Offer], own: _Own) -> Iterator[Slot]:
    # Few sets of resources serve many starts.
    keys: dict[tuple[ResourceId, ...], tuple[str, ...]] = {}
    for offer in offers:
        named = keys.get(offer.resource_ids)
        if named is None:
            named = tuple([catalogue.resource_by_id[resource_id].key for resource_id in offer.resource_ids])
            keys[offer.resource_ids] = named
        mine = own.is_any and any(own.holds(offer.start, resource_id) for resource_id in offer.resource_ids)
        yield Slot(offer.start, offer.end, named, offer.remaining, mine)


def _by_date(timezone: str, slots: Sequence[Slot]) -> Iterator[tuple[date, Slot]]:
    """Each slot with the viewer's date of its start."""
    if not slots:
        return
    pieces = constant_offsets(timezone, Span(slots[0].start, slots[-1].start + 1))
    piece, offset = next(pieces)
    for slot in slots:
        while slot.start >= piece.end:
            piece, offset = next(pieces)
        yield day_date((slot.start + offset) // MINUTES_PER_DAY), slot


def _day(timezone: str, day: date, slots: Sequence[Slot], explanation: Explanation | None) -> Day:
    reason = None
    if explanation is not None and not slots:
        reason = explanation.reason_for_day(local_day(timezone, day)) or Reason.CLOSED
    return Day(date=day, slots=tuple(slots), reason=reason)


def _skipped(query: Query) -> tuple[Day, ...]:
    """Dates that the viewer's zone never had."""
    reason = Reason.CLOSED if query.explain else None
    return tuple(Day(date=day, slots=(), reason=reason) for day in _days(query.first, query.last))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _first_slots(days: Iterable[Day], limit: int) -> Iterator[Day]:
    """The days cut after that many slots."""
    for day in days:
        if limit <= 0:
            return
        yield replace(day, slots=day.slots[:limit])
        limit -= len(day.slots)


def _restless() -> StoreUnavailable:
    return StoreUnavailable("The set-up of the business is being changed all the time. Repeat the request in a moment.")
