"""What must be true after any run, whatever failed meanwhile: pure judgements of a history and of rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from loadtests.faults.history import Exchange, History, Operation, Outcome, Store
from loadtests.faults.rows import LIVE, Appointment, Claim, Rows
from loadtests.faults.standing import BOOKINGS, CHANGES, find_sold_twice, find_stands

PROBLEM: Final = "application/problem+json"
SETTLING_SECONDS: Final = 2.0
"""After the last booking that may have passed Redis by: by then the invalidator has told Redis of it."""
# What a holder must not hear while the hold lives.
_LOST: Final = frozenset({"slot_taken", "slot_held", "hold_not_found", "hold_expired", "not_offered"})
# Of an audit: what nothing that befalls Redis may bring about. A bitmap that differs after Redis was told of every
# change is stale for as long as it is cached; a repair that mends it excuses nothing.
_NEVER: Final = frozenset({"appointment_lost", "appointment_unclaimed", "bitmap", "claim_orphaned", "claims_overlap"})
_ERROR: Final = 400
_INTERNAL: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise: how often it was looked at, and each time it was not kept."""

    promise: str
    examined: int
    complaints: Sequence[str]
    essential: bool = False
    """Whether a run in which there was nothing to look at has shown nothing."""

    @property
    def empty(self) -> bool:
        """Whether there was nothing to look at, and should have been."""
        return self.essential and not self.examined

    @property
    def kept(self) -> bool:
        """Whether there is nothing to complain about, and that means something."""
        return not self.complaints and not self.empty


def check_all(
    history: History, rows: Rows, *, statuses: Mapping[str, int], capacities: Mapping[str, int]
) -> list[Check]:
    """Every check.

    `statuses` are the documented codes of problems, each with its status; `capacities` has every resource of the
    business.
    """
    errors = [one for one in history.exchanges if one.status is not None and (one.status >= _ERROR or one.remark)]
    recovered = [fault for fault in history.faults if fault.recovered_at is None]
    return [
        *check_bookings(history, rows, capacities=capacities),
        check_claims(rows),
        _check("what is in Postgres was asked for, and not refused", rows.appointments, _unexplained(history, rows)),
        _check("live appointments have their claims, and nobody else has any", rows.appointments, _misclaimed(rows)),
        _check("each change of an appointment left its event", rows.appointments, _eventless(rows)),
        _check("no request was answered 500", history.exchanges, _internal(history)),
        _check("every refusal is a documented problem", errors, _undocumented(errors, statuses)),
        _check(
            "bookings succeed again after every fault",
            history.faults,
            (f"{fault.name}: they did not" for fault in recovered),
            essential=True,
        ),
    ]


def check_bookings(history: History, rows: Rows, *, capacities: Mapping[str, int]) -> list[Check]:
    """What any business promises those who book, also one in which others book as well."""
    told = _told(history)
    stands = find_stands(history, rows)
    confirmations = list(_confirmations_of_live_holds(history))
    return [
        _check(
            "what was answered is in Postgres, as it was answered", told, _untrue(history, rows, told), essential=True
        ),
        _check("one hold or key makes one appointment", _attempts(history), _doubled(history, rows)),
        _check("no time was sold twice while both stood", stands, find_sold_twice(stands, capacities), essential=True),
        _check("no live hold was lost while Redis was well", confirmations, _lost_holds(confirmations), essential=True),
    ]


def check_claims(rows: Rows) -> Check:
    """By the claims alone, whoever made them."""
    return _check("no two claims of a lane overlap", rows.claims, _overlapping(rows))


def check_audits(reports: Sequence[Mapping[str, Any]]) -> Check:
    """Audits of a run at rest, one after the other, in the form that `holdfast audit --json` prints."""

    def complaints() -> Iterator[str]:
        for report in reports:
            yield from (one["sentence"] for one in report["differences"] if one["kind"] in _NEVER)
        last = reports[-1]
        yield from (one["sentence"] for one in last["differences"] if one["kind"] not in _NEVER)
        if last["unsettled"]:
            yield f"{last['unsettled']} staff-days were not judged, though nothing changes any more"

    return Check(
        promise="the audit finds nothing, at the latest after it has repaired Redis",
        examined=sum(reports[-1]["compared"].values()),
        complaints=tuple(complaints()),
        essential=True,
    )


def _check(promise: str, examined: Iterable[object], complaints: Iterable[str], *, essential: bool = False) -> Check:
    return Check(promise=promise, examined=sum(1 for _ in examined), complaints=tuple(complaints), essential=essential)


def _told(history: History) -> Mapping[str, list[Exchange]]:
    """Of each appointment the answers that showed it."""
    told: defaultdict[str, list[Exchange]] = defaultdict(list)
    for one in history.exchanges:
        if one.outcome is Outcome.GRANTED and one.operation in BOOKINGS | CHANGES and one.answer is not None:
            told[one.answer["id"]].append(one)
    return told


