"""The checks of `make faults` themselves: a made-up good run satisfies them, and each made-up bad one does not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest

from loadtests.faults.checks import Check, check_all, check_audits
from loadtests.faults.clients import read_object
from loadtests.faults.history import Exchange, FaultSpan, History, Operation, Outcome, Store
from loadtests.faults.rows import Appointment, Claim, Part, Rows

TEN: Final = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
ELEVEN: Final = TEN + timedelta(hours=1)
NOON: Final = TEN + timedelta(hours=2)
STATUSES: Final = {
    "slot_taken": 409,
    "invalid_transition": 409,
    "not_found": 404,
    "store_unavailable": 503,
    "internal": 500,
}

CAPACITIES: Final = {"ann": 2, "ben": 1, "hall": 3}

TRUE: Final = "what was answered is in Postgres, as it was answered"
EXPLAINED: Final = "what is in Postgres was asked for, and not refused"
ONCE: Final = "one hold or key makes one appointment"
SOLD_ONCE: Final = "no time was sold twice while both stood"
APART: Final = "no two claims of a lane overlap"
CLAIMED: Final = "live appointments have their claims, and nobody else has any"
TOLD: Final = "each change of an appointment left its event"
KEPT: Final = "no live hold was lost while Redis was well"
NO_500: Final = "no request was answered 500"
DOCUMENTED: Final = "every refusal is a documented problem"
BACK: Final = "bookings succeed again after every fault"


def answer(
    number: int = 1,
    *,
    start: datetime = TEN,
    status: str = "confirmed",
    version: int = 1,
    resource: str = "ann",
    party: int = 1,
) -> dict[str, Any]:
    return {
        "id": f"apt_{number}",
        "hold": f"hld_{number}",
        "status": status,
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=30)).isoformat(),
        "party": party,
        "version": version,
        "resources": [{"role": "staff", "resource": resource}],
    }


def problem(code: str) -> dict[str, Any]:
    return {"code": code}


def exchange(operation: Operation, status: int | None, told: Mapping[str, Any] | None = None, **more: Any) -> Exchange:
    refused = status is not None and status >= 400
    fields: dict[str, Any] = {
        "client": 1,
        "server": "api-1",
        "attempt": "1-1",
        "subject": None,
        "sent": {},
        "sent_at": 10.0,
        "ended_at": 11.0,
        "media_type": "application/problem+json" if refused else "application/json",
    }
    return Exchange(operation=operation, status=status, answer=told, **fields | more)


def held(number: int = 1, *, lives_until: float = 60.0) -> Exchange:
    expires_at = datetime.fromtimestamp(lives_until, UTC).isoformat()
    told = {"id": f"hld_{number}", "expires_at": expires_at}
    return exchange(Operation.HOLD, 201, told, attempt=f"1-{number}", sent_at=8.0, ended_at=9.0)


def confirmed(number: int = 1, **more: Any) -> Exchange:
    told = answer(number, **more)
    return exchange(Operation.CONFIRM, 201, told, subject=f"hld_{number}", attempt=f"1-{number}")


def changed(operation: Operation, status: int | None, told: Mapping[str, Any] | None = None, **more: Any) -> Exchange:
    return exchange(
        operation, status, told, subject="apt_1", attempt="apt_1", **{"sent_at": 12.0, "ended_at": 13.0} | more
    )


def history(*exchanges: Exchange, faults: Sequence[FaultSpan] = ()) -> History:
    return History(epoch=0.0, exchanges=exchanges, faults=faults)


def row(number: int = 1, *, start: datetime = TEN, resource: str = "ann", **more: Any) -> Appointment:
    end = start + timedelta(minutes=30)
    fields: dict[str, Any] = {
        "id": f"apt_{number}",
        "hold_id": f"hld_{number}",
        "attempt": f"1-{number}",
        "status": "confirmed",
        "party": 1,
        "version": 1,
        "buffer_before_minutes": 0,
        "buffer_after_minutes": 5,
        "parts": [Part(resource=resource, starts_at=start, ends_at=end)],
    } | more
    return Appointment(starts_at=start, ends_at=end, **{"events": fields["version"]} | fields)


def claim(number: int = 1, *, start: datetime = TEN, minutes: int = 35, lane: int = 7) -> Claim:
    end = start + timedelta(minutes=minutes)
    return Claim(appointment_id=f"apt_{number}", resource="ann", lane_id=lane, starts_at=start, ends_at=end)


def rows(*appointments: Appointment, claims: Sequence[Claim] | None = None, **more: Any) -> Rows:
    """By default each live appointment has the claim that is due to it."""
    if claims is None:
        live = [(int(one.id[-1]), one.starts_at) for one in appointments if one.status == "confirmed"]
        claims = [claim(number, start=start) for number, start in live]
    return Rows(appointments={one.id: one for one in appointments}, claims=claims, **more)


def broken(run: History, found: Rows) -> set[str]:
    """The promises with which something is wrong."""
    return {check.promise for check in checks(run, found) if check.complaints}


def checks(run: History, found: Rows) -> list[Check]:
    return check_all(run, found, statuses=STATUSES, capacities=CAPACITIES)


def fault(store: Store, started_at: float, recovered_at: float | None) -> FaultSpan:
    return FaultSpan(name="a fault", store=store, started_at=started_at, ended_at=started_at, recovered_at=recovered_at)


MOVED: Final = changed(Operation.RESCHEDULE, 200, answer(start=NOON, version=2), sent={"start": NOON.isoformat()})
MOVED_PERHAPS: Final = changed(
    Operation.RESCHEDULE, 503, problem("store_unavailable"), sent={"start": NOON.isoformat()}
)
CANCELLED: Final = changed(Operation.CANCEL, 200, answer(status="cancelled", version=2))
CANCELLED_PERHAPS: Final = changed(Operation.CANCEL, None)
UNANSWERED: Final = exchange(Operation.CONFIRM, None, subject="hld_1")
REFUSED: Final = exchange(Operation.CONFIRM, 409, problem("slot_taken"), subject="hld_1")


@pytest.mark.parametrize(
    ("run", "found"),
    [
        pytest.param(history(held(), confirmed()), rows(row()), id="booked"),
        pytest.param(history(UNANSWERED), rows(row()), id="booked without an answer"),
        pytest.param(history(UNANSWERED), rows(), id="not booked, without an answer"),
        pytest.param(history(UNANSWERED, confirmed()), rows(row()), id="repeated"),
        pytest.param(history(UNANSWERED, REFUSED), rows(row()), id="refused after nobody answered"),
        pytest.param(history(confirmed(), MOVED), rows(row(start=NOON, version=2)), id="moved"),
        pytest.param(history(confirmed(), MOVED_PERHAPS), rows(row(start=NOON, version=2)), id="moved, unanswered"),
        pytest.param(history(confirmed(), MOVED_PERHAPS), rows(row()), id="not moved, unanswered"),
        pytest.param(history(confirmed(), CANCELLED), rows(row(status="cancelled", version=2)), id="cancelled"),
        pytest.param(
            history(confirmed(), CANCELLED_PERHAPS),
            rows(row(status="cancelled", version=2)),
            id="cancelled, unanswered",
        ),
        pytest.param(
            history(confirmed(), confirmed(2)),
            rows(row(), row(2), claims=[claim(), claim(2, lane=8)]),
            id="side by side on two lanes",
        ),
        pytest.param(
            history(confirmed(), confirmed(2, start=ELEVEN)),
            rows(row(), row(2, start=ELEVEN), claims=[claim(), claim(2, start=ELEVEN)]),
            id="one after the other on one lane",
        ),
        pytest.param(history(held(), REFUSED, faults=[fault(Store.REDIS, 5.0, 7.0)]), rows(), id="Redis was away"),
        pytest.param(history(held(lives_until=10.5), REFUSED), rows(), id="the hold had expired"),
    ],
)
def test_good_run_satisfies_all(run: History, found: Rows) -> None:
    assert broken(run, found) == set()


@pytest.mark.parametrize(
    ("run", "found"),
    [
        pytest.param(history(confirmed()), rows(), id="lost"),
        pytest.param(history(confirmed()), rows(row(start=NOON)), id="at another time"),
        pytest.param(history(confirmed(resource="ben")), rows(row()), id="with somebody else"),
        pytest.param(history(confirmed()), rows(row(status="cancelled", version=2)), id="cancelled by nobody"),
        pytest.param(history(confirmed(), CANCELLED), rows(row()), id="cancellation lost"),
        pytest.param(history(confirmed(), MOVED), rows(row()), id="move lost"),
        pytest.param(
            history(confirmed(), CANCELLED_PERHAPS), rows(row(start=NOON, version=2)), id="moved, not cancelled"
        ),
        pytest.param(
            history(confirmed(), MOVED_PERHAPS), rows(row(start=ELEVEN, version=2)), id="moved where nobody wanted"
        ),
        pytest.param(
            history(confirmed(), MOVED_PERHAPS), rows(row(status="cancelled", version=2)), id="cancelled, not moved"
        ),
        pytest.param(history(confirmed(), MOVED_PERHAPS), rows(row(start=NOON, version=3)), id="moved twice"),
        pytest.param(history(confirmed(), confirmed(start=NOON)), rows(row()), id="answered in two ways"),
        pytest.param(
            history(confirmed(), changed(Operation.CANCEL, 404, problem("not_found"))), rows(row()), id="not found"
        ),
    ],
)
def test_answer_that_is_not_borne_out_is_found(run: History, found: Rows) -> None:
    assert broken(run, found) == {TRUE}


@pytest.mark.parametrize(
    "run", [pytest.param(history(held()), id="never asked for"), pytest.param(history(REFUSED), id="refused")]
)
def test_appointment_that_nobody_made_is_found(run: History) -> None:
    assert broken(run, rows(row())) == {EXPLAINED}


@pytest.mark.parametrize(
    ("run", "found"),
    [
        pytest.param(
            history(confirmed(), confirmed(2)),
            rows(row(), row(2, start=NOON, attempt="1-1")),
            id="two of one attempt",
        ),
        pytest.param(
            history(confirmed(), confirmed(2, start=NOON)),
            rows(row(), row(2, start=NOON, hold_id="hld_1")),
            id="of one hold",
        ),
        pytest.param(
            history(confirmed(), replace(confirmed(2, start=NOON), attempt="1-1"), replace(UNANSWERED, attempt="1-2")),
            rows(row(), row(2, start=NOON)),
            id="two answers to one attempt",
        ),
        pytest.param(history(replace(confirmed(), subject="hld_9")), rows(row()), id="the appointment of another hold"),
    ],
)
def test_second_appointment_is_found(run: History, found: Rows) -> None:
    assert ONCE in broken(run, found)


def sold(number: int, since: float, *, resource: str = "ben", **more: Any) -> Exchange:
    """Booked, as its client hears at `since`."""
    return replace(confirmed(number, resource=resource, **more), sent_at=since - 0.5, ended_at=since)


def altered(number: int, sent_at: float, operation: Operation, status: int | None, told: Any = None) -> Exchange:
    """Cancelled or moved, or not; it takes a second."""
    asked = exchange(operation, status, told, subject=f"apt_{number}", attempt=f"apt_{number}")
    return replace(asked, sent_at=sent_at, ended_at=sent_at + 1)


def dropped(number: int, sent_at: float, *, version: int = 2) -> Exchange:
    gone = answer(number, status="cancelled", version=version, resource="ben")
    return altered(number, sent_at, Operation.CANCEL, 200, gone)


def moved(number: int, sent_at: float, start: datetime, *, version: int = 2) -> Exchange:
    told = answer(number, start=start, version=version, resource="ben")
    return altered(number, sent_at, Operation.RESCHEDULE, 200, told)


def sold_twice(*exchanges: Exchange) -> Sequence[str]:
    """What is said of it, when nothing of it is left in Postgres but the service's buffers."""
    found = rows(*(row(number, status="cancelled") for number in range(1, 5)))
    return next(check for check in checks(history(*exchanges), found) if check.promise == SOLD_ONCE).complaints


