"""The judgement of holds after a load run: a made-up good state satisfies it, and each made-up bad one does not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from loadtests.faults.history import Exchange, Operation
from loadtests.verify.holds import (
    Entry,
    InRedis,
    Promise,
    Record,
    check_answered_holds,
    check_holds,
    find_promises,
)

NOW_MS: Final = 1_000_000_000
SOON_MS: Final = NOW_MS + 60_000
AGO_MS: Final = NOW_MS - 60_000
RETENTION_MS: Final = 3_600_000
# Ten minutes that begin before midnight and end after it: of two days.
CLAIMS: Final = "res_1:2:1435:1445"

PROMISED: Final = "every hold is live with its minutes, or ended as its visitor was told"
FORGOTTEN: Final = "no record of a hold is kept longer than it should be"
LISTED: Final = "no list names a hold that is not live"


def exchange(operation: Operation, status: int | None, told: Mapping[str, Any] | None = None, **more: Any) -> Exchange:
    fields: dict[str, Any] = {
        "client": 1,
        "server": "http://engine",
        "attempt": "1-1",
        "subject": None,
        "sent": {},
        "sent_at": 1.0,
        "ended_at": 2.0,
    }
    return Exchange(operation=operation, status=status, answer=told, **fields | more)


def instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def placed(number: int = 1, *, ends_ms: int = SOON_MS, **sent: str) -> Exchange:
    return exchange(Operation.HOLD, 201, {"id": f"hld_{number}", "expires_at": instant(ends_ms)}, sent=sent)


def asked(operation: Operation, status: int | None, told: Mapping[str, Any] | None = None) -> Exchange:
    return exchange(operation, status, told, subject="hld_1")


def record(*, state: str = "held", deadline_ms: int = SOON_MS, appointment: str = "", **more: Any) -> Record:
    fields: dict[str, Any] = {"claims": CLAIMS, "client": "digest", "forgotten_in_ms": 60_000} | more
    return Record(state=state, deadline_ms=deadline_ms, appointment=appointment, **fields)


def entries(deadline_ms: int = SOON_MS, *, days: Sequence[int] = (0, 1)) -> list[Entry]:
    texts = {f"held:res_1:{day}": f"hld_1:2:1435:1445:{deadline_ms}" for day in days}
    texts["client:digest"] = f"hld_1:print:{deadline_ms}"
    return [Entry(list_name=name, hold_id="hld_1", deadline_ms=deadline_ms, text=text) for name, text in texts.items()]


def broken(exchanges: Sequence[Exchange], records: Mapping[str, Record], listed: Sequence[Entry] = ()) -> set[str]:
    redis = InRedis(began_ms=NOW_MS, ended_ms=NOW_MS + 10, records=records, entries=listed)
    checks = check_holds(find_promises(exchanges), redis, retention_ms=RETENTION_MS)
    return {check.promise for check in checks if check.complaints}


RELEASED: Final = asked(Operation.RELEASE, 204, {})
REPLACED: Final = placed(2, ends_ms=AGO_MS, replaces="hld_1")
CONFIRMED: Final = asked(Operation.CONFIRM, 201, {"id": "apt_1"})
CONFIRMED_PERHAPS: Final = asked(Operation.CONFIRM, None)
REFUSED: Final = asked(Operation.CONFIRM, 410, {"code": "hold_expired"})
EXTENDED: Final = asked(Operation.EXTEND, 200, {"id": "hld_1", "expires_at": instant(SOON_MS)})
USED: Final = exchange(Operation.RESCHEDULE, 200, {"id": "apt_1"}, sent={"hold": "hld_1"}, subject="apt_1")
BOOKED: Final = record(state="confirmed", appointment="apt_1")


@pytest.mark.parametrize(
    ("exchanges", "records", "listed"),
    [
        pytest.param([placed()], {"hld_1": record()}, entries(), id="live"),
        pytest.param([placed()], {"hld_1": record(state="pinned")}, entries(), id="just being confirmed"),
        pytest.param([placed(ends_ms=AGO_MS), EXTENDED], {"hld_1": record()}, entries(), id="extended"),
        pytest.param([placed(ends_ms=AGO_MS)], {"hld_1": record(deadline_ms=AGO_MS)}, (), id="expired"),
        pytest.param([placed(ends_ms=AGO_MS)], {}, (), id="expired and forgotten"),
        pytest.param(
            [placed(ends_ms=AGO_MS)], {"hld_1": record(deadline_ms=AGO_MS)}, entries(AGO_MS), id="expired and listed"
        ),
        pytest.param([placed(), RELEASED], {}, (), id="released"),
        pytest.param([placed(), REPLACED], {}, (), id="replaced"),
        pytest.param(
            [placed(ends_ms=AGO_MS), RELEASED], {"hld_1": record(deadline_ms=AGO_MS)}, (), id="released after its end"
        ),
        pytest.param([placed(), CONFIRMED], {"hld_1": BOOKED}, (), id="confirmed"),
        pytest.param([placed(), USED], {"hld_1": BOOKED}, (), id="used to reschedule"),
        pytest.param([placed(), CONFIRMED_PERHAPS], {"hld_1": BOOKED}, (), id="confirmed without an answer"),
        pytest.param([placed(), CONFIRMED_PERHAPS], {"hld_1": record()}, entries(), id="not confirmed, no answer"),
        pytest.param([placed(ends_ms=AGO_MS), REFUSED], {}, (), id="too late"),
        pytest.param([], {"hld_9": record(state="confirmed", appointment="apt_9")}, (), id="somebody else's"),
    ],
)
def test_good_state_satisfies_all(
    exchanges: Sequence[Exchange], records: Mapping[str, Record], listed: Sequence[Entry]
) -> None:
    assert broken(exchanges, records, listed) == set()


@pytest.mark.parametrize(
    ("exchanges", "records", "listed"),
    [
        pytest.param([placed()], {}, (), id="live one is gone"),
        pytest.param([placed(), REFUSED], {}, (), id="live one is gone, and was refused"),
        pytest.param([placed()], {"hld_1": BOOKED}, (), id="live one was confirmed by nobody"),
        pytest.param(
            [placed()], {"hld_1": record(deadline_ms=SOON_MS - 5000)}, entries(SOON_MS - 5000), id="too short"
        ),
        pytest.param([placed()], {"hld_1": record()}, entries(days=[0]), id="a day is not kept"),
        pytest.param([placed()], {"hld_1": record()}, (), id="no minute is kept"),
        pytest.param([placed(), RELEASED], {"hld_1": record()}, entries(), id="released one lives"),
        pytest.param([placed(), REPLACED], {"hld_1": record()}, entries(), id="replaced one lives"),
        pytest.param([placed(), RELEASED], {"hld_1": record()}, (), id="released one has a record"),
        pytest.param([placed(), CONFIRMED], {"hld_1": record()}, entries(), id="confirmed one is held"),
        pytest.param(
            [placed(), CONFIRMED], {"hld_1": replace(BOOKED, appointment="apt_2")}, (), id="became another appointment"
        ),
    ],
)
def test_hold_that_is_not_as_promised_is_told(
    exchanges: Sequence[Exchange], records: Mapping[str, Record], listed: Sequence[Entry]
) -> None:
    assert PROMISED in broken(exchanges, records, listed)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(record(forgotten_in_ms=-1), id="never"),
        pytest.param(record(forgotten_in_ms=60_000 + RETENTION_MS + 2000), id="live one, too late"),
        pytest.param(record(deadline_ms=AGO_MS, forgotten_in_ms=RETENTION_MS + 2000), id="expired one, too late"),
        pytest.param(replace(BOOKED, forgotten_in_ms=RETENTION_MS + 2000), id="confirmed one, too late"),
    ],
)
def test_record_that_is_kept_too_long_is_told(found: Record) -> None:
    assert FORGOTTEN in broken([], {"hld_1": found}, entries(found.deadline_ms))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param({}, id="no record"),
        pytest.param({"hld_1": BOOKED}, id="confirmed"),
        pytest.param({"hld_1": record(deadline_ms=SOON_MS + 1)}, id="another end"),
    ],
)
def test_list_that_names_what_is_not_live_is_told(records: Mapping[str, Record]) -> None:
    assert LISTED in broken([], records, entries())


def promises(*exchanges: Exchange) -> dict[str, Promise]:
    return find_promises(exchanges)


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        (promises(placed()), ("held", instant(SOON_MS))),
        (promises(placed(), RELEASED), ("", "")),
        (promises(placed(), CONFIRMED), ("confirmed", instant(SOON_MS))),
    ],
)
def test_answered_hold_as_promised_is_kept(known: dict[str, Promise], answer: tuple[str, str]) -> None:
    assert not check_answered_holds(known, {"hld_1": answer}).complaints


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        (promises(placed()), ("", "")),
        (promises(placed()), ("expired", instant(SOON_MS))),
        (promises(placed()), ("held", instant(SOON_MS - 5000))),
        (promises(placed(), RELEASED), ("held", instant(SOON_MS))),
    ],
)
def test_answered_hold_that_is_not_as_promised_is_told(known: dict[str, Promise], answer: tuple[str, str]) -> None:
    assert check_answered_holds(known, {"hld_1": answer}).complaints
