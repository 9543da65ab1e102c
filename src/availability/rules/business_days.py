"""The dates that a booking window of business days counts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from kernel.ids import ResourceId
from kernel.spans import Span, without


def somebody_works(
    pool: Iterable[ResourceId],
    day: date,
    working_spans: Callable[[ResourceId, date], tuple[Span, ...]],
    time_off: Mapping[ResourceId, Sequence[Span]],
) -> bool:
    """True if somebody of the pool has working time of the date that is not time off.

    While all of them are on holiday no date counts, so a shop that comes back has as many dates open as ever.
    """
    for resource_id in pool:
        spans, off = working_spans(resource_id, day), time_off.get(resource_id)
        if spans and not (off and not without(spans, off)):
            return True
    return False
