"""When an appointment certainly stood, by what clients were answered, and whether its time was sold again meanwhile."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from loadtests.faults.history import Exchange, History, Operation, Outcome
from loadtests.faults.rows import LIVE, Appointment, Rows

BOOKINGS: Final = frozenset({Operation.CONFIRM, Operation.BOOK})
CHANGES: Final = frozenset({Operation.RESCHEDULE, Operation.CANCEL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """One resource at one time, taken by one appointment, for as long as nothing can have changed that."""

    appointment_id: str
    version: int
    resource: str
    party: int
    starts_at: datetime
    """With buffers, as is `ends_at`."""
    ends_at: datetime
    since: float
    """When its client heard of it, by the monotonic clock."""
    until: float
    """When the first request was sent that may have changed it."""


def find_stands(history: History, rows: Rows) -> list[Stand]:
    """All that are certain, in the order in which they began."""
    changes: defaultdict[str, list[Exchange]] = defaultdict(list)
    for one in history.exchanges:
        if one.operation in CHANGES and one.outcome is not Outcome.REFUSED:
            changes[str(one.subject)].append(one)
    stands: list[Stand] = []
    for (appointment_id, version), told in _first_told(history).items():
        until = _first_change_after(version, changes[appointment_id])
        if until > told.ended_at:
            stands += _stands_of(told, rows.appointments.get(appointment_id), until)
    return sorted(stands, key=lambda stand: (stand.since, stand.appointment_id, stand.resource))


def find_sold_twice(stands: Iterable[Stand], capacities: Mapping[str, int]) -> Iterator[str]:
    """Each sale of a minute that was fully sold, to appointments that all stood at that moment.

    What stands for the first time is compared with what stands already, so every sale is blamed once.
    """
    standing: defaultdict[str, list[Stand]] = defaultdict(list)
    for new in stands:
        before = [old for old in standing[new.resource] if old.until > new.since]
        standing[new.resource] = [*before, new]
        crowd = _fullest(new, before)
        if sum(one.party for one in crowd) > capacities[new.resource]:
            others = ", ".join(sorted(old.appointment_id for old in crowd if old is not new))
            yield (
                f"{new.resource}: {new.appointment_id} was sold {new.starts_at:%d %H:%M}-{new.ends_at:%H:%M} by"
                f" {new.since:.3f}, while {others} stood"
            )


def _first_told(history: History) -> Mapping[tuple[str, int], Exchange]:
    """The answer from which a client first knew of each version of each appointment."""
    first: dict[tuple[str, int], Exchange] = {}
    for one in history.exchanges:
        if one.operation in BOOKINGS | CHANGES and one.outcome is Outcome.GRANTED and one.answer is not None:
            state = one.answer["id"], int(one.answer["version"])
            if state not in first or one.ended_at < first[state].ended_at:
                first[state] = one
    return first


def _first_change_after(version: int, changes: Sequence[Exchange]) -> float:
    """When the first change was sent that is not known to have led to the version, or to one before it.

    A change whose outcome nobody knows may be done at any time after it was sent, also after an answer to a later one.
    """
    later = (
        one.sent_at
        for one in changes
        if one.outcome is Outcome.UNKNOWN or one.answer is None or int(one.answer["version"]) > version
    )
    return min(later, default=float("inf"))


def _stands_of(told: Exchange, row: Appointment | None, until: float) -> Iterator[Stand]:
    """Every resource serves from first to last: the business has no service of several steps."""
    assert told.answer is not None
    if told.answer["status"] not in LIVE:
        return
    # The answer does not show them. They are the service's, which nobody edits; without a row we do without.
    before = timedelta(minutes=0 if row is None else row.buffer_before_minutes)
    after = timedelta(minutes=0 if row is None else row.buffer_after_minutes)
    for used in told.answer["resources"]:
        yield Stand(
            appointment_id=told.answer["id"],
            version=int(told.answer["version"]),
            resource=used["resource"],
            party=int(told.answer["party"]),
            starts_at=datetime.fromisoformat(told.answer["start"]) - before,
            ends_at=datetime.fromisoformat(told.answer["end"]) + after,
            since=told.ended_at,
            until=until,
        )


def _fullest(new: Stand, before: Sequence[Stand]) -> list[Stand]:
    """Of the minutes of the new one, the one with most customers: the new one and those who have that minute too."""
    near = [old for old in before if old.starts_at < new.ends_at and new.starts_at < old.ends_at]
    # It gets fuller only where somebody begins.
    minutes = [new.starts_at, *(old.starts_at for old in near if old.starts_at > new.starts_at)]
    crowds = ([new, *(old for old in near if old.starts_at <= minute < old.ends_at)] for minute in minutes)
    return max(crowds, key=lambda crowd: sum(one.party for one in crowd))
