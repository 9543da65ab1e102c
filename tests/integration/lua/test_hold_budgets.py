"""Budgets of live holds: what counts, and for how long."""

from typing import Final

import pytest

from holds.store import Budget, Reply, ScriptAnswer, Settlement
from kernel.ids import AppointmentId, HoldId
from kernel.spans import Span
from persistence import keys
from tests.support.holds import DAN, DAY, MINE, NOA, TENANT, TTL_MS, YOURS, Board, either, span, wanted

_TEN: Final = span("10:00", "10:30")
_ELEVEN: Final = span("11:00", "11:30")
_NOON: Final = span("12:00", "12:30")
_THIRD: Final = HoldId("hld_third")
_LAPSES_MS: Final = 1_800_000
_ADDRESS: Final = Budget(name="address:ab12", most=2)
_OTHER_ADDRESS: Final = Budget(name="address:cd34", most=2)
_BUSINESS: Final = Budget(name="business", most=3)


def _keys(board: Board, *names: str) -> list[str]:
    return [f"{keys.prefix(TENANT)}budget:{name}" for name in names]


@pytest.fixture
async def board(board: Board) -> Board:
    """One address has as many holds as it may."""
    await board.place(either(wanted(NOA, _TEN)), MINE, budgets=[_ADDRESS, _BUSINESS])
    await board.place(either(wanted(NOA, _ELEVEN)), YOURS, ttl_ms=2 * TTL_MS, budgets=[_ADDRESS, _BUSINESS])
    return board


async def _third(board: Board, when: Span = _NOON, hold_id: HoldId = _THIRD, **changes: object) -> ScriptAnswer:
    return await board.place(either(wanted(NOA, when)), hold_id, **{"budgets": [_ADDRESS, _BUSINESS], **changes})


async def test_place_is_refused_when_a_budget_is_used_up(board: Board) -> None:
    answer = await _third(board)

    assert (answer.reply, answer.used_up) == (Reply.LIMIT, _ADDRESS)
    assert TTL_MS - 5000 < answer.retry_after_ms <= TTL_MS
    assert len(await board.held()) == 2


async def test_place_counts_all_addresses_in_the_budget_of_the_business(board: Board) -> None:
    third = await _third(board, budgets=[_OTHER_ADDRESS, _BUSINESS])
    fourth = await _third(board, span("13:00", "13:30"), HoldId("hld_fourth"), budgets=[_OTHER_ADDRESS, _BUSINESS])

    assert third.reply is Reply.PLACED
    assert (fourth.reply, fourth.used_up) == (Reply.LIMIT, _BUSINESS)


async def test_place_without_budgets_neither_counts_nor_is_refused(board: Board) -> None:
    await _third(board, budgets=())
    other = await _third(board, span("13:00", "13:30"), HoldId("hld_fourth"), budgets=[_OTHER_ADDRESS, _BUSINESS])

    assert other.reply is Reply.PLACED


async def test_place_gives_the_client_its_hold_back_when_the_budget_is_used_up(board: Board) -> None:
    await board.store.release(TENANT, MINE)
    first = await _third(board, client="tab", fingerprint="noon")

    again = await _third(board, hold_id=HoldId("hld_fourth"), client="tab", fingerprint="noon")

    assert (first.reply, again.reply) == (Reply.PLACED, Reply.SAME)


class TestEnded:
    """A hold that has ended gives its place back, however it ended."""

    async def test_expired(self, board: Board) -> None:
        await board.let_pass(TTL_MS, MINE)

        assert (await _third(board)).reply is Reply.PLACED

    async def test_released(self, board: Board) -> None:
        await board.store.release(TENANT, MINE)

        assert (await _third(board)).reply is Reply.PLACED

    async def test_confirmed(self, board: Board) -> None:
        await board.store.pin(TENANT, MINE, 8000)
        pinned = await _third(board)
        settlement = Settlement(hold_id=MINE, appointment_id=AppointmentId("apt_1"), claims="", bitmap_versions="")
        await board.store.settle(TENANT, [settlement], commit_id=None)

        settled = await _third(board)

        assert (pinned.reply, settled.reply) == (Reply.LIMIT, Reply.PLACED)

    async def test_replaced_in_the_same_step(self, board: Board) -> None:
        swapped = await _third(board, replaces=MINE)
        more = await _third(board, span("13:00", "13:30"), HoldId("hld_fourth"))

        assert (swapped.reply, more.reply) == (Reply.REPLACED, Reply.LIMIT)

    async def test_overridden(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), HoldId("hld_owner"), overrides_held=True)

        assert (await _third(board)).reply is Reply.PLACED


