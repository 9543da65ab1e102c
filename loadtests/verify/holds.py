"""Judges what became of holds, by what visitors were told and what Redis has."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from loadtests.faults.checks import Check
from loadtests.faults.history import Exchange, Operation, Outcome

_MINUTES_PER_DAY: Final = 1440
# Answers are written with less precision than Redis keeps, and a record is read a moment after the clock.
_SLACK_MS: Final = 1000
_LIVE: Final = frozenset({"held", "pinned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A hold as its record in Redis has it."""

    state: str
    deadline_ms: int
    claims: str
    """`<resource>:<lane>:<start>:<end> …`, in minutes since 1970."""
    client: str
    appointment: str
    forgotten_in_ms: int
    """Until Redis drops it; negative: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a list of holds."""

    list_name: str
    """`held:<resource>:<day>` or `client:<digest>`."""
    hold_id: str
    deadline_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InRedis:
    """Everything about the holds of one business, read key by key while nothing was under way."""

    began_ms: int
    """By the clock of Redis, as is `ended_ms`."""
    ended_ms: int
    records: Mapping[str, Record]
    entries: Sequence[Entry]

    def is_live(self, deadline_ms: int) -> bool:
        """Whether it lay in the future from the first key to the last."""
        return deadline_ms > self.ended_ms + _SLACK_MS

    def is_over(self, deadline_ms: int) -> bool:
        """Whether it lay in the past from the first key to the last. A moment is neither."""
        return deadline_ms < self.began_ms - _SLACK_MS


@dataclass(slots=True, kw_only=True)
class Promise:
    """What visitors know of a hold."""

    expires_at: datetime
    granted: Exchange
    uncertain: bool = False
    """Whether something was asked for it of which nobody knows what became."""
    given_up: bool = False
    """Released, or replaced by another one."""
    appointment: str | None = None
    """What it was used for."""
    moved: set[str] = field(default_factory=set)

    @property
    def deadline_ms(self) -> int:
        """As Redis counts."""
        return round(self.expires_at.timestamp() * 1000)


def find_promises(exchanges: Iterable[Exchange]) -> dict[str, Promise]:
    """Every hold that was placed, with what was answered of it afterwards; in the order of the answers."""
    found: dict[str, Promise] = {}
    asked = list(exchanges)
    for one in asked:
        granted = one.outcome is Outcome.GRANTED and one.answer is not None
        if granted and one.answer is not None and one.operation in {Operation.HOLD, Operation.EXTEND}:
            expires_at = datetime.fromisoformat(one.answer["expires_at"])
            known = found.setdefault(str(one.answer["id"]), Promise(expires_at=expires_at, granted=one))
            known.expires_at = max(known.expires_at, expires_at)
    for one in asked:
        for hold_id in _touched(one):
            if hold_id in found:
                _apply(found[hold_id], one)
    return found


def check_holds(promises: Mapping[str, Promise], redis: InRedis, *, retention_ms: int) -> list[Check]:
    """Promised holds are there, ended ones are gone, and nothing is left over."""
    by_hold: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in redis.entries:
        by_hold[entry.hold_id].append(entry)
    return [
        Check(
            promise="every hold is live with its minutes, or ended as its visitor was told",
            examined=len(promises),
            complaints=tuple(
                f"{hold_id} {fault}"
                for hold_id, promise in promises.items()
                for fault in _broken(promise, redis.records.get(hold_id), by_hold[hold_id], redis)
            ),
        ),
        Check(
            promise="no record of a hold is kept longer than it should be",
            examined=len(redis.records),
            complaints=tuple(_overdue(redis, retention_ms)),
        ),
        Check(
            promise="no list names a hold that is not live",
            examined=len(redis.entries),
            complaints=tuple(_dangling(redis)),
        ),
    ]


def check_answered_holds(promises: Mapping[str, Promise], answers: Mapping[str, tuple[str, str]]) -> Check:
    """The same without Redis: `answers` has status and end as the API says them, empty for a hold it does not know."""

    def complaints() -> Iterator[str]:
        for hold_id, (status, expires_at) in answers.items():
            promise = promises[hold_id]
            if promise.given_up and not promise.uncertain and status:
                yield f"{hold_id} was given up, and is answered as {status}"
            elif _is_open(promise) and status != "held":
                yield f"{hold_id} was promised until {promise.expires_at:%H:%M:%S}, and is {status or 'not found'}"
            elif _is_open(promise) and datetime.fromisoformat(expires_at) < promise.expires_at:
                yield f"{hold_id} was promised until {promise.expires_at:%H:%M:%S}, and ends at {expires_at}"

    return Check(
        promise="every hold that should live is live, by what the API says",
        examined=len(answers),
        complaints=tuple(complaints()),
    )


