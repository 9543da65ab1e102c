"""What an audit found, in sentences and in numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from availability.state.bitmap_faults import BitmapFault
from kernel.ids import ResourceId, TenantId
from kernel.spans import Span, to_datetime

# Differences that are kept with their sentence. All are counted; beyond this nobody reads on.
MOST_KEPT: Final = 1000
# Runs of minutes that one sentence names.
_MOST_RUNS: Final = 4


class Kind(StrEnum):
    """What differs from what."""

    BITMAP = "bitmap"
    """A cached bitmap from Postgres."""
    HOLD_LIST = "hold_list"
    """The lists from the record of a hold."""
    HOLDS_OVERLAP = "holds_overlap"
    """Two live holds have the same minutes of a lane."""
    HOLD_ON_CLAIM = "hold_on_claim"
    """A live hold has minutes that somebody else has booked."""
    HOLD_OUTLIVED = "hold_outlived"
    """A hold became an appointment, and nobody told Redis."""
    APPOINTMENT_LOST = "appointment_lost"
    """A hold became an appointment that is not there."""
    APPOINTMENT_UNCLAIMED = "appointment_unclaimed"
    """A live appointment does not have its time."""
    CLAIM_ORPHANED = "claim_orphaned"
    """A claim belongs to no live appointment."""
    CLAIMS_OVERLAP = "claims_overlap"
    """Two claims of one lane overlap: a slot was sold twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement."""

    kind: Kind
    tenant_id: TenantId
    subject: str
    """The id of the resource, the hold or the appointment that it is about."""
    resource_id: ResourceId | None = None
    span: Span | None = None
    """The minutes it is about, in UTC."""
    detail: str
    """What follows the name of the business in the sentence. No personal data: ids, keys and times."""
    repaired: bool = False

    def mended(self) -> "Difference":
        """The same, repaired."""
        return replace(self, repaired=True)

    @property
    def sentence(self) -> str:
        """All there is to say."""
        return f"Business {self.tenant_id}: {self.detail}{' Repaired.' if self.repaired else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run looked at, and what it found."""

    differences: tuple[Difference, ...]
    """The first MOST_KEPT of them."""
    found: Mapping[Kind, int]
    """How many of each kind there were."""
    repaired: int
    businesses: int
    staff_days: int
    """Cached ones."""
    holds: int
    """Records, and holds that only lists know of."""
    appointments: int
    lanes: int
    unsettled: int
    """Staff-days that kept changing, or whose change waited for the invalidator all the time: not judged."""

    @property
    def total(self) -> int:
        """How many differences there were."""
        return sum(self.found.values())


@dataclass(slots=True)
class Findings:
    """A report that is being written."""

    businesses: int = 0
    staff_days: int = 0
    holds: int = 0
    appointments: int = 0
    lanes: int = 0
    unsettled: int = 0
    repaired: int = 0
    _found: Counter[Kind] = field(default_factory=Counter)
    _kept: dict[tuple[Kind, TenantId, str], Difference] = field(default_factory=dict)

    def add(self, difference: Difference) -> bool:
        """Note a difference; False when it is known: Redis may name one key twice."""
        identity = (difference.kind, difference.tenant_id, difference.detail)
        if identity in self._kept:
            return False
        self._found[difference.kind] += 1
        self.repaired += difference.repaired
        if len(self._kept) < MOST_KEPT:
            self._kept[identity] = difference
        return True

    def report(self) -> Report:
        """What was found so far."""
        return Report(
            differences=tuple(self._kept.values()),
            found=dict(self._found),
            repaired=self.repaired,
            businesses=self.businesses,
            staff_days=self.staff_days,
            holds=self.holds,
            appointments=self.appointments,
            lanes=self.lanes,
            unsettled=self.unsettled,
        )


def when(span: Span) -> str:
    """The minutes as a reader says them, in UTC."""
    start, end = to_datetime(span.start), to_datetime(span.end)
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {last} UTC"


def told_wrongly(faults: Sequence[BitmapFault]) -> str:
    """The runs of minutes that a bitmap shows as what they are not."""
    runs = [f"{when(fault.span)} {_shown(fault)}" for fault in faults[:_MOST_RUNS]]
    more = len(faults) - len(runs)
    return ", ".join(runs) + (f", and {more} more" if more else "")


def _shown(fault: BitmapFault) -> str:
    if fault.lane is None:
        return "as no time off" if fault.shown_clear else "as time off"
    return f"as {'clear' if fault.shown_clear else 'taken'} on lane {fault.lane}"
