"""The cost of a service: the work of finding its free times for one date, or a way to serve one start, at worst.

It is counted in steps of the search budget (availability.rules.search_budget), which refuses what takes more when it is
asked for. Here a document is refused whose services could not be asked about at all.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from catalogue.desired import DesiredCatalogue
from catalogue.limits import MAX_SEARCH_STEPS
from catalogue.model.catalogue import Catalogue
from catalogue.model.grid import Align
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.ids import ResourceId
from kernel.periods import Period
from kernel.spans import MINUTES_PER_DAY

_MILLION: Final = 1_000_000
# Steps of reading the state of a resource on a day, and that of each lane.
_STAFF_DAY: Final = 100
_LANE_DAY: Final = 30
# Operations on the bitmaps of a window: for a resource in a role, for each part of the visit in which it is busy, and
# for each of its lanes then.
_RESOURCE: Final = 60
_PART: Final = 20
_LANE: Final = 20
# Steps of a resource that is looked at by name.
_OPTION: Final = 60
# Steps of a start, of each resource that may serve it, and of the places left in a role; of a start for which needs
# contend, for each pair of needs, and for each resource needed.
_START: Final = 60
_ABLE: Final = 10
_REMAINING: Final = 150
_MATCHING: Final = 300
_MATCHING_PAIR: Final = 20
_MATCHING_SEAT: Final = 30
# Steps of a way to serve one start, and of each resource in it; the ways that are compared at most.
_WAY: Final = 600
_SEAT: Final = 100
_MOST_WAYS: Final = 130
# A stay is judged for as many lengths: as usual, and with clocks that are set ahead or back meanwhile.
_LENGTHS_OF_STAY: Final = 3
# Hours that differ start their grids at other minutes; more kinds of hours than this leave no minute out anyway.
_MOST_HOURS: Final = 16
# The dates over which the least booked is found, at most.
_DAYS: Final = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCost:
    """A service and its cost."""

    service: Service
    steps: int

    @property
    def detail(self) -> str:
        """The fault in words."""
        remedies = "fewer roles, smaller pools or counts, fewer own durations, or a wider grid"
        if self.service.assign.period in {Period.WEEK, Period.MONTH}:
            remedies += ", or find the least booked of a day"
        return (
            f"costs about {-(-self.steps // _MILLION)} million steps for a day; at most {MAX_SEARCH_STEPS // _MILLION} "
            f"million: use {remedies}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    """The needs of the entries of `requires` with one name."""

    resource_ids: tuple[ResourceId, ...]
    lanes: int
    count: int
    times: tuple[tuple[int | None, ...], ...]
    """Offset, duration and own buffers of each entry."""
    durations: list[int]
    """The durations that the resources set themselves, in order."""

    def able(self, minutes: int) -> int:
        """The number of resources that may take part in a visit of that length."""
        return len(self.resource_ids) - len(self.durations) + bisect_right(self.durations, minutes)


class ServiceCosts:
    """The costs of services that share some live resources."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resource_by_id = {resource.id: resource for resource in resources}
        self._ids_by_kind: dict[str, list[ResourceId]] = {}
        for resource in self._resource_by_id.values():
            self._ids_by_kind.setdefault(resource.kind, []).append(resource.id)
        self._pools: dict[object, tuple[tuple[ResourceId, ...], int, int]] = {}

    def excessive(self, services: Iterable[Service]) -> Iterator[ServiceCost]:
        """Those of some services that cost too much."""
        for service in services:
            steps = self.steps(service)
            if steps > MAX_SEARCH_STEPS:
                yield ServiceCost(service=service, steps=steps)

    def steps(self, service: Service) -> int:
        """The steps of one date, or of one start if that is more."""
        roles = self._roles(service)
        variants = 1 + sum(len(set(role.durations)) for role in roles)
        period = service.assign.period
        reading = _reading(service, roles, 1 if period is None else _DAYS[period])
        placing = reading + variants * _ways(roles) * (_WAY + _SEAT * _seats(roles))
        return max(self.listing_steps(service), placing)

    def listing_steps(self, service: Service) -> int:
        """The steps of the free times of one date."""
        roles = self._roles(service)
        lengths = _lengths(service, roles)
        operation = _operation(_window_days(service, lengths, 1))
        resource_ids = {resource_id for role in roles for resource_id in role.resource_ids}
        contended = len(resource_ids) < sum(len(role.resource_ids) for role in roles) or any(
            role.durations and role.count > 1 for role in roles
        )
        variants = (1 if service.duration is None else _LENGTHS_OF_STAY) + sum(
            len(set(role.durations)) for role in roles
        )
        starts = self._starts(service)
        leads = len(roles[0].resource_ids)
        listing = starts * (_START * len(lengths) + _ABLE * leads + _REMAINING * len(roles))
        if contended:
            able = sum(len(role.resource_ids) for role in roles)
            matching = _MATCHING + _MATCHING_PAIR * (len(roles) + 1) ** 2 + _MATCHING_SEAT * _seats(roles)
            listing += starts * len(lengths) * (_START + _ABLE // 2 * able)
            listing += starts * variants * (matching + leads * operation) + variants * 2 * able * (operation + _OPTION)
        return _reading(service, roles, 1) + listing

    def _roles(self, service: Service) -> list[_Role]:
        entries: dict[str, list[Requirement]] = {}
        for entry in service.requires:
            entries.setdefault(entry.role, []).append(entry)
        return [self._role(of_role) for of_role in entries.values()]

    def _role(self, entries: list[Requirement]) -> _Role:
        resource_ids, lanes, _ = self._pool(entries[0])
        own: dict[ResourceId, int] = {}
        for entry in entries:
            for resource_id, terms in entry.terms.items():
                if terms.duration_minutes is not None:
                    own.setdefault(resource_id, terms.duration_minutes)
        return _Role(
            resource_ids=resource_ids,
            lanes=lanes,
            count=entries[0].count,
            times=tuple(
                (
                    entry.offset_minutes,
                    entry.duration_minutes,
                    entry.buffer_before_minutes,
                    entry.buffer_after_minutes,
                )
                for entry in entries
            ),
            durations=sorted(own.values()),
        )

    def _pool(self, entry: Requirement) -> tuple[tuple[ResourceId, ...], int, int]:
        """The resources that may meet an entry, the number of their lanes, and that of their kinds of hours."""
        key: object = entry.any_of if entry.kind is None else entry.kind
        pool = self._pools.get(key)
        if pool is None:
            named = entry.any_of if entry.kind is None else self._ids_by_kind.get(entry.kind, ())
            resources = [self._resource_by_id[name] for name in named if name in self._resource_by_id]
            hours = {(part.timezone, part.hours) for resource in resources for part in resource.schedule.parts}
            lanes = sum(resource.capacity for resource in resources)
            pool = self._pools[key] = (tuple(resource.id for resource in resources), lanes, len(hours))
        return pool

    def _starts(self, service: Service) -> int:
        """The starts of one date, at most."""
        grid = service.grid
        leads, _, hours = self._pool(service.requires[0])
        grids = min(len(leads) if grid.align is Align.GAP else hours, _MOST_HOURS)
        return min(
            MINUTES_PER_DAY, -(-MINUTES_PER_DAY // (grid.step_minutes or service.duration_minutes)) * max(grids, 1)
        )


def _lengths(service: Service, roles: Iterable[_Role]) -> list[int]:
    """The minutes that a visit may last, in order."""
    lengths = sorted({service.duration_minutes, *(minutes for role in roles for minutes in role.durations)})
    return lengths if service.duration is None else lengths * _LENGTHS_OF_STAY


def _window_days(service: Service, lengths: Sequence[int], dates: int) -> int:
    """The UTC days that a question about some local dates looks at."""
    return dates + 2 + (_longest_visit(service, lengths) + sum(service.longest_buffers)) // MINUTES_PER_DAY


def _operation(days: int) -> int:
    """The steps of one operation on a bitmap of some days."""
    return 8 + days * MINUTES_PER_DAY // 500


def _reading(service: Service, roles: Sequence[_Role], dates: int) -> int:
    """The steps of reading what is taken on some dates, and of judging all resources by it."""
    lengths = _lengths(service, roles)
    days = _window_days(service, lengths, dates)
    resource_ids = {resource_id for role in roles for resource_id in role.resource_ids}
    lanes = sum(role.lanes for role in roles)
    reading = days * (_STAFF_DAY * len(resource_ids) + _LANE_DAY * lanes)
    return reading + _operation(days) * sum(_judging_operations(roles, minutes) for minutes in lengths)


def _judging_operations(roles: Sequence[_Role], minutes: int) -> int:
    """The operations that judge all resources for visits of one length; roles that need the same are judged as one."""
    operations = 0
    judged: set[object] = set()
    for place, role in enumerate(roles):
        key = (place == 0, role.resource_ids, role.times)
        if key not in judged:
            judged.add(key)
            able, parts = role.able(minutes), len(role.times)
            lanes = role.lanes * able // max(len(role.resource_ids), 1)
            operations += able * (_RESOURCE + _PART * parts) + _LANE * lanes * parts
    return operations


def _longest_visit(service: Service, lengths: Iterable[int]) -> int:
    """The minutes of a visit with the longest of the durations, of which each is asked for alone, and all add-ons."""
    chosen = (option.minutes for option in service.durations)
    return max([*lengths, *chosen]) + sum(add_on.minutes for add_on in service.add_ons)


def _seats(roles: Iterable[_Role]) -> int:
    """The number of resources that serve together."""
    return sum(role.count for role in roles)


def _ways(roles: list[_Role]) -> int:
    """The ways to serve one start with one length that are compared at most."""
    return min(len(roles[0].resource_ids), _MOST_WAYS) if _seats(roles) == 1 else _MOST_WAYS


def newly_costly(desired: DesiredCatalogue, stored: Catalogue) -> list[ServiceCost]:
    """The desired services that cost too much, and more than they do as they are stored.

    One that was accepted when there was no limit does not stand in the way of other changes.
    """
    excessive = list(ServiceCosts(desired.resources).excessive(desired.services))
    if not excessive:
        return []
    stored_costs = ServiceCosts(resource for resource in stored.resources if not resource.archived)
    former = {service.id: stored_costs.steps(service) for service in stored.services if not service.archived}
    return [one for one in excessive if one.steps > former.get(one.service.id, 0)]
