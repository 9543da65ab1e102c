"""Places in pieces: where lanes are alike, minutes of several of them will do."""

from dataclasses import replace

import pytest

from holds.encoding import claims_from_text
from holds.store import CandidateClaim, Reply
from kernel.ids import HoldId
from kernel.spans import Span
from tests.support.holds import DAY, MINE, NOA, TENANT, YOURS, Board, either, span, wanted

pytestmark = pytest.mark.redis

_TEN = span("10:00", "11:00")
_ELEVEN = span("11:00", "12:00")
_BOTH = span("10:00", "12:00")
_THIRD = HoldId("hld_third")


def _alike(when: Span = _BOTH, *, lanes: int = 2, offered: int | None = None, count: int = 1) -> CandidateClaim:
    return replace(wanted(NOA, when, lanes=lanes, offered=offered, count=count), allows_pieces=True)


async def _pieces(board: Board, hold_id: HoldId = MINE) -> list[tuple[int, Span]]:
    return [(claim.lane, claim.span) for claim in claims_from_text((await board.record(hold_id)).claims)]


@pytest.mark.parametrize(
    ("taken", "count", "pieces"),
    [
        pytest.param([[], []], 1, [(1, _BOTH)], id="a whole lane where there is one"),
        pytest.param([[_TEN], []], 1, [(2, _BOTH)], id="the second where the first is not whole"),
        pytest.param([[_TEN], [_ELEVEN]], 1, [(2, _TEN), (1, _ELEVEN)], id="one after the other"),
        pytest.param([[_ELEVEN], [_TEN]], 1, [(1, _TEN), (2, _ELEVEN)], id="the other way around"),
        pytest.param(
            [[_TEN], [_ELEVEN], []], 2, [(3, _BOTH), (2, _TEN), (1, _ELEVEN)], id="a whole one and two pieces"
        ),
        pytest.param(
            [[span("10:30", "12:00")], [span("10:00", "11:00")], [span("11:00", "11:30")]],
            1,
            [(3, _TEN), (2, _ELEVEN)],
            id="as few as possible",
        ),
        pytest.param([[_BOTH], [span("11:59", "12:00")]], 1, None, id="a minute without any"),
        pytest.param([[_TEN], [_ELEVEN]], 2, None, id="too few for two"),
    ],
)
async def test_place_takes_pieces_where_too_few_lanes_are_free_all_along(
    empty_board: Board, taken: list[list[Span]], count: int, pieces: list[tuple[int, Span]] | None
) -> None:
    await empty_board.fill(NOA, taken=taken)

    answer = await empty_board.place(either(_alike(lanes=len(taken), count=count)))

    assert answer.reply is (Reply.TAKEN if pieces is None else Reply.PLACED)
    if pieces is not None:
        assert await _pieces(empty_board) == pieces


async def test_place_takes_no_pieces_of_lanes_that_are_named(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[_TEN], [_ELEVEN]])

    answer = await empty_board.place(either(wanted(NOA, _BOTH, lanes=2)))

    assert answer.reply is Reply.TAKEN


async def test_hold_in_pieces_keeps_each_of_them_from_others(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[_TEN], [_ELEVEN]])
    await empty_board.place(either(_alike()))

    early = await empty_board.place(either(_alike(_TEN)), YOURS)
    late = await empty_board.place(either(_alike(_ELEVEN)), YOURS)
    listed = await empty_board.held()
    released = await empty_board.store.release(TENANT, MINE)
    again = await empty_board.place(either(_alike()), YOURS)

    assert (early.reply, late.reply) == (Reply.HELD, Reply.HELD)
    assert listed == {(MINE, 2, _TEN), (MINE, 1, _ELEVEN)}
    assert (released.reply, again.reply) == (Reply.RELEASED, Reply.PLACED)


async def test_place_waits_for_the_hold_after_which_every_minute_has_a_lane(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[_TEN], []])
    await empty_board.place(either(_alike(_TEN)), YOURS, ttl_ms=100_000)
    await empty_board.place(either(_alike(_ELEVEN)), _THIRD, ttl_ms=200_000)

    answer = await empty_board.place(either(_alike()))

    # One lane is left from eleven on; until then there is one as soon as the first hold ends.
    assert answer.reply is Reply.HELD
    assert 90_000 < answer.retry_after_ms <= 100_000


async def test_pieces_go_over_midnight(empty_board: Board) -> None:
    night, before = span("23:00", "01:00"), span("23:00", "00:30")
    after = Span(before.end, night.end)
    await empty_board.fill(NOA, DAY, DAY + 1, taken=[[before], [after]])

    answer = await empty_board.place(either(_alike(night)))

    assert answer.reply is Reply.PLACED
    assert await _pieces(empty_board) == [(2, before), (1, after)]


async def test_business_ends_no_hold_for_pieces_where_other_lanes_are_free(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[_TEN], [], []])
    await empty_board.place(either(_alike(_TEN, lanes=3)), YOURS)
    await empty_board.place(either(_alike(_ELEVEN, lanes=3)), _THIRD)
    await empty_board.fill(NOA, taken=[[_TEN], [_ELEVEN], [_ELEVEN]])

    refused = await empty_board.place(either(_alike(_BOTH, lanes=3)))
    placed = await empty_board.place(either(_alike(_BOTH, lanes=3)), overrides_held=True)

    # Until eleven the third lane is free; from then on there is only the first, which is held.
    assert refused.reply is Reply.HELD
    assert placed.record is not None
    assert placed.record.gave_way == (_THIRD,)
    assert await _pieces(empty_board) == [(3, _TEN), (1, _ELEVEN)]