REFUSED_CANCEL: Final = altered(1, 12, Operation.CANCEL, 409, problem("invalid_transition"))


@pytest.mark.parametrize(
    "run",
    [
        pytest.param([sold(1, 11), sold(2, 14)], id="to the end"),
        pytest.param([sold(1, 11), sold(2, 14), dropped(1, 15), dropped(2, 20)], id="both cancelled later"),
        pytest.param([sold(1, 11), sold(2, 14), moved(2, 15, NOON)], id="moved away later"),
        pytest.param([sold(1, 11), sold(2, 12, start=NOON), moved(2, 13, TEN)], id="moved onto"),
        pytest.param([sold(1, 11), REFUSED_CANCEL, sold(2, 14)], id="a cancellation between them was refused"),
        pytest.param([sold(1, 11), sold(2, 14, start=TEN + timedelta(minutes=34))], id="a minute of the buffer"),
        pytest.param(
            [sold(1, 11), sold(2, 12, start=NOON), moved(1, 13, NOON, version=2), dropped(1, 30, version=3)],
            id="moved onto, then cancelled",
        ),
        pytest.param(
            [sold(1, 11), sold(2, 12, start=NOON), moved(1, 13, NOON), moved(1, 16, NOON), dropped(2, 15)],
            id="moved onto, and heard twice",
        ),
        pytest.param([sold(1, 11), sold(2, 14), dropped(2, 16), sold(1, 20)], id="one heard twice"),
        pytest.param(
            [sold(1, 11, resource="hall", party=2), sold(2, 14, resource="hall", party=2)], id="four of three places"
        ),
        pytest.param(
            [
                sold(1, 11, resource="hall"),
                sold(2, 12, resource="hall", party=2, start=TEN + timedelta(minutes=15)),
                sold(3, 13, resource="hall"),
            ],
            id="too many from its second quarter of an hour",
        ),
    ],
)
def test_time_that_was_sold_twice_is_found(run: Sequence[Exchange]) -> None:
    assert len(sold_twice(*run)) == 1
    assert len(sold_twice(*reversed(run))) == 1