async def test_place_is_refused_over_a_budget_that_became_smaller(board: Board) -> None:
    smaller = [Budget(name=_ADDRESS.name, most=1)]

    answer = await _third(board, budgets=smaller, replaces=MINE)

    assert answer.reply is Reply.LIMIT


async def test_extended_hold_counts_for_as_long_as_it_lives(board: Board) -> None:
    await board.store.extend(TENANT, MINE, 3 * TTL_MS)
    await board.let_pass(TTL_MS + 1000, MINE)

    answer = await _third(board)

    assert answer.reply is Reply.LIMIT


async def test_budget_is_kept_as_long_as_the_last_of_its_holds(board: Board) -> None:
    address, business = _keys(board, _ADDRESS.name, _BUSINESS.name)
    assert TTL_MS < await board.redis.pttl(business) <= 2 * TTL_MS
    # Those of an address are its lapses for half an hour.
    assert TTL_MS + _LAPSES_MS < await board.redis.pttl(address) <= 2 * TTL_MS + _LAPSES_MS

    for hold_id in (MINE, YOURS):
        await board.store.release(TENANT, hold_id)

    assert await board.redis.exists(*_keys(board, _ADDRESS.name)) == 0


@pytest.mark.parametrize(("budget", "ago_ms"), [(_BUSINESS, 0), (_ADDRESS, _LAPSES_MS)])
async def test_ended_holds_are_dropped_from_a_budget_by_the_next_one(board: Board, budget: Budget, ago_ms: int) -> None:
    await board.let_pass(TTL_MS + ago_ms, MINE)

    await _third(board)

    (key,) = _keys(board, budget.name)
    assert set(await board.redis.zrange(key, 0, -1)) == {YOURS.encode(), _THIRD.encode()}


async def test_relisted_hold_counts_again(board: Board) -> None:
    await board.redis.delete(keys.live(TENANT), *_keys(board, _ADDRESS.name))

    await board.store.relist(TENANT, [MINE, YOURS])

    assert (await _third(board)).reply is Reply.LIMIT


class TestOverride:
    """The business takes a time that visitors hold."""

    _OWNER: Final = HoldId("hld_owner")

    async def test_hold_in_the_way_ends_and_is_told(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, span("10:15", "10:45"))), self._OWNER, overrides_held=True)

        assert answer.reply is Reply.PLACED
        assert answer.record is not None
        assert answer.record.gave_way == (MINE,)
        assert await board.held() == {(self._OWNER, 1, span("10:15", "10:45")), (YOURS, 1, _ELEVEN)}
        ended = await board.record(MINE)
        assert ended.deadline_ms <= ended.now_ms
        assert (await board.store.pin(TENANT, MINE, 8000)).reply is Reply.EXPIRED

    async def test_all_holds_in_the_way_end(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, span("10:00", "12:00"))), self._OWNER, overrides_held=True)

        assert answer.record is not None
        assert set(answer.record.gave_way) == {MINE, YOURS}

    async def test_end_is_reported_as_an_expiry(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), self._OWNER, overrides_held=True)

        overdue = await board.store.find_overdue(TENANT, "one")

        assert [hold.record.id for hold in overdue.holds if hold.record] == [MINE]

    async def test_no_hold_ends_while_another_candidate_is_free(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN), wanted(DAN, _TEN)), self._OWNER, overrides_held=True)

        assert answer.record is not None
        assert (answer.record.choice, answer.record.gave_way) == (DAN, ())

    async def test_pinned_hold_stays(self, board: Board) -> None:
        await board.store.pin(TENANT, MINE, 8000)

        answer = await board.place(either(wanted(NOA, span("10:00", "12:00"))), self._OWNER, overrides_held=True)

        assert answer.reply is Reply.HELD
        assert await board.held() == {(MINE, 1, _TEN), (YOURS, 1, _ELEVEN)}

    async def test_taken_time_stays_taken(self, board: Board) -> None:
        await board.fill(NOA, taken=[[span("10:30", "10:40")]])

        answer = await board.place(either(wanted(NOA, span("10:15", "10:45"))), self._OWNER, overrides_held=True)

        assert answer.reply is Reply.TAKEN
        assert (MINE, 1, _TEN) in await board.held()

    async def test_without_it_the_hold_is_in_the_way(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN)), self._OWNER)

        assert answer.reply is Reply.HELD

    async def test_booking_may_do_it_too(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN)), self._OWNER, overrides_held=True, pinned=True)

        assert answer.record is not None
        assert answer.record.gave_way == (MINE,)
        assert answer.record.bitmap_versions

    @pytest.mark.parametrize(("count", "ended"), [(1, 0), (2, 1), (3, 2)])
    async def test_no_more_holds_end_than_lanes_are_lacking(self, empty_board: Board, count: int, ended: int) -> None:
        board = empty_board
        await board.fill(NOA, taken=[[], [], []])
        for hold_id in (MINE, YOURS):
            await board.place(either(wanted(NOA, _TEN, lanes=3)), hold_id)

        answer = await board.place(either(wanted(NOA, _TEN, lanes=3, count=count)), self._OWNER, overrides_held=True)

        assert answer.record is not None
        assert len(answer.record.gave_way) == ended
        assert len(await board.held()) == 2 - ended + count

    async def test_holds_beyond_the_capacity_give_their_places_back(self, empty_board: Board) -> None:
        board = empty_board
        await board.fill(NOA, taken=[[], [], []])
        await board.place(either(wanted(NOA, _TEN, lanes=3, count=3)), MINE)

        answer = await board.place(either(wanted(NOA, _TEN, lanes=3, offered=1)), self._OWNER, overrides_held=True)

        assert answer.record is not None
        assert answer.record.gave_way == (MINE,)
        assert await board.held() == {(self._OWNER, 1, _TEN)}

    async def test_own_replaced_hold_is_none_of_others(self, board: Board) -> None:
        answer = await board.place(
            either(wanted(NOA, span("10:00", "12:00"))), self._OWNER, overrides_held=True, replaces=MINE
        )

        assert answer.reply is Reply.REPLACED
        assert answer.record is not None
        assert answer.record.gave_way == (YOURS,)


