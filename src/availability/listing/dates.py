"""The dates of a listing: searched where any input has changed, taken from the cache otherwise."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Generic

from availability.listing.date_cache import DateCache, DateInputs, ListingKey, Renderer
from availability.listing.date_plan import DatePlan, ListingPlan, NoticeBounds, notice_bounds, starts_of
from availability.model import Day, DayCount, Reason, Rendered, Slot
from availability.rules.bitmaps import from_spans
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.closures import closure_of_day
from availability.rules.eligibility import StartQuery
from availability.rules.explain import Explanation
from availability.rules.prices import SlotPrices
from availability.rules.search import search
from availability.rules.search_budget import SearchBudget
from availability.state.daily_limits import FullDates, with_full_dates
from availability.state.staff_days import OwnClaims, StoredBlock, occupied_days
from catalogue.model.choices import NO_CHOICES, Choices
from kernel.ids import LocationId, ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, utc_days


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingInputs:
    """All inputs of one listing."""

    index: CatalogueIndex
    plan: ListingPlan
    now: datetime
    """The time of the business."""
    stored: StoredBlock
    """The stored state of the plan's block."""
    full_dates: FullDates
    own: OwnClaims
    explain: bool
    choices: Choices = NO_CHOICES
    budget: SearchBudget = field(default_factory=SearchBudget)
    """For the whole answer."""


class ListingDates(Generic[Rendered]):
    """The dates of one listing, as far as they are rendered."""

    def __init__(
        self, cache: DateCache, tenant_id: TenantId, inputs: ListingInputs, renderer: "Renderer[DateOffers, Rendered]"
    ) -> None:
        plan = inputs.plan
        self._cache = cache
        self._inputs = inputs
        self._renderer = renderer
        self._key = ListingKey(
            tenant_id,
            plan.service.id,
            plan.party,
            plan.requested_resources,
            plan.timezone,
            inputs.explain,
            renderer,
            plan.overrides,
            inputs.choices,
            plan.location_id,
        )
        self._inputs_by_date = _inputs_of_dates(inputs)
        self._rendered: dict[date, Rendered] = {}
        self.missing: Sequence[DatePlan] = ()
        """The dates whose inputs differ from those of the cached answer."""
        self.look_up()

    @property
    def steps(self) -> int:
        """The steps that the search for the missing dates is likely to take (see availability.rules.search_budget).

        An explanation searches once more for each reason, at worst.
        """
        plan = self._inputs.plan
        times = len(Reason) if self._inputs.explain else 1
        return plan.steps * times * len(self.missing) // len(plan.dates)

    def look_up(self) -> None:
        """Take from the cache what is there."""
        self._rendered = self._cache.find_unchanged(self._key, self._inputs_by_date)
        self.missing = [part for part in self._inputs.plan.dates if part.date not in self._rendered]

    def search(self) -> dict[date, Rendered]:
        """The missing dates. It changes nothing, and may run in another thread. Raises TooComplex."""
        runs = _runs(self.missing)
        return {offers.date: self._renderer.render(offers) for run in runs for offers in _offers(self._inputs, run)}

    def store(self, found: Mapping[date, Rendered]) -> None:
        """Cache what has been found."""
        for day, rendered in found.items():
            self._cache.store(self._key, day, self._inputs_by_date[day], rendered)
        self._rendered |= found

    def rendered(self) -> tuple[Rendered, ...]:
        """Each date of the plan, once none is missing."""
        return tuple([self._rendered[part.date] for part in self._inputs.plan.dates])


