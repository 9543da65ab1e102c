"""The rules of availability once more, minute by minute and without bitmaps, to judge the search by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from itertools import combinations, islice, product

from catalogue.model.catalogue import Catalogue
from catalogue.model.choices import NO_CHOICES, Choices
from catalogue.model.closures import Closure
from catalogue.model.grid import Align
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Resource
from catalogue.model.routes import AnswerRoute
from catalogue.model.rules.release import Release
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.model.rules.window import BusinessDaysWindow, FixedWindow, RollingWindow, Window
from catalogue.model.schedules import Schedule, WeeklySpan
from catalogue.model.services import Service
from catalogue.model.timed_prices import TimedPrice
from catalogue.model.wall_clock import WallSpan
from kernel.ids import LocationId, ResourceId, ServiceId
from kernel.money import Money
from kernel.spans import Minute, Span, to_datetime
from kernel.zones import zone

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What is taken of one resource."""

    time_off: tuple[Span, ...] = ()
    claims: tuple[tuple[Span, ...], ...]
    """By lane, every lane that was ever made."""
    held: tuple[tuple[Span, ...], ...]
    """By lane: holds of others."""
    full_dates: frozenset[date] = frozenset()
    sessions: tuple[tuple[ServiceId, Minute, Span], ...] = ()
    """Of an exclusive resource: the service and start of each claim."""
    held_sessions: tuple[tuple[ServiceId, Minute, Span], ...] = ()
    """Those of holds of others."""


@dataclass(frozen=True, kw_only=True, order=True)
class Claimed:
    """A claim that a visit would make."""

    role: str
    resource_id: ResourceId
    part: Span
    blocked: Span
    free_lanes: tuple[int, ...]
    places: int
    """How many people there is room for."""
    pieces: tuple[tuple[int, Span], ...] = ()
    """Lanes and minutes of them that will do where too few lanes are free all along."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to serve a visit."""

    visit: Span
    leads: frozenset[ResourceId]
    claims: frozenset[Claimed]
    prices: frozenset[Money]
    """What it may cost for one person: of several in one role with a price of their own, any may be the first."""
    location_id: LocationId | None
    """Where it is; None in a business with one location, or where several lead at several."""


def by_end(ways: Sequence[Way]) -> dict[Minute, set[ResourceId]]:
    """Who could serve in the first role, by when the visit would end with them at the earliest; the soonest first."""
    ends = {lead: min(way.visit.end for way in ways if lead in way.leads) for way in ways for lead in way.leads}
    return {end: {lead for lead, mine in ends.items() if mine == end} for end in sorted(set(ends.values()))}


def by_end_and_location(ways: Sequence[Way]) -> dict[tuple[Minute, LocationId | None], set[ResourceId]]:
    """The same for each location by itself; the soonest end first, then as the ways come."""
    locations = dict.fromkeys(way.location_id for way in ways)
    found = {
        (end, location_id): leads
        for location_id in locations
        for end, leads in by_end([way for way in ways if way.location_id == location_id]).items()
    }
    return dict(sorted(found.items(), key=lambda slot: slot[0][0]))


@dataclass(frozen=True)
class _Role:
    entries: list[Requirement]
    pool: list[Resource]
    leads: bool
    pinned: set[ResourceId] = field(default_factory=set)


@lru_cache(maxsize=200_000)
def wall_clock(timezone: str, minute: Minute) -> tuple[date, int]:
    """The local date and the minutes on the clock at one minute."""
    reading = to_datetime(minute).astimezone(zone(timezone))
    return reading.date(), reading.hour * 60 + reading.minute


def _dates_of_part(timezone: str, part: WallSpan, minute: Minute) -> list[date]:
    """The dates to whose part of the day a minute belongs: two, where a part is a day long and runs past midnight."""
    today, clock = wall_clock(timezone, minute)
    readings = {today: clock, today - DAY: clock + 24 * 60}
    return [day for day, reading in readings.items() if reading in range(part.start, part.end)]


@lru_cache(maxsize=256)
def _minutes_of_part(timezone: str, day: date, part: WallSpan) -> list[Minute]:
    """The minutes of the part of a day."""
    noon = (day - date(1970, 1, 1)).days * 1440 + 720
    return [minute for minute in range(noon - 1600, noon + 3100) if day in _dates_of_part(timezone, part, minute)]