@pytest.mark.parametrize(
    "run",
    [
        pytest.param([sold(1, 11), dropped(1, 12), sold(2, 14)], id="cancelled in between"),
        pytest.param([sold(1, 11), dropped(1, 13), sold(2, 13.5)], id="cancellation under way"),
        pytest.param([sold(1, 11), moved(1, 12, NOON), sold(2, 14)], id="moved away in between"),
        pytest.param([sold(1, 11), altered(1, 12, Operation.CANCEL, None), sold(2, 14)], id="perhaps cancelled"),
        pytest.param(
            [sold(1, 11), altered(1, 12, Operation.RESCHEDULE, 503, problem("store_unavailable")), sold(2, 14)],
            id="perhaps moved",
        ),
        pytest.param([sold(1, 11), replace(dropped(1, 12), answer=None, remark="?"), sold(2, 14)], id="unintelligible"),
        pytest.param([sold(1, 11), replace(dropped(1, 12), answer=None), sold(2, 14)], id="without a word"),
        pytest.param(
            [sold(1, 11), altered(1, 12, Operation.CANCEL, None), moved(1, 13, NOON), sold(2, 15, start=NOON)],
            id="an older cancellation may yet be done",
        ),
        pytest.param(
            [sold(1, 11), sold(2, 12, start=NOON), altered(2, 12.5, Operation.CANCEL, None), moved(2, 13, TEN)],
            id="perhaps cancelled since it was moved",
        ),
        pytest.param(
            [sold(1, 11), exchange(Operation.CONFIRM, None, subject="hld_2", attempt="1-2")], id="perhaps not sold"
        ),
        pytest.param([sold(1, 11), dropped(1, 12), sold(2, 14), sold(1, 16)], id="an old answer once more"),
        pytest.param([sold(1, 11), sold(1, 14)], id="two answers of one"),
        pytest.param([sold(1, 11), sold(2, 14, start=TEN + timedelta(minutes=35))], id="after its buffer"),
        pytest.param([sold(1, 11), sold(2, 14, resource="ann")], id="of somebody else"),
        pytest.param([sold(1, 11, resource="hall", party=2), sold(2, 14, resource="hall")], id="three of three places"),
        pytest.param(
            [
                sold(1, 11, resource="hall", party=2),
                sold(2, 12, resource="hall", party=2, start=ELEVEN),
                replace(sold(3, 13, resource="hall"), answer=answer(3, resource="hall") | {"end": NOON.isoformat()}),
            ],
            id="never three at once",
        ),
    ],
)
def test_time_that_was_not_certainly_sold_twice_is_not_blamed(run: Sequence[Exchange]) -> None:
    assert sold_twice(*run) == ()
    assert sold_twice(*reversed(run)) == ()


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(
            rows(row(), row(2, start=TEN + timedelta(minutes=34)), claims=None),
            id="a minute of the buffer",
        ),
        pytest.param(
            rows(row(), row(2), claims=[claim(), claim(2, lane=8)], overlaps=[(7, "apt_1", "apt_2")]),
            id="only seen by the self join",
        ),
    ],
)
def test_overlap_is_found(found: Rows) -> None:
    told = [confirmed(int(one.id[-1]), start=one.starts_at) for one in found.appointments.values()]

    assert broken(history(*told), found) == {APART}


