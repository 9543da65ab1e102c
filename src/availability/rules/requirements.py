"""The requirements of a visit: its roles, the resources that may fill them, and when in the visit these are busy."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Final

from availability.rules.places import has_room, size_of
from availability.rules.search_budget import SearchBudget
from availability.rules.stays import lengths_of
from availability.rules.visit_locations import roles_at_visit
from catalogue.model.catalogue import Catalogue
from catalogue.model.requirements import Requirement, ResourceTerms
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.ids import LocationId, ResourceId

# Of each option of each need of a variant.
_STEPS_OF_OPTION: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOffsets:
    """The busy minutes of a resource, counted from the visit's start, without and with the buffers."""

    start: int
    end: int
    blocked_start: int
    blocked_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRole:
    """The entries of `requires` that bear one name: the same resources meet them all."""

    name: str
    entries: tuple[Requirement, ...]
    pool: Mapping[ResourceId, Resource]
    """The resources that may fill it, in pool order: live, and with room for the party."""
    is_at_visit: bool
    """True if it is filled at the location of the visit: the first one, and those with `same_location`."""

    @property
    def count(self) -> int:
        """The number of resources in the role; all of its entries name the same."""
        return self.entries[0].count

    @property
    def uses(self) -> int:
        """The places of a resource that each of the party takes; all of its entries name the same."""
        return self.entries[0].uses

    def terms_of(self, resource_id: ResourceId) -> ResourceTerms:
        """The terms that differ when that resource serves; the first entry that sets one decides."""
        found = [entry.terms[resource_id] for entry in self.entries if resource_id in entry.terms]
        return ResourceTerms(
            duration_minutes=next((t.duration_minutes for t in found if t.duration_minutes is not None), None),
            price=next((t.price for t in found if t.price is not None), None),
        )

    def parts(self, service: Service, visit_minutes: int) -> tuple[PartOffsets, ...]:
        """The parts of a visit of that length in which the role is busy.

        Parts end with the visit at the latest, and those that touch are one. An entry's own buffers lie around its own
        minutes; those of the service belong to an entry without any that begins or ends with the visit. Minutes between
        two parts that both block are blocked once. No parts: the visit is over before some entry begins.
        """
        entries = [_part_of(entry, service, visit_minutes) for entry in self.entries]
        if any(part.end <= part.start for part in entries):
            return ()
        return tuple(_joined(entries))


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """So many of these resources, in pool order, in a role."""

    role: int
    """Index in Requirements.roles."""
    options: tuple[ResourceId, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitVariant:
    """One outcome of a visit: its length, and the needs that make it last so long."""

    visit_minutes: int
    needs: tuple[Need, ...]
    """To be met at once by distinct resources."""
    parts: tuple[tuple[PartOffsets, ...], ...]
    """The parts of each role."""
    is_disjoint: bool
    """No resource is an option of two needs, so the needs can be judged one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """The roles of a service, and the variants in which a visit can come out."""

    party: int
    roles: tuple[VisitRole, ...]
    """The first one leads: its resources' grid and booking window are those of the service."""
    variants: tuple[VisitVariant, ...]
    """Shortest visit first. None: there are not enough resources, whatever the time."""
    resource_ids: tuple[ResourceId, ...] = field(init=False)
    """Every resource that may take part."""

    def __post_init__(self) -> None:
        # The options of most needs are those of another.
        options = dict.fromkeys(need.options for variant in self.variants for need in variant.needs)
        object.__setattr__(self, "resource_ids", tuple(dict.fromkeys(chain.from_iterable(options))))


def requirements_of(
    catalogue: Catalogue,
    service: Service,
    *,
    party: int,
    requested_resources: AbstractSet[ResourceId],
    location_id: LocationId | None = None,
) -> Requirements:
    """The roles and variants of a service for a party.

    With a location, the roles that are filled at the location of the visit are filled by those who work there.

    `requested_resources` are each requested in the first role that they may fill. Where a role has at least as many
    requested resources as its count, no others fill it; where it has fewer, all of them take part.

    The visit lasts as long as the longest duration override among the resources chosen; without any, as long as the
    service says. Raises TooComplex where the variants are too many.
    """
    roles = _roles(catalogue, service, party)
    needs = [
        need
        for index, role in enumerate(roles)
        for need in _needs_of_role(index, role, _roles_of_requested(roles, requested_resources))
    ]
    if location_id is not None:
        needs = [_need_at(location_id, roles[need.role], need) for need in needs]
    if requested_resources and not any(role.pool.keys() & requested_resources for role in roles):
        return Requirements(party=party, roles=roles, variants=())
    durations = [{r: role.terms_of(r).duration_minutes for r in role.pool} for role in roles]
    overrides = sorted({minutes for own in durations for minutes in own.values() if minutes is not None})
    options = sum(len(need.options) for need in needs)
    SearchBudget().spend(_STEPS_OF_OPTION * options * len(needs) * (1 + len(overrides)))
    lengths = _lengths_without_override(service, roles)
    outcomes = [(minutes, _needs_without_override(needs, durations)) for minutes in lengths]
    outcomes += [(minutes, way) for minutes in overrides for way in _needs_lasting(needs, durations, minutes)]
    variants = (_variant(service, roles, minutes, way) for minutes, way in outcomes)
    return Requirements(
        party=party,
        roles=roles,
        variants=tuple(sorted(filter(None, variants), key=lambda variant: variant.visit_minutes)),
    )


def _part_of(entry: Requirement, service: Service, visit_minutes: int) -> PartOffsets:
    """The minutes of one entry with its buffers."""
    start, end = entry.offset_minutes, visit_minutes
    if entry.duration_minutes is not None:
        end = min(end, start + entry.duration_minutes)
    before, after = entry.buffer_before_minutes, entry.buffer_after_minutes
    if before is None:
        before = service.buffer_before_minutes if start == 0 else 0
    if after is None:
        after = service.buffer_after_minutes if end == visit_minutes else 0
    return PartOffsets(start=start, end=end, blocked_start=start - before, blocked_end=end + after)


def _joined(parts: Iterable[PartOffsets]) -> list[PartOffsets]:
    """The parts in order: those that overlap or touch as one, and no minute blocked by two of them."""
    result: list[PartOffsets] = []
    for part in sorted(parts, key=lambda part: (part.start, part.end)):
        if result and part.start <= result[-1].end:
            last = result.pop()
            result.append(
                PartOffsets(
                    start=last.start,
                    end=max(last.end, part.end),
                    blocked_start=min(last.blocked_start, part.blocked_start),
                    blocked_end=max(last.blocked_end, part.blocked_end),
                )
            )
        else:
            result.append(part)
    return _apart(result) if len(result) > 1 else result


def _apart(parts: Sequence[PartOffsets]) -> list[PartOffsets]:
    """Give each blocked minute to one part: those that one shares with the next go to the former."""
    ends = list(accumulate((part.blocked_end for part in parts), max))
    starts = list(accumulate((part.blocked_start for part in reversed(parts)), min))[::-1]
    result = []
    former = starts[0]
    for place, part in enumerate(parts):
        following = parts[place + 1].start if place + 1 < len(parts) else ends[place]
        former_end = min(ends[place], following)
        result.append(replace(part, blocked_start=max(starts[place], former), blocked_end=former_end))
        former = former_end
    return result


def _roles(catalogue: Catalogue, service: Service, party: int) -> tuple[VisitRole, ...]:
    """The entries of a service gathered by role, in the order of their first entries."""
    entries: dict[str, list[Requirement]] = {}
    for entry in service.requires:
        entries.setdefault(entry.role, []).append(entry)
    at_visit = roles_at_visit(service)
    return tuple(
        VisitRole(
            name=name,
            entries=tuple(of_role),
            pool={
                resource.id: resource
                for resource in _smaller_tables_first(catalogue.pool(of_role[0]))
                if has_room(resource, party, of_role[0].uses)
            },
            is_at_visit=name in at_visit,
        )
        for name, of_role in entries.items()
    )


def _smaller_tables_first(pool: Sequence[Resource]) -> Iterable[Resource]:
    """The pool in its order, but for the tables in it."""
    if all(resource.seats is None for resource in pool):
        return pool
    return sorted(pool, key=size_of)


def _roles_of_requested(
    roles: Sequence[VisitRole], requested_resources: AbstractSet[ResourceId]
) -> dict[ResourceId, int]:
    """In which role each pinned resource is wished for."""
    wished: dict[ResourceId, int] = {}
    for index, role in enumerate(roles):
        for resource_id in role.pool:
            if resource_id in requested_resources:
                wished.setdefault(resource_id, index)
    return wished


def _needs_of_role(index: int, role: VisitRole, roles_of_requested: Mapping[ResourceId, int]) -> list[Need]:
    """The role's count, met by those wished for as far as they go."""
    count = role.count
    chosen = tuple(resource_id for resource_id in role.pool if roles_of_requested.get(resource_id) == index)
    if len(chosen) >= count:
        return [Need(role=index, options=chosen, count=count)]
    others = tuple(resource_id for resource_id in role.pool if resource_id not in chosen)
    return [
        *(Need(role=index, options=(resource_id,), count=1) for resource_id in chosen),
        Need(role=index, options=others, count=count - len(chosen)),
    ]


def _lengths_without_override(service: Service, roles: Sequence[VisitRole]) -> Sequence[int]:
    """The minutes a visit may last where nobody takes their own time: several for a stay, by the clocks of the lead.

    Of these, one is possible at each start (availability.rules.stays).
    """
    if service.duration is None:
        return (service.duration_minutes,)
    zones = {resource.schedule.timezone for resource in roles[0].pool.values()}
    return sorted({minutes for zone in zones for minutes in lengths_of(service.duration, zone)})


def _need_at(location_id: LocationId, role: VisitRole, need: Need) -> Need:
    """The need, met by those who work at that location if the role is filled there."""
    if not role.is_at_visit:
        return need
    there = [r for r in need.options if location_id in role.pool[r].work_location_ids]
    return replace(need, options=tuple(there))


def _needs_without_override(needs: Sequence[Need], durations: Sequence[Mapping[ResourceId, int | None]]) -> list[Need]:
    """The needs, met by nobody who has a duration of his own."""
    return [
        Need(
            role=need.role, options=tuple(r for r in need.options if durations[need.role][r] is None), count=need.count
        )
        for need in needs
    ]


def _needs_lasting(
    needs: Sequence[Need], durations: Sequence[Mapping[ResourceId, int | None]], minutes: int
) -> Iterator[list[Need]]:
    """The needs, met so that the longest duration of those chosen is just that: some need holds one who takes it."""
    within = [
        Need(
            role=need.role,
            options=tuple(r for r in need.options if (durations[need.role][r] or 0) <= minutes),
            count=need.count,
        )
        for need in needs
    ]
    for index, need in enumerate(within):
        takers = [r for r in need.options if durations[need.role][r] == minutes]
        if takers:
            yield _split(within, index, takers, need.options)


def _split(needs: Sequence[Need], index: int, first: Sequence[ResourceId], others: Sequence[ResourceId]) -> list[Need]:
    """The needs with one of them cut in two: one resource of `first`, and all but one of the count of `others`."""
    need = needs[index]
    return [
        *needs[:index],
        Need(role=need.role, options=tuple(first), count=1),
        Need(role=need.role, options=tuple(others), count=need.count - 1),
        *needs[index + 1 :],
    ]


def _variant(
    service: Service, roles: Sequence[VisitRole], visit_minutes: int, needs: Iterable[Need]
) -> VisitVariant | None:
    """The case, or None when it can never happen."""
    open_needs = tuple(need for need in needs if need.count > 0)
    parts = tuple(role.parts(service, visit_minutes) for role in roles)
    if not all(parts) or any(len(need.options) < need.count for need in open_needs):
        return None
    return VisitVariant(
        visit_minutes=visit_minutes,
        needs=open_needs,
        parts=parts,
        is_disjoint=len({r for need in open_needs for r in need.options})
        == sum(len(need.options) for need in open_needs),
    )