def dates_worked(schedule: Schedule, minute: Minute) -> set[date]:
    """The local dates to whose working time a minute belongs."""
    today, clock = wall_clock(schedule.timezone, minute)
    yesterday = today - timedelta(days=1)

    def is_within(spans: Sequence[WeeklySpan], day: date, reading: int) -> bool:
        return any(_applies(weekly, day) and weekly.span.start <= reading < weekly.span.end for weekly in spans)

    readings = {today: clock, yesterday: clock + 24 * 60}
    if any(is_within(schedule.breaks, day, reading) for day, reading in readings.items()):
        return set()
    worked = set()
    for day, reading in readings.items():
        if _is_closed(schedule, day):
            continue
        if day in schedule.overrides:
            inside = any(span.start <= reading < span.end for span in schedule.overrides[day])
        else:
            inside = is_within(schedule.hours, day, reading)
        if inside:
            worked.add(day)
    return worked


def _minutes_about(day: date) -> range:
    """All minutes that could belong to a date in any zone."""
    noon = (day - date(1970, 1, 1)).days * 1440 + 720
    return range(noon - 1600, noon + 3100)


@lru_cache(maxsize=10_000)
def _applies(weekly: WeeklySpan, day: date) -> bool:
    """True if a weekly span begins on the date: its weeks, and the days of the month, are counted one by one."""
    if day not in _days_in_turn(weekly, day) or day.strftime("%a").lower() not in weekly.days:
        return False
    if not (weekly.valid_from or day) <= day <= (weekly.valid_until or day):
        return False
    if weekly.nth is None:
        return True
    month = (day.replace(day=1) + timedelta(days=number) for number in range(31))
    alike = [other for other in month if other.month == day.month and other.weekday() == day.weekday()]
    return day in alike[-1:] if weekly.nth == -1 else day in alike[weekly.nth - 1 : weekly.nth]


def _days_in_turn(weekly: WeeklySpan, day: date) -> Iterable[date]:
    """The dates until that one which are in a week of the span's turn."""
    if weekly.starting is None:
        return [day]
    dates = (weekly.starting + timedelta(days=number) for number in range((day - weekly.starting).days + 1))
    return (date for number, date in enumerate(dates) if number % (7 * weekly.every_weeks) < 7)


def _is_closed(schedule: Schedule, day: date) -> bool:
    """True if a closure takes the hours of the date: the dates of each are counted one by one."""
    if day in schedule.overrides and day in schedule.despite_closures:
        return False
    return any(day in _closed_dates(closure, day.year) for closure in schedule.closures)


@cache
def _closed_dates(closure: Closure, until: int) -> set[date]:
    """The dates of a closure up to those that begin in that year."""
    dates = set()
    for later in range(until - closure.first.year + 1 if closure.yearly else 1):
        day, last = _years_later(closure.first, later, DAY), _years_later(closure.last, later, -DAY)
        while day <= last:
            dates.add(day)
            day += DAY
    return dates


