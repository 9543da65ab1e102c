"""On which local dates a daily limit is reached, so that no more visits are offered."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from availability.days import Taken
from availability.eligibility import Question
from availability.groundwork import Groundwork
from availability.repository import BusyRepository, Visits
from kernel.errors import StoreUnavailable
from kernel.ids import AppointmentId, ResourceId, TenantId
from kernel.spans import MINUTES_PER_DAY, Minute, Span
from kernel.zones import local_date, local_day
from persistence.unit_of_work import UnitOfWork

# A local date that a start belongs to begins and ends no farther from it, whatever the zone.
_REACH: Final = 2 * MINUTES_PER_DAY


class DailyLimits:
    """Counts visits in Postgres, and only where a rule limits them (docs/adr/0016)."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def applied(
        self,
        tenant_id: TenantId,
        groundwork: Groundwork,
        question: Question,
        taken: Taken,
        *,
        own: AppointmentId | None = None,
    ) -> Taken:
        """What is taken, with the dates that are full. The visit `own` does not count.

        Without Postgres nothing is full here: the confirmation, which needs Postgres, counts again.
        """
        limited = [
            r
            for r in taken.states
            if groundwork.rules(question.service, groundwork.catalogue.resource_by_id[r]).resource_daily_limit
            is not None
        ]
        service_limit = groundwork.rules(question.service).service_daily_limit
        if not limited and service_limit is None:
            return taken
        # A resource may join long after the start: its own date is within the window, which covers the whole visit.
        stretch = Span(question.starts.start - _REACH, question.window.end + _REACH)
        try:
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                visits = await BusyRepository(connection).find_visits(
                    tenant_id,
                    limited,
                    question.service.id if service_limit is not None else None,
                    stretch,
                    excluding=own,
                )
        except StoreUnavailable:
            return taken
        return _with_full_dates(groundwork, question, taken, limited, visits)


def _with_full_dates(
    groundwork: Groundwork, question: Question, taken: Taken, limited: Sequence[ResourceId], visits: Visits
) -> Taken:
    """The pure part: dates by the counts."""
    states = dict(taken.states)
    for resource_id in limited:
        resource = groundwork.catalogue.resource_by_id[resource_id]
        limit = groundwork.rules(question.service, resource).resource_daily_limit
        assert limit is not None, "only the limited are counted"
        full = _full_dates(visits.of_resources.get(resource_id, ()), resource.schedule.timezone, limit)
        states[resource_id] = replace(states[resource_id], full_dates=full)
    spans: list[Span] = []
    service_limit = groundwork.rules(question.service).service_daily_limit
    if service_limit is not None:
        timezone = groundwork.catalogue.timezone_of(question.service)
        for day in sorted(_full_dates(visits.of_service, timezone, service_limit)):
            spans += local_day(timezone, day)
    return replace(taken, states=states, full=tuple(spans))


def _full_dates(starts: Iterable[Minute], timezone: str, limit: int) -> frozenset[date]:
    counts = Counter(local_date(timezone, start) for start in starts)
    return frozenset(day for day, count in counts.items() if count >= limit)