def _touched(one: Exchange) -> Iterator[str]:
    """The holds that the request may have ended."""
    if one.operation in {Operation.CONFIRM, Operation.RELEASE, Operation.EXTEND} and one.subject is not None:
        yield one.subject
    for member in ("replaces", "hold"):
        if one.sent is not None and one.sent.get(member) is not None:
            yield str(one.sent[member])


def _apply(promise: Promise, one: Exchange) -> None:
    if one.outcome is Outcome.REFUSED:
        return
    if one.outcome is Outcome.UNKNOWN:
        promise.uncertain = True
    elif one.operation in {Operation.CONFIRM, Operation.RESCHEDULE} and one.answer is not None:
        promise.appointment = str(one.answer["id"])
    elif one.operation in {Operation.RELEASE, Operation.HOLD}:
        promise.given_up = True


def _is_open(promise: Promise) -> bool:
    return not (promise.uncertain or promise.given_up or promise.appointment)


def _broken(promise: Promise, record: Record | None, entries: Sequence[Entry], redis: InRedis) -> Iterator[str]:
    if promise.uncertain:
        return
    until = f"{promise.expires_at:%Y-%m-%d %H:%M:%S}"
    listed = [entry for entry in entries if redis.is_live(entry.deadline_ms)]
    if promise.appointment is not None:
        if record is not None and (record.state, record.appointment) != ("confirmed", promise.appointment):
            yield f"became {promise.appointment}, and its record says {record.state} {record.appointment}".rstrip()
        yield from (f"became {promise.appointment}, and is still in {entry.list_name}" for entry in listed)
    elif promise.given_up:
        # One that had ended before keeps its record, as any that has expired.
        if record is not None and not redis.is_over(min(record.deadline_ms, promise.deadline_ms)):
            yield f"was given up, and its record says {record.state}"
        yield from (f"was given up, and is still in {entry.list_name}" for entry in listed)
    elif redis.is_live(promise.deadline_ms):
        yield from _lost(promise, record, entries, until)
    elif redis.is_over(promise.deadline_ms):
        yield from (f"ended at {until}, and is still in {entry.list_name}" for entry in listed)


def _lost(promise: Promise, record: Record | None, entries: Sequence[Entry], until: str) -> Iterator[str]:
    """What is missing of a hold that should be live."""
    if record is None:
        yield f"was promised until {until}, and is not there"
    elif record.state not in _LIVE:
        yield f"was promised until {until}, and its record says {record.state}"
    elif abs(record.deadline_ms - promise.deadline_ms) > _SLACK_MS:
        yield f"was promised until {until}, and its record ends at {record.deadline_ms} ms"
    else:
        listed = {(entry.list_name, entry.text) for entry in entries}
        for list_name, text in _wanted(str((promise.granted.answer or {})["id"]), record):
            if (list_name, text) not in listed:
                yield f"is live, and {list_name} does not keep its minutes"


def _wanted(hold_id: str, record: Record) -> Iterator[tuple[str, str]]:
    for claim in record.claims.split():
        resource, lane, start, end = claim.split(":")
        for day in range(int(start) // _MINUTES_PER_DAY, (int(end) - 1) // _MINUTES_PER_DAY + 1):
            yield f"held:{resource}:{day}", f"{hold_id}:{lane}:{start}:{end}:{record.deadline_ms}"


def _overdue(redis: InRedis, retention_ms: int) -> Iterator[str]:
    for hold_id, record in redis.records.items():
        left_ms = 0 if record.state == "confirmed" else max(record.deadline_ms - redis.began_ms, 0)
        if record.forgotten_in_ms < 0:
            yield f"the record of {hold_id} ({record.state}) is never forgotten"
        elif record.forgotten_in_ms > left_ms + retention_ms + _SLACK_MS:
            yield f"the record of {hold_id} ({record.state}) is kept for {record.forgotten_in_ms} ms more"


def _dangling(redis: InRedis) -> Iterator[str]:
    for entry in redis.entries:
        record = redis.records.get(entry.hold_id)
        if not redis.is_live(entry.deadline_ms):
            # It counts for nothing, and the next write drops it.
            continue
        if record is None:
            yield f"{entry.list_name} names {entry.hold_id}, which has no record"
        elif record.state not in _LIVE:
            yield f"{entry.list_name} names {entry.hold_id}, which is {record.state}"
        elif record.deadline_ms != entry.deadline_ms:
            yield f"{entry.list_name} has {entry.hold_id} until {entry.deadline_ms} ms, its record {record.deadline_ms}"