def _years_later(day: date, years: int, step: timedelta) -> date:
    """The same day of a later year; in place of 29 February, where there is none, the day beside it."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return (day - step).replace(year=day.year + years) + step


class Oracle:
    """Answers for one service, party, instant and state of everything."""

    def __init__(
        self,
        catalogue: Catalogue,
        service: Service,
        taken: Mapping[ResourceId, Taken],
        *,
        party: int,
        now: datetime,
        pinned: AbstractSet[ResourceId],
        full_dates: AbstractSet[date] = frozenset(),
        overrides: Sequence[str] = (),
        choices: Choices = NO_CHOICES,
        location_id: LocationId | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._service = service
        self._taken = taken
        self._party = party
        self._now = now
        self._pinned = pinned
        self._waived = frozenset(overrides)
        self._choices = choices
        self._full_dates = frozenset() if "limits" in overrides else full_dates
        self._location_id = location_id
        self._openings: dict[tuple[ResourceId, int, date, Minute], Minute] = {}
        self._standing: dict[tuple[ResourceId, int], Resource] = {}
        self._place_of: dict[int, int] = {}
        self._worked = cache(self._find_worked)
        self._clear_lanes = cache(self._find_clear_lanes)
        self._lanes_taken = cache(self._count_lanes_taken)
        self._could_start = cache(self._find_possible)
        self._works_on = cache(self._find_day_worked)
        self._is_there_on = cache(self._find_day_there)

    def ways(self, start: Minute) -> list[Way]:
        """Every way to serve a visit at a start; none when it is not offered."""
        roles = self._roles
        if self._pinned and not any(role.pinned for role in roles):
            return []
        found: dict[Way, None] = {}
        for location_id in self._locations:
            pools = [list(self._at(role, location_id)) for role in roles]
            pools[0] = [resource for resource in pools[0] if self._may_lead(resource, start)]
            choices = (combinations(pool, role.entries[0].count) for pool, role in zip(pools, roles, strict=True))
            ways = (self._way(start, roles, chosen, location_id) for chosen in product(*choices))
            found |= dict.fromkeys(way for way in ways if way is not None)
        return list(found)

    @cached_property
    def _locations(self) -> list[LocationId | None]:
        """The locations to be looked at one after the other, None where none need be told from another."""
        lead = self._roles[0]
        mine = [one.id for one in self._catalogue.locations if one.id in self._lead_locations]
        bound = [entry for role in self._roles for entry in role.entries if entry.same_location]
        everywhere = {*mine, *(at for entry in bound for r in self._catalogue.pool(entry) for at in _works_at(r))}
        if bound:
            is_one = len(everywhere) == 1
        else:
            is_one = len(mine) == 1 or (
                lead.entries[0].count > 1 and not any(resource.schedule.at for resource in self._all_leads)
            )
        if self._location_id is not None:
            mine = [at for at in mine if at == self._location_id]
            is_one = is_one and len(self._lead_locations) == 1
        return [None] if is_one and mine else list(mine)

    @cached_property
    def _lead_locations(self) -> set[LocationId]:
        return {location_id for resource in self._all_leads for location_id in _works_at(resource)}

    def _at(self, role: _Role, location_id: LocationId | None) -> Iterator[Resource]:
        """Those who may fill a role there; whoever works at several locations once for each."""
        anywhere = location_id is None or not (role.leads or any(entry.same_location for entry in role.entries))
        for resource in role.pool:
            for place, mine in enumerate(_works_at(resource)):
                if anywhere or mine == location_id:
                    yield self._standing_at(resource, place)

    def _standing_at(self, resource: Resource, place: int) -> Resource:
        """A copy that is known to be at a place."""
        standing = self._standing.get((resource.id, place))
        if standing is None:
            standing = self._standing[resource.id, place] = replace(resource)
            self._place_of[id(standing)] = place
        return standing

    def _place(self, resource: Resource) -> int:
        return self._place_of[id(resource)]

    def _works(self, resource: Resource, minute: Minute) -> set[date]:
        """The dates to whose working time, where the resource stands, a minute belongs."""
        return self._worked(resource.id, self._place(resource), minute)

    def places(self, way: Way) -> int:
        """How many places the first resource of a way has left for it."""
        return min(claim.places for claim in way.claims if claim.resource_id in way.leads)

    @cached_property
    def _roles(self) -> list[_Role]:
        roles: dict[str, _Role] = {}
        for entry in self._service.requires:
            if entry.role in roles:
                roles[entry.role].entries.append(entry)
            else:
                pool = [r for r in self._catalogue.pool(entry) if self._suits(r, entry)]
                pool.sort(key=lambda r: 0 if r.seats is None else r.seats.most)
                roles[entry.role] = _Role([entry], pool, leads=not roles)
        for resource_id in self._pinned:
            first = next((role for role in roles.values() if resource_id in {r.id for r in role.pool}), None)
            if first is not None:
                first.pinned.add(resource_id)
        return list(roles.values())

    def _suits(self, resource: Resource, entry: Requirement) -> bool:
        seats = resource.seats
        if seats is not None and not seats.least <= self._party <= seats.most:
            return False
        return resource.capacity >= self._needed(resource, entry)

    def _needed(self, resource: Resource, entry: Requirement) -> int:
        """The lanes that the party takes: a table is for all of them."""
        return entry.uses * (self._party if resource.seats is None else 1)

    def _way(
        self,
        start: Minute,
        roles: Sequence[_Role],
        chosen: Sequence[Sequence[Resource]],
        location_id: LocationId | None,
    ) -> Way | None:
        everybody = [resource.id for resources in chosen for resource in resources]
        if len(set(everybody)) < len(everybody) or not all(map(_honours_wishes, roles, chosen)):
            return None
        end = self._end(start, roles, chosen)
        if end is None:
            return None
        visit = Span(start, end)
        is_gap = self._service.grid.align is Align.GAP and "off_grid" not in self._waived
        if is_gap and not all(self._is_on_gap_grid(resource, start, visit.minutes) for resource in chosen[0]):
            return None
        claims: set[Claimed] = set()
        for role, resources in zip(roles, chosen, strict=True):
            for resource in resources:
                mine = self._claims(role, resource, visit)
                if mine is None:
                    return None
                claims |= mine
        if location_id is None and len(self._lead_locations) == 1:
            location_id = min(self._lead_locations)
        return Way(
            visit=visit,
            leads=frozenset(resource.id for resource in chosen[0]),
            claims=frozenset(claims),
            prices=self._prices(roles, chosen, start),
            location_id=location_id if len(self._catalogue.locations) > 1 else None,
        )

    def _end(self, start: Minute, roles: Sequence[_Role], chosen: Sequence[Sequence[Resource]]) -> Minute | None:
        """When a visit with those ends; None if there is none from that start."""
        overrides = [
            entry.terms[resource.id].duration_minutes
            for role, resources in zip(roles, chosen, strict=True)
            for resource in resources
            for entry in role.entries
            if resource.id in entry.terms
        ]
        longest = max((minutes for minutes in overrides if minutes is not None), default=None)
        if self._choices.duration is not None:
            longest = self._choices.duration.minutes
        if self._service.duration is None:
            end = start + (longest or self._service.duration_minutes)
        else:
            ends = {self._check_out(resource, start) for resources in chosen for resource in resources}
            check_out = ends.pop()
            if ends or check_out is None:
                return None
            end = check_out
        for add_on in self._choices.add_ons:
            end += add_on.minutes
        return end

    def _check_out(self, resource: Resource, start: Minute) -> Minute | None:
        """When a stay ends by the clock of a resource; None if it does not start at check-in."""
        stay, timezone = self._service.duration, resource.schedule.timezone
        assert stay is not None
        day, reading = wall_clock(timezone, start)
        if reading != stay.check_in:
            return None
        if any(wall_clock(timezone, minute) == (day, reading) for minute in range(start - 1500, start)):
            return None  # The clock shows it for the second time.
        last = day + timedelta(days=stay.nights)
        minutes = range(start + 1, start + (stay.nights + 2) * 1440)
        return next((m for m in minutes if wall_clock(timezone, m) == (last, stay.check_out)), None)

    def _minutes_at_work(self, resource: Resource, part: Span, blocked: Span) -> Iterable[Minute]:
        """The minutes of a part that must lie in hours: of a stay, the first and the last, and maybe the buffers."""
        at_work = blocked if self._has_buffers_inside(resource) else part
        minutes = range(at_work.start, at_work.end)
        if self._service.duration is None:
            return minutes
        return [minute for minute in minutes if minute <= part.start or minute >= part.end - 1]

    def _prices(self, roles: Sequence[_Role], chosen: Sequence[Sequence[Resource]], start: Minute) -> frozenset[Money]:
        terms = {(self._entry_at(lead.schedule.timezone, start), self._percent_off(lead, start)) for lead in chosen[0]}
        for role, resources in zip(roles, chosen, strict=True):
            own = [
                next(
                    (
                        entry.terms[r.id].price
                        for entry in role.entries
                        if r.id in entry.terms and entry.terms[r.id].price
                    ),
                    None,
                )
                for r in resources
            ]
            if any(own):
                return frozenset(
                    self._with_add_ons(
                        _share(
                            price if entry is None or entry.percent is None else _share(price, entry.percent),
                            100 - less,
                        )
                    )
                    for price in own
                    if price
                    for entry, less in terms
                )
        option = self._choices.duration
        by_length = option.price if option else None
        return frozenset(
            self._with_add_ons(_share(self._usual_price(by_length, entry), 100 - less)) for entry, less in terms
        )

    def _usual_price(self, chosen: Money | None, entry: TimedPrice | None) -> Money:
        """The price without a resource's own; an amount by time gives way to that of the chosen length."""
        usual = chosen or self._service.price
        if entry is None or (chosen and entry.price):
            return usual
        return entry.price or _share(usual, entry.percent or 0)

    def _entry_at(self, timezone: str, start: Minute) -> TimedPrice | None:
        """The first price by time whose days and times the clock shows; those of yesterday count past midnight."""
        today, clock = wall_clock(timezone, start)
        for entry in self._service.prices:
            for day, reading in ((today, clock), (today - DAY, clock + 24 * 60)):
                is_day = not entry.days or day.strftime("%a").lower() in entry.days
                if is_day and reading in range(entry.span.start, entry.span.end):
                    return entry
        return None

    def _with_add_ons(self, price: Money) -> Money:
        for add_on in self._choices.add_ons:
            more = 0 if add_on.price is None else add_on.price.amount_minor
            price = Money(amount_minor=price.amount_minor + more, currency=price.currency)
        return price

    def _release_of(self, lead: Resource) -> Release:
        for rules in (lead.rules, self._service.rules):
            if not isinstance(rules.release, Unset):
                return rules.release or Release()
        return Release()

    def _percent_off(self, lead: Resource, start: Minute) -> int:
        """The discount of the first part of the day with little claimed that a start belongs to and is near enough."""
        for entry in self._release_of(lead).off_peak:
            is_near = self._is_near_enough(entry.within_hours, start)
            for day in _dates_of_part(lead.schedule.timezone, entry.span, start):
                is_day = not entry.days or day.strftime("%a").lower() in entry.days
                if is_near and is_day and self._is_below(lead, day, entry.span, entry.below_share):
                    return entry.percent_off
        return 0

    def _is_released(self, lead: Resource, notice: int, start: Minute) -> bool:
        """Whether each part of the day before that of a start is filled, or is past, for one who leads."""
        order, timezone = self._release_of(lead).fill_earlier_first, lead.schedule.timezone
        if order is None or "limits" in self._waived:
            return True
        return not any(
            self._is_below(lead, day, earlier, order.share)
            and any(self._is_late_enough(notice, minute) for minute in _minutes_of_part(timezone, day, earlier))
            for place, part in enumerate(order.parts)
            for day in _dates_of_part(timezone, part, start)
            for earlier in order.parts[:place]
        )

    def _is_below(self, lead: Resource, day: date, part: WallSpan, share: int) -> bool:
        """Whether less than that percentage of the places in the working time of a part of the day is claimed."""
        offered = claimed = 0
        for minute in _minutes_of_part(lead.schedule.timezone, day, part):
            is_off = any(off.start <= minute < off.end for off in self._taken[lead.id].time_off)
            sites = range(len(lead.schedule.parts))
            if any(self._worked(lead.id, site, minute) for site in sites) and not is_off:
                offered += lead.capacity
                claimed += lead.capacity - len(self._clear_lanes(lead.id, minute))
        return claimed < Fraction(share, 100) * offered

    def _is_near_enough(self, hours: int | None, start: Minute) -> bool:
        return hours is None or to_datetime(start) <= self._now + timedelta(hours=hours)

    def _claims(self, role: _Role, resource: Resource, visit: Span) -> set[Claimed] | None:
        """What a resource would be claimed for; None if it cannot serve."""
        parts = self._parts(role, visit)
        if not parts or not self._keeps_own_rules(resource, visit.start):
            return None
        begins = self._date_of([resource], resource.schedule.timezone, parts[0][0].start)
        if begins in self._taken[resource.id].full_dates and "limits" not in self._waived:
            return None
        if "closed" in self._waived and not self._is_where_it_works(resource, visit.start):
            return None
        return self._room(role, resource, visit, in_hours="closed" not in self._waived)

    def _is_where_it_works(self, resource: Resource, start: Minute) -> bool:
        """Out of hours: whether the resource stands where it works on that date, or works nowhere then."""
        parts = resource.schedule.parts
        if len(parts) == 1:
            return True
        works = [
            self._works_on(resource.id, place, wall_clock(part.timezone, start)[0]) for place, part in enumerate(parts)
        ]
        return works[self._place(resource)] or not any(works)

    def _room(self, role: _Role, resource: Resource, visit: Span, *, in_hours: bool = True) -> set[Claimed] | None:
        """What a resource would be claimed for in its hours beside all that is taken; None if there is no room."""
        parts = self._parts(role, visit)
        if not parts:
            return None
        claims = set()
        for part, blocked in parts:
            at_work = self._minutes_at_work(resource, part, blocked)
            if in_hours and not all(self._works(resource, minute) for minute in at_work):
                return None
            if resource.exclusive is not None and self._meets_another_session(resource, visit.start, blocked):
                return None
            minutes = range(blocked.start, blocked.end)
            clear = frozenset.intersection(*(self._clear_lanes(resource.id, minute) for minute in minutes))
            lanes = tuple(
                number + 1
                for number in sorted(clear)
                if "held" in self._waived
                or not any(held.overlaps(blocked) for held in self._taken[resource.id].held[number])
            )
            left = resource.capacity - max(self._lanes_taken(resource.id, minute) for minute in minutes)
            places = self._places_all_along(resource, minutes) if resource.allows_pieces else len(lanes)
            places = min(places, left)
            needed = self._needed(resource, role.entries[0])
            if places < needed:
                return None
            claims.add(
                Claimed(
                    role=role.entries[0].role,
                    resource_id=resource.id,
                    part=part,
                    blocked=blocked,
                    free_lanes=lanes,
                    places=places // role.entries[0].uses * (1 if resource.seats is None else resource.seats.most),
                    pieces=self._pieces(resource, blocked, needed) if len(lanes) < needed else (),
                )
            )
        return claims

    def _meets_another_session(self, resource: Resource, start: Minute, blocked: Span) -> bool:
        taken = self._taken[resource.id]
        sessions = [*taken.sessions, *(() if "held" in self._waived else taken.held_sessions)]
        return any(
            span.overlaps(blocked) and (service_id, begins) != (self._service.id, start)
            for service_id, begins, span in sessions
        )

    def _parts(self, role: _Role, visit: Span) -> list[tuple[Span, Span]]:
        """The parts of a role, each without and with buffers, in order; none if one would begin after the visit."""
        busy: set[Minute] = set()
        before: set[Minute] = set()
        after: set[Minute] = set()
        for entry in role.entries:
            first = visit.start + entry.offset_minutes
            end = visit.end if entry.duration_minutes is None else min(visit.end, first + entry.duration_minutes)
            if first >= end:
                return []
            busy |= set(range(first, end))
            early, late = self._buffers(entry, starts=first == visit.start, ends=end == visit.end)
            before |= set(range(first - early, first))
            after |= set(range(end, end + late))
        return [(part, _widened(part, before - busy - after, after - busy)) for part in _runs(busy)]

    def _buffers(self, entry: Requirement, *, starts: bool, ends: bool) -> tuple[int, int]:
        """The minutes that an entry blocks before and after its own."""
        before, after = entry.buffer_before_minutes, entry.buffer_after_minutes
        if before is None:
            before = self._service.buffer_before_minutes if starts else 0
        if after is None:
            after = self._service.buffer_after_minutes if ends else 0
        return before, after

    def _may_lead(self, resource: Resource, start: Minute) -> bool:
        notice, window = (
            getattr(self._service.rules, name)
            if getattr(resource.rules, name) is UNSET
            else getattr(resource.rules, name)
            for name in ("lead_time_minutes", "window")
        )
        return (
            self._is_late_enough(0 if notice is UNSET else notice, start)
            and ("limits" in self._waived or self._is_near_enough(self._release_of(resource).rolling_hours, start))
            and self._is_in_window(None if window is UNSET else window, resource, start, self._all_leads)
            and self._is_before_horizon(None if window is UNSET else window, resource, start)
            and not self._is_full(start)
            and self._is_on_grid(resource, start)
            and self._is_released(resource, 0 if notice is UNSET else notice, start)
        )

    def _keeps_own_rules(self, resource: Resource, start: Minute) -> bool:
        """What the resource itself sets holds in every role."""
        notice, window, release = resource.rules.lead_time_minutes, resource.rules.window, resource.rules.release
        hours = None if isinstance(release, Unset) or release is None else release.rolling_hours
        return (
            self._is_late_enough(-(10**6) if isinstance(notice, Unset) else notice, start)
            and ("limits" in self._waived or self._is_near_enough(hours, start))
            and (isinstance(window, Unset) or self._is_in_window(window, resource, start, [resource]))
        )

    def _has_buffers_inside(self, resource: Resource) -> bool:
        for rules in (resource.rules, self._service.rules):
            if not isinstance(rules.buffers_inside_hours, Unset):
                return rules.buffers_inside_hours
        return self._service.buffers_inside_hours

    def _is_late_enough(self, notice: int, start: Minute) -> bool:
        this_minute = self._now.replace(second=0, microsecond=0)
        if "past" in self._waived:
            return to_datetime(start) >= this_minute - timedelta(days=1)
        if "lead_time" in self._waived:
            return to_datetime(start) >= this_minute
        return to_datetime(start) >= self._now + timedelta(minutes=notice)

    def _is_in_window(self, window: Window | None, resource: Resource, start: Minute, pool: Sequence[Resource]) -> bool:
        timezone = resource.schedule.timezone
        day = self._date_of([resource], timezone, start)
        today = self._now.astimezone(zone(timezone)).date()
        if "limits" in self._waived:
            return (day - today).days <= 1100
        match window:
            case None:
                return True
            case RollingWindow():
                return (day - today).days <= window.days
            case FixedWindow():
                return (window.from_date or date.min) <= day <= (window.until_date or date.max)
            case BusinessDaysWindow():
                before = (today + timedelta(days=number) for number in range((day - today).days))
                places = [(resource.id, place) for place in range(len(resource.schedule.parts))]
                worked = (
                    other
                    for other in before
                    if any(self._works_on(*place, other) for place in places)
                    and any(self._is_there_on(one.id, other) for one in pool)
                )
                return len(list(islice(worked, window.business_days))) < window.business_days

    def _is_before_horizon(self, window: Window | None, resource: Resource, start: Minute) -> bool:
        """Two years where the window has no end, three behind any other, since now or since it will have begun."""
        if "limits" in self._waived:
            return True
        timezone = resource.schedule.timezone
        opens = self._now.astimezone(zone(timezone)).date()
        if isinstance(window, FixedWindow) and window.from_date is not None:
            opens = max(opens, window.from_date)
        ahead = (self._date_of([resource], timezone, start) - opens).days
        has_end = not (window is None or (isinstance(window, FixedWindow) and window.until_date is None))
        return ahead <= (1100 if has_end else 730)

    def _is_full(self, start: Minute) -> bool:
        timezone = self._catalogue.timezone_of(self._service)
        return bool(self._full_dates) and self._date_of(self._all_leads, timezone, start) in self._full_dates

    @cached_property
    def _all_leads(self) -> list[Resource]:
        return list(self._catalogue.pool(self._service.requires[0]))

    def _date_of(self, resources: Sequence[Resource], timezone: str, minute: Minute) -> date:
        """The date that a minute belongs to: that before, if a shift of it, of one in the zone, goes on."""
        today = wall_clock(timezone, minute)[0]
        before = today - timedelta(days=1)
        parts = [(r.id, place, part) for r in resources for place, part in enumerate(r.schedule.parts)]
        shifts = [(r, place) for r, place, part in parts if part.timezone == timezone]
        return before if any(before in self._worked(r, place, minute) for r, place in shifts) else today

    def _find_day_worked(self, resource_id: ResourceId, place: int, day: date) -> bool:
        return any(day in self._worked(resource_id, place, minute) for minute in _minutes_about(day))

    def _find_day_there(self, resource_id: ResourceId, day: date) -> bool:
        """A minute of work on that date, at any of the places, is not time off."""
        parts = self._catalogue.resource_by_id[resource_id].schedule.parts
        places = [place for place in range(len(parts)) if self._works_on(resource_id, place, day)]
        time_off = self._taken[resource_id].time_off
        return bool(places) and (
            not time_off
            or any(
                any(day in self._worked(resource_id, place, minute) for place in places)
                and not any(off.start <= minute < off.end for off in time_off)
                for minute in _minutes_about(day)
            )
        )

    def _is_on_grid(self, resource: Resource, start: Minute) -> bool:
        if "off_grid" in self._waived:
            return True
        grid = self._service.grid
        step = grid.step_minutes or self._service.duration_minutes
        if not self._is_early_enough(resource, start):
            return False
        if grid.align is Align.GAP:
            return True  # The rest depends on the length of the visit.
        timezone = resource.schedule.parts[self._place(resource)].timezone
        if grid.at:
            return wall_clock(timezone, start)[1] in grid.at
        if grid.align is Align.CLOCK:
            first = wall_clock(timezone, start)[1] - grid.offset_minutes
            return first >= 0 and first % step == 0
        openings = (self._opening(resource, day, start) for day in self._works(resource, start))
        return any(
            start - opening >= grid.offset_minutes and (start - opening - grid.offset_minutes) % step == 0
            for opening in openings
        )

    def _opening(self, resource: Resource, day: date, start: Minute) -> Minute:
        """The first minute of the working time of a date that a minute lies in."""
        opening, place = start, self._place(resource)
        while (resource.id, place, day, opening) not in self._openings and self._goes_back(resource, day, opening):
            opening -= 1
        opening = self._openings.get((resource.id, place, day, opening), opening)
        self._openings[resource.id, place, day, start] = opening
        return opening

    def _goes_back(self, resource: Resource, day: date, minute: Minute) -> bool:
        """Whether the minute before belongs to the same working time."""
        return day in self._works(resource, minute - 1)

    def _is_early_enough(self, resource: Resource, start: Minute) -> bool:
        last = self._service.grid.last_start_minutes or 0
        return all(self._works(resource, minute) for minute in range(start, start + last))

    def _is_on_gap_grid(self, resource: Resource, start: Minute, minutes: int) -> bool:
        """Whether a visit leaves no gap on either side, or one of use: minutes by which it could begin elsewhere."""
        stands = (resource.id, self._place(resource))
        if not self._could_start(*stands, start, minutes):
            return False  # A resource has such a grid in its hours only, whatever is waived.
        grid, before, after = self._service.grid, 0, 0
        least = grid.minimum_gap_minutes or self._blocked_minutes(minutes)
        while before < least and self._could_start(*stands, start - before - 1, minutes):
            before += 1
        while after < least and self._could_start(*stands, start + after + 1, minutes):
            after += 1
        if grid.minimum_gap_minutes is None and 0 in {before, after}:
            return True
        if 0 < before < least or 0 < after < least:
            return False
        return 0 in {before, after} or any(
            self._is_on_a_step(resource, day, start, minutes) for day in self._works(resource, start)
        )

    def _is_on_a_step(self, resource: Resource, day: date, start: Minute, minutes: int) -> bool:
        """Whether whole steps lie between a start and the first one that would be possible, of the hours of a date."""
        first, grid, stands = start, self._service.grid, (resource.id, self._place(resource))
        while day in self._works(resource, first - 1) and self._could_start(*stands, first - 1, minutes):
            first -= 1
        since = start - first - grid.offset_minutes
        return since >= 0 and since % (grid.step_minutes or self._service.duration_minutes) == 0

    def _blocked_minutes(self, minutes: int) -> int:
        """How long the lead is blocked from its first part to its last in a visit of that length, with the buffers."""
        blocked = [blocked for _, blocked in self._parts(self._roles[0], Span(0, minutes))]
        return max(span.end for span in blocked) - min(span.start for span in blocked)

    def _find_possible(self, resource_id: ResourceId, place: int, start: Minute, minutes: int) -> bool:
        """Whether the resource could lead such a visit at a minute, but for notice, dates, limits and the grid."""
        resource = self._standing_at(self._catalogue.resource_by_id[resource_id], place)
        return self._is_early_enough(resource, start) and (
            self._room(self._roles[0], resource, Span(start, start + minutes)) is not None
        )

    def _count_lanes_taken(self, resource_id: ResourceId, minute: Minute) -> int:
        """The number of lanes that have a claim or a hold at a minute, on offer or not."""
        taken = self._taken[resource_id]
        on_lanes = zip(taken.claims, taken.held, strict=True)
        by_holds = "held" not in self._waived
        return sum(
            any(span.start <= minute < span.end for span in (*claims, *(held if by_holds else ())))
            for claims, held in on_lanes
        )

    def _find_clear_lanes(self, resource_id: ResourceId, minute: Minute) -> frozenset[int]:
        taken = self._taken[resource_id]
        if any(off.start <= minute < off.end for off in taken.time_off):
            return frozenset()
        return frozenset(
            number
            for number in range(self._catalogue.resource_by_id[resource_id].capacity)
            if not any(claim.start <= minute < claim.end for claim in taken.claims[number])
        )

    def _free_in(self, resource: Resource, minute: Minute) -> list[int]:
        """The lanes on offer that have neither claim nor time off at a minute, nor a hold unless holds give way."""
        held = self._taken[resource.id].held
        clear = sorted(self._clear_lanes(resource.id, minute))
        if "held" in self._waived:
            return clear
        return [number for number in clear if not any(span.start <= minute < span.end for span in held[number])]

    def _places_all_along(self, resource: Resource, minutes: Sequence[Minute]) -> int:
        return min(len(self._free_in(resource, minute)) for minute in minutes)

    def _pieces(self, resource: Resource, blocked: Span, needed: int) -> tuple[tuple[int, Span], ...]:
        """For each of the party minute after minute: the lane as long as it is free, then the one free the longest."""

        def until(lane: int, minute: Minute) -> Minute:
            while minute < blocked.end and lane in self._free_in(resource, minute):
                minute += 1
            return minute

        running: dict[int, Minute] = {}
        pieces = []
        for minute in range(blocked.start, blocked.end):
            running = {lane: end for lane, end in running.items() if end > minute}
            while len(running) < needed:
                others = [lane for lane in self._free_in(resource, minute) if lane not in running]
                lane = min((-until(other, minute), other) for other in others)[1]
                running[lane] = until(lane, minute)
                pieces.append((lane + 1, Span(minute, running[lane])))
        return tuple(pieces)

    def _find_worked(self, resource_id: ResourceId, place: int, minute: Minute) -> set[date]:
        return dates_worked(self._catalogue.resource_by_id[resource_id].schedule.parts[place], minute)


