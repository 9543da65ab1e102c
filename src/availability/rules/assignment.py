"""The order in which the resources of a pool are tried when any of them will do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from catalogue.model.assign import Assign
from kernel.ids import ResourceId
from kernel.periods import Period
from kernel.spans import MINUTES_PER_DAY, Minute, Span
from kernel.zones import local_date, wall_span


def order_pool(
    assign: Assign,
    pool: Sequence[ResourceId],
    *,
    booked_minutes: Mapping[ResourceId, int],
    last_assigned: Mapping[ResourceId, datetime],
) -> tuple[ResourceId, ...]:
    """The resources of a pool, the one to be asked first in front; equals keep the order of the pool.

    `booked_minutes` are those claimed in the period of the start (`counted_minutes`). A resource that is absent from
    `last_assigned` was never assigned, and so waits longest of all.
    """
    match assign:
        case Assign.PRIORITY:
            return tuple(pool)
        case Assign.LEAST_BOOKED | Assign.LEAST_BOOKED_WEEK | Assign.LEAST_BOOKED_MONTH:
            return tuple(sorted(pool, key=booked_minutes.__getitem__))
        case Assign.ROUND_ROBIN:
            never = [resource_id for resource_id in pool if resource_id not in last_assigned]
            others = [resource_id for resource_id in pool if resource_id in last_assigned]
            return (*never, *sorted(others, key=last_assigned.__getitem__))
    assert_never(assign)


def counted_minutes(assign: Assign, timezone: str, start: Minute) -> tuple[Span, ...]:
    """The local day, week (from Monday on) or month of a start, whose claims tell who is the least booked."""
    first, last = (assign.period or Period.DAY).dates_around(local_date(timezone, start))
    return wall_span(timezone, first, 0, ((last - first).days + 1) * MINUTES_PER_DAY)
