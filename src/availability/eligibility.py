"""Which starts each resource can serve in each role, by every rule but the matching of several resources."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from availability.bitmaps import Numbers, ahead, at_least, every_minute, fits, from_spans, is_set, lesser, tally
from availability.grid import gap_grid
from availability.groundwork import Groundwork, grid_step
from availability.matching import Wish
from availability.model import Reason
from availability.needs import Case, Need, Part
from availability.window import Dates, spans_of_dates
from catalogue.model import Align, Resource, Service
from kernel.ids import ResourceId
from kernel.spans import Minute, Span, to_minute_ceiling
from kernel.zones import local_day, local_now

EVERY_RULE: Final = frozenset(Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceState:
    """What is taken of a resource, as bitmaps over the window of the question."""

    time_off_free: int
    """Set: not time off."""
    lanes: tuple[int, ...]
    """For each lane in order of its number: set where it has neither claim nor time off."""
    held: tuple[int, ...] = ()
    """For each lane: set where a live hold of somebody else is on it. Empty: no such hold."""
    full_dates: frozenset[date] = frozenset()
    """Local dates on which the resource's daily limit is reached: it begins no more visits then."""

    def __post_init__(self) -> None:
        assert not self.held or len(self.held) == len(self.lanes), "holds are on lanes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which starts are offered?"""

    service: Service
    party: int = 1
    now: datetime
    starts: Span
    """The starts to be judged."""
    window: Span
    """The minutes that the bitmaps of the states cover: at least `Groundwork.minutes_to_list`."""
    pinned: frozenset[ResourceId] = frozenset()
    """The resources asked for (see availability.needs); empty: any."""
    full: tuple[Span, ...] = ()
    """The minutes of the local dates on which the service's daily limit is reached."""


