"""Eligible starts of each resource in each role, by every rule but the matching of several resources."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias

from availability.model import Override, Reason
from availability.rules.bitmaps import Numbers, ahead, at_least, every_minute, fits, from_spans, is_set, lesser, tally
from availability.rules.booking_window import DateRange, farthest_dates
from availability.rules.catalogue_index import CatalogueIndex, grid_step, minimum_gap
from availability.rules.grid import gap_grid
from availability.rules.overrides import earliest_start, waived_reasons
from availability.rules.pieces import least_ahead
from availability.rules.places import lanes_needed
from availability.rules.release import (
    ClaimedTime,
    Discount,
    discounts_of,
    first_too_far,
    minutes_before,
    unreleased_minutes,
)
from availability.rules.requirements import PartOffsets, VisitVariant
from availability.rules.search_budget import SearchBudget, steps_of_operation
from availability.rules.sessions import SessionMinutes, joinable
from availability.rules.shift_dates import ShiftDates
from availability.rules.working_time import dates_touching
from catalogue.model.grid import Align
from catalogue.model.resources import Resource
from catalogue.model.rules.release import Release
from catalogue.model.services import Service
from kernel.ids import LocationId, ResourceId
from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_number
from kernel.zones import local_now

Present: TypeAlias = frozenset[tuple[str, ResourceId]]
"""The roles of a visit that is to move, each with a resource that serves in it now."""
EVERY_RULE: Final = frozenset(Reason)
_MET_AT_BOOKING: Final = frozenset({Reason.LEAD_TIME, Reason.OUTSIDE_WINDOW, Reason.OFF_GRID, Reason.NOT_RELEASED})
"""Rules about the start alone, which a visit that keeps it has met before."""
STEPS_OF_OPTION: Final = 40
"""Steps for a resource that is looked at by name."""
# Operations on whole windows when one resource is judged: at most, for each part of the visit, and for each lane and
# session of it.
_JUDGING: Final = 30
_JUDGING_PART: Final = 10
_JUDGING_LANE: Final = 20
_JUDGING_SESSION: Final = 2
# And for each part of a day of which the claimed share counts, and each of its lanes.
_COUNTING_PART: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceState:
    """The state of a resource, as bitmaps over the window of the query."""

    time_off_free: int
    """Set: not time off."""
    lanes: tuple[int, ...]
    """For each lane in order of its number: set where it has neither claim nor time off."""
    held: tuple[int, ...] = ()
    """For each lane: set where a live hold of somebody else is on it. Empty: no such hold."""
    sessions: tuple[SessionMinutes, ...] = ()
    """Of an exclusive resource: minutes that are claimed for sessions."""
    held_sessions: tuple[SessionMinutes, ...] = ()
    """Minutes that live holds of somebody else keep for sessions."""
    full_dates: frozenset[date] = frozenset()
    """Local dates on which the resource's daily limit is reached: it begins no more visits then."""

    def __post_init__(self) -> None:
        assert not self.held or len(self.held) == len(self.lanes), "holds are on lanes"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartQuery:
    """A question about the starts of a span: which of them are offered?"""

    service: Service
    party: int = 1
    now: datetime
    starts: Span
    """The starts to be judged."""
    window: Span
    """The minutes that the bitmaps of the states cover: at least `CatalogueIndex.listing_window`."""
    requested_resources: frozenset[ResourceId] = frozenset()
    """The resources asked for (see availability.rules.requirements); empty: any."""
    present: Present = frozenset()
    """Asked first, each in their role; empty: no visit is to move."""
    keeps_start: bool = False
    """True for a visit that is changed where it is: notice, booking window and grid are not asked again."""
    at_any_time: bool = False
    """True where the answer is kept for all times of a day: of the booking window only the dates are asked."""
    full_minutes: tuple[Span, ...] = ()
    """The minutes of the local dates on which the service's daily limit is reached."""
    overrides: tuple[Override, ...] = ()
    """The rules that do not count (availability.rules.overrides)."""
    location_id: LocationId | None = None
    """The location asked for; None: any."""


