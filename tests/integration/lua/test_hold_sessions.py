"""Exclusive resources: a place is held only beside others of the same session."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from availability.rules.sessions import Session, SessionMinutes
from availability.state.encoding import decode_sessions
from holds.encoding import claims_from_text, claims_to_text
from holds.model import LaneClaim
from holds.store import CandidateClaim, HoldRecord, Reply, Settlement
from kernel.ids import AppointmentId, CommitId, HoldId, ServiceId
from kernel.spans import Minute, Span
from tests.support.holds import DAY, MINE, NOA, TENANT, YOURS, Board, at, either, span, wanted

pytestmark = pytest.mark.redis

_TEN = span("10:00", "11:00")
_LATER = span("10:30", "11:30")
_YOGA = Session(ServiceId("svc_yoga"), at("10:00"))
_LATER_YOGA = Session(ServiceId("svc_yoga"), at("10:30"))
_PILATES = Session(ServiceId("svc_pilates"), at("10:00"))
_THIRD = HoldId("hld_third")


def _place(session: Session = _YOGA, when: Span = _TEN, *, count: int = 1) -> CandidateClaim:
    return replace(wanted(NOA, when, lanes=3, count=count), session=session.name)


async def _fill(board: Board, *claims: tuple[Session, Span]) -> None:
    """Cache the day of an exclusive resource of three places, with each claim on the next of them."""
    taken = [[when] for _, when in claims]
    await board.fill(
        NOA, taken=[*taken, [], [], []][:3], sessions=[SessionMinutes(session, when) for session, when in claims]
    )


@pytest.mark.parametrize(
    ("session", "when", "placed"),
    [
        pytest.param(_YOGA, _TEN, True, id="the same service and start"),
        pytest.param(_YOGA, span("10:00", "10:30"), True, id="a shorter visit of it"),
        pytest.param(_PILATES, _TEN, False, id="another service"),
        pytest.param(_LATER_YOGA, _LATER, False, id="another start"),
        pytest.param(_LATER_YOGA, span("11:00", "12:00"), True, id="after it"),
        pytest.param(_PILATES, span("09:00", "10:00"), True, id="before it"),
    ],
)
async def test_place_is_held_beside_claims_of_its_own_session(
    empty_board: Board, session: Session, when: Span, *, placed: bool
) -> None:
    await _fill(empty_board, (_YOGA, _TEN))

    answer = await empty_board.place(either(_place(session, when)))

    assert answer.reply is (Reply.PLACED if placed else Reply.TAKEN)
    assert answer.is_booked is not placed


@pytest.mark.parametrize(("session", "when"), [(_PILATES, _TEN), (_LATER_YOGA, _LATER)])
async def test_hold_of_another_session_is_in_the_way_until_it_ends(
    empty_board: Board, session: Session, when: Span
) -> None:
    await _fill(empty_board)
    await empty_board.place(either(_place()), YOURS)

    refused = await empty_board.place(either(_place(session, when)))
    await empty_board.let_pass(400_000, YOURS)
    placed = await empty_board.place(either(_place(session, when)))

    assert (refused.reply, placed.reply) == (Reply.HELD, Reply.PLACED)


async def test_holds_of_one_session_stand_beside_each_other(empty_board: Board) -> None:
    await _fill(empty_board)

    answers = [await empty_board.place(either(_place()), hold_id) for hold_id in (MINE, YOURS, _THIRD)]
    full = await empty_board.place(either(_place()), HoldId("hld_fourth"))

    assert [answer.reply for answer in answers] == [Reply.PLACED] * 3
    assert full.reply is Reply.HELD
    assert claims_from_text((await empty_board.record(YOURS)).claims) == (
        LaneClaim(resource_id=NOA, lane=2, span=_TEN, session=_YOGA.name),
    )
    held = (await empty_board.cache.read(TENANT, [(NOA, DAY)])).held[NOA, DAY]
    assert {entry.session for entry in held} == {_YOGA.name}


async def test_entry_of_a_hold_names_its_session_until_it_ends(empty_board: Board) -> None:
    await _fill(empty_board)
    await empty_board.place(either(_place()))

    await empty_board.store.extend(TENANT, MINE, 600_000)
    extended = (await empty_board.cache.read(TENANT, [(NOA, DAY)])).held[NOA, DAY]
    await empty_board.store.release(TENANT, MINE)

    assert [(entry.session, entry.span) for entry in extended] == [(_YOGA.name, _TEN)]
    assert (await empty_board.cache.read(TENANT, [(NOA, DAY)])).held == {}


async def test_hold_that_is_replaced_is_in_nobodys_way(empty_board: Board) -> None:
    await _fill(empty_board)
    await empty_board.place(either(_place()), YOURS)

    answer = await empty_board.place(either(_place(_PILATES)), replaces=YOURS)

    assert answer.reply is Reply.REPLACED


@pytest.mark.parametrize("start", [at("23:20"), at("00:20", DAY + 1)])
async def test_session_is_known_on_both_of_its_days(empty_board: Board, start: Minute) -> None:
    when = span("23:30", "00:30")
    late, pilates = Session(ServiceId("svc_yoga"), when.start), Session(ServiceId("svc_pilates"), start)
    await empty_board.fill(NOA, DAY, DAY + 1, taken=[[when], [], []], sessions=[SessionMinutes(late, when)])

    refused = await empty_board.place(either(_place(pilates, Span(start, start + 20))))
    joined = await empty_board.place(either(_place(late, when)), YOURS)

    assert (refused.reply, joined.reply) == (Reply.TAKEN, Reply.PLACED)


async def test_hold_from_before_the_resource_was_exclusive_is_in_the_way(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[], [], []])
    await empty_board.place(either(wanted(NOA, _TEN, lanes=3)), YOURS)

    missed = await empty_board.place(either(_place()))
    await _fill(empty_board)
    refused = await empty_board.place(either(_place()))

    assert (missed.reply, refused.reply) == (Reply.MISS, Reply.HELD)


async def test_value_with_sessions_is_none_for_a_resource_without(empty_board: Board) -> None:
    await _fill(empty_board)

    answer = await empty_board.place(either(wanted(NOA, _TEN, lanes=3)))

    assert answer.reply is Reply.MISS


async def test_holds_of_another_session_give_way_on_all_lanes(empty_board: Board) -> None:
    await _fill(empty_board)
    await empty_board.place(either(_place(count=2)), YOURS)

    placed = await empty_board.place(either(_place(_PILATES)), overrides_held=True)

    assert placed.reply is Reply.PLACED
    assert placed.record is not None
    assert placed.record.gave_way == (YOURS,)


async def test_holds_of_the_session_do_not_give_way_while_there_is_room(empty_board: Board) -> None:
    await _fill(empty_board)
    await empty_board.place(either(_place()), YOURS)

    placed = await empty_board.place(either(_place(count=2)), overrides_held=True)

    assert placed.record is not None
    assert placed.record.gave_way == ()


@pytest.mark.parametrize(("alone", "reply"), [(True, Reply.PLACED), (False, Reply.TAKEN)])
async def test_visit_that_is_alone_in_its_session_may_move_within_it(
    empty_board: Board, *, alone: bool, reply: Reply
) -> None:
    await _fill(empty_board, (_YOGA, _TEN))
    own = LaneClaim(resource_id=NOA, lane=1, span=_TEN, session=_YOGA.name if alone else None)

    answer = await empty_board.place(either(_place(_LATER_YOGA, _LATER)), own_claims=claims_to_text([own]))

    assert answer.reply is reply


async def _pinned(board: Board, hold_id: HoldId = MINE) -> HoldRecord:
    answer = await board.place(either(_place()), hold_id, pinned=True)
    assert answer.record is not None
    return answer.record


async def _settle(board: Board, pinned: HoldRecord) -> Sequence[SessionMinutes] | None:
    """Settle, and tell the sessions that the day has then; None where it is not cached any more."""
    settlement = Settlement(
        hold_id=pinned.id,
        appointment_id=AppointmentId("apt_1"),
        claims=pinned.claims,
        bitmap_versions=pinned.bitmap_versions,
    )
    await board.store.settle(TENANT, [settlement], commit_id=CommitId("op_1"))
    value = (await board.cache.read(TENANT, [(NOA, DAY)])).bitmaps[NOA, DAY]
    return None if value is None else decode_sessions([value])


async def test_day_is_forgotten_with_the_first_visit_of_a_session(empty_board: Board) -> None:
    await _fill(empty_board)

    assert await _settle(empty_board, await _pinned(empty_board)) is None


async def test_day_is_kept_with_the_second_visit_of_a_session(empty_board: Board) -> None:
    await _fill(empty_board, (_YOGA, _TEN))

    kept = await _settle(empty_board, await _pinned(empty_board))
    full = await empty_board.place(either(_place(count=2)), YOURS)

    assert kept == (SessionMinutes(_YOGA, _TEN),)
    assert full.reply is Reply.TAKEN


async def test_day_is_forgotten_where_the_claims_name_no_session(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[], [], []])
    answer = await empty_board.place(either(wanted(NOA, _TEN, lanes=3)), pinned=True)
    assert answer.record is not None
    await _fill(empty_board, (_YOGA, _TEN))

    assert await _settle(empty_board, answer.record) is None