def test_overlap_with_a_claim_that_is_not_the_one_before_is_found() -> None:
    long, short = claim(minutes=180), claim(2, start=TEN, minutes=10)
    late = claim(3, start=ELEVEN)

    found = [check for check in checks(history(), rows(claims=[long, short, late])) if check.promise == APART]

    assert len(found[0].complaints) == 2


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(rows(row(), claims=[]), id="without a claim"),
        pytest.param(rows(row(), claims=[claim(minutes=30)]), id="without its buffer"),
        pytest.param(rows(row(), claims=[claim(), claim(lane=8)]), id="with one too many"),
        pytest.param(rows(row(party=2), claims=[claim()]), id="for one of two"),
        pytest.param(rows(row(parts=[]), claims=[claim()]), id="served by nobody"),
        pytest.param(rows(row(), claims=[claim(), claim(5, start=NOON)]), id="of no appointment"),
    ],
)
def test_wrong_claims_are_found(found: Rows) -> None:
    run = history(UNANSWERED)

    assert broken(run, found) == {CLAIMED}


def test_claim_of_a_cancelled_appointment_is_found() -> None:
    run = history(confirmed(), CANCELLED)

    assert broken(run, rows(row(status="cancelled", version=2), claims=[claim()])) == {CLAIMED}


def test_missing_event_is_found() -> None:
    assert broken(history(confirmed()), rows(row(events=0))) == {TOLD}


