"""The order in which the resources of a pool are tried when any of them will do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from catalogue.model.services import Assign
from kernel.ids import ResourceId


def order_pool(
    assign: Assign,
    pool: Sequence[ResourceId],
    *,
    booked_minutes: Mapping[ResourceId, int],
    last_assigned: Mapping[ResourceId, datetime],
) -> tuple[ResourceId, ...]:
    """The resources of a pool, the one to be asked first in front; equals keep the order of the pool.

    `booked_minutes` are those claimed on the local day of the start. A resource that is absent from `last_assigned` was
    never assigned, and so waits longest of all.
    """
    match assign:
        case Assign.PRIORITY:
            return tuple(pool)
        case Assign.LEAST_BOOKED:
            return tuple(sorted(pool, key=booked_minutes.__getitem__))
        case Assign.ROUND_ROBIN:
            never = [resource_id for resource_id in pool if resource_id not in last_assigned]
            others = [resource_id for resource_id in pool if resource_id in last_assigned]
            return (*never, *sorted(others, key=last_assigned.__getitem__))
    assert_never(assign)
