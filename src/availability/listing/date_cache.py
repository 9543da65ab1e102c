"""What was shown of a date, remembered beside everything that it rested on."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, NamedTuple, TypeVar

from availability.model import Rendered
from availability.state.bitmap_cache import HeldLane
from availability.state.daily_limits import FullDates
from availability.state.repository import BusySpan
from kernel.ids import ResourceId, ServiceId, TenantId
from kernel.spans import Minute

# By one process, bitmaps and answers together: a month of twenty staff takes some 600 kB, so a hundred of those.
MOST_BYTES: Final = 64 * 1024 * 1024
# Of one question: a year, however far ahead somebody looks.
MOST_DATES: Final = 366
# What an entry takes beside bitmaps and answer, and a bitmap beside its bytes.
_ENTRY_BYTES: Final = 1000
_BITMAP_BYTES: Final = 40


_Offers = TypeVar("_Offers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Renderer(Generic[_Offers, Rendered]):
    """How a date is shown."""

    render: Callable[[_Offers], Rendered]
    size_of: Callable[[Rendered], int]
    """About how many bytes that takes."""


class ListingKey(NamedTuple):
    """A question, whichever dates it is asked about and whoever asks it."""

    tenant_id: TenantId
    service_id: ServiceId
    party: int
    requested_resources: frozenset[ResourceId]
    timezone: str
    explain: bool
    renderer: Renderer[Any, Any]


class DateInputs(NamedTuple):
    """Everything that the answer about one date rests on, but for the question and the date themselves.

    What is shown of a date is a pure function of the three, so where they are the same, the answer is. Redis says anew
    for each listing what of this has changed.
    """

    catalogue: object
    """Which catalogue, by the identity of its groundwork: all rules, hours and names."""
    earliest: tuple[Minute, ...]
    """The first minute that each notice leaves open, as far as it lies in the date; nothing, where none does."""
    today: tuple[date, ...]
    """In each zone: booking windows begin and end by it."""
    bitmaps: Sequence[bytes]
    """Of everybody's days that decide."""
    held: tuple[tuple[int, HeldLane], ...]
    """Live holds of others on those days."""
    own: tuple[tuple[int, HeldLane], ...]
    """Those of the caller."""
    own_claims: tuple[BusySpan, ...]
    """What the caller's appointment claims on those days."""
    full_dates: FullDates
    """Where daily limits are reached."""


class _Entry(NamedTuple):
    inputs: DateInputs
    rendered: Any


@dataclass(slots=True)
class _Dates:
    """What is remembered of one question."""

    entries: dict[date, _Entry]
    size: int = 0


class DateCache:
    """The dates shown last, of the questions asked last, within a bound."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._listings: OrderedDict[ListingKey, _Dates] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """How many bytes are remembered, about."""
        return self._bytes

    def find_unchanged(self, asked: ListingKey, bases: Mapping[date, DateInputs]) -> dict[date, Any]:
        """What was shown of those of the dates that still rest on the same."""
        dates = self._listings.get(asked)
        if dates is None:
            return {}
        self._listings.move_to_end(asked)
        entries = dates.entries
        return {
            day: entry.rendered
            for day, basis in bases.items()
            if (entry := entries.get(day)) is not None and entry.inputs == basis
        }

    def store(self, asked: ListingKey, day: date, basis: DateInputs, shown: object) -> None:
        """Remember what a date shows, in place of what it showed before."""
        dates = self._listings.setdefault(asked, _Dates({}))
        if day not in dates.entries and len(dates.entries) >= MOST_DATES:
            self._forget(asked)
            dates = self._listings[asked] = _Dates({})
        before, entry = dates.entries.get(day), _Entry(basis, shown)
        grown = _size(asked, entry) - (_size(asked, before) if before is not None else 0)
        dates.entries[day] = entry
        dates.size += grown
        self._bytes += grown
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._listings)))

    def _forget(self, asked: ListingKey) -> None:
        self._bytes -= self._listings.pop(asked).size


def _size(asked: ListingKey, entry: _Entry) -> int:
    bitmaps = entry.inputs.bitmaps
    return _ENTRY_BYTES + asked.renderer.size_of(entry.rendered) + sum(map(len, bitmaps)) + _BITMAP_BYTES * len(bitmaps)
