"""Holds are read with their list entries, and lists are mended."""

import pytest

from holds.encoding import to_observed_hold
from holds.model import HoldStatus
from kernel.ids import HoldId
from persistence import keys
from tests.support.holds import DAN, DAY, MINE, NOA, TENANT, TTL_MS, YOURS, Board, both, either, span, wanted

_TEN = span("10:00", "10:30")
_NIGHT = span("23:30", "00:30")
_CLIENT = f"client:{keys.client_digest('tab')}"
_LISTS = [_CLIENT, *(f"held:{name}:{day}" for name in (NOA, DAN) for day in (DAY, DAY + 1))]
# Where holds are that have not been counted as expired.
_LIVE = "live"


@pytest.fixture
async def board(board: Board) -> Board:
    """A hold of Noa and Dan that runs past midnight."""
    await board.fill(NOA, DAY, DAY + 1)
    await board.fill(DAN, DAY, DAY + 1)
    await board.place(both(wanted(NOA, _NIGHT), wanted(DAN, _NIGHT)), client="tab")
    return board


async def _lists_of(board: Board, hold_id: HoldId = MINE) -> list[str]:
    """Where the hold stands."""
    found = await board.store.live_entries(TENANT, _LISTS)
    return [name for name, entries in found.items() if any(entry.startswith(f"{hold_id}:") for entry in entries)]


async def _delete(board: Board, *names: str) -> None:
    await board.redis.delete(*(keys.prefix(TENANT) + name for name in names))


class TestObserve:
    async def test_hold_is_told_with_all_of_its_entries(self, board: Board) -> None:
        (observed,) = await board.store.observe(TENANT, {MINE: ()})

        record = await board.record()
        assert observed.record is not None
        assert (observed.record.deadline_ms, observed.record.claims) == (record.deadline_ms, record.claims)
        assert (observed.record.body, observed.record.choice) == (record.body, record.choice)
        assert (observed.client, observed.fingerprint) == (keys.client_digest("tab"), f"wish-of-{MINE}")
        assert sorted(name for name, _ in observed.entries) == sorted([*_LISTS, _LIVE])
        assert to_observed_hold(observed).status is HoldStatus.HELD

    async def test_several_holds_are_told_in_order(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), YOURS)

        observed = await board.store.observe(TENANT, {YOURS: (), HoldId("hld_none"): (), MINE: ()})

        assert [(one.hold_id, one.record is None, len(one.entries)) for one in observed] == [
            (YOURS, False, 2),
            (HoldId("hld_none"), True, 0),
            (MINE, False, 6),
        ]

    async def test_hold_without_a_record_is_told_from_the_lists_it_was_seen_in(self, board: Board) -> None:
        await board.redis.delete(keys.hold(TENANT, MINE))

        (observed,) = await board.store.observe(TENANT, {MINE: _LISTS[:2]})

        assert observed.record is None
        assert sorted(name for name, _ in observed.entries) == sorted([*_LISTS[:2], _LIVE])

    async def test_entries_that_have_expired_count_for_nothing(self, board: Board) -> None:
        await board.let_pass(TTL_MS)

        (observed,) = await board.store.observe(TENANT, {MINE: _LISTS})

        assert to_observed_hold(observed).status is HoldStatus.EXPIRED
        assert observed.entries == ()

    async def test_observation_writes_nothing(self, board: Board) -> None:
        await board.store.observe(TENANT, {HoldId("hld_none"): ["held:res_none:1"]})

        assert not await board.redis.exists(keys.hold(TENANT, HoldId("hld_none")))


class TestMend:
    @pytest.mark.parametrize("lost", [_LISTS[:1], _LISTS[1:2], _LISTS])
    async def test_live_hold_is_put_back_into_its_lists(self, board: Board, lost: list[str]) -> None:
        before = await board.store.live_entries(TENANT, _LISTS)
        await _delete(board, *lost)

        mended = await board.store.mend(TENANT, MINE, ())

        assert mended
        assert await board.store.live_entries(TENANT, _LISTS) == before

    async def test_deadline_in_lists_is_made_that_of_the_record(self, board: Board) -> None:
        record = await board.record()
        await board.redis.hset(keys.hold(TENANT, MINE), "deadline", str(record.deadline_ms - 1000))

        await board.store.mend(TENANT, MINE, _LISTS)

        found = await board.store.live_entries(TENANT, _LISTS)
        assert {entry.rpartition(":")[2] for entries in found.values() for entry in entries} == {
            str(record.deadline_ms - 1000)
        }

    @pytest.mark.parametrize("seen", [_LISTS[:2], _LISTS])
    async def test_hold_without_a_record_is_taken_out_of_lists_it_was_seen_in(
        self, board: Board, seen: list[str]
    ) -> None:
        await board.redis.delete(keys.hold(TENANT, MINE))

        mended = await board.store.mend(TENANT, MINE, seen)

        assert mended
        assert await _lists_of(board) == [name for name in _LISTS if name not in seen]

    async def test_confirmed_hold_is_taken_out_of_every_list(self, board: Board) -> None:
        await board.redis.hset(keys.hold(TENANT, MINE), "state", "confirmed")

        await board.store.mend(TENANT, MINE, ())

        assert await _lists_of(board) == []

    async def test_others_stay_in_the_lists(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab")
        await board.redis.delete(keys.hold(TENANT, MINE))

        await board.store.mend(TENANT, MINE, _LISTS)

        assert await _lists_of(board, YOURS) == [_CLIENT, f"held:{NOA}:{DAY}"]

    async def test_hold_is_not_put_back_onto_minutes_that_another_one_has(self, board: Board) -> None:
        await _delete(board, f"held:{NOA}:{DAY + 1}")
        await board.place(either(wanted(NOA, span("00:00", "00:10"))), HoldId("hld_early"))
        late = span("23:30", "23:40")
        await _delete(board, f"held:{NOA}:{DAY}")
        await board.place(either(wanted(NOA, late)), YOURS)
        before = await board.store.live_entries(TENANT, _LISTS)

        mended = await board.store.mend(TENANT, MINE, ())

        assert not mended
        assert await board.store.live_entries(TENANT, _LISTS) == before

    async def test_mending_may_be_repeated(self, board: Board) -> None:
        before = await board.store.live_entries(TENANT, _LISTS)

        outcomes = [await board.store.mend(TENANT, MINE, _LISTS) for _ in range(2)]

        assert outcomes == [True, True]
        assert await board.store.live_entries(TENANT, _LISTS) == before


class TestReport:
    async def test_reported_hold_says_so(self, board: Board) -> None:
        await board.let_pass(TTL_MS)
        await board.place(either(wanted(NOA, _TEN)), YOURS)

        await board.store.note_reported(TENANT, "one", [MINE])

        observed = await board.store.observe(TENANT, {MINE: (), YOURS: ()})
        assert [one.reported for one in observed] == [True, False]

    async def test_record_that_has_gone_stays_gone(self, board: Board) -> None:
        await board.store.note_reported(TENANT, "one", [HoldId("hld_none")])

        assert not await board.redis.exists(keys.hold(TENANT, HoldId("hld_none")))