def _untrue(history: History, rows: Rows, told: Mapping[str, list[Exchange]]) -> Iterator[str]:
    """Answers that the final state does not bear out.

    The version counts the changes. Where it is that of the latest answer, everything is as in that answer; where it is
    higher, changes whose outcome nobody knows must account for each step, and for what has changed.
    """
    unknown: defaultdict[str, list[Exchange]] = defaultdict(list)
    for one in history.exchanges:
        if one.operation in CHANGES and one.outcome is Outcome.UNKNOWN:
            unknown[str(one.subject)].append(one)
    for appointment_id, exchanges in told.items():
        row = rows.appointments.get(appointment_id)
        latest = max(exchanges, key=_version)
        if row is None:
            yield f"{appointment_id} was answered to client {latest.client}, and is not there"
        else:
            yield from (f"{appointment_id} {fault}" for fault in _contradictions(row, latest, unknown[appointment_id]))
        yield from _two_stories(appointment_id, exchanges)
    for one in history.exchanges:
        if one.operation in CHANGES and one.code == "not_found":
            yield f"{one.subject} was answered, and not found when client {one.client} changed it"


def _contradictions(row: Appointment, latest: Exchange, unknown: Sequence[Exchange]) -> Iterator[str]:
    assert latest.answer is not None
    shown = _shown(latest.answer)
    steps = row.version - _version(latest)
    if steps < 0:
        yield f"is at version {row.version}, and was answered at version {_version(latest)}"
    elif steps == 0 and shown != _stored(row):
        yield f"is {_said(_stored(row))}, and was answered as {_said(shown)}, both at version {row.version}"
    elif steps > len(unknown):
        yield f"was changed {steps} times after its last answer, and {len(unknown)} changes are without one"
    elif steps:
        moves = {_instant(one.sent["start"]) for one in unknown if one.sent and "start" in one.sent}
        moved_anywhere = any(
            one.operation is Operation.RESCHEDULE and one.sent and "hold" in one.sent for one in unknown
        )
        if row.starts_at != _instant(latest.answer["start"]) and row.starts_at not in moves and not moved_anywhere:
            yield f"is at {row.starts_at}, where nobody wanted it"
        cancelling = any(one.operation is Operation.CANCEL for one in unknown)
        if row.status != latest.answer["status"] and not (row.status == "cancelled" and cancelling):
            yield f"is {row.status}, which nobody asked for"


