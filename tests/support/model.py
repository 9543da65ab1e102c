"""What the engine ought to answer, worked out from plain lists of what is taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from catalogue.model.assign import Assign
from catalogue.model.catalogue import Catalogue
from catalogue.model.grid import Align
from catalogue.model.resources import Lane, Resource
from catalogue.model.schedules import Schedule, WeeklySpan
from catalogue.model.services import Service
from catalogue.model.wall_clock import WallSpan, Weekday
from kernel.ids import AppointmentId, HoldId, ResourceId, ServiceId
from kernel.spans import Minute, Span
from tests.support.oracle import Oracle, Taken, Way, by_end

Claim = tuple[ResourceId, int, Span]
"""A lane of a resource, and minutes of it."""

Session = tuple[ServiceId, Minute]
"""A service, and a start of it."""

_Working = dict[tuple[str, int, Minute], set[date]]
"""To which dates' hours a minute of the resource with a key belongs, at each of its sites."""

_known: Final[list[tuple[dict[str, Schedule], _Working]]] = []
"""What was found out about hours, by the schedules of a business."""

HELD_SECONDS: Final = 330
LONGEST_SECONDS: Final = 1045
MOST_PER_CLIENT: Final = 2


class Code(StrEnum):
    """How a refusal is called."""

    NOT_OFFERED = "not_offered"
    TAKEN = "slot_taken"
    HELD = "slot_held"
    LIMIT = "hold_limit_reached"
    TRANSITION = "invalid_transition"
    NO_HOLD = "hold_not_found"
    EXPIRED = "hold_expired"
    EXHAUSTED = "hold_life_exhausted"
    INVALID = "validation"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing happens; any of the codes will do."""

    codes: frozenset[Code]

    @classmethod
    def by(cls, *codes: Code) -> "Refused":
        return cls(frozenset(codes))


@dataclass(frozen=True, slots=True)
class Granted:
    """It happens, in one of these ways: a visit and what it claims."""

    ways: tuple[tuple[Span, frozenset[Claim]], ...]


@dataclass(frozen=True, slots=True)
class Again:
    """It had happened before: the same hold or appointment is given back."""

    id: HoldId | AppointmentId


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants, without the start."""

    service: str
    resource: ResourceId | None = None
    party: int = 1


class State(StrEnum):
    """How a hold stands; `gone` is released, or lost with Redis."""

    HELD = "held"
    PINNED = "pinned"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    GONE = "gone"


@dataclass(slots=True, kw_only=True)
class Kept:
    """A hold. Seconds are counted from now, by a Redis in which time passes only when a test says so."""

    wish: Wish
    visit: Span
    claims: frozenset[Claim]
    client: str | None
    left: int
    limit: int
    pinned: int = 0
    ended: State | None = None
    """Confirmed or gone, for good."""

    @property
    def state(self) -> State:
        if self.ended is not None:
            return self.ended
        if self.left <= 0:
            return State.EXPIRED
        return State.PINNED if self.pinned > 0 else State.HELD

    @property
    def is_live(self) -> bool:
        return self.state in {State.HELD, State.PINNED}


@dataclass(slots=True, kw_only=True)
class Visit:
    """An appointment."""

    hold_id: HoldId
    wish: Wish
    start: Minute
    claims: frozenset[Claim]
    server: ResourceId
    """Who serves in the first role."""
    cancelled: bool = False