class Eligibility:
    """The rules applied to the states of one question; each resource is judged when it is first asked about."""

    def __init__(
        self,
        groundwork: Groundwork,
        question: Question,
        states: Mapping[ResourceId, ResourceState],
        enforced: frozenset[Reason],
    ) -> None:
        self.question = question
        self.states = states
        self.plan = groundwork.plan(question.service, party=question.party, pinned=question.pinned)
        self.window = question.window
        self.wanted = from_spans([question.starts], question.window)
        self._groundwork = groundwork
        self._service = question.service
        self._enforced = enforced
        self._able: dict[tuple[int, ResourceId, int], int] = {}
        # Twins that have one state between them are judged once.
        self._able_of_twins: dict[tuple[int, ResourceId, int, int], int] = {}
        self._places: dict[tuple[int, int, Part], Numbers] = {}
        self._bookable: dict[tuple[str, Dates], int] = {}

    def able(self, role: int, resource_id: ResourceId, case: Case) -> int:
        """Set: each start asked for at which all rules let the resource fill the role."""
        key = (role, resource_id, case.visit_minutes)
        starts = self._able.get(key)
        if starts is None:
            resource = self.plan.roles[role].pool[resource_id]
            # `states` keeps each state, so no other can get its identity.
            shared = (role, self._groundwork.twin(resource), id(self.states[resource_id]), case.visit_minutes)
            starts = self._able_of_twins.get(shared)
            if starts is None:
                starts = self._able_of_twins[shared] = self._judged(role, resource, case)
            self._able[key] = starts
        return starts

    def wish(self, need: Need, case: Case, start: Minute, order: Sequence[ResourceId]) -> Wish:
        """The options of a need that can meet it at one start, in the order given."""
        options = set(need.options)
        able = [r for r in order if r in options and is_set(self.able(need.role, r, case), start, self.window)]
        return Wish(tuple(able), need.count)

    def places(self, resource: Resource, part: Part) -> Numbers:
        """For each start, how many places are free over all of the part with its buffers."""
        key = (resource.capacity, id(self.states[resource.id]), part)
        places = self._places.get(key)
        if places is None:
            places = self._over(part, self.lanes(resource))
            levels = self._levels(resource)
            if levels:
                places = lesser(places, self._over(part, levels))
            self._places[key] = places
        return places

    def lanes(self, resource: Resource) -> Sequence[int]:
        """The free minutes of each lane on offer, as far as the enforced rules see what is on them."""
        state = self.states[resource.id]
        if Reason.FULLY_BOOKED in self._enforced:
            # Lanes beyond the capacity only keep claims made before it was lowered.
            return self._clear(state, resource.capacity)
        clear = state.time_off_free if Reason.TIME_OFF in self._enforced else every_minute(self.window)
        return [clear] * self.question.party

    def _judged(self, role: int, resource: Resource, case: Case) -> int:
        starts = self._allowed(resource, leads=role == 0)
        if starts and Reason.CLOSED in self._enforced:
            starts &= self._groundwork.working_starts(self._service, resource, case.parts[role], self.window)
        if starts:
            starts &= self._available(resource, case.parts[role])
        return starts

    def _clear(self, state: ResourceState, count: int | None = None) -> Sequence[int]:
        """The free minutes of the first `count` lanes, of all unless it is given."""
        lanes = state.lanes[:count]
        if Reason.HELD in self._enforced and any(state.held):
            return [lane & ~held for lane, held in zip(lanes, state.held, strict=False)]
        return lanes

    def _over(self, part: Part, bitmaps: Iterable[int]) -> Numbers:
        """For each start, in how many of the bitmaps all of the part with its buffers is set."""
        length = part.blocked_end - part.blocked_start
        return tally(ahead(fits(bits, length), part.blocked_start, self.window) for bits in bitmaps)

    def _levels(self, resource: Resource) -> Sequence[int]:
        """The minutes with one place left of the capacity or more, those with two or more, and so on.

        None when the lanes say it all: what is taken beyond the capacity, since before that was lowered, takes up a
        place each of what is on offer, whichever lanes are free.
        """
        state, capacity = self.states[resource.id], resource.capacity
        if len(state.lanes) <= capacity or Reason.FULLY_BOOKED not in self._enforced:
            return ()
        if all(lane == state.time_off_free for lane in state.lanes[capacity:]) and not any(state.held[capacity:]):
            return ()
        clear, beyond = tally(self._clear(state)), len(state.lanes) - capacity
        return [at_least(clear, beyond + places) for places in range(1, capacity + 1)]

    def _allowed(self, resource: Resource, *, leads: bool) -> int:
        """Set: each start asked for that notice, booking window, the service's daily limit and the grid allow.

        The rules of service and business hold for whoever fills the first role; in any other role a resource minds
        only what it sets itself.
        """
        starts = self.wanted
        if Reason.LEAD_TIME in self._enforced:
            starts &= self._late_enough(self._groundwork.notice_minutes(self._service, resource, leads=leads))
        if Reason.OUTSIDE_WINDOW in self._enforced:
            starts &= self._in_booking_window(resource, leads=leads)
        if leads and Reason.DAILY_LIMIT in self._enforced:
            starts &= ~from_spans(self.question.full, self.window)
        if leads and starts and Reason.OFF_GRID in self._enforced:
            starts &= self._grid(resource)
        return starts

    def _late_enough(self, lead_time_minutes: int) -> int:
        """Set: each minute that far ahead of now, or farther."""
        earliest = to_minute_ceiling(self.question.now + timedelta(minutes=lead_time_minutes))
        # The lowest bits are the last minutes.
        return (1 << max(self.window.end - earliest, 0)) - 1

    def _in_booking_window(self, resource: Resource, *, leads: bool) -> int:
        """Set: each minute on a local date that may be booked."""
        zone = resource.schedule.timezone
        today = local_now(zone, self.question.now).date()
        if leads:
            dates = self._groundwork.dates(self._service, resource, today)
        else:
            dates = self._groundwork.own_dates(resource, today)
        if dates == (None, None):
            return every_minute(self.window)
        key = (zone, dates)
        if key not in self._bookable:
            self._bookable[key] = from_spans(spans_of_dates(zone, dates, self.window), self.window)
        return self._bookable[key]

    def _grid(self, resource: Resource) -> int:
        """Set: each minute at which a slot of the service may start on the resource."""
        if self._service.grid.align is not Align.GAP:
            return self._groundwork.grid(self._service, resource, self.window)
        lanes, party = self.states[resource.id].lanes, self.question.party
        clear = at_least(tally(lanes[: resource.capacity]), party)
        if len(lanes) > resource.capacity:
            clear &= at_least(tally(lanes), party + len(lanes) - resource.capacity)
        return gap_grid(
            self._groundwork.working_layers(resource, self.window),
            clear,
            step=grid_step(self._service),
            offset=self._service.grid.offset_minutes,
        )

    def _available(self, resource: Resource, parts: Sequence[Part]) -> int:
        """Set: each start at which time off, claims, holds and daily limits leave room for the party in all parts."""
        starts = every_minute(self.window)
        for part in parts:
            starts &= at_least(self.places(resource, part), self.question.party)
        if Reason.DAILY_LIMIT in self._enforced:
            for day in self.states[resource.id].full_dates:
                full = from_spans(local_day(resource.schedule.timezone, day), self.window)
                starts &= ~ahead(full, parts[0].start, self.window)
        return starts
