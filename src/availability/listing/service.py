"""The listing of free times, by dates."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from availability.listing.date_cache import DateCache, Renderer
from availability.listing.date_plan import ListingPlan, ListingScope, days_within, plan_listing
from availability.listing.dates import EVERY_SLOT, DateOffers, ListingDates, ListingInputs
from availability.model import DatedAnswer, Day, Listing, ListingQuery, Reason, Rendered, RoutingOutcome
from availability.routing import route_request
from availability.rules.choices import RequestedChoices, check_kept, choices_of, offers
from availability.rules.horizon import bookable_span, date_limits
from availability.rules.lookup import answer_zone, location_named, service_named
from availability.rules.route_pool import check_among, route_pool
from availability.rules.search_budget import SearchBudget, TooComplex
from availability.search_thread import MAX_LOOP_STEPS, SearchThread
from availability.state.catalogue_snapshots import (
    CatalogueSnapshot,
    CatalogueSnapshots,
    unsettled_catalogue,
    with_choices,
)
from availability.state.daily_limits import DailyLimits, FullDates
from availability.state.staff_days import OwnClaims, StaffDays
from catalogue.model.catalogue import Catalogue
from kernel.clock import Clock, business_now
from kernel.errors import NotFound
from kernel.ids import TenantId
from kernel.spans import to_minute
from kernel.zones import local_date

# The catalogue would have to change this often between two round trips for a listing to fail.
_ATTEMPTS: Final = 5
# `next` looks this far ahead at first: long enough for one round trip to be enough on most days.
_NEXT_CHUNK_DAYS: Final = 14
# How far `next` looks, from now or the beginning of the booking window, where that has no end.
_NEXT_FARTHEST_DAYS: Final = 366
# As many of them are explained where there is no slot at all: a listing that is asked for may have as many.
_EXPLAINED_DAYS: Final = 62


class ListingService:
    """Lists free times. Every method raises StoreUnavailable when Postgres is needed and does not answer."""

    def __init__(
        self,
        *,
        snapshots: CatalogueSnapshots,
        staff_days: StaffDays,
        daily_limits: DailyLimits,
        search_thread: SearchThread,
        clock: Clock,
    ) -> None:
        self._snapshots = snapshots
        self._staff_days = staff_days
        self._daily_limits = daily_limits
        self._search_thread = search_thread
        self._clock = clock
        self._date_cache = DateCache()

    async def list_slots(self, tenant_id: TenantId, query: ListingQuery, budget: SearchBudget | None = None) -> Listing:
        """Every start offered on the dates of the query; a fresh budget unless one is given. Raises as `render`."""
        query, routing = await self._routed(tenant_id, query)
        answer = await self._render(tenant_id, query, EVERY_SLOT, budget or SearchBudget())
        return Listing(service=answer.service, timezone=answer.timezone, days=answer.days, routing=routing)

    async def render(
        self, tenant_id: TenantId, query: ListingQuery, renderer: Renderer[DateOffers, Rendered]
    ) -> DatedAnswer[Rendered]:
        """Each date of the query as the renderer shows it.

        Raises NotFound for an unknown service, resource or appointment, ValidationFailed for an unknown zone or choices
        that the service does not offer, and TooComplex where the work exceeds the budget of an answer.
        """
        query, routing = await self._routed(tenant_id, query)
        answer = await self._render(tenant_id, query, renderer, SearchBudget())
        return answer if routing is None else replace(answer, routing=routing)

    async def _routed(self, tenant_id: TenantId, query: ListingQuery) -> tuple[ListingQuery, RoutingOutcome | None]:
        """The query for what its answers lead to. Raises NotFound and ValidationFailed."""
        if not query.answers:
            return query, None
        routed = await route_request(
            self._snapshots, tenant_id, query.service, query.answers, by_visitor=query.by_visitor
        )
        query = replace(query, answers={})
        if routed is None:
            return query, None
        routing, outcome = routed.routing, routed.outcome
        routed.check_requested(query.resources)
        query = replace(
            query,
            service=routing.service.id,
            resources=query.resources or outcome.resources,
            by_visitor=False,
            choices=routing.choices(query.choices),
        )
        return query, outcome

    async def _render(
        self, tenant_id: TenantId, query: ListingQuery, renderer: Renderer[DateOffers, Rendered], budget: SearchBudget
    ) -> DatedAnswer[Rendered]:
        own = await self._own_claims(tenant_id, query)
        for _ in range(_ATTEMPTS):
            snapshot = await self._snapshot(tenant_id, query)
            _check_visible(snapshot.catalogue, query, own)
            snapshot = _with_choices(snapshot, query, own)
            resources, own = _along_route(snapshot.catalogue, query, own)
            scope = ListingScope(
                query.service,
                resources,
                query.first,
                query.last,
                query.timezone,
                query.party,
                own.is_moving,
                query.overrides,
                query.location,
            )
            plan = snapshot.index.memoised(plan_listing, scope)
            budget.spend(plan.reading_steps)
            inputs = await self._inputs(tenant_id, snapshot, plan, own, budget, explain=query.explain)
            if inputs is not None:
                days = await self._dates(tenant_id, inputs, renderer)
                return DatedAnswer(service=plan.service.key, timezone=plan.timezone, days=days)
            self._snapshots.forget(tenant_id, snapshot)
        raise unsettled_catalogue()

    async def _dates(
        self, tenant_id: TenantId, inputs: ListingInputs, renderer: Renderer[DateOffers, Rendered]
    ) -> tuple[Rendered, ...]:
        dates = ListingDates(self._date_cache, tenant_id, inputs, renderer)
        if dates.missing and dates.steps > MAX_LOOP_STEPS:
            async with self._search_thread.turn(tenant_id, dates.steps):
                # The one before may have been asked the same.
                dates.look_up()
                if dates.missing:
                    dates.store(await self._search_thread.run(dates.search))
        elif dates.missing:
            dates.store(dates.search())
        return dates.rendered()

    async def next_slots(self, tenant_id: TenantId, query: ListingQuery, limit: int) -> Listing:
        """The first `limit` slots from now on, without empty dates; the dates of the query do not count.

        Raises as `list_slots`. Where the first two weeks are too much work at once, it looks at one date after another.
        """
        query, routing = await self._routed(tenant_id, query)
        for _ in range(_ATTEMPTS):
            snapshot = await self._snapshot(tenant_id, query)
            listing = replace(await self._next_slots(tenant_id, snapshot, query, limit), routing=routing)
            # The listings above have asked Redis: was it already another day for the business?
            current = await self._snapshots.get(tenant_id)
            if current.catalogue.business.sandbox_now == snapshot.catalogue.business.sandbox_now:
                return listing
        raise unsettled_catalogue()

    async def _next_slots(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, query: ListingQuery, limit: int
    ) -> Listing:
        service = service_named(
            snapshot.catalogue,
            query.service,
            with_archived=query.rescheduling is not None,
            visitor=query.by_visitor,
        )
        location_id = location_named(snapshot.catalogue, query.location)
        timezone = answer_zone(snapshot.catalogue, service, query.timezone, location_id)
        now = self._now(snapshot)
        bookable = date_limits(snapshot.index, service, now, query.overrides)
        first = max(local_date(timezone, to_minute(now)), bookable.first)
        last = min(first + timedelta(days=_NEXT_FARTHEST_DAYS), bookable.last)
        # At least one date is asked for: only an answer of Redis tells that the catalogue has changed.
        asked_from, last = first, max(first, last)
        days: list[Day] = []
        chunk_days, growth, budget = _NEXT_CHUNK_DAYS, 2, SearchBudget()
        while first <= last and sum(len(day.slots) for day in days) < limit:
            chunk_last = min(first + timedelta(days=chunk_days - 1), last)
            chunk = replace(query, first=first, last=chunk_last, timezone=timezone, explain=False)
            try:
                listing = await self.list_slots(tenant_id, chunk, budget)
            except TooComplex:
                if chunk_days != _NEXT_CHUNK_DAYS:
                    raise
                # Nobody can ask for less than the next starts, and a date by itself may still be asked about.
                chunk_days, growth, budget = 1, 1, SearchBudget()
                continue
            days += [day for day in listing.days if day.slots]
            first = chunk_last + timedelta(days=1)
            # A service that is booked up for so long is likely to be for longer.
            chunk_days *= growth
        looked_at = replace(query, first=asked_from, last=last, timezone=timezone)
        reason = None if days else await self._reason_for_none(tenant_id, looked_at)
        return Listing(service=service.key, timezone=timezone, days=tuple(_first_slots(days, limit)), reason=reason)

    async def _reason_for_none(self, tenant_id: TenantId, query: ListingQuery) -> Reason | None:
        """The rule that came nearest to leaving a slot on the first dates; None where that is too much work."""
        last = min(query.last, query.first + timedelta(days=_EXPLAINED_DAYS - 1))
        try:
            listing = await self.list_slots(tenant_id, replace(query, last=last, explain=True))
        except TooComplex:
            return None
        order = list(Reason)
        return max((day.reason for day in listing.days if day.reason is not None), key=order.index, default=None)

    async def _own_claims(self, tenant_id: TenantId, query: ListingQuery) -> OwnClaims:
        if query.rescheduling is None:
            return OwnClaims(hold_id=query.hold_id)
        own = await self._staff_days.moving_claims(tenant_id, query.rescheduling)
        if not own.claims:
            raise NotFound(f'There is no appointment "{query.rescheduling}" that could be rescheduled.')
        return replace(own, hold_id=query.hold_id)

    async def _snapshot(self, tenant_id: TenantId, query: ListingQuery) -> CatalogueSnapshot:
        """The catalogue, up to date where it lacks a name: another process may have made it a moment ago.

        An appointment that is to move keeps its service when that is archived.
        """
        snapshot, moving = await self._snapshots.get(tenant_id), query.rescheduling is not None
        catalogue = snapshot.catalogue
        service = (
            catalogue.find_service_or_archived(query.service)
            if moving
            else catalogue.find_service_for(query.service, visitor=query.by_visitor)
        )
        names_unknown = service is None or not offers(service, query.choices)
        names_unknown = names_unknown or any(catalogue.find_resource(name) is None for name in query.resources)
        if names_unknown or (query.location is not None and catalogue.find_location(query.location) is None):
            snapshot = await self._snapshots.latest(tenant_id)
            if moving:
                snapshot = await self._snapshots.with_service(tenant_id, snapshot, query.service)
        return snapshot

    async def _inputs(
        self,
        tenant_id: TenantId,
        snapshot: CatalogueSnapshot,
        plan: ListingPlan,
        own: OwnClaims,
        budget: SearchBudget,
        *,
        explain: bool,
    ) -> ListingInputs | None:
        """All inputs of the answer as things stand; None when the catalogue is out of date."""
        now = self._now(snapshot)
        days = days_within(plan, bookable_span(snapshot.index, plan.service, now, plan.overrides))
        stored = await self._staff_days.read(tenant_id, snapshot, plan.block, days)
        if stored is None:
            return None
        full_dates = FullDates()
        if days:
            full_dates = await self._daily_limits.find_full_dates(
                tenant_id, snapshot.index, plan.service, plan.limited_resources, plan.stretch, own=own.appointment_id
            )
        return ListingInputs(
            index=snapshot.index,
            plan=plan,
            now=now,
            stored=stored,
            full_dates=full_dates,
            own=own,
            explain=explain,
            choices=snapshot.choices,
            budget=budget,
        )

    def _now(self, snapshot: CatalogueSnapshot) -> datetime:
        """The time of the business, by the same catalogue that the answer rests on."""
        return business_now(snapshot.catalogue.business.sandbox_now, self._clock)


def _check_visible(catalogue: Catalogue, query: ListingQuery, own: OwnClaims) -> None:
    """Raise NotFound for a service that is archived or kept for staff, unless the appointment that moves is of it."""
    service = catalogue.find_service_or_archived(query.service)
    if own.moving is not None and service is not None and service.id == own.moving.service_id:
        return
    if query.by_visitor or own.is_moving:
        service_named(catalogue, query.service, visitor=query.by_visitor)


def _along_route(catalogue: Catalogue, query: ListingQuery, own: OwnClaims) -> tuple[tuple[str, ...], OwnClaims]:
    """The resources that are asked for, or those that a move has to choose from. Raises ValidationFailed.

    A visitor moves to one of those that the answers at the booking led to; the business to anybody it asks for.
    """
    service, moving = catalogue.find_service_or_archived(query.service), own.moving
    if moving is None or service is None or moving.service_id != service.id:
        return query.resources, own
    pool = route_pool(catalogue, service, moving.led_to)
    if query.by_visitor:
        check_among(catalogue, pool, query.resources)
    if query.resources or not pool:
        return query.resources, own
    return pool, replace(own, moving=replace(moving, is_along_route=True))


def _with_choices(snapshot: CatalogueSnapshot, query: ListingQuery, own: OwnClaims) -> CatalogueSnapshot:
    """The snapshot with the length and the add-ons that visits are to have; one that moves keeps its own."""
    service = service_named(snapshot.catalogue, query.service, with_archived=own.is_moving)
    requested = query.choices
    if query.rescheduling is not None:
        check_kept(requested)
        moving = own.moving
        requested = RequestedChoices(kept=moving.choices) if moving and moving.service_id == service.id else requested
    return with_choices(snapshot, service.id, choices_of(service, requested))


def _first_slots(days: Iterable[Day], limit: int) -> Iterator[Day]:
    """The days, cut after that many slots."""
    for day in days:
        if limit <= 0:
            return
        yield replace(day, slots=day.slots[:limit])
        limit -= len(day.slots)