class DateOffers:
    """The offers of one date, computed on demand."""

    def __init__(self, search: "_DateSearch", part: DatePlan) -> None:
        self.date = part.date
        self.timezone = search.inputs.plan.timezone
        self._search = search
        self._part = part
        self._bits = search.offers.bits & from_spans(part.minutes, search.query.window)

    def day(self) -> Day:
        """Every slot."""
        starts = self._search.starts if self._bits else []
        own = (starts[bisect_left(starts, span.start) : bisect_left(starts, span.end)] for span in self._part.minutes)
        slots = tuple(self._search.slots(chain.from_iterable(own)))
        reason = None if slots else self._reason()
        return Day(date=self.date, slots=slots, reason=reason, closure=self._closure(reason))

    def count(self) -> DayCount:
        """The number of slots, without listing them."""
        if not self._bits:
            reason = self._reason()
            return DayCount(date=self.date, slots=0, first=None, reason=reason, closure=self._closure(reason))
        return DayCount(
            date=self.date,
            slots=self._search.offers.count(self._bits),
            # The highest bit is the first minute.
            first=self._search.query.window.end - self._bits.bit_length(),
        )

    def _reason(self) -> Reason | None:
        explanation = self._search.explanation
        return None if explanation is None else explanation.reason_for_day(self._part.minutes) or Reason.CLOSED

    def _closure(self, reason: Reason | None) -> str | None:
        if reason is not Reason.CLOSED:
            return None
        return closure_of_day(self._search.inputs.index, self._search.query, self._part.minutes)


EVERY_SLOT: Renderer[DateOffers, Day] = Renderer(render=DateOffers.day, size_of=lambda day: 300 * len(day.slots))
"""Dates as the engine's own code reads them."""


def _inputs_of_dates(inputs: ListingInputs) -> dict[date, DateInputs]:
    """The inputs of each date."""
    plan, stored, own = inputs.plan, inputs.stored, inputs.own
    width, first_day = len(plan.block.resource_ids), plan.block.days.start
    notice = notice_bounds(plan, inputs.now)
    last_notice = max(notice.earliest, default=0)
    places = [place for place, _ in stored.held]
    inputs_by_date: dict[date, DateInputs] = {}
    for part in plan.dates:
        start, stop = (part.days.start - first_day) * width, (part.days.stop - first_day) * width
        held = stored.held[bisect_left(places, start) : bisect_left(places, stop)] if places else ()
        inputs_by_date[part.date] = DateInputs(
            catalogue=inputs.index.identity,
            earliest=_within(part.starts, notice.earliest) if last_notice > part.starts.start else (),
            today=notice.today,
            bitmaps=stored.bitmaps[start:stop],
            held=tuple([(place - start, entry) for place, entry in held if entry.hold_id != own.hold_id]),
            own=tuple([(place - start, entry) for place, entry in held if entry.hold_id == own.hold_id]),
            own_claims=tuple([claim for claim in own.claims if _touches(claim.span, part.days)]),
            full_dates=inputs.full_dates,
            moving=own.moving,
            released=_released(plan, part, notice),
        )
    return inputs_by_date


def _released(plan: ListingPlan, part: DatePlan, notice: NoticeBounds) -> tuple[Minute, ...]:
    """The bounds of rules on release. Those about parts of the day reach beyond the date, so its days count."""
    if not plan.counts_claims:
        return _within(part.starts, notice.too_far) if notice.too_far else ()
    days = Span(part.days.start * MINUTES_PER_DAY, part.days.stop * MINUTES_PER_DAY)
    return _within(days, (*notice.earliest, *notice.too_far))


def _within(starts: Span, earliest: Iterable[Minute]) -> tuple[Minute, ...]:
    """A notice that ends before the first of the starts is as good as any other that does, and so after the last."""
    return tuple([min(max(minute, starts.start), starts.end) for minute in earliest])


def _touches(span: Span, days: range) -> bool:
    touched = utc_days(span)
    return touched.start < days.stop and days.start < touched.stop


def _runs(parts: Iterable[DatePlan]) -> Iterator[list[DatePlan]]:
    """The dates in runs of one day after the other: each run is asked about at once."""
    run: list[DatePlan] = []
    for part in parts:
        if run and (part.date - run[-1].date).days > 1:
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _offers(inputs: ListingInputs, run: Sequence[DatePlan]) -> Iterator[DateOffers]:
    """The offers of a run of dates."""
    search = _DateSearch(inputs, run)
    return (DateOffers(search, part) for part in run)