def _two_stories(appointment_id: str, exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Answers of the same version must say the same."""
    by_version: defaultdict[int, set[tuple[object, ...]]] = defaultdict(set)
    for one in exchanges:
        assert one.answer is not None
        by_version[_version(one)].add(_shown(one.answer))
    for version, stories in by_version.items():
        if len(stories) > 1:
            yield f"{appointment_id} was answered in different ways at version {version}: {sorted(map(str, stories))}"


def _unexplained(history: History, rows: Rows) -> Iterator[str]:
    """Rows that no booking could have made: never asked for, or only ever refused."""
    wanted: defaultdict[str, set[Outcome]] = defaultdict(set)
    for one in history.exchanges:
        if one.operation in BOOKINGS:
            wanted[one.attempt].add(one.outcome)
    for row in rows.appointments.values():
        if row.attempt not in wanted:
            yield f"{row.id} is there, and nobody asked for it"
        elif wanted[str(row.attempt)] == {Outcome.REFUSED}:
            yield f"{row.id} is there, and was refused ({row.attempt})"


def _attempts(history: History) -> set[str]:
    return {one.attempt for one in history.exchanges if one.operation in BOOKINGS}


def _doubled(history: History, rows: Rows) -> Iterator[str]:
    """By the rows, and by the answers."""
    for name, keys in (
        ("attempt", [row.attempt for row in rows.appointments.values() if row.attempt is not None]),
        ("hold", [row.hold_id for row in rows.appointments.values()]),
    ):
        yield from (f"{name} {key} has {count} appointments" for key, count in Counter(keys).items() if count > 1)
    answered: defaultdict[str, set[str]] = defaultdict(set)
    for one in history.exchanges:
        if one.operation in BOOKINGS and one.outcome is Outcome.GRANTED and one.answer is not None:
            answered[one.attempt].add(one.answer["id"])
            if one.operation is Operation.CONFIRM and one.answer["hold"] != one.subject:
                yield f"confirming {one.subject} was answered with the appointment of {one.answer['hold']}"
    for attempt, ids in answered.items():
        if len(ids) > 1:
            yield f"attempt {attempt} was answered with {sorted(ids)}"


def _overlapping(rows: Rows) -> Iterator[str]:
    """As the self join has it, and once more by going along each lane."""
    for lane, one, other in rows.overlaps:
        yield f"lane {lane}: the claims of {one} and {other} overlap (self join)"
    lanes: defaultdict[int, list[Claim]] = defaultdict(list)
    for claim in rows.claims:
        lanes[claim.lane_id].append(claim)
    for lane, claims in lanes.items():
        claims.sort(key=lambda claim: (claim.starts_at, claim.ends_at))
        last = claims[0]
        for claim in claims[1:]:
            if claim.starts_at < last.ends_at:
                yield f"lane {lane}: the claims of {last.appointment_id} and {claim.appointment_id} overlap"
            last = max(last, claim, key=lambda one: one.ends_at)


def _misclaimed(rows: Rows) -> Iterator[str]:
    """Each part of a live appointment claims a lane for each of the party, with buffers; nothing else is claimed."""
    found: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in rows.claims:
        found[claim.appointment_id].append(claim)
    for appointment_id in found.keys() - rows.appointments.keys():
        yield f"claims of {appointment_id} are there, and it is not"
    for row in rows.appointments.values():
        claims = found[row.id]
        has = Counter((claim.resource, claim.starts_at, claim.ends_at) for claim in claims)
        needs = Counter[tuple[str, datetime, datetime]]()
        for part in row.parts if row.status in LIVE else ():
            before = row.buffer_before_minutes if part.starts_at == row.starts_at else 0
            after = row.buffer_after_minutes if part.ends_at == row.ends_at else 0
            span = part.starts_at - timedelta(minutes=before), part.ends_at + timedelta(minutes=after)
            needs[part.resource, *span] += row.party
        if row.status in LIVE and not row.parts:
            yield f"{row.id} is {row.status}, and nobody serves it"
        if has != needs:
            yield f"{row.id} is {row.status} and claims {_spelled(has)}; it should claim {_spelled(needs)}"
        if len({(claim.lane_id, claim.starts_at) for claim in claims}) < len(claims):
            yield f"{row.id} claims a lane twice"


def _eventless(rows: Rows) -> Iterator[str]:
    for row in rows.appointments.values():
        if row.events != row.version:
            yield f"{row.id} is at version {row.version}, with {row.events} events"


def _confirmations_of_live_holds(history: History) -> Iterator[Exchange]:
    """Confirmations of holds that lived from first to last while Redis was well, and that nobody else had a hand in."""
    holds = {
        str(one.answer["id"]): one
        for one in history.exchanges
        if one.operation is Operation.HOLD and one.outcome is Outcome.GRANTED and one.answer is not None
    }
    used = {str(one.subject) for one in history.exchanges if one.operation is Operation.RELEASE}
    used |= {str(one.sent["hold"]) for one in history.exchanges if one.sent is not None and "hold" in one.sent}
    disturbed = list(_disturbances(history))
    for one in history.exchanges:
        hold = holds.get(str(one.subject))
        if one.operation is not Operation.CONFIRM or hold is None or one.subject in used or one.status is None:
            continue
        assert hold.answer is not None
        expires_at = datetime.fromisoformat(hold.answer["expires_at"]).timestamp() - history.epoch
        calm = all(one.ended_at < start or hold.sent_at > end for start, end in disturbed)
        if calm and one.ended_at < expires_at:
            yield one


def _disturbances(history: History) -> Iterator[tuple[float, float]]:
    """When holds may have been passed by: from a fault of Redis until all that was sent before its end is answered."""
    for fault in history.faults:
        if fault.store is Store.REDIS:
            recovered_at = float("inf") if fault.recovered_at is None else fault.recovered_at
            sent_before = (one.ended_at for one in history.exchanges if one.sent_at <= recovered_at)
            yield fault.started_at, max([recovered_at, *sent_before]) + SETTLING_SECONDS


def _lost_holds(confirmations: Iterable[Exchange]) -> Iterator[str]:
    for one in confirmations:
        if one.code in _LOST:
            yield f"client {one.client} heard {one.code} of its live hold {one.subject} at {one.ended_at:.3f}"


def _internal(history: History) -> Iterator[str]:
    for one in history.exchanges:
        if one.status == _INTERNAL:
            yield f"{one.operation} of client {one.client} at {one.sent_at:.3f}: {one.answer or one.remark}"


def _undocumented(errors: Iterable[Exchange], statuses: Mapping[str, int]) -> Iterator[str]:
    for one in errors:
        if one.media_type != PROBLEM or statuses.get(one.code) != one.status:
            yield f"{one.operation} was answered {one.status} {one.media_type} {one.code!r} {one.remark}".rstrip()


def _version(exchange: Exchange) -> int:
    assert exchange.answer is not None
    return int(exchange.answer["version"])


def _shown(answer: Mapping[str, Any]) -> tuple[str, datetime, tuple[str, ...]]:
    resources = sorted(used["resource"] for used in answer["resources"])
    return str(answer["status"]), _instant(answer["start"]), tuple(resources)


def _stored(row: Appointment) -> tuple[str, datetime, tuple[str, ...]]:
    return row.status, row.starts_at, tuple(sorted(part.resource for part in row.parts))


def _said(facts: tuple[str, datetime, tuple[str, ...]]) -> str:
    status, start, resources = facts
    return f"{status} at {start:%Y-%m-%d %H:%M} with {', '.join(resources) or 'nobody'}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _spelled(claims: Mapping[tuple[str, datetime, datetime], int]) -> str:
    return (
        ", ".join(f"{count} of {who} {start:%d %H:%M}-{end:%H:%M}" for (who, start, end), count in claims.items())
        or "nothing"
    )
