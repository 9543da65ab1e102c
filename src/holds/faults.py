"""Faults of a hold: contradictions between its record, the lists and Postgres."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from holds.model import HoldStatus, LaneClaim
from kernel.ids import AppointmentId, HoldId, ResourceId
from kernel.spans import Span, utc_days


@dataclass(frozen=True, slots=True, order=True)
class ListEntry:
    """An entry of a list, as lua/shared/holds.lua writes both."""

    list_name: str
    """`held:<resource>:<day>`, `client:<digest>`, or `live`, by which expired holds are counted."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedHold:
    """A hold as its record and the lists show it at one instant."""

    hold_id: HoldId
    status: HoldStatus | None
    """None: there is no record."""
    deadline_ms: int
    claims: tuple[LaneClaim, ...]
    client: str
    """A digest; empty for a hold of nobody."""
    fingerprint: str
    appointment_id: AppointmentId | None
    entries: frozenset[ListEntry]
    """The live ones that name it."""
    rescheduling: AppointmentId | None = None
    """The appointment that is to move onto it."""

    @property
    def is_live(self) -> bool:
        """True if it keeps its minutes from others."""
        return self.status in {HoldStatus.HELD, HoldStatus.PINNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFault:
    """An entry that is missing, or should not be there."""

    entry: ListEntry
    is_missing: bool

    @property
    def staff_day(self) -> tuple[ResourceId, int] | None:
        """The resource and UTC day of the list; None for another one."""
        kind, _, name = self.entry.list_name.partition(":")
        if kind != "held":
            return None
        resource_id, _, day = name.rpartition(":")
        return ResourceId(resource_id), int(day)

    @property
    def claim(self) -> tuple[int, Span] | None:
        """The lane and the minutes of the entry; None for one of another list."""
        if self.staff_day is None:
            return None
        _, lane, start, end, *_ = self.entry.text.split(":")
        return int(lane), Span(int(start), int(end))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictingClaim:
    """A committed claim on minutes of a lane that a hold keeps."""

    resource_id: ResourceId
    lane: int
    span: Span
    appointment_id: AppointmentId
    hold_id: HoldId
    """The hold that its appointment was made from."""


def list_faults(observed: ObservedHold) -> list[ListFault]:
    """A live hold stands in each of its lists once per claim, any other in none."""
    expected = frozenset(_entries(observed)) if observed.is_live else frozenset()
    return [
        *(ListFault(entry=entry, is_missing=True) for entry in sorted(expected - observed.entries)),
        *(ListFault(entry=entry, is_missing=False) for entry in sorted(observed.entries - expected)),
    ]


def overlapping(entries: Sequence[str]) -> list[tuple[str, str]]:
    """Entries of one `held:` list that share minutes of a lane with another hold's, each after one it shares with."""
    lanes: defaultdict[int, list[tuple[int, int, str, str]]] = defaultdict(list)
    for entry in entries:
        hold_id, lane, start, end, *_ = entry.split(":")
        lanes[int(lane)].append((int(start), int(end), hold_id, entry))
    pairs = []
    for entries_of_lane in lanes.values():
        longest, *later = sorted(entries_of_lane)
        for one in later:
            if one[0] < longest[1] and one[2] != longest[2]:
                pairs.append((longest[3], one[3]))
            longest = max(longest, one, key=itemgetter(1))
    return pairs


def conflicting_claims(observed: ObservedHold, claims: Collection[ConflictingClaim]) -> list[ConflictingClaim]:
    """The committed claims that block the hold's confirmation.

    A pinned hold may be about to be given up for a claim of the very operation it was pinned for: it is left alone.
    """
    if observed.status is not HoldStatus.HELD:
        return []
    return [claim for claim in claims if not _is_own(observed, claim) and _is_in_the_way(observed, claim)]


def is_already_booked(observed: ObservedHold, booked: Collection[HoldId]) -> bool:
    """True if the hold still keeps minutes although it became an appointment, and no confirmation is under way."""
    return observed.status is HoldStatus.HELD and observed.hold_id in booked


def appointment_is_lost(observed: ObservedHold, existing: Collection[AppointmentId]) -> bool:
    """True if the hold names an appointment that does not exist."""
    return observed.status is HoldStatus.CONFIRMED and observed.appointment_id not in existing


def _is_own(observed: ObservedHold, claim: ConflictingClaim) -> bool:
    return claim.hold_id == observed.hold_id or claim.appointment_id == observed.rescheduling


def _is_in_the_way(observed: ObservedHold, claim: ConflictingClaim) -> bool:
    return any(
        (own.resource_id, own.lane) == (claim.resource_id, claim.lane) and own.span.overlaps(claim.span)
        for own in observed.claims
    )


def _entries(observed: ObservedHold) -> Iterator[ListEntry]:
    """The entries of a live hold."""
    deadline = observed.deadline_ms
    for claim in observed.claims:
        session = f":{claim.session}" if claim.session else ""
        text = f"{observed.hold_id}:{claim.lane}:{claim.span.start}:{claim.span.end}{session}:{deadline}"
        for day in utc_days(claim.span):
            yield ListEntry(f"held:{claim.resource_id}:{day}", text)
    yield ListEntry("live", f"{observed.hold_id}:{deadline}")
    if observed.client:
        yield ListEntry(f"client:{observed.client}", f"{observed.hold_id}:{observed.fingerprint}:{deadline}")
