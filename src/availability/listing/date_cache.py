"""A cache of rendered listing dates, keyed by every input they depend on."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, NamedTuple, TypeVar

from availability.model import MovingVisit, Override, Rendered
from availability.state.bitmap_cache import HeldLane
from availability.state.daily_limits import FullDates
from availability.state.repository import BusySpan
from catalogue.model.choices import NO_CHOICES, Choices
from kernel.ids import LocationId, ResourceId, ServiceId, TenantId
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
    """A form in which dates are answered."""

    render: Callable[[_Offers], Rendered]
    size_of: Callable[[Rendered], int]
    """The approximate size of a rendered date, in bytes."""


class ListingKey(NamedTuple):
    """A listing, regardless of its dates and its caller."""

    tenant_id: TenantId
    service_id: ServiceId
    party: int
    requested_resources: frozenset[ResourceId]
    timezone: str
    explain: bool
    renderer: Renderer[Any, Any]
    overrides: tuple[Override, ...] = ()
    choices: Choices = NO_CHOICES
    location_id: LocationId | None = None


class DateInputs(NamedTuple):
    """Every input of one rendered date, besides the listing's key and the date.

    A rendered date is a pure function of the three: equal inputs give an equal answer. Each listing reads the inputs
    from Redis anew.
    """

    catalogue: object
    """The identity of the catalogue's index: all rules, hours and names."""
    earliest: tuple[Minute, ...]
    """The first minute that each notice leaves open, as far as it lies in the date; nothing, where none does."""
    today: tuple[date, ...]
    """In each zone: booking windows begin and end by it."""
    bitmaps: Sequence[bytes]
    """The bitmaps of the staff-days that decide."""
    held: tuple[tuple[int, HeldLane], ...]
    """Live holds of others on those days."""
    own: tuple[tuple[int, HeldLane], ...]
    """The caller's own holds on those days."""
    own_claims: tuple[BusySpan, ...]
    """The claims of the caller's appointment on those days."""
    full_dates: FullDates
    """The dates on which daily limits are reached."""
    moving: MovingVisit | None
    """The caller's appointment, which decides what its new time costs."""
    released: tuple[Minute, ...] = ()
    """The minutes by which parts of its days open or get cheaper, as far as they lie in them; mostly nothing."""


class _Entry(NamedTuple):
    inputs: DateInputs
    rendered: Any


@dataclass(slots=True)
class _Dates:
    """The cached dates of one listing."""

    entries: dict[date, _Entry]
    size: int = 0


class DateCache:
    """The most recent dates of the most recent listings, within a bound on bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._listings: OrderedDict[ListingKey, _Dates] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """The approximate size of the cache, in bytes."""
        return self._bytes

    def find_unchanged(self, key: ListingKey, inputs_by_date: Mapping[date, DateInputs]) -> dict[date, Any]:
        """The rendered dates whose inputs have not changed."""
        dates = self._listings.get(key)
        if dates is None:
            return {}
        self._listings.move_to_end(key)
        entries = dates.entries
        return {
            day: entry.rendered
            for day, basis in inputs_by_date.items()
            if (entry := entries.get(day)) is not None and entry.inputs == basis
        }

    def store(self, key: ListingKey, day: date, inputs: DateInputs, rendered: object) -> None:
        """Keep a rendered date, in place of its former one."""
        dates = self._listings.setdefault(key, _Dates({}))
        if day not in dates.entries and len(dates.entries) >= MOST_DATES:
            self._forget(key)
            dates = self._listings[key] = _Dates({})
        former, entry = dates.entries.get(day), _Entry(inputs, rendered)
        grown = _size(key, entry) - (_size(key, former) if former is not None else 0)
        dates.entries[day] = entry
        dates.size += grown
        self._bytes += grown
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._listings)))

    def _forget(self, key: ListingKey) -> None:
        self._bytes -= self._listings.pop(key).size


def _size(key: ListingKey, entry: _Entry) -> int:
    bitmaps = entry.inputs.bitmaps
    return _ENTRY_BYTES + key.renderer.size_of(entry.rendered) + sum(map(len, bitmaps)) + _BITMAP_BYTES * len(bitmaps)
