"""A listing that remembers shows what one would that works everything out, whatever has changed in between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from availability.listing.date_cache import DateCache, Renderer
from availability.listing.date_plan import ListingPlan, ListingScope, plan_listing
from availability.listing.dates import EVERY_SLOT, DateOffers, ListingDates, ListingInputs
from availability.model import Day, DayCount, Override
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import StartQuery
from availability.rules.explain import Explanation
from availability.rules.overrides import overrides_of
from availability.rules.prices import SlotPrices
from availability.rules.search import search
from availability.rules.sessions import Session, SessionMinutes
from availability.state.bitmap_cache import HeldLane
from availability.state.daily_limits import FullDates, with_full_dates
from availability.state.encoding import encode_day
from availability.state.repository import BusySpan
from availability.state.staff_days import OwnClaims, StoredBlock, occupied_days
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Lane, Resource
from kernel.ids import AppointmentId, HoldId, ResourceId, ServiceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Span, to_minute
from kernel.zones import local_date, local_day, wall_span
from tests.support.documents import catalogue_of

# The clocks go back on the 25th.
_FIRST: Final = date(2026, 10, 23)
_ZONES: Final = ("Asia/Jerusalem", "UTC", "Pacific/Kiritimati")
_TENANTS: Final = (TenantId(UUID(int=1)), TenantId(UUID(int=2)))
_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_EXCLUSIVE: Final = "yael"
_COUNTED: Final[Renderer[DateOffers, DayCount]] = Renderer(render=DateOffers.count, size_of=lambda _: 1)
_GRIDS: Final = (
    {"align": "opening", "step_minutes": 30},
    {"align": "clock", "step_minutes": 20},
    {"align": "gap", "step_minutes": 45},
)
_RULES: Final[Sequence[dict[str, Any]]] = (
    {},
    {"lead_time_minutes": 90},
    {"window": {"days": 2}},
    {"window": {"business_days": 1}, "lead_time_minutes": 1},
    {"release": {"rolling_hours": 30}},
    {
        "lead_time_minutes": 45,
        "release": {
            "fill_earlier_first": {
                "parts": [
                    {"start": "09:00", "end": "10:30"},
                    {"start": "10:30", "end": "13:00"},
                    {"start": "22:00", "end": "02:00"},
                ],
                "share": 20,
            },
            "off_peak": [
                {"start": "09:00", "end": "12:00", "percent_off": 20, "below_share": 15, "within_hours": 20},
                {"start": "22:00", "end": "02:00", "percent_off": 50, "below_share": 40},
            ],
        },
    },
)


def _catalogue(grid: int, rules: int, *, two_roles: bool) -> Catalogue:
    hours = [{"days": _DAYS, "start": "09:00", "end": "15:00"}]
    night = [{"days": _DAYS, "start": "21:00", "end": "03:00"}]
    staff = [("noa", hours, 1), ("dan", hours, 1), ("tal", hours, 1), ("yael", night, 2)]
    requires: list[dict[str, Any]] = [
        {"role": "barber", "any_of": ["noa", "dan", "tal", "yael"], "overrides": {"dan": {"duration_minutes": 45}}}
    ]
    if two_roles:
        requires.append({"role": "seat", "kind": "chair"})
    services = [
        {
            "key": key,
            "name": key,
            "duration_minutes": minutes,
            "buffer_after_minutes": 5,
            "price": {"amount_minor": 9000, "currency": "ILS"},
            "grid": _GRIDS[grid],
            "rules": _RULES[rules],
            "requires": requires,
        }
        for key, minutes in (("cut", 30), ("shave", 15))
    ]
    document = {
        "business": {"name": "B", "timezone": "Asia/Jerusalem", "currency": "ILS"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            *(
                {"key": key, "kind": "staff", "name": key, "hours": own, "capacity": n}
                | ({"exclusive": "service"} if key == _EXCLUSIVE else {})
                for key, own, n in staff
            ),
            {"key": "chair", "kind": "chair", "name": "Chair", "capacity": 2},
        ],
        "services": services,
    }
    made = catalogue_of(document)
    resources = tuple(
        replace(resource, lanes=tuple(Lane(id=n, number=n) for n in range(1, resource.capacity + 1)))
        for resource in made.resources
    )
    return Catalogue(made.business, made.locations, resources, made.services)


class _Claim(NamedTuple):
    """Minutes of a lane from the start of a visit on, and the service that is booked."""

    key: str
    lane: int
    span: Span
    service_id: ServiceId

    @property
    def session(self) -> Session | None:
        return Session(self.service_id, self.span.start) if self.key == _EXCLUSIVE else None


@dataclass(kw_only=True)
class _World:
    """What the stores would say, by the keys of resources: those of another set-up have other ids."""

    claims: list[_Claim] = field(default_factory=list)
    time_off: list[tuple[str, Span]] = field(default_factory=list)
    held: list[tuple[str, HeldLane]] = field(default_factory=list)
    full_dates: frozenset[date] = frozenset()
    """Of noa."""
    full: frozenset[date] = frozenset()
    """Of the service."""

    def stored(self, layout: ListingPlan, catalogue: Catalogue) -> StoredBlock:
        bitmaps: list[bytes] = []
        held: list[tuple[int, HeldLane]] = []
        for day in layout.block.days:
            span = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
            for resource_id in layout.block.resource_ids:
                resource = catalogue.resource_by_id[resource_id]
                held += ((len(bitmaps), e) for key, e in self.held if key == resource.key and e.span.overlaps(span))
                bitmaps.append(self._bitmaps(resource, day))
        return StoredBlock(bitmaps, tuple(held))

    def _bitmaps(self, resource: Resource, day: int) -> bytes:
        off = [span for key, span in self.time_off if key == resource.key]
        mine = [claim for claim in self.claims if claim.key == resource.key]
        claims = [[claim.span for claim in mine if claim.lane == lane.number] for lane in resource.lanes]
        midnight = day * MINUTES_PER_DAY
        sessions = [
            SessionMinutes(claim.session, claim.span)
            for claim in mine
            if claim.span.overlaps(Span(midnight, midnight + MINUTES_PER_DAY))
        ]
        return encode_day(day, off, claims, sessions if resource.exclusive else None)


class Listings(RuleBasedStateMachine):
    """One process that remembers; after each step it is asked, and so is one that has never been asked before."""

    @initialize(grid=st.integers(0, 2), rules=st.integers(0, len(_RULES) - 1), two_roles=st.booleans())
    def open(self, grid: int, rules: int, *, two_roles: bool) -> None:
        self._remembered = DateCache()
        self._kind = (grid, rules, two_roles)
        self._groundwork = CatalogueIndex(_catalogue(grid, rules, two_roles=two_roles))
        self._world = _World()
        self._now = datetime(2026, 10, 23, 7, 30, tzinfo=UTC)
        self._tenant, self._zone, self._party = _TENANTS[0], _ZONES[0], 1
        self._overrides: tuple[Override, ...] = ()
        self._names: tuple[str, ...] = ()
        self._service, self._mine, self._explain = "cut", OwnClaims(hold_id=HoldId("one")), False
        self._first, self._number = _FIRST, 4

    @rule(key=st.sampled_from(["noa", "dan", "yael", "chair"]), at=st.integers(0, 4 * 96), lane=st.integers(1, 2))
    def book(self, key: str, at: int, lane: int) -> None:
        self._world.claims.append(_Claim(key, lane, _span(at, 40), self._service_id()))

    @rule(key=st.sampled_from(["noa", "dan", "yael"]), day=st.integers(0, 3))
    def book_up(self, key: str, day: int) -> None:
        self._world.claims += (_Claim(key, n, _span(day * 96 + 20, 1200), self._service_id()) for n in (1, 2))

    @rule()
    def cancel(self) -> None:
        del self._world.claims[:1]

    @rule(key=st.sampled_from(["noa", "dan"]), at=st.integers(0, 4 * 96))
    def take_time_off(self, key: str, at: int) -> None:
        self._world.time_off.append((key, _span(at, 300)))

    @rule(key=st.sampled_from(["noa", "dan", "chair"]), at=st.integers(0, 4 * 96), hold=st.sampled_from(["one", "two"]))
    def hold(self, key: str, at: int, hold: str) -> None:
        self._hold(key, HoldId(hold), _span(at, 35))

    def _hold(self, key: str, hold_id: HoldId, span: Span) -> None:
        session = _Claim(key, 1, span, self._service_id()).session
        entry = HeldLane(
            hold_id=hold_id,
            lane=1,
            span=span,
            deadline_ms=len(self._world.held),
            session=None if session is None else session.name,
        )
        self._world.held.append((key, entry))

    @rule()
    def hold_what_is_offered(self) -> None:
        """A whole visit, as a hold of one of the callers."""
        slots = [slot for day in self._shown(DateCache(), EVERY_SLOT) for slot in day.slots]
        if slots:
            slot = slots[len(slots) // 2]
            self._hold(slot.resources[0], HoldId("one"), Span(slot.start, slot.end + 5))

    @rule()
    def release(self) -> None:
        del self._world.held[:1]

    @rule(minutes=st.sampled_from([1, 29, 60, 240]))
    def wait(self, minutes: int) -> None:
        self._now += timedelta(minutes=minutes)

    @rule(days=st.integers(-2, 2), hour=st.sampled_from([5, 7, 22]))
    def wait_for_another_day(self, days: int, hour: int) -> None:
        """Notice and window end on dates that are listed; in Jerusalem it is the next day already at 22:00."""
        self._now = datetime(2026, 10, 23, hour, 30, tzinfo=UTC) + timedelta(days=days)

    @rule(grid=st.integers(0, 2), rules=st.integers(0, len(_RULES) - 1))
    def change_the_catalogue(self, grid: int, rules: int) -> None:
        """Ids stay, as they do where a business is changed."""
        self._kind = (grid, rules, self._kind[2])
        before, made = self._groundwork.catalogue, _catalogue(*self._kind[:2], two_roles=self._kind[2])
        services = tuple(
            replace(new, id=old.id, requires=old.requires)
            for old, new in zip(before.services, made.services, strict=True)
        )
        self._groundwork = CatalogueIndex(Catalogue(before.business, before.locations, before.resources, services))

    @rule(hold=st.sampled_from([None, "one", "two"]))
    def be_somebody_with_a_hold(self, hold: str | None) -> None:
        self._mine = replace(self._mine, hold_id=None if hold is None else HoldId(hold))

    @rule()
    def book_what_is_offered(self) -> None:
        """A visit, which is that of the caller."""
        slots = [slot for day in self._shown(DateCache(), EVERY_SLOT) for slot in day.slots]
        if slots:
            slot = slots[len(slots) // 2]
            span = Span(slot.start, slot.end + 5)
            self._world.claims.append(_Claim(slot.resources[0], 1, span, self._service_id()))
            self._own_the_last_visit()

    @rule()
    def be_somebody_else(self) -> None:
        self._mine = OwnClaims()

    @rule()
    def be_whoever_booked_last(self) -> None:
        self._own_the_last_visit()

    def _own_the_last_visit(self) -> None:
        claims = [
            BusySpan(
                resource_id=self._id(last.key),
                lane=last.lane,
                span=last.span,
                appointment_id=AppointmentId("apt"),
                session=self._session_of_one(last),
            )
            for last in self._world.claims[-1:]
        ]
        self._mine = replace(self._mine, claims=tuple(claims))

    def _session_of_one(self, claim: _Claim) -> str | None:
        """The name of the session that the claim is alone in."""
        sessions = [other.session for other in self._world.claims]
        return None if claim.session is None or sessions.count(claim.session) > 1 else claim.session.name

    @rule()
    def book_for_another_service(self) -> None:
        """The first of the visits: its minutes stay."""
        self._world.claims[:1] = [
            claim._replace(service_id=self._other_service_id(claim.service_id)) for claim in self._world.claims[:1]
        ]

    @rule()
    def hold_for_another_service(self) -> None:
        """The first of the holds: its minutes stay."""
        for key, entry in self._world.held[:1]:
            if entry.session is not None:
                session = Session.from_name(entry.session)
                other = session._replace(service_id=self._other_service_id(session.service_id))
                self._world.held[0] = key, replace(entry, session=other.name)

    @rule(day=st.integers(0, 3), of_service=st.booleans(), full=st.booleans())
    def reach_a_limit(self, day: int, *, of_service: bool, full: bool) -> None:
        dates = frozenset([_FIRST + timedelta(days=day)] if full else ())
        if of_service:
            self._world.full = dates
        else:
            self._world.full_dates = dates

    @rule(service=st.sampled_from(["cut", "shave"]), tenant=st.sampled_from(_TENANTS))
    def ask_about_another_service(self, service: str, tenant: TenantId) -> None:
        self._service, self._tenant = service, tenant

    @rule(names=st.sampled_from([(), ("tal",), ("dan",), ("yael",), ("dan", "noa")]), party=st.sampled_from([1, 1, 2]))
    def ask_for_others(self, names: tuple[str, ...], party: int) -> None:
        self._names, self._party = names, party

    @rule()
    def ask_for_one_more(self) -> None:
        self._party = 3 - self._party

    @rule(zone=st.sampled_from(_ZONES), explain=st.booleans())
    def ask_elsewhere(self, zone: str, *, explain: bool) -> None:
        self._zone, self._explain = zone, explain

    @rule(overrides=st.sets(st.sampled_from(sorted(set(Override) - {Override.OFF_GRID}))))
    def ask_for_the_desk(self, overrides: set[Override]) -> None:
        self._overrides = overrides_of(overrides)

    @rule(first=st.integers(-1, 2), number=st.integers(1, 5))
    def ask_about_other_dates(self, first: int, number: int) -> None:
        self._first, self._number = _FIRST + timedelta(days=first), number

    @invariant()
    def what_is_remembered_is_what_is_worked_out(self) -> None:
        days = self._shown(self._remembered, EVERY_SLOT)
        counts = self._shown(self._remembered, _COUNTED)

        assert days == self._shown(DateCache(), EVERY_SLOT)
        assert counts == self._shown(DateCache(), _COUNTED)
        assert counts == tuple(_counted(day) for day in days)
        assert days == self._worked_out_at_once()

    def shown(self) -> tuple[Any, ...]:
        """What a process shows that has never been asked."""
        return self._shown(DateCache(), EVERY_SLOT)

    def _shown(self, remembered: DateCache, form: Renderer[DateOffers, Any]) -> tuple[Any, ...]:
        dates = ListingDates(remembered, self._tenant, self._situation(), form)
        dates.store(dates.search())
        return dates.rendered()

    def _situation(self) -> ListingInputs:
        index, world = self._groundwork, self._world
        last = self._first + timedelta(days=self._number - 1)
        scope = ListingScope(
            self._service, self._names, self._first, last, self._zone, self._party, overrides=self._overrides
        )
        layout = index.memoised(plan_listing, scope)
        return ListingInputs(
            index=index,
            plan=layout,
            now=self._now,
            stored=world.stored(layout, index.catalogue),
            full_dates=FullDates(
                service_minutes=tuple(span for day in sorted(world.full) for span in local_day("Asia/Jerusalem", day)),
                resource_dates=tuple((r, world.full_dates) for r in layout.block.resource_ids if r == self._id("noa")),
            ),
            own=self._mine,
            explain=self._explain,
        )

    def _worked_out_at_once(self) -> tuple[Day, ...]:
        """All dates by one search over all that was read."""
        situation = self._situation()
        layout = situation.plan
        found = occupied_days(layout.block.resource_ids, layout.block.days, situation.stored, situation.own)
        found = with_full_dates(found, situation.full_dates)
        dates = [part.date for part in layout.dates]
        spans = wall_span(layout.timezone, dates[0], 0, len(dates) * MINUTES_PER_DAY)
        question = StartQuery(
            service=layout.service,
            party=layout.party,
            now=situation.now,
            starts=Span(spans[0].start, spans[-1].end),
            window=found.window,
            requested_resources=layout.requested_resources,
            full_minutes=found.full_minutes,
            overrides=layout.overrides,
        )
        explanation = Explanation(self._groundwork, question, found.states)
        searched = search(self._groundwork, question, found.states)
        offers = list(searched.slots())
        prices = SlotPrices(
            self._groundwork,
            layout.service,
            self._groundwork.requirements(
                layout.service, party=layout.party, requested_resources=layout.requested_resources
            ),
            layout.requested_resources,
            searched.each[0],
        )
        own = {(entry.span.start, resource_id) for resource_id, entry in found.own_holds}
        days: list[Day] = []
        for day in dates:
            mine = [offer for offer in offers if local_date(layout.timezone, offer.start) == day]
            slots = tuple(
                (o.start, o.end, tuple(self._key(r) for r in o.resource_ids), o.remaining,
                 prices.of(o.start, o.resource_ids), any((o.start, r) in own for r in o.resource_ids), o.location_id)
                for o in mine
            )  # fmt: skip
            reason = (
                explanation.reason_for_day(local_day(layout.timezone, day)) if self._explain and not slots else None
            )
            days.append(Day(date=day, slots=slots, reason=reason))  # type: ignore[arg-type]
        return tuple(days)

    def _id(self, key: str) -> ResourceId:
        found = self._groundwork.catalogue.find_resource(key)
        assert found is not None, "it is set up"
        return found.id

    def _service_id(self) -> ServiceId:
        found = self._groundwork.catalogue.find_service(self._service)
        assert found is not None, "it is set up"
        return found.id

    def _other_service_id(self, service_id: ServiceId) -> ServiceId:
        (other,) = (one.id for one in self._groundwork.catalogue.services if one.id != service_id)
        return other

    def _key(self, resource_id: ResourceId) -> str:
        return self._groundwork.catalogue.resource_by_id[resource_id].key


def _span(quarters: int, minutes: int) -> Span:
    first = to_minute(datetime(2026, 10, 23, tzinfo=UTC)) + quarters * 15
    return Span(first, first + minutes)


def _counted(day: Day) -> DayCount:
    first = day.slots[0].start if day.slots else None
    return DayCount(date=day.date, slots=len(day.slots), first=first, reason=day.reason)


Listings.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestListings = Listings.TestCase


def _book_one_lane(one: Listings) -> None:
    one.ask_for_others(names=("yael",), party=1)
    one.book(key="yael", at=96 + 80, lane=1)


def _hold_one_lane(one: Listings) -> None:
    one.ask_for_others(names=("yael",), party=1)
    one.hold(key="yael", at=96 + 80, hold="two")


def _be_nobody(one: Listings) -> None:
    one.be_somebody_else()


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ([], lambda one: one.change_the_catalogue(grid=1, rules=0)),
        ([], lambda one: one.wait(minutes=60)),
        (
            [lambda one: one.change_the_catalogue(grid=0, rules=2)],
            lambda one: one.wait_for_another_day(days=-1, hour=7),
        ),
        ([], lambda one: one.book_up(key="noa", day=1)),
        ([_be_nobody], Listings.hold_what_is_offered),
        ([Listings.hold_what_is_offered], Listings.release),
        ([Listings.hold_what_is_offered], lambda one: one.be_somebody_with_a_hold(hold="two")),
        ([Listings.book_what_is_offered], Listings.be_somebody_else),
        ([], lambda one: one.reach_a_limit(day=1, of_service=True, full=True)),
        ([], lambda one: one.reach_a_limit(day=1, of_service=False, full=True)),
        ([], lambda one: one.ask_about_another_service(service="shave", tenant=_TENANTS[0])),
        ([_book_one_lane], Listings.ask_for_one_more),
        ([_book_one_lane], Listings.book_for_another_service),
        ([_be_nobody, _hold_one_lane], Listings.hold_for_another_service),
        (
            [lambda one: one.ask_for_others(names=("tal",), party=1)],
            lambda one: one.ask_for_others(names=("dan",), party=1),
        ),
        ([], lambda one: one.ask_elsewhere(zone="UTC", explain=False)),
        (
            [lambda one: one.reach_a_limit(day=1, of_service=True, full=True)],
            lambda one: one.ask_elsewhere(zone=_ZONES[0], explain=True),
        ),
        ([], lambda one: one.ask_about_other_dates(first=1, number=4)),
        ([lambda one: one.change_the_catalogue(grid=0, rules=4)], lambda one: one.wait(minutes=60)),
        ([lambda one: one.change_the_catalogue(grid=0, rules=5)], lambda one: one.wait(minutes=60)),
    ],
    ids=[
        "catalogue", "earliest", "today", "bitmaps", "held", "own", "own_and_held", "own_claims", "full_of_service",
        "full_of_resource", "service", "party", "session", "held_session", "pinned", "timezone", "explain", "dates",
        "rolling_hours", "parts_of_day",
    ],
)  # fmt: skip
def test_what_a_date_rests_on_is_looked_at(
    before: Sequence[Callable[[Listings], None]], change: Callable[[Listings], None]
) -> None:
    """One change at a time, so that nothing else gives it away."""
    one = Listings()
    one.open(grid=0, rules=0, two_roles=False)
    for step in before:
        step(one)
    one.what_is_remembered_is_what_is_worked_out()
    shown_before = one.shown()

    change(one)

    assert one.shown() != shown_before
    one.what_is_remembered_is_what_is_worked_out()
