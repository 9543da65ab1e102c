"""The closure that takes the working hours of a time."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import StartQuery
from availability.rules.working_time import dates_touching, working_spans
from catalogue.model.closures import NO_CLOSURES, Closure
from catalogue.model.resources import Resource
from catalogue.model.schedules import Schedule
from kernel.spans import Minute, Span


def closure_of_start(index: CatalogueIndex, query: StartQuery, start: Minute) -> str | None:
    """The name of the closure in which a visit at that start would lie, if it takes somebody's hours."""
    variants = index.requirements(query.service, party=query.party).variants
    lengths = {variant.visit_minutes for variant in variants} or {query.service.duration_minutes}
    if query.service.duration is None:
        return closure_of_day(index, query, [Span(start, start + max(lengths))])
    # Of a stay, what is between check-in and check-out need not be worked.
    ends = [Span(start + minutes - 1, start + minutes) for minutes in sorted(lengths)]
    return closure_of_day(index, query, [Span(start, start + 1), *ends])


def closure_of_day(index: CatalogueIndex, query: StartQuery, day: Iterable[Span]) -> str | None:
    """The name of the first closure that takes hours in those minutes of a resource which could serve."""
    day = tuple(day)
    # Many have the same hours, and need be looked at once.
    serving = {index.twin(resource): resource for resource in _serving(index, query)}
    parts = [
        part for resource in serving.values() for part in resource.schedules_at(query.location_id) if part.closures
    ]
    found = (_closure(part, span) for part in parts for span in day)
    return next((closure.name for closure in found if closure is not None), None)


def _serving(index: CatalogueIndex, query: StartQuery) -> Iterator[Resource]:
    """The resources that may take part, those of the first role first; of a role that is asked for, the requested."""
    for role in index.requirements(query.service, party=query.party).roles:
        requested = [resource for name, resource in role.pool.items() if name in query.requested_resources]
        yield from requested or role.pool.values()


def _closure(schedule: Schedule, span: Span) -> Closure | None:
    """The closure that takes hours in the span."""
    for day in dates_touching(schedule.timezone, span):
        closure = schedule.closure_on(day)
        if closure is not None:
            otherwise = working_spans(replace(schedule, closures=NO_CLOSURES), day)
            if any(worked.overlaps(span) for worked in otherwise):
                return closure
    return None
