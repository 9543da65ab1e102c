"""Discrepancies between the stores, in sentences and in numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from availability.state.bitmap_faults import BitmapFault
from kernel.ids import ResourceId, TenantId
from kernel.spans import Span, to_datetime

# Discrepancies that are kept with their sentence. All are counted; nobody reads on beyond this.
MOST_KEPT: Final = 1000
MOST_CACHES: Final = 20
"""Businesses that a report names for the memory of Redis that their cached days take."""
# Runs of minutes that one sentence names.
_MOST_RUNS: Final = 4


class DiscrepancyKind(StrEnum):
    """The two facts that disagree. The values are labels of metrics and part of `holdfast reconcile --json`."""

    BITMAP = "bitmap"
    """A cached bitmap differs from Postgres."""
    HOLD_LIST = "hold_list"
    """A list differs from the record of a hold."""
    HOLDS_OVERLAP = "holds_overlap"
    """Two live holds have the same minutes of a lane."""
    HOLD_ON_CLAIM = "hold_on_claim"
    """A live hold has minutes that somebody else has booked."""
    HOLD_OUTLIVED = "hold_outlived"
    """A hold became an appointment, and Redis was not told."""
    APPOINTMENT_LOST = "appointment_lost"
    """A hold became an appointment that does not exist."""
    APPOINTMENT_UNCLAIMED = "appointment_unclaimed"
    """A live appointment does not have its time."""
    CLAIM_ORPHANED = "claim_orphaned"
    """A claim belongs to no live appointment."""
    CLAIMS_OVERLAP = "claims_overlap"
    """Two claims of one lane overlap: a slot was sold twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One disagreement."""

    kind: DiscrepancyKind
    tenant_id: TenantId
    subject: str
    """The id of the resource, the hold or the appointment concerned."""
    resource_id: ResourceId | None = None
    span: Span | None = None
    """The minutes concerned, in UTC."""
    detail: str
    """The sentence after the name of the business. No personal data: ids, keys and times."""
    repaired: bool = False

    def as_repaired(self) -> "Discrepancy":
        """A copy that says it was repaired."""
        return replace(self, repaired=True)

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"Business {self.tenant_id}: {self.detail}{' Repaired.' if self.repaired else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationReport:
    """Result of one run."""

    discrepancies: tuple[Discrepancy, ...]
    """The first MOST_KEPT of them."""
    found: Mapping[DiscrepancyKind, int]
    """The number of each kind."""
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

    cached_bytes: Mapping[TenantId, int]
    """Memory of Redis that the cached days of a business take: of those with the most, most first."""

    @property
    def total(self) -> int:
        """The number of all discrepancies."""
        return sum(self.found.values())


@dataclass(slots=True)
class ReportDraft:
    """A report that is being written."""

    businesses: int = 0
    staff_days: int = 0
    holds: int = 0
    appointments: int = 0
    lanes: int = 0
    unsettled: int = 0
    repaired: int = 0
    _found: Counter[DiscrepancyKind] = field(default_factory=Counter)
    _kept: dict[tuple[DiscrepancyKind, TenantId, str], Discrepancy] = field(default_factory=dict)
    _cached_bytes: Counter[TenantId] = field(default_factory=Counter)

    def add(self, discrepancy: Discrepancy) -> bool:
        """Note a discrepancy; False for a repetition: Redis may name one key twice."""
        identity = (discrepancy.kind, discrepancy.tenant_id, discrepancy.detail)
        if identity in self._kept:
            return False
        self._found[discrepancy.kind] += 1
        self.repaired += discrepancy.repaired
        if len(self._kept) < MOST_KEPT:
            self._kept[identity] = discrepancy
        return True

    def note_cache(self, tenant_id: TenantId, size: int) -> None:
        """Note the bytes that the cached days of a business take, unless many others take more."""
        self._cached_bytes[tenant_id] = size
        if len(self._cached_bytes) > 2 * MOST_CACHES:
            self._cached_bytes = Counter(dict(self._cached_bytes.most_common(MOST_CACHES)))

    def finish(self) -> ReconciliationReport:
        """The report as it stands."""
        return ReconciliationReport(
            discrepancies=tuple(self._kept.values()),
            found=dict(self._found),
            repaired=self.repaired,
            businesses=self.businesses,
            staff_days=self.staff_days,
            holds=self.holds,
            appointments=self.appointments,
            lanes=self.lanes,
            unsettled=self.unsettled,
            cached_bytes=dict(self._cached_bytes.most_common(MOST_CACHES)),
        )


def format_span(span: Span) -> str:
    """The minutes in words, in UTC."""
    start, end = to_datetime(span.start), to_datetime(span.end)
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {last} UTC"


def format_faults(faults: Sequence[BitmapFault]) -> str:
    """The wrong minutes of a bitmap, with what it says of them."""
    runs = [f"{format_span(fault.span)} {_wrong_value(fault)}" for fault in faults[:_MOST_RUNS]]
    more = len(faults) - len(runs)
    return ", ".join(runs) + (f", and {more} more" if more else "")


def _wrong_value(fault: BitmapFault) -> str:
    if fault.session is not None:
        return f"{'without' if fault.shown_clear else 'with'} the session {fault.session}"
    if fault.lane is None:
        return "as no time off" if fault.shown_clear else "as time off"
    return f"as {'clear' if fault.shown_clear else 'taken'} on lane {fault.lane}"
