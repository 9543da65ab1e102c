"""Expired holds are told to one process at a time until they are reported, and found again when they were lost."""

from typing import Final

import pytest

from holds.store import REPORT_LEASE_MS, Reply, Settlement
from kernel.ids import AppointmentId, HoldId
from persistence import keys
from tests.support.holds import MINE, NOA, TENANT, TTL_MS, YOURS, Board, either, span, wanted

_TEN: Final = span("10:00", "10:30")
_NOON: Final = span("12:00", "12:30")
_EVENING: Final = span("18:00", "18:30")
_THIRD: Final = HoldId("hld_third")
_LEASE: Final = f"{keys.prefix(TENANT)}lease:expiry"


async def _overdue(board: Board, process: str = "one") -> tuple[int, int]:
    """Numbers of holds that the process is to report and of holds that live."""
    overdue = await board.store.find_overdue(TENANT, process)
    return len(overdue.holds), overdue.live


async def _reported(board: Board, process: str = "one") -> tuple[int, int]:
    """Find the overdue holds and note them as reported; the counts are those of `_overdue`."""
    overdue = await board.store.find_overdue(TENANT, process)
    await board.store.note_reported(TENANT, process, [hold.member for hold in overdue.holds])
    return len(overdue.holds), overdue.live


async def _place_two(board: Board) -> None:
    await board.place(either(wanted(NOA, _TEN)), client="tab")
    await board.place(either(wanted(NOA, _NOON)), YOURS, client="tab")


class TestOverdue:
    async def test_each_is_reported_once_by_any_process(self, board: Board) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)

        reported = [await _reported(board, process) for process in ("one", "other")]

        assert reported == [(1, 1), (0, 1)]

    async def test_process_is_given_the_same_again_until_it_has_reported_them(self, board: Board) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)

        found = [await _overdue(board), await _reported(board), await _overdue(board)]

        assert found == [(1, 1), (1, 1), (0, 1)]

    async def test_released_replaced_and_settled_holds_have_not_expired(self, board: Board) -> None:
        await _place_two(board)
        third = await board.place(either(wanted(NOA, _TEN)), _THIRD, client="tab", replaces=MINE)
        await board.place(either(wanted(NOA, _EVENING)))
        claims = f"{NOA}:1:{_NOON.start}:{_NOON.end}"
        settlement = Settlement(hold_id=YOURS, appointment_id=AppointmentId("apt_1"), claims=claims, bitmap_versions="")
        await board.store.settle(TENANT, [settlement], commit_id=None)
        released = await board.store.release(TENANT, MINE)

        assert (third.reply, released.reply) == (Reply.REPLACED, Reply.RELEASED)
        assert await _overdue(board) == (0, 1)

    @pytest.mark.parametrize("reported_before", [True, False])
    async def test_hold_released_after_its_end_has_expired(self, board: Board, reported_before: bool) -> None:  # noqa: FBT001
        await _place_two(board)
        await board.let_pass(TTL_MS)

        before = (await _reported(board))[0] if reported_before else 0
        released = await board.store.release(TENANT, MINE)
        after, _ = await _reported(board)

        assert released.reply is Reply.MISSING
        assert before + after == 1

    @pytest.mark.parametrize("reported_before", [True, False])
    async def test_hold_that_expired_and_is_placed_anew_has_expired_once(
        self,
        board: Board,
        reported_before: bool,  # noqa: FBT001
    ) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)

        before = (await _reported(board))[0] if reported_before else 0
        placed = await board.place(either(wanted(NOA, _TEN)), MINE)
        after, live = await _reported(board)

        assert placed.reply is Reply.PLACED
        assert (before + after, live) == (1, 2)

    async def test_hold_that_was_given_more_time_expires_later(self, board: Board) -> None:
        await _place_two(board)
        await board.store.extend(TENANT, MINE, 2 * TTL_MS)
        await board.let_pass(TTL_MS)

        assert await _overdue(board) == (0, 2)

    async def test_what_was_not_reported_for_an_hour_is_forgotten_by_the_next_hold(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)))
        await board.redis.zadd(keys.live(TENANT), {MINE: 1})

        await board.place(either(wanted(NOA, _NOON)), YOURS)

        assert await board.redis.zrange(keys.live(TENANT), 0, -1) == [YOURS.encode()]

    async def test_record_comes_with_the_hold(self, board: Board) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)

        (overdue,) = (await board.store.find_overdue(TENANT, "one")).holds

        record = await board.record()
        assert (overdue.member, overdue.record is None) == (MINE, False)
        assert overdue.record is not None
        assert (overdue.record.deadline_ms, overdue.record.claims) == (record.deadline_ms, record.claims)
        assert (overdue.record.body, overdue.record.choice) == (record.body, record.choice)

    async def test_other_process_is_given_nothing_while_one_reports(self, board: Board) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)
        await _overdue(board)

        other = await board.store.find_overdue(TENANT, "other")
        lease_ms = await board.redis.pttl(_LEASE)
        await board.redis.delete(_LEASE)
        after = await board.store.find_overdue(TENANT, "other")

        assert (other.holds, other.is_leased, other.live) == ((), True, 1)
        assert 0 < lease_ms <= REPORT_LEASE_MS
        assert (len(after.holds), after.is_leased) == (1, False)

    async def test_lease_ends_with_the_report_of_its_own_process(self, board: Board) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)
        await _overdue(board)

        await board.store.note_reported(TENANT, "other", [])
        kept = await board.redis.exists(_LEASE)
        await board.store.note_reported(TENANT, "one", [MINE])

        assert (kept, await board.redis.exists(_LEASE)) == (1, 0)

    async def test_deadline_that_the_record_does_not_have_is_mended(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)))
        await board.redis.zadd(keys.live(TENANT), {MINE: 1})

        assert await _overdue(board) == (0, 0)
        assert await board.redis.zscore(keys.live(TENANT), MINE) == (await board.record()).deadline_ms

    async def test_hold_that_lives_is_not_noted_as_reported(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)))

        await board.store.note_reported(TENANT, "one", [MINE])

        (observed,) = await board.store.observe(TENANT, {MINE: ()})
        assert not observed.reported
        assert await _overdue(board) == (0, 1)


class TestRelist:
    @pytest.mark.parametrize("passed_ms", [0, TTL_MS])
    async def test_hold_that_was_lost_from_the_list_is_put_back(self, board: Board, passed_ms: int) -> None:
        await _place_two(board)
        await board.let_pass(passed_ms)
        await board.redis.delete(keys.live(TENANT))

        relisted = await board.store.relist(TENANT, [MINE, YOURS])

        assert (relisted.missing, await _overdue(board)) == (2, (1, 1) if passed_ms else (0, 2))
        assert relisted.latest_deadline_ms == (await board.record(YOURS)).deadline_ms

    async def test_hold_that_is_listed_is_not_missing(self, board: Board) -> None:
        await _place_two(board)

        relisted = await board.store.relist(TENANT, [MINE, YOURS])

        assert (relisted.missing, relisted.latest_deadline_ms > 0) == (0, True)

    async def test_reported_confirmed_and_unknown_holds_stay_away(self, board: Board) -> None:
        await _place_two(board)
        await board.let_pass(TTL_MS)
        await _reported(board)
        await board.redis.hset(keys.hold(TENANT, YOURS), "state", "confirmed")
        await board.redis.delete(keys.live(TENANT))

        relisted = await board.store.relist(TENANT, [MINE, YOURS, _THIRD])

        assert (relisted.missing, relisted.latest_deadline_ms) == (0, 0)
        assert not await board.redis.exists(keys.live(TENANT))