def _works_at(resource: Resource) -> list[LocationId]:
    """The locations of its places, in their order."""
    return [one.location_id for one in resource.schedule.at] or [resource.location_id]


def route_followed(routes: Sequence[AnswerRoute], answers: Mapping[str, str]) -> AnswerRoute | None:
    """The first of the routes none of whose conditions is left without an answer that it names."""
    unmet = [
        {question for question, options in route.conditions if answers.get(question, "") not in options}
        for route in routes
    ]
    return next((route for route, missing in zip(routes, unmet, strict=True) if not missing), None)


def _honours_wishes(role: _Role, chosen: Sequence[Resource]) -> bool:
    """Whether those asked for take part as far as there is room, and nobody else where they suffice."""
    served = {resource.id for resource in chosen}
    return role.pinned <= served or served <= role.pinned


def _share(price: Money, percent: int) -> Money:
    """Hundredths of a price, half a unit rounded up."""
    exact = Decimal(price.amount_minor) * percent / 100
    return Money(amount_minor=int(exact.quantize(Decimal(1), ROUND_HALF_UP)), currency=price.currency)


def _widened(part: Span, before: AbstractSet[Minute], after: AbstractSet[Minute]) -> Span:
    """A part, with the minutes that join it on either side."""
    start, end = part.start, part.end
    while start - 1 in before:
        start -= 1
    while end in after:
        end += 1
    return Span(start, end)


def _runs(minutes: set[Minute]) -> Iterator[Span]:
    """The minutes as maximal spans."""
    for first in sorted(minute for minute in minutes if minute - 1 not in minutes):
        end = first
        while end in minutes:
            end += 1
        yield Span(first, end)