class Eligibility:
    """The rules applied to the states of one query; each resource is judged on first use.

    With a location, the visits are those at it (availability.rules.visit_locations).
    """

    def __init__(
        self,
        index: CatalogueIndex,
        query: StartQuery,
        states: Mapping[ResourceId, ResourceState],
        enforced: frozenset[Reason],
        budget: SearchBudget,
        *,
        location_id: LocationId | None = None,
    ) -> None:
        self.query = query
        self.states = states
        self.requirements = index.requirements(
            query.service,
            party=query.party,
            requested_resources=query.requested_resources,
            location_id=location_id,
        )
        self.location_id = index.visit_locations(query.service).told(location_id)
        """The location that answers name."""
        self._judged_location = location_id
        self.window = query.window
        self.queried_starts = from_spans([query.starts], query.window)
        self.budget = budget
        self.operation_steps = steps_of_operation(query.window)
        self._index = index
        self._service = query.service
        # Without overrides the very set, which the masks of the catalogue candidates share.
        self._enforced = enforced - waived_reasons(query.overrides) if query.overrides else enforced
        if query.keeps_start:
            self._enforced -= _MET_AT_BOOKING
        stay = query.service.duration
        self._follows_check_in = stay is not None and stay.fixed_minutes is None and Reason.OFF_GRID in enforced
        if self._follows_check_in:
            # The end of a stay follows from its check-in, so there is none at any other minute, whoever asks.
            self._enforced |= {Reason.OFF_GRID}
        self._eligible: dict[tuple[int, ResourceId, int], int] = {}
        # Twins that have one state between them are judged once, in all roles that are busy in the same minutes.
        self._eligible_of_twins: dict[tuple[bool, bool, ResourceId, int, int, int], int] = {}
        self._allowed_to_twins: dict[tuple[bool, int, ResourceId, int], int] = {}
        self._times: dict[tuple[int, int], int] = {}
        self._number_by_parts: dict[tuple[PartOffsets, ...], int] = {}
        self._free_places: dict[tuple[int, bool, int, PartOffsets], Numbers] = {}
        self._fitting: dict[int, tuple[int, int]] = {}
        self._has_lengths = len({variant.visit_minutes for variant in self.requirements.variants}) > 1
        self._bookable: dict[tuple[ShiftDates, DateRange], int] = {}
        self._claimed_times: dict[tuple[ResourceId, int], ClaimedTime] = {}
        self._discounts: dict[ResourceId, tuple[Discount, ...]] = {}

    def eligible_starts(self, role: int, resource_id: ResourceId, variant: VisitVariant) -> int:
        """Set: each start asked for at which all rules let the resource fill the role."""
        key = (role, resource_id, variant.visit_minutes)
        starts = self._eligible.get(key)
        if starts is None:
            filled = self.requirements.roles[role]
            resource = filled.pool[resource_id]
            # `states` keeps each state, so no other can get its identity.
            state, times = id(self.states[resource_id]), self.times_of(role, variant)
            shared = (role == 0, filled.is_at_visit, self._index.twin(resource), state, times, filled.uses)
            starts = self._eligible_of_twins.get(shared)
            if starts is None:
                starts = self._eligible_of_twins[shared] = self._judged(role, resource, variant)
            self._eligible[key] = starts
        return starts

    def times_of(self, role: int, variant: VisitVariant) -> int:
        """A number for the minutes in which a role is busy in a variant: equal numbers, equal minutes."""
        key = (role, variant.visit_minutes)
        number = self._times.get(key)
        if number is None:
            number = self._number_by_parts.setdefault(variant.parts[role], len(self._number_by_parts))
            self._times[key] = number
        return number

    def able_at(
        self, start: Minute, role: int, variant: VisitVariant, resource_ids: Sequence[ResourceId]
    ) -> tuple[ResourceId, ...]:
        """Those of some resources that can fill a role at one start, in the order given."""
        self.budget.spend(STEPS_OF_OPTION * len(resource_ids))
        return tuple([r for r in resource_ids if is_set(self.eligible_starts(role, r, variant), start, self.window)])

    def discounts(self, resource_id: ResourceId) -> tuple[Discount, ...]:
        """The discounts of visits that a resource leads; no two of them at one start."""
        found = self._discounts.get(resource_id)
        if found is None:
            resource = self.requirements.roles[0].pool[resource_id]
            release = self._index.rules(self._service, resource).release
            zone, query = resource.schedule.timezone, self.query
            found = ()
            if release.off_peak:
                claimed = self._claimed_time(resource, release)
                found = discounts_of(
                    release.off_peak, zone, claimed, starts=query.starts, now=query.now, window=self.window
                )
            self._discounts[resource_id] = found
        return found

    def percent_off(self, resource_id: ResourceId, start: Minute) -> int:
        """The discount at one start of a visit that the resource leads; 0: none."""
        found = (one.percent_off for one in self.discounts(resource_id) if is_set(one.starts, start, self.window))
        return next(found, 0)

    def free_places(self, resource: Resource, part: PartOffsets) -> Numbers:
        """For each start, how many lanes are free over all of the part with its buffers.

        Where the lanes are alike, those of one minute may be others than those of the next.
        """
        key = (resource.capacity, resource.allows_pieces, id(self.states[resource.id]), part)
        places = self._free_places.get(key)
        if places is None:
            lanes, levels = self.free_lanes(resource), self._levels(resource)
            if resource.allows_pieces:
                free = tally(lanes)
                places = least_ahead(lesser(free, tally(levels)) if levels else free, part, self.window)
            else:
                places = self._over(part, lanes)
                if levels:
                    places = lesser(places, self._over(part, levels))
            self._free_places[key] = places
        return places

    def lanes_needed(self, role: int, resource: Resource) -> int:
        """The lanes that the party takes of a resource in a role."""
        return lanes_needed(resource, self.query.party, self.requirements.roles[role].uses)

    def free_lanes(self, resource: Resource) -> Sequence[int]:
        """The free minutes of each lane on offer, as far as the enforced rules see what is on them."""
        state = self.states[resource.id]
        if Reason.FULLY_BOOKED in self._enforced:
            # Lanes beyond the capacity only keep claims made before it was lowered.
            return self._clear(state, resource.capacity)
        clear = state.time_off_free if Reason.TIME_OFF in self._enforced else every_minute(self.window)
        return [clear] * (self.query.party * max(role.uses for role in self.requirements.roles))

    def _judged(self, role: int, resource: Resource, variant: VisitVariant) -> int:
        if not resource.schedule.at:
            return self._judged_at(0, role, resource, variant)
        # Nobody is at two locations in one visit, so each is judged by itself.
        is_bound = self._judged_location is not None and self.requirements.roles[role].is_at_visit
        starts = 0
        for site, located in enumerate(resource.schedule.at):
            if not is_bound or located.location_id == self._judged_location:
                starts |= self._judged_at(site, role, resource, variant)
        return starts

    def _judged_at(self, site: int, role: int, resource: Resource, variant: VisitVariant) -> int:
        leads, parts = role == 0, variant.parts[role]
        state = self.states[resource.id]
        of_part = _JUDGING_PART + _JUDGING_LANE * len(state.lanes)
        of_part += _JUDGING_SESSION * (len(state.sessions) + len(state.held_sessions))
        self.budget.spend((_JUDGING + of_part * len(parts)) * self.operation_steps)
        allowed = (leads, site, self._index.twin(resource), id(state))
        starts = self._allowed_to_twins.get(allowed, -1)
        if starts < 0:
            starts = self._allowed_to_twins[allowed] = self._allowed(resource, site, leads=leads)
        if starts and self._follows_check_in:
            starts &= self._index.stays(self._service, resource, variant.visit_minutes, self.window)
        if starts and Reason.CLOSED in self._enforced:
            starts &= self._index.working_starts(self._service, resource, parts, self.window, site=site)
        elif resource.schedule.at and Override.CLOSED in self.query.overrides:
            starts &= self._index.near_site(resource, self.window, site)
        if starts and leads and Reason.NOT_RELEASED in self._enforced:
            starts &= ~self._unreleased(resource)
        if starts:
            starts &= self._available(resource, parts, self.lanes_needed(role, resource))
        if starts and leads and Reason.OFF_GRID in self._enforced and self._service.grid.align is Align.GAP:
            starts &= self._gap_grid(resource, parts, site)
        return starts

    def _clear(self, state: ResourceState, count: int | None = None) -> Sequence[int]:
        """The free minutes of the first `count` lanes, of all unless it is given."""
        lanes = state.lanes[:count]
        if Reason.HELD in self._enforced and any(state.held):
            return [lane & ~held for lane, held in zip(lanes, state.held, strict=False)]
        return lanes

    def _over(self, part: PartOffsets, bitmaps: Iterable[int]) -> Numbers:
        """For each start, in how many of the bitmaps all of the part with its buffers is set."""
        length = part.blocked_end - part.blocked_start
        return tally([ahead(self._fits(bits, length), part.blocked_start, self.window) for bits in bitmaps])

    def _fits(self, bits: int, length: int) -> int:
        """Set: each start of `length` set minutes; from what fits a shorter visit, if that was asked for before."""
        if not self._has_lengths:
            return fits(bits, length)
        fitting, covered = self._fitting.get(bits, (bits, 1))
        if covered > length:
            fitting, covered = bits, 1
        found = fits(fitting, length, covered)
        self._fitting[bits] = (found, length)
        return found

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

    def _allowed(self, resource: Resource, site: int, *, leads: bool) -> int:
        """Set: each start asked for that notice, booking window, the service's daily limit and the grid allow.

        The rules of service and business hold for whoever fills the first role; in any other role a resource minds
        only what it sets itself.
        """
        starts = self.queried_starts
        if Reason.LEAD_TIME in self._enforced:
            starts &= self._late_enough(self._index.notice_minutes(self._service, resource, leads=leads))
        if Reason.OUTSIDE_WINDOW in self._enforced:
            starts &= self._in_booking_window(resource, leads=leads)
            hours = self._index.rolling_hours(self._service, resource, leads=leads)
            if hours is not None and not self.query.at_any_time and Override.LIMITS not in self.query.overrides:
                starts &= minutes_before(first_too_far(self.query.now, hours), self.window)
        if leads and Reason.DAILY_LIMIT in self._enforced:
            starts &= ~from_spans(self.query.full_minutes, self.window)
        if leads and starts and Reason.OFF_GRID in self._enforced and self._service.grid.align is not Align.GAP:
            starts &= self._index.grid(self._service, resource, self.window, site=site)
        return starts

    def _late_enough(self, lead_time_minutes: int) -> int:
        """Set: each minute that far ahead of now, or farther."""
        earliest = earliest_start(self.query.now, lead_time_minutes, self.query.overrides)
        # The lowest bits are the last minutes. No more than the window has: years ahead there would be millions.
        return (1 << min(max(self.window.end - earliest, 0), self.window.minutes)) - 1

    def _unreleased(self, resource: Resource) -> int:
        """Set: each minute of a part of the day that opens later, when an earlier one is filled."""
        release = self._index.rules(self._service, resource).release
        if release.fill_earlier_first is None:
            return 0
        notice = self._index.notice_minutes(self._service, resource, leads=True)
        closed = unreleased_minutes(
            release.fill_earlier_first,
            resource.schedule.timezone,
            self._claimed_time(resource, release),
            self.query.starts,
            earliest_start(self.query.now, notice, self.query.overrides),
        )
        return from_spans(closed, self.window)

    def _claimed_time(self, resource: Resource, release: Release) -> ClaimedTime:
        key = (self._index.twin(resource), id(self.states[resource.id]))
        found = self._claimed_times.get(key)
        if found is None:
            state, dates = self.states[resource.id], dates_touching(resource.schedule.timezone, self.query.starts)
            counted = _COUNTING_PART * len(release.parts) * len(dates)
            self.budget.spend((_JUDGING + counted) * (1 + resource.capacity) * self.operation_steps)
            working = from_spans(self._index.working_spans_near(resource, self.window), self.window)
            found = self._claimed_times[key] = ClaimedTime(
                working & state.time_off_free, state.lanes[: resource.capacity], self.window
            )
        return found

    def _in_booking_window(self, resource: Resource, *, leads: bool) -> int:
        """Set: each minute that belongs to a local date that may be booked."""
        zone = resource.schedule.timezone
        today = local_now(zone, self.query.now).date()
        index = self._index
        if Override.LIMITS in self.query.overrides:
            dates = farthest_dates(today)
        else:
            dates = index.dates(self._service, resource, today) if leads else index.own_dates(resource, today)
        if _covers(dates, self.window):
            return every_minute(self.window)
        shifts = index.shift_dates(resource)
        key = (shifts, dates)
        if key not in self._bookable:
            self._bookable[key] = from_spans(shifts.minutes_within(dates, self.window), self.window)
        return self._bookable[key]

    def _gap_grid(self, resource: Resource, parts: tuple[PartOffsets, ...], site: int) -> int:
        """Set: each minute of a gap grid. It follows from what is taken, so not from notice or the booking window."""
        index, grid = self._index, self._service.grid
        possible = self._with_room(resource, parts, self.lanes_needed(0, resource))
        possible &= index.working_starts(self._service, resource, parts, self.window, site=site)
        if grid.last_start_minutes is not None:
            possible &= index.early_enough(self._service, resource, self.window, site=site)
        return gap_grid(
            index.working_layers(resource, self.window, site=site),
            possible,
            step=grid_step(self._service),
            offset=grid.offset_minutes,
            minimum_gap=minimum_gap(self._service, parts),
            allow_unavoidable=grid.minimum_gap_minutes is None,
        )

    def _with_room(self, resource: Resource, parts: Sequence[PartOffsets], needed: int) -> int:
        """Set: each start at which time off, claims and holds leave room for the party in all parts."""
        starts = every_minute(self.window)
        sessions = () if resource.exclusive is None else self._sessions(self.states[resource.id])
        for part in parts:
            starts &= at_least(self.free_places(resource, part), needed)
            if sessions:
                starts &= joinable(sessions, self._service.id, part, self.window)
        return starts

    def _sessions(self, state: ResourceState) -> Sequence[SessionMinutes]:
        """The sessions that the enforced rules see."""
        claimed = state.sessions if Reason.FULLY_BOOKED in self._enforced else ()
        return claimed + state.held_sessions if Reason.HELD in self._enforced else claimed

    def _available(self, resource: Resource, parts: Sequence[PartOffsets], needed: int) -> int:
        """Set: each start at which there is room, and no daily limit is reached."""
        starts = self._with_room(resource, parts, needed)
        if Reason.DAILY_LIMIT in self._enforced:
            for day in self.states[resource.id].full_dates:
                full = from_spans(self._index.shift_dates(resource).minutes_of(day), self.window)
                starts &= ~ahead(full, parts[0].start, self.window)
        return starts


def _covers(dates: DateRange, window: Span) -> bool:
    """True if the dates leave out no minute of the window, in whatever zone: a look that is quick and may miss some."""
    two_days = 2 * MINUTES_PER_DAY
    return (dates.first is None or day_number(dates.first) * MINUTES_PER_DAY + two_days <= window.start) and (
        dates.last is None or day_number(dates.last) * MINUTES_PER_DAY - two_days >= window.end
    )