@pytest.mark.parametrize("code", ["slot_taken", "hold_not_found", "hold_expired", "slot_held"])
def test_loss_of_a_live_hold_is_found(code: str) -> None:
    lost = exchange(Operation.CONFIRM, 409, problem(code), subject="hld_1")

    assert KEPT in broken(history(held(), lost, faults=[fault(Store.POSTGRES, 5.0, 30.0)]), rows())


def test_internal_error_is_found() -> None:
    run = history(exchange(Operation.LIST, 500, problem("internal")))

    assert broken(run, rows()) == {NO_500}


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(exchange(Operation.LIST, 409, problem("no_such_code")), id="an unknown code"),
        pytest.param(exchange(Operation.LIST, 404, problem("slot_taken")), id="another status"),
        pytest.param(exchange(Operation.LIST, 409, problem("slot_taken"), media_type="text/plain"), id="no problem"),
        pytest.param(exchange(Operation.LIST, 502), id="no body"),
        pytest.param(exchange(Operation.LIST, 503, media_type="text/plain", remark="no JSON: 'Busy'"), id="text"),
        pytest.param(exchange(Operation.CANCEL, 200, media_type="text/html", remark="no JSON: '<p>'"), id="a page"),
    ],
)
def test_undocumented_refusal_is_found(refusal: Exchange) -> None:
    assert broken(history(refusal), rows()) == {DOCUMENTED}


