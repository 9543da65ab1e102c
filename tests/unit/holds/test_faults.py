from dataclasses import replace

import pytest

from holds.faults import (
    ConflictingClaim,
    ListEntry,
    ListFault,
    ObservedHold,
    appointment_is_lost,
    conflicting_claims,
    is_already_booked,
    list_faults,
    overlapping,
)
from holds.model import HoldStatus, LaneClaim
from kernel.ids import AppointmentId, HoldId, ResourceId
from kernel.spans import MINUTES_PER_DAY, Span

_NOA = ResourceId("res_noa")
_DAN = ResourceId("res_dan")
_MIDNIGHT = MINUTES_PER_DAY
_CLAIM = LaneClaim(resource_id=_NOA, lane=2, span=Span(_MIDNIGHT - 10, _MIDNIGHT + 20))
_TEXT = f"hld_1:2:{_MIDNIGHT - 10}:{_MIDNIGHT + 20}:5000"
_ENTRIES = frozenset(
    {
        ListEntry("held:res_noa:0", _TEXT),
        ListEntry("held:res_noa:1", _TEXT),
        ListEntry("live", "hld_1:5000"),
        ListEntry("client:abc", "hld_1:wish:5000"),
    }
)
_APPOINTMENT = AppointmentId("apt_1")
_HELD = ObservedHold(
    hold_id=HoldId("hld_1"),
    status=HoldStatus.HELD,
    deadline_ms=5000,
    claims=(_CLAIM,),
    client="abc",
    fingerprint="wish",
    appointment_id=None,
    entries=_ENTRIES,
)
_CONFIRMED = replace(_HELD, status=HoldStatus.CONFIRMED, appointment_id=_APPOINTMENT, entries=frozenset())
_FOREIGN = ConflictingClaim(
    resource_id=_NOA,
    lane=2,
    span=Span(_MIDNIGHT + 10, _MIDNIGHT + 40),
    appointment_id=_APPOINTMENT,
    hold_id=HoldId("hld_2"),
)


@pytest.mark.parametrize("status", [HoldStatus.HELD, HoldStatus.PINNED])
def test_live_hold_is_right_when_it_stands_in_each_of_its_lists(status: HoldStatus) -> None:
    assert list_faults(replace(_HELD, status=status)) == []


def test_entries_of_a_hold_on_an_exclusive_resource_name_its_session() -> None:
    session = "svc_yoga@1430"
    text = f"hld_1:2:{_MIDNIGHT - 10}:{_MIDNIGHT + 20}:{session}:5000"
    entries = {replace(entry, text=text) if entry.text == _TEXT else entry for entry in _ENTRIES}
    held = replace(_HELD, claims=(replace(_CLAIM, session=session),), entries=frozenset(entries))

    assert list_faults(held) == []
    assert {fault.claim for fault in list_faults(replace(held, entries=frozenset()))} == {(2, _CLAIM.span), None}
    assert overlapping([text, text.replace("hld_1", "hld_2")]) == [(text, text.replace("hld_1", "hld_2"))]


@pytest.mark.parametrize("lost", sorted(_ENTRIES))
def test_each_entry_of_a_live_hold_is_missed(lost: ListEntry) -> None:
    faults = list_faults(replace(_HELD, entries=_ENTRIES - {lost}))

    assert faults == [ListFault(entry=lost, is_missing=True)]


def test_hold_of_nobody_needs_no_client() -> None:
    held = frozenset(entry for entry in _ENTRIES if not entry.list_name.startswith("client:"))

    assert list_faults(replace(_HELD, client="", entries=held)) == []


@pytest.mark.parametrize("status", [None, HoldStatus.EXPIRED, HoldStatus.CONFIRMED])
def test_hold_that_is_not_live_has_no_entries(status: HoldStatus | None) -> None:
    faults = list_faults(replace(_HELD, status=status))

    assert faults == [ListFault(entry=entry, is_missing=False) for entry in sorted(_ENTRIES)]
    assert list_faults(replace(_HELD, status=status, entries=frozenset())) == []


def test_entry_with_another_deadline_is_missing_and_superfluous() -> None:
    faults = list_faults(replace(_HELD, deadline_ms=6000))

    assert sorted(fault.is_missing for fault in faults) == [False] * 4 + [True] * 4


def test_fault_names_the_place() -> None:
    held = ListFault(entry=ListEntry("held:res_noa:1", _TEXT), is_missing=True)
    client = ListFault(entry=ListEntry("client:abc", "hld_1:wish:5000"), is_missing=True)
    live = ListFault(entry=ListEntry("live", "hld_1:5000"), is_missing=True)

    assert (held.staff_day, held.claim) == ((_NOA, 1), (2, _CLAIM.span))
    assert (client.staff_day, client.claim) == (None, None)
    assert (live.staff_day, live.claim) == (None, None)


@pytest.mark.parametrize(
    ("claim", "in_the_way"),
    [
        (_FOREIGN, True),
        (replace(_FOREIGN, lane=1), False),
        (replace(_FOREIGN, resource_id=_DAN), False),
        (replace(_FOREIGN, span=Span(_MIDNIGHT + 20, _MIDNIGHT + 40)), False),
        (replace(_FOREIGN, hold_id=_HELD.hold_id), False),
    ],
)
def test_claims_of_others_on_the_same_minutes_are_in_the_way(claim: ConflictingClaim, *, in_the_way: bool) -> None:
    assert conflicting_claims(_HELD, [claim]) == ([claim] if in_the_way else [])


def test_hold_for_a_move_may_be_on_the_claims_of_the_appointment_that_moves() -> None:
    moving = replace(_HELD, rescheduling=_FOREIGN.appointment_id)

    assert conflicting_claims(moving, [_FOREIGN]) == []
    assert conflicting_claims(replace(moving, rescheduling=AppointmentId("apt_other")), [_FOREIGN]) == [_FOREIGN]


@pytest.mark.parametrize("status", [None, HoldStatus.PINNED, HoldStatus.EXPIRED, HoldStatus.CONFIRMED])
def test_only_a_held_hold_minds_claims_and_outlives_its_confirmation(status: HoldStatus | None) -> None:
    standing = replace(_HELD, status=status)

    assert conflicting_claims(standing, [_FOREIGN]) == []
    assert not is_already_booked(standing, {_HELD.hold_id})


def test_held_hold_with_an_appointment_has_outlived_its_confirmation() -> None:
    assert is_already_booked(_HELD, {_HELD.hold_id})
    assert not is_already_booked(_HELD, {HoldId("hld_2")})


def test_appointment_is_lost_when_a_confirmed_hold_names_one_that_is_not_there() -> None:
    assert appointment_is_lost(_CONFIRMED, set())
    assert not appointment_is_lost(_CONFIRMED, {_APPOINTMENT})
    assert not appointment_is_lost(_HELD, set())


@pytest.mark.parametrize(
    ("entries", "pairs"),
    [
        pytest.param(["a:1:0:30:9", "b:1:30:60:9"], 0, id="touch"),
        pytest.param(["a:1:0:30:9", "b:2:0:30:9"], 0, id="other lanes"),
        pytest.param(["a:1:0:30:9", "a:1:0:30:9"], 0, id="one hold"),
        pytest.param(["b:1:29:60:9", "a:1:0:30:9"], 1, id="share a minute"),
        pytest.param(["a:1:0:60:9", "b:1:10:20:9", "c:1:30:40:9"], 2, id="two inside one"),
    ],
)
def test_holds_that_share_minutes_of_a_lane_are_found(entries: list[str], pairs: int) -> None:
    assert len(overlapping(entries)) == pairs