class _Oracle(Oracle):
    """An oracle that is told what others have found out about hours."""

    def __init__(self, working: _Working, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._working = working

    def _find_worked(self, resource_id: ResourceId, place: int, minute: Minute) -> set[date]:
        key = self._catalogue.resource_by_id[resource_id].key
        if (key, place, minute) not in self._working:
            self._working[key, place, minute] = super()._find_worked(resource_id, place, minute)
        return self._working[key, place, minute]


def _working_of(catalogue: Catalogue) -> _Working:
    """What others have found out who had businesses with the same hours."""
    schedules = {resource.key: resource.schedule for resource in catalogue.resources}
    for known, working in _known:
        if known == schedules:
            return working
    _known.append((schedules, {}))
    return _known[-1][1]


class Model:
    """One business, and everything that was ever asked of it."""

    def __init__(self, catalogue: Catalogue, now: datetime, minutes: Sequence[Minute], pin_seconds: int) -> None:
        self.catalogue = catalogue
        self.holds: dict[HoldId, Kept] = {}
        self.visits: dict[AppointmentId, Visit] = {}
        self.time_off: dict[str, tuple[ResourceId, Span]] = {}
        self._now = now
        self._minutes = minutes
        self._pin_seconds = pin_seconds
        self._working = _working_of(catalogue)

    # What is free.

    def offered(self, wish: Wish, *, moving: AppointmentId | None = None) -> dict[Minute, list[Way]]:
        """Every start, with the ways to serve it while others hold what they hold."""
        oracle = self._oracle(wish, holds=self._live(), moving=moving)
        found = ((start, oracle.ways(start)) for start in self._minutes)
        return {start: ways for start, ways in found if ways}

    def slots(self, wish: Wish, ways: Sequence[Way]) -> list[tuple[Minute, tuple[str, ...], int | None]]:
        """When the visit may end; who could serve so in pool order; how many places are left where only one serves."""
        found = []
        for end, leads in by_end(ways).items():
            pool = [resource for resource in self._pool(self._service(wish)) if resource.id in leads]
            places = None
            if self._service(wish).requires[0].count == 1:
                mine = {min(way.leads): way for way in ways if way.visit.end == end}
                places = sum(min(claim.places for claim in mine[lead].claims) for lead in leads)
            found.append((end, tuple(resource.key for resource in pool), places))
        return found

    # Holds.

    def place(
        self,
        wish: Wish,
        start: Minute,
        *,
        client: str | None = None,
        replaces: HoldId | None = None,
        overrides: bool = False,
    ) -> Refused | Granted | Again:
        irreplaceable = _NOT_LIVE.get(self.holds[replaces].state) if replaces else None
        mine = {hold_id: kept for hold_id, kept in self._live().items() if client and kept.client == client}
        mine.pop(replaces, None) if replaces else None
        same = next((h for h, kept in mine.items() if (kept.wish, kept.visit.start) == (wish, start)), None)
        if same is not None and self._is_moved_by_holds(wish):
            return Again(same)
        others = {hold_id: kept for hold_id, kept in self._live().items() if hold_id != replaces}
        refusal = self._refusal(wish, start)
        if refusal is not None and not (self._is_moved_by_holds(wish) and self._granted(wish, start, others)):
            # The hold to be replaced is looked at before the bookings are.
            return Refused.by(*refusal.codes, irreplaceable) if irreplaceable else refusal
        if same is not None:
            return Again(same)
        if irreplaceable is not None:
            return Refused.by(irreplaceable)
        if client is not None and len(mine) >= MOST_PER_CLIENT:
            return Refused.by(Code.LIMIT)
        granted = self._granted(wish, start, others)
        if granted is None and overrides:
            granted = self._granted_past(wish, start, others)
        return granted or self._held(wish)

    def keep(
        self,
        hold_id: HoldId,
        wish: Wish,
        way: tuple[Span, frozenset[Claim]],
        client: str | None,
        replaces: HoldId | None,
        *,
        gave_way: Sequence[HoldId] = (),
    ) -> None:
        """Note a hold that was granted; on minutes of the one it replaces, for what is left of its longest life."""
        limit = LONGEST_SECONDS
        if replaces is not None:
            before = self.holds[replaces].claims
            if any(mine[2].overlaps(other[2]) for mine in way[1] for other in before):
                limit = min(limit, self.holds[replaces].limit)
            self.holds[replaces].ended = State.GONE
        self.holds[hold_id] = Kept(
            wish=wish, visit=way[0], claims=way[1], client=client, left=min(HELD_SECONDS, limit), limit=limit
        )
        for other in gave_way:
            self.holds[other].left = 0

    def extend(self, hold_id: HoldId, seconds: int) -> Refused | None:
        kept = self.holds[hold_id]
        if kept.state is not State.HELD:
            return Refused.by(_NOT_LIVE[kept.state])
        if seconds > kept.limit:
            return Refused.by(Code.EXHAUSTED)
        kept.left = max(kept.left, seconds)
        return None

    def release(self, hold_id: HoldId) -> Refused | None:
        kept = self.holds[hold_id]
        if kept.state in {State.PINNED, State.CONFIRMED}:
            return Refused.by(Code.TRANSITION)
        if kept.is_live:
            kept.ended = State.GONE
        return None

    def pin(self, hold_id: HoldId) -> State:
        """Begin a confirmation; how the hold now stands, or stands for one that wants to confirm it."""
        kept = self.holds[hold_id]
        if kept.is_live and kept.limit <= 0:
            return State.PINNED if kept.state is State.PINNED else State.EXPIRED
        if kept.is_live:
            kept.left, kept.pinned = max(kept.left, self._pin_seconds), self._pin_seconds
        return kept.state

    def let_pass(self, hold_id: HoldId, seconds: int) -> None:
        kept = self.holds[hold_id]
        kept.left, kept.limit, kept.pinned = kept.left - seconds, kept.limit - seconds, kept.pinned - seconds

    def lose_redis(self) -> None:
        for kept in self.holds.values():
            kept.ended = State.GONE

    # Appointments.

    def confirm(self, hold_id: HoldId, *, if_free: bool) -> Refused | Granted | Again:
        state, kept = self.pin(hold_id), self.holds[hold_id]
        before = next((visit_id for visit_id, visit in self.visits.items() if visit.hold_id == hold_id), None)
        if before is not None:
            return Again(before)
        if state is State.GONE:
            return Refused.by(Code.NO_HOLD)
        if state is State.EXPIRED:
            return self.place(kept.wish, kept.visit.start) if if_free else Refused.by(Code.EXPIRED)
        if self.collides(kept.claims, session=self._session(kept.wish, kept.visit.start)):
            kept.ended = State.GONE
            return Refused.by(Code.TAKEN)
        return Granted(((kept.visit, kept.claims),))

    def book(
        self,
        visit_id: AppointmentId,
        hold_id: HoldId,
        wish: Wish,
        way: tuple[Span, frozenset[Claim]],
        server: ResourceId,
        *,
        settled: bool,
    ) -> None:
        """Note an appointment that was granted; unless settled, Redis still has its hold."""
        self.visits[visit_id] = Visit(hold_id=hold_id, wish=wish, start=way[0].start, claims=way[1], server=server)
        if hold_id not in self.holds or not self.holds[hold_id].is_live:
            pin = self._pin_seconds
            self.holds[hold_id] = Kept(
                wish=wish, visit=way[0], claims=way[1], client=None, left=pin, limit=pin, pinned=pin
            )
        if settled:
            self.holds[hold_id].ended = State.CONFIRMED

    def settle(self, hold_id: HoldId) -> None:
        """Note that a hold was found to be an appointment, which nobody had told Redis."""
        if self.holds[hold_id].is_live:
            self.holds[hold_id].ended = State.CONFIRMED

    def cancel(self, visit_id: AppointmentId, *, settled: bool) -> Refused | None:
        visit = self.visits[visit_id]
        if visit.cancelled:
            return Refused.by(Code.TRANSITION)
        visit.cancelled, visit.claims = True, frozenset()
        if settled:
            self._abandon(visit.hold_id)
        return None

    def move(self, visit_id: AppointmentId, start: Minute, resource: ResourceId | None) -> Refused | Granted:
        """To another start: without a resource whoever serves now is asked first."""
        visit = self.visits[visit_id]
        if visit.cancelled:
            return Refused.by(Code.TRANSITION)
        wish = replace(visit.wish, resource=resource)
        return self._moved(wish, start, visit_id)

    def move_onto(self, visit_id: AppointmentId, hold_id: HoldId) -> Refused | Granted:
        visit, kept = self.visits[visit_id], self.holds[hold_id]
        if visit.cancelled:
            return Refused.by(Code.TRANSITION)
        if kept.state is State.GONE:
            return Refused.by(Code.NO_HOLD)
        if (kept.wish.service, kept.wish.party) != (visit.wish.service, visit.wish.party):
            return Refused.by(Code.INVALID)
        state = self.pin(hold_id)
        if state is not State.PINNED:
            return Refused.by(Code.NO_HOLD if state is State.CONFIRMED else Code.EXPIRED)
        if self.collides(kept.claims, moving=visit_id, session=self._session(kept.wish, kept.visit.start)):
            kept.ended = State.GONE
            return Refused.by(Code.TAKEN)
        return Granted(((kept.visit, kept.claims),))

    def moved(
        self,
        visit_id: AppointmentId,
        way: tuple[Span, frozenset[Claim]],
        server: ResourceId,
        *,
        onto: HoldId | None = None,
        settled: bool = True,
    ) -> None:
        """Note a move that was granted; settled, it used up the hold it went onto, and the one it came from."""
        visit = self.visits[visit_id]
        visit.start, visit.claims, visit.server = way[0].start, way[1], server
        if settled:
            self._abandon(visit.hold_id)
        if settled and onto is not None:
            self._abandon(onto)

    def collides(
        self, claims: Iterable[Claim], *, session: Session | None = None, moving: AppointmentId | None = None
    ) -> bool:
        """Whether an appointment has some of these minutes, or has an exclusive resource then for another session."""
        claims = list(claims)
        exclusive = {resource.id for resource in self.catalogue.resources if resource.exclusive}
        return _collide(claims, self._claims(moving)) or any(
            resource_id == taken and resource_id in exclusive and span.overlaps(minutes) and session != other
            for resource_id, _, span in claims
            for taken, other, minutes in self._sessions(moving)
        )

    # The set-up.

    def change(
        self, resource_id: ResourceId, *, hours: Sequence[WallSpan] | None = None, capacity: int | None = None
    ) -> None:
        """Give a resource the same hours on all days, or room for more or fewer."""
        (before,) = (resource for resource in self.catalogue.resources if resource.id == resource_id)
        after = before
        if hours is not None:
            every_day = tuple(WeeklySpan(days=tuple(Weekday), span=span) for span in hours)
            after = replace(after, schedule=replace(after.schedule, hours=every_day))
        if capacity is not None:
            # Lanes are never taken away. Their rows' keys do not matter here.
            lanes = tuple(Lane(id=number, number=number) for number in range(1, max(capacity, len(before.lanes)) + 1))
            after = replace(after, capacity=capacity, lanes=lanes)
        resources = tuple(after if resource is before else resource for resource in self.catalogue.resources)
        self.catalogue = replace(self.catalogue, resources=resources)
        self._working = _working_of(self.catalogue)

    # What the above is made of.

    def _abandon(self, hold_id: HoldId) -> None:
        if self.holds[hold_id].is_live:
            self.holds[hold_id].ended = State.GONE

    def _moved(self, wish: Wish, start: Minute, visit_id: AppointmentId) -> Refused | Granted:
        found: Refused | Granted = Refused.by(Code.NOT_OFFERED)
        server = self.visits[visit_id].server
        for asked in [wish] if wish.resource else [replace(wish, resource=server), wish]:
            refusal = self._refusal(asked, start, moving=visit_id)
            granted = self._granted(asked, start, self._live(), moving=visit_id)
            if self._is_moved_by_holds(asked) and granted is not None:
                refusal = None
            found = refusal or granted or self._held(asked)
            if isinstance(found, Granted):
                break
        return found

    def _is_moved_by_holds(self, wish: Wish) -> bool:
        """Whether holds may be in the way of a start that they leave free, and make one of what would be none."""
        return self._service(wish).grid.align is Align.GAP

    def _held(self, wish: Wish) -> Refused:
        """Why a start is not to be had that is free but for holds."""
        return Refused.by(Code.HELD, *([Code.NOT_OFFERED] if self._is_moved_by_holds(wish) else []))

    def _granted_past(self, wish: Wish, start: Minute, others: dict[HoldId, Kept]) -> Granted | None:
        """The ways that may be taken when holds give way that nobody is confirming."""
        pinned = {hold_id: kept for hold_id, kept in others.items() if kept.state is State.PINNED}
        if not self._is_moved_by_holds(wish):
            return self._granted(wish, start, pinned)
        # The start is one but for holds, which are in the way themselves.
        granted = self._granted(wish, start, {})
        held = [claim for kept in others.values() for claim in kept.claims]
        past = [claim for kept in pinned.values() for claim in kept.claims]
        ways = granted.ways if granted is not None else ()
        found = tuple(way for way in ways if _collide(way[1], held) and not _collide(way[1], past))
        return Granted(found) if found else None

    def _refusal(self, wish: Wish, start: Minute, *, moving: AppointmentId | None = None) -> Refused | None:
        """Why a start is not to be had although nobody holds anything."""
        if self._oracle(wish, holds={}, moving=moving).ways(start):
            return None
        service = self._service(wish)
        if service.grid.align is Align.GAP:
            # A claim that takes the minutes also moves the grid.
            return Refused.by(Code.TAKEN, Code.NOT_OFFERED)
        unclaimed = self._oracle(wish, holds={}, moving=moving, claims=False).ways(start)
        return Refused.by(Code.TAKEN if unclaimed else Code.NOT_OFFERED)

    def _granted(
        self, wish: Wish, start: Minute, holds: dict[HoldId, Kept], *, moving: AppointmentId | None = None
    ) -> Granted | None:
        """The ways that may be taken; the only one where the pool's order decides."""
        ways = self._oracle(wish, holds=holds, moving=moving).ways(start)
        service = self._service(wish)
        if service.assign is Assign.PRIORITY and service.requires[0].count == 1 and ways:
            order = [resource.id for resource in self._pool(service)]
            ways = [min(ways, key=lambda way: order.index(min(way.leads)))]
        found = tuple((way.visit, _claims(way, wish.party)) for way in ways)
        return Granted(found) if found else None

    def _oracle(
        self, wish: Wish, *, holds: dict[HoldId, Kept], moving: AppointmentId | None = None, claims: bool = True
    ) -> Oracle:
        claimed = self._claims(moving) if claims else []
        sessions = self._sessions(moving) if claims else []
        held = [claim for kept in holds.values() for claim in kept.claims]
        held_sessions = [
            (claim[0], self._session(kept.wish, kept.visit.start), claim[2])
            for kept in holds.values()
            for claim in kept.claims
        ]
        taken = {
            resource.id: Taken(
                time_off=tuple(span for resource_id, span in self.time_off.values() if resource_id == resource.id),
                claims=_by_lane(resource, claimed),
                held=_by_lane(resource, held),
                sessions=_sessions_of(resource, sessions),
                held_sessions=_sessions_of(resource, held_sessions),
            )
            for resource in self.catalogue.resources
        }
        return _Oracle(
            self._working,
            self.catalogue,
            self._service(wish),
            taken,
            party=wish.party,
            now=self._now,
            pinned={wish.resource} if wish.resource else set(),
        )

    def _claims(self, moving: AppointmentId | None) -> list[Claim]:
        return [claim for visit_id, visit in self.visits.items() if visit_id != moving for claim in visit.claims]

    def _sessions(self, moving: AppointmentId | None) -> list[tuple[ResourceId, Session, Span]]:
        """What the minutes of each claim are taken for."""
        return [
            (resource_id, self._session(visit.wish, visit.start), span)
            for visit_id, visit in self.visits.items()
            for resource_id, _, span in (visit.claims if visit_id != moving else ())
        ]

    def _session(self, wish: Wish, start: Minute) -> Session:
        return self._service(wish).id, start

    def _live(self) -> dict[HoldId, Kept]:
        return {hold_id: kept for hold_id, kept in self.holds.items() if kept.is_live}

    def _service(self, wish: Wish) -> Service:
        service = self.catalogue.find_service(wish.service)
        assert service is not None, "no service is ever archived"
        return service

    def _pool(self, service: Service) -> tuple[Resource, ...]:
        return self.catalogue.pool(service.requires[0])


_NOT_LIVE: Final[dict[State, Code]] = {
    State.PINNED: Code.TRANSITION,
    State.CONFIRMED: Code.TRANSITION,
    State.EXPIRED: Code.EXPIRED,
    State.GONE: Code.NO_HOLD,
}


def _claims(way: Way, party: int) -> frozenset[Claim]:
    """The first free lanes of each resource, or the pieces of lanes where these are too few."""
    return frozenset(
        (claimed.resource_id, lane, span)
        for claimed in way.claims
        for lane, span in (
            [(lane, claimed.blocked) for lane in claimed.free_lanes[:party]]
            if len(claimed.free_lanes) >= party
            else claimed.pieces
        )
    )


def _collide(mine: Iterable[Claim], others: Iterable[Claim]) -> bool:
    """Whether some of the claims are of one lane, and share minutes."""
    others = list(others)
    return any(a[:2] == b[:2] and a[2].overlaps(b[2]) for a in mine for b in others)


def _by_lane(resource: Resource, claims: Sequence[Claim]) -> tuple[tuple[Span, ...], ...]:
    return tuple(
        tuple(span for resource_id, number, span in claims if (resource_id, number) == (resource.id, lane.number))
        for lane in resource.lanes
    )


def _sessions_of(
    resource: Resource, sessions: Iterable[tuple[ResourceId, Session, Span]]
) -> tuple[tuple[ServiceId, Minute, Span], ...]:
    if not resource.exclusive:
        return ()
    return tuple((*session, span) for resource_id, session, span in sessions if resource_id == resource.id)