class _DateSearch:
    """One search over a run of dates, with the names for its results."""

    def __init__(self, inputs: ListingInputs, run: Sequence[DatePlan]) -> None:
        plan, index = inputs.plan, inputs.index
        days = range(min(part.days.start for part in run), max(part.days.stop for part in run))
        occupied = with_full_dates(
            occupied_days(plan.block.resource_ids, days, _cut(inputs, days), inputs.own), inputs.full_dates
        )
        self.inputs = inputs
        self.query = StartQuery(
            service=plan.service,
            party=plan.party,
            now=inputs.now,
            starts=starts_of(run),
            window=occupied.window,
            requested_resources=plan.requested_resources,
            full_minutes=occupied.full_minutes,
            overrides=plan.overrides,
            location_id=plan.location_id,
        )
        self.offers = search(index, self.query, occupied.states, budget=inputs.budget)
        self._starts: list[Minute] | None = None
        self.explanation = (
            Explanation(index, self.query, occupied.states, budget=inputs.budget) if inputs.explain else None
        )
        self._own = {(held.span.start, resource_id) for resource_id, held in occupied.own_holds}
        # Whoever leads may be busy in parts of the visit, and need not be so from its start.
        requirements = index.requirements(plan.service, party=plan.party, requested_resources=plan.requested_resources)
        self._parts = {tuple([part.blocked_start for part in variant.parts[0]]) for variant in requirements.variants}
        self._prices = {
            offers.eligibility.location_id: SlotPrices(
                index,
                plan.service,
                offers.eligibility.requirements,
                plan.requested_resources,
                offers,
                moving=inputs.own.moving,
            )
            for offers in self.offers.each
        }
        # Few sets of resources serve many starts.
        self._keys: dict[tuple[ResourceId, ...], tuple[str, ...]] = {}

    @property
    def starts(self) -> list[Minute]:
        """Each start of all the dates, in order."""
        if self._starts is None:
            self._starts = self.offers.starts()
        return self._starts

    def slots(self, starts: Iterable[Minute]) -> Iterator[Slot]:
        """The slots at those starts."""
        catalogue = self.inputs.index.catalogue
        resource_by_id = catalogue.resource_by_id
        locations: dict[LocationId | None, str | None] = {location.id: location.key for location in catalogue.locations}
        locations[None] = None
        one_price = next(iter(self._prices.values())).of_every_slot if len(self._prices) == 1 else None
        for offer in self.offers.slots(starts):
            named = self._keys.get(offer.resource_ids)
            if named is None:
                named = tuple([resource_by_id[resource_id].key for resource_id in offer.resource_ids])
                self._keys[offer.resource_ids] = named
            own = bool(self._own) and any(self._holds(offer.start, resource_id) for resource_id in offer.resource_ids)
            prices = one_price or self._prices[offer.location_id].of(offer.start, offer.resource_ids)
            yield Slot(offer.start, offer.end, named, offer.remaining, prices, own, locations[offer.location_id])

    def _holds(self, start: Minute, resource_id: ResourceId) -> bool:
        """True if the caller's own hold covers all parts of the resource in a visit at that start."""
        return any(all((start + part, resource_id) in self._own for part in parts) for parts in self._parts)


def _cut(inputs: ListingInputs, days: range) -> StoredBlock:
    """The stored state of some of the days."""
    block, stored = inputs.plan.block, inputs.stored
    if days == block.days:
        return stored
    width = len(block.resource_ids)
    start, stop = (days.start - block.days.start) * width, (days.stop - block.days.start) * width
    return StoredBlock(
        stored.bitmaps[start:stop],
        tuple([(place - start, entry) for place, entry in stored.held if start <= place < stop]),
        stored.without_redis,
    )