def test_fault_without_recovery_is_found() -> None:
    assert broken(history(faults=[fault(Store.ENGINE, 1.0, None)]), rows()) == {BACK}


def test_run_in_which_nothing_was_looked_at_keeps_nothing_essential() -> None:
    assert {check.promise for check in checks(history(), rows()) if check.empty} == {TRUE, SOLD_ONCE, KEPT, BACK}
    assert not any(check.kept for check in checks(history(), rows()) if check.empty)


def test_audit_that_compared_nothing_is_not_kept() -> None:
    assert not check_audits([audited() | {"compared": {"holds": 0}}]).kept


@pytest.mark.parametrize(
    ("body", "found", "is_remarked"),
    [
        pytest.param(b'{"code": "stopping"}', {"code": "stopping"}, False, id="an object"),
        pytest.param(b"Internal Server Error", {}, True, id="text"),
        pytest.param(b'["stopping"]', {}, True, id="a list"),
        pytest.param(b"\xff\xfe\xff", {}, True, id="bytes"),
    ],
)
def test_any_body_of_an_answer_can_be_read(body: bytes, found: Mapping[str, Any], is_remarked: bool) -> None:  # noqa: FBT001 - expected
    full, remark = read_object(httpx.Response(500, content=body))

    assert full == found
    assert bool(remark) is is_remarked


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        pytest.param(exchange(Operation.BOOK, 201, answer()), Outcome.GRANTED, id="granted"),
        pytest.param(REFUSED, Outcome.REFUSED, id="refused"),
        pytest.param(exchange(Operation.BOOK, 503, problem("stopping")), Outcome.REFUSED, id="stopping"),
        pytest.param(exchange(Operation.BOOK, 503, problem("store_unavailable")), Outcome.UNKNOWN, id="no store"),
        pytest.param(exchange(Operation.BOOK, 500, problem("internal")), Outcome.UNKNOWN, id="internal"),
        pytest.param(exchange(Operation.BOOK, 502), Outcome.UNKNOWN, id="without a word"),
        pytest.param(exchange(Operation.BOOK, 400, remark="no JSON: 'No'"), Outcome.UNKNOWN, id="text"),
        pytest.param(UNANSWERED, Outcome.UNKNOWN, id="unanswered"),
    ],
)
def test_only_a_documented_answer_says_what_was_done(asked: Exchange, outcome: Outcome) -> None:
    assert asked.outcome is outcome


def audited(*kinds: str, unsettled: int = 0) -> dict[str, Any]:
    differences = [{"kind": kind, "sentence": f"a {kind}"} for kind in kinds]
    return {"differences": differences, "total": len(kinds), "compared": {"holds": 3}, "unsettled": unsettled}


@pytest.mark.parametrize(
    ("reports", "kept"),
    [
        pytest.param([audited()], True, id="nothing differs"),
        pytest.param([audited("hold_list"), audited("hold_list"), audited()], True, id="repaired"),
        pytest.param([audited("hold_list"), audited("hold_list"), audited("hold_list")], False, id="not repaired"),
        pytest.param([audited("bitmap"), audited("bitmap"), audited()], False, id="stale, though Redis was told"),
        pytest.param([audited("claim_orphaned"), audited()], False, id="wrong in Postgres"),
        pytest.param([audited(unsettled=1)], False, id="not judged"),
    ],
)
def test_audit_must_end_with_nothing(reports: Sequence[Mapping[str, Any]], kept: bool) -> None:  # noqa: FBT001 - expected
    check: Check = check_audits(reports)

    assert check.kept is kept