class TestPage:
    """Holds in the order in which they end."""

    async def test_pages_have_every_live_hold_once(self, board: Board) -> None:
        await board.place(either(wanted(DAN, _TEN)), _THIRD, ttl_ms=3 * TTL_MS)

        first = await board.store.page(TENANT, (0, ""), 2)
        rest = await board.store.page(TENANT, first[-1][0], 2)

        assert [record and record.id for _, record in first] == [MINE, YOURS]
        assert [record and record.id for _, record in rest] == [_THIRD]

    async def test_page_goes_on_between_holds_that_end_at_the_same_time(self, board: Board) -> None:
        at = await board.redis.zscore(keys.live(TENANT), MINE)
        assert at is not None
        same = sorted(f"hld_{number}" for number in range(5))
        await board.redis.zadd(keys.live(TENANT), dict.fromkeys(same, at))

        found: list[str] = []
        position = (0, "")
        while page := await board.store.page(TENANT, position, 2):
            position = page[-1][0]
            found += [hold_id for (_, hold_id), _ in page]

        assert found == [*same, MINE, YOURS]

    async def test_page_has_no_hold_that_has_expired(self, board: Board) -> None:
        await board.let_pass(TTL_MS, MINE)

        page = await board.store.page(TENANT, (0, ""), 5)

        assert [record and record.id for _, record in page] == [YOURS]


async def test_pin_after_the_longest_life_rests_on_the_pin_that_stands(board: Board) -> None:
    """It was not renewed, and the attempt was told that it had all of the grace."""
    await board.store.pin(TENANT, MINE, 60_000)
    before = await board.redis.zscore(keys.live(TENANT), MINE)
    await board.redis.hset(keys.hold(TENANT, MINE), "limit", "1")

    answer = await board.store.pin(TENANT, MINE, 90_000)

    assert answer.reply is Reply.PINNED
    assert answer.record is not None
    assert 50_000 < answer.record.pin_left_ms <= 60_000
    assert f"{NOA}:{DAY}:" in answer.record.bitmap_versions
    assert await board.redis.zscore(keys.live(TENANT), MINE) == before


async def test_pin_after_the_longest_life_is_refused_when_no_pin_stands(board: Board) -> None:
    await board.redis.hset(keys.hold(TENANT, MINE), "limit", "1")

    assert (await board.store.pin(TENANT, MINE, 90_000)).reply is Reply.EXPIRED
