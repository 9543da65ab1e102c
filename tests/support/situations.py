"""Small businesses and what is taken of them, for tests of the pure search."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from availability.rules.bitmaps import from_spans
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import ResourceState, StartQuery
from availability.rules.explain import Explanation
from availability.rules.search import Offers, search
from availability.state.encoding import decode_days, encode_day
from catalogue.model.assign import Assign
from catalogue.model.business import Business
from catalogue.model.catalogue import Catalogue
from catalogue.model.grid import Grid
from catalogue.model.locations import Location
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Lane, Resource
from catalogue.model.rules.level import Rules
from catalogue.model.schedules import Schedule, WeeklySpan
from catalogue.model.services import Service
from catalogue.model.wall_clock import WallSpan, Weekday
from kernel.ids import LocationId, ResourceId, ServiceId, TenantId
from kernel.money import Money
from kernel.spans import MINUTES_PER_DAY, Minute, Span, to_minute, utc_days

MONDAY = date(2026, 6, 1)
LONG_BEFORE = datetime(2026, 5, 1, tzinfo=UTC)
_LOCATION = Location(id=LocationId("loc_main"), key="main", name="Main", timezone="UTC")


def clock(text: str) -> int:
    """Minutes since midnight of a reading such as 09:30."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def wall(text: str) -> WallSpan:
    """A span of the wall clock such as 09:00-17:00; one that ends before it starts runs past midnight."""
    start, end = map(clock, text.split("-"))
    return WallSpan(start, end if end > start else end + MINUTES_PER_DAY)


def daily(*spans: str) -> tuple[WeeklySpan, ...]:
    """These spans on every day of the week."""
    return tuple(WeeklySpan(days=tuple(Weekday), span=wall(span)) for span in spans)


def minute(text: str, day: date = MONDAY) -> Minute:
    """The minute of a UTC reading on a date."""
    hours, minutes = divmod(clock(text), 60)
    return to_minute(datetime(day.year, day.month, day.day, hours, minutes, tzinfo=UTC))


def span(text: str, day: date = MONDAY) -> Span:
    """A span of UTC on one date such as 09:00-17:00."""
    start, end = text.split("-")
    return Span(minute(start, day), minute(end, day))


def readings(minutes: Sequence[Minute]) -> list[str]:
    """The UTC readings of minutes."""
    return [f"{m % MINUTES_PER_DAY // 60:02}:{m % 60:02}" for m in minutes]


def staff(key: str, *hours: str, kind: str = "staff", capacity: int = 1, lanes: int | None = None) -> Resource:
    """Somebody who works these hours of every day, in UTC; nobody says: 09:00-12:00."""
    return Resource(
        id=ResourceId(key),
        key=key,
        kind=kind,
        name=key,
        location_id=_LOCATION.id,
        capacity=capacity,
        schedule=Schedule(timezone="UTC", hours=daily(*(hours or ("09:00-12:00",)))),
        lanes=tuple(Lane(id=number, number=number) for number in range(1, (lanes or capacity) + 1)),
    )


def entry(
    *any_of: str, role: str = "staff", count: int = 1, offset: int = 0, minutes: int | None = None
) -> Requirement:
    """An entry of what a service needs."""
    return Requirement(
        role=role,
        any_of=tuple(map(ResourceId, any_of)),
        count=count,
        offset_minutes=offset,
        duration_minutes=minutes,
    )


def service(
    *requires: Requirement, minutes: int = 60, before: int = 0, after: int = 0, grid: Grid | None = None
) -> Service:
    """A service that needs these entries."""
    return Service(
        id=ServiceId("svc_cut"),
        key="cut",
        name="Cut",
        duration_minutes=minutes,
        buffer_before_minutes=before,
        buffer_after_minutes=after,
        price=Money(amount_minor=1000, currency="EUR"),
        grid=grid or Grid(),
        requires=requires,
        assign=Assign.PRIORITY,
        rules=Rules(),
    )


class Shop:
    """A business with one service, in which nothing is taken but what is said."""

    def __init__(self, offered: Service, *resources: Resource, business: Rules | None = None) -> None:
        shop = Business(
            id=TenantId(UUID(int=1)),
            name="Shop",
            timezone="UTC",
            currency="EUR",
            rules=business or Rules(),
            token_secret=b"secret",
        )
        self.catalogue = Catalogue(business=shop, locations=(_LOCATION,), resources=resources, services=(offered,))
        self.groundwork = CatalogueIndex(self.catalogue)
        self.service = offered
        day = MONDAY.toordinal() - date(1970, 1, 1).toordinal()
        self.window = Span((day - 1) * MINUTES_PER_DAY, (day + 2) * MINUTES_PER_DAY)
        self.states = {resource.id: self._state(resource) for resource in resources}

    def take(
        self,
        key: str,
        *claims: str,
        lane: int = 1,
        time_off: Sequence[str] = (),
        held: Sequence[str] = (),
        full_dates: Sequence[date] = (),
    ) -> None:
        """Say what is taken of a resource on Monday; claims and holds are on one lane."""
        resource_id = ResourceId(key)
        state = self._state(self.catalogue.resource_by_id[resource_id], {lane: claims}, time_off)
        lanes = [mine & theirs for mine, theirs in zip(state.lanes, self.states[resource_id].lanes, strict=True)]
        holds = [from_spans(map(span, held) if lane == number + 1 else (), self.window) for number in range(len(lanes))]
        self.states[resource_id] = replace(
            state, lanes=tuple(lanes), held=tuple(holds), full_dates=frozenset(full_dates)
        )

    def query(
        self,
        starts: Span | None = None,
        *,
        party: int = 1,
        requested_resources: Sequence[str] = (),
        now: datetime = LONG_BEFORE,
    ) -> StartQuery:
        """Which starts of Monday are offered?"""
        return StartQuery(
            service=self.service,
            party=party,
            now=now,
            starts=starts or Span(minute("00:00"), minute("00:00") + MINUTES_PER_DAY),
            window=self.window,
            requested_resources=frozenset(map(ResourceId, requested_resources)),
        )

    def offers(self, question: StartQuery | None = None) -> Offers:
        """The answer."""
        found = search(self.groundwork, question or self.query(), self.states)
        assert isinstance(found, Offers), "of one location"
        return found

    def explanation(self, question: StartQuery | None = None) -> Explanation:
        """Why the answer is no more than it is."""
        return Explanation(self.groundwork, question or self.query(), self.states)

    def _state(
        self, resource: Resource, claims: Mapping[int, Sequence[str]] | None = None, time_off: Sequence[str] = ()
    ) -> ResourceState:
        by_lane = [[span(claim) for claim in (claims or {}).get(lane.number, ())] for lane in resource.lanes]
        values = [encode_day(day, map(span, time_off), by_lane) for day in utc_days(self.window)]
        time_off_free, lanes = decode_days(values)
        return ResourceState(time_off_free=time_off_free, lanes=lanes)
