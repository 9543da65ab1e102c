"""Explanations of why a start is refused, or a day is empty: the first rule that leaves nothing."""

from collections.abc import Iterable, Mapping
from typing import Final

from availability.model import Override, Reason
from availability.rules.bitmaps import from_spans
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import EVERY_RULE, ResourceState, StartQuery
from availability.rules.places import size_limit
from availability.rules.search import search
from availability.rules.search_budget import SearchBudget
from catalogue.model.grid import Align
from catalogue.model.services import Service
from kernel.ids import LocationId, ResourceId
from kernel.spans import Minute, Span

_Step = tuple[Reason, frozenset[Reason]]
"""A reason, and the rules under which nothing is left when it is the one."""

_NOTICE: Final = (Reason.OUTSIDE_WINDOW, Reason.LEAD_TIME)
_RELEASED: Final = (Reason.NOT_RELEASED, Reason.TIME_OFF, Reason.FULLY_BOOKED)
_TAKEN: Final = (Reason.DAILY_LIMIT, Reason.HELD)


def reason_for_start(
    index: CatalogueIndex,
    query: StartQuery,
    states: Mapping[ResourceId, ResourceState],
    start: Minute,
    *,
    budget: SearchBudget | None = None,
) -> Reason | None:
    """The first rule that refuses a start of the question; None when it is offered. Raises as `search`."""
    return Explanation(index, query, states, budget=budget).reason_for_start(start)


def largest_party(
    index: CatalogueIndex, service: Service, requested: frozenset[ResourceId], location_id: LocationId | None = None
) -> int:
    """The largest party that the live resources could take at any time; 0 where they take none.

    A party that is smaller than this may be too small for every table. Only sizes are asked for beyond which some
    resource has no room: between them a larger party has more resources to choose from.
    """
    sizes: set[int] = set()
    most: list[int] = []
    for entry in service.requires:
        of_entry = sorted((size_limit(resource, entry.uses) for resource in index.catalogue.pool(entry)), reverse=True)
        sizes.update(of_entry)
        most.append(of_entry[entry.count - 1] if len(of_entry) >= entry.count else 0)
    possible = sorted((size for size in sizes if 0 < size <= min(most, default=0)), reverse=True)
    return next((size for size in possible if _takes(index, service, size, (requested, location_id))), 0)


def _takes(
    index: CatalogueIndex, service: Service, party: int, asked: tuple[frozenset[ResourceId], LocationId | None]
) -> bool:
    requested, location_id = asked
    return any(
        index.requirements(service, party=party, requested_resources=requested, location_id=at).variants
        for at in index.visit_locations(service).asked(location_id)
    )


class Explanation:
    """Explains the answers to one question by asking it again under fewer rules: the rules are stated once."""

    def __init__(
        self,
        index: CatalogueIndex,
        query: StartQuery,
        states: Mapping[ResourceId, ResourceState],
        *,
        budget: SearchBudget | None = None,
    ) -> None:
        self._budget = budget or SearchBudget()
        self._index = index
        self._query = query
        self._states = states
        self._left: dict[frozenset[Reason], int] = {}

    def reason_for_start(self, start: Minute) -> Reason | None:
        """The first rule that refuses a start of the question; None when it is offered.

        Whatever is taken moves a gap grid, so there the grid is asked last: a time that was just taken is fully booked,
        not off the grid. It is held if it is on the grid but for holds that are in its way themselves.
        """
        minute = from_spans([Span(start, start + 1)], self._query.window)
        if self._query.service.grid.align is not Align.GAP:
            return self._first(_in_order(*_NOTICE, Reason.CLOSED, Reason.OFF_GRID, *_RELEASED, *_TAKEN), minute)
        reason = self._first(_in_order(*_NOTICE, Reason.CLOSED, *_RELEASED, Reason.DAILY_LIMIT), minute)
        if reason is not None or self._starts_under(EVERY_RULE) & minute:
            return reason
        is_in_the_way = not self._starts_under(EVERY_RULE - {Reason.OFF_GRID}) & minute
        is_on_grid = self._starts_under(EVERY_RULE - {Reason.HELD}) & minute
        return Reason.HELD if is_in_the_way and is_on_grid else Reason.OFF_GRID

    def reason_for_day(self, day: Iterable[Span]) -> Reason | None:
        """The first rule that empties a day, given as its minutes; None when a start of it is offered.

        A day is called outside the window or too soon when all of it is, or when all its slots are; it is called closed
        only when it has no slot in its hours at any notice. On a gap grid it is off the grid when there is room, but
        each start would leave a gap that is of no use. Where the business waives the hours, the grid is to blame.
        """
        minutes = from_spans(day, self._query.window)
        if not minutes:
            return Reason.CLOSED  # A date that the zone's calendar skips.
        is_gap = self._query.service.grid.align is Align.GAP
        if is_gap and self._starts_under(EVERY_RULE) & minutes:
            return None  # A hold may make a start of what was none.
        hours = [Reason.CLOSED] if is_gap else [Reason.CLOSED, Reason.OFF_GRID]
        closed = Reason.OFF_GRID if Override.CLOSED in self._query.overrides else Reason.CLOSED
        steps = [
            (Reason.OUTSIDE_WINDOW, frozenset(_NOTICE[:1])),
            (Reason.LEAD_TIME, frozenset(_NOTICE)),
            (closed, frozenset(hours)),
            (Reason.OUTSIDE_WINDOW, frozenset([*hours, *_NOTICE[:1]])),
            (Reason.LEAD_TIME, frozenset([*hours, *_NOTICE])),
            (Reason.NOT_RELEASED, frozenset([*hours, *_NOTICE, *_RELEASED[:1]])),
            (Reason.TIME_OFF, frozenset([*hours, *_NOTICE, *_RELEASED[:2]])),
            (Reason.FULLY_BOOKED, frozenset([*hours, *_NOTICE, *_RELEASED])),
            (Reason.OFF_GRID, frozenset([*hours, *_NOTICE, *_RELEASED, Reason.OFF_GRID])),
            (Reason.DAILY_LIMIT, EVERY_RULE - {Reason.HELD}),
            (Reason.HELD, EVERY_RULE),
        ]
        return self._first(steps, minutes)

    def _first(self, steps: Iterable[_Step], minutes: int) -> Reason | None:
        """The first step under which none of the minutes is left."""
        service, requested = self._query.service, self._query.requested_resources
        asked = (requested, self._query.location_id)
        if not _takes(self._index, service, self._query.party, asked):
            largest = largest_party(self._index, service, *asked)
            return Reason.PARTY_TOO_LARGE if 0 < largest < self._query.party else Reason.NO_RESOURCE
        return next((reason for reason, rules in steps if not self._starts_under(rules) & minutes), None)

    def _starts_under(self, rules: frozenset[Reason]) -> int:
        """The starts that are offered when only those rules hold."""
        if rules not in self._left:
            offers = search(self._index, self._query, self._states, enforced=rules, budget=self._budget)
            self._left[rules] = offers.bits
        return self._left[rules]


def _in_order(*reasons: Reason) -> list[_Step]:
    """One rule after the other, each beside those before it."""
    return [(reason, frozenset(reasons[: place + 1])) for place, reason in enumerate(reasons)]
