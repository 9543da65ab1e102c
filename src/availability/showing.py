"""What a listing shows of each date: worked out where anything that it rests on has changed, and else remembered."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from availability.bitmaps import from_spans
from availability.days import Mine, StoredDays, taken
from availability.eligibility import Question
from availability.explain import Explanation
from availability.groundwork import Groundwork
from availability.layout import DateLayout, Layout, notice_at, starts_of
from availability.limits import Full, with_full
from availability.model import Day, DayCount, Reason, Shown, Slot
from availability.remembered import Asked, Basis, Form, Remembered
from availability.search import search
from kernel.ids import ResourceId, TenantId
from kernel.spans import Minute, Span, utc_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known for one listing, and for whom."""

    groundwork: Groundwork
    layout: Layout
    now: datetime
    """What time it is for the business."""
    stored: StoredDays
    """Of the layout's block."""
    full: Full
    mine: Mine
    explain: bool


def shown(
    remembered: Remembered, tenant_id: TenantId, situation: Situation, form: "Form[DateOffers, Shown]"
) -> tuple[Shown, ...]:
    """Each date of the layout in that form."""
    layout = situation.layout
    asked = Asked(tenant_id, layout.service.id, layout.party, layout.pinned, layout.timezone, situation.explain, form)
    bases = _bases(situation)
    found = remembered.same(asked, bases)
    changed = [part for part in layout.dates if part.date not in found]
    for run in _runs(changed):
        for offers in _offers(situation, run):
            found[offers.date] = form.show(offers)
            remembered.keep(asked, offers.date, bases[offers.date], found[offers.date])
    return tuple([found[part.date] for part in layout.dates])


class DateOffers:
    """What is offered on one date, worked out as far as it is looked at."""

    def __init__(self, judged: "_Judged", part: DateLayout) -> None:
        self.date = part.date
        self.timezone = judged.situation.layout.timezone
        self._judged = judged
        self._part = part
        self._bits = judged.offers.bits & from_spans(part.minutes, judged.question.window)

    def day(self) -> Day:
        """Every slot."""
        starts = self._judged.starts if self._bits else []
        mine = (starts[bisect_left(starts, span.start) : bisect_left(starts, span.end)] for span in self._part.minutes)
        slots = tuple(self._judged.slots(chain.from_iterable(mine)))
        return Day(date=self.date, slots=slots, reason=None if slots else self._reason())

    def counted(self) -> DayCount:
        """How many slots, without a look at any."""
        if not self._bits:
            return DayCount(date=self.date, slots=0, first=None, reason=self._reason())
        return DayCount(
            date=self.date,
            slots=self._judged.offers.count(self._bits),
            # The highest bit is the first minute.
            first=self._judged.question.window.end - self._bits.bit_length(),
        )

    def _reason(self) -> Reason | None:
        explanation = self._judged.explanation
        return None if explanation is None else explanation.reason_for_day(self._part.minutes) or Reason.CLOSED


EACH_SLOT: Form[DateOffers, Day] = Form(show=DateOffers.day, size=lambda day: 300 * len(day.slots))
"""Dates as the engine's own code looks at them."""


def _bases(situation: Situation) -> dict[date, Basis]:
    """What each date rests on."""
    layout, stored, mine = situation.layout, situation.stored, situation.mine
    width, first_day = len(layout.block.resource_ids), layout.block.days.start
    notice = notice_at(layout, situation.now)
    last_notice = max(notice.earliest, default=0)
    places = [place for place, _ in stored.held]
    bases: dict[date, Basis] = {}
    for part in layout.dates:
        start, stop = (part.days.start - first_day) * width, (part.days.stop - first_day) * width
        held = stored.held[bisect_left(places, start) : bisect_left(places, stop)] if places else ()
        bases[part.date] = Basis(
            catalogue=situation.groundwork.identity,
            earliest=_within(part.starts, notice.earliest) if last_notice > part.starts.start else (),
            today=notice.today,
            bitmaps=stored.bitmaps[start:stop],
            held=tuple([(place - start, entry) for place, entry in held if entry.hold_id != mine.hold_id]),
            own=tuple([(place - start, entry) for place, entry in held if entry.hold_id == mine.hold_id]),
            own_claims=tuple([claim for claim in mine.claims if _touches(claim.span, part.days)]),
            full=situation.full,
        )
    return bases


def _within(starts: Span, earliest: Iterable[Minute]) -> tuple[Minute, ...]:
    """A notice that ends before the first of the starts is as good as any other that does, and so after the last."""
    return tuple([min(max(minute, starts.start), starts.end) for minute in earliest])


def _touches(span: Span, days: range) -> bool:
    touched = utc_days(span)
    return touched.start < days.stop and days.start < touched.stop


def _runs(parts: Iterable[DateLayout]) -> Iterator[list[DateLayout]]:
    """The dates in runs of one day after the other: each run is asked about at once."""
    run: list[DateLayout] = []
    for part in parts:
        if run and (part.date - run[-1].date).days > 1:
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _offers(situation: Situation, run: Sequence[DateLayout]) -> Iterator[DateOffers]:
    """What is offered on those dates."""
    judged = _Judged(situation, run)
    return (DateOffers(judged, part) for part in run)


class _Judged:
    """One search, and all that it takes to name what it finds."""

    def __init__(self, situation: Situation, run: Sequence[DateLayout]) -> None:
        layout, groundwork = situation.layout, situation.groundwork
        days = range(min(part.days.start for part in run), max(part.days.stop for part in run))
        found = with_full(taken(layout.block.resource_ids, days, _cut(situation, days), situation.mine), situation.full)
        self.situation = situation
        self.question = Question(
            service=layout.service,
            party=layout.party,
            now=situation.now,
            starts=starts_of(run),
            window=found.window,
            pinned=layout.pinned,
            full=found.full,
        )
        self.offers = search(groundwork, self.question, found.states)
        self._starts: list[Minute] | None = None
        self.explanation = Explanation(groundwork, self.question, found.states) if situation.explain else None
        self._own = {(held.span.start, resource_id) for resource_id, held in found.own_holds}
        # Whoever leads may be busy in parts of the visit, and need not be so from its start.
        plan = groundwork.plan(layout.service, party=layout.party, pinned=layout.pinned)
        self._parts = {tuple([part.blocked_start for part in case.parts[0]]) for case in plan.cases}
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
        resource_by_id = self.situation.groundwork.catalogue.resource_by_id
        for offer in self.offers.slots(starts):
            named = self._keys.get(offer.resource_ids)
            if named is None:
                named = tuple([resource_by_id[resource_id].key for resource_id in offer.resource_ids])
                self._keys[offer.resource_ids] = named
            mine = bool(self._own) and any(self._holds(offer.start, resource_id) for resource_id in offer.resource_ids)
            yield Slot(offer.start, offer.end, named, offer.remaining, mine)

    def _holds(self, start: Minute, resource_id: ResourceId) -> bool:
        """Whether the caller's own hold has all that the resource would do in a visit that starts then."""
        return any(all((start + part, resource_id) in self._own for part in parts) for parts in self._parts)


def _cut(situation: Situation, days: range) -> StoredDays:
    """What is stored of some of the days."""
    block, stored = situation.layout.block, situation.stored
    if days == block.days:
        return stored
    width = len(block.resource_ids)
    start, stop = (days.start - block.days.start) * width, (days.stop - block.days.start) * width
    return StoredDays(
        stored.bitmaps[start:stop],
        tuple([(place - start, entry) for place, entry in stored.held if start <= place < stop]),
        stored.without_redis,
    )
