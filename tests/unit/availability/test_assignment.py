"""Who is asked first follows the rule of the service, and the pool's order decides between equals."""

from datetime import UTC, datetime

import pytest

from availability.rules.assignment import order_pool
from catalogue.model.assign import Assign
from kernel.ids import ResourceId

_NOA, _DAN, _GIL = map(ResourceId, ("noa", "dan", "gil"))


@pytest.mark.parametrize(
    ("assign", "expected"),
    [
        (Assign.PRIORITY, (_NOA, _DAN, _GIL)),
        (Assign.LEAST_BOOKED, (_DAN, _GIL, _NOA)),
        (Assign.ROUND_ROBIN, (_GIL, _DAN, _NOA)),
    ],
)
def test_pool_is_ordered_by_the_rule(assign: Assign, expected: tuple[ResourceId, ...]) -> None:
    booked = {_NOA: 60, _DAN: 0, _GIL: 0}
    last = {_NOA: datetime(2026, 6, 2, tzinfo=UTC), _DAN: datetime(2026, 6, 1, tzinfo=UTC)}

    assert order_pool(assign, (_NOA, _DAN, _GIL), booked_minutes=booked, last_assigned=last) == expected
