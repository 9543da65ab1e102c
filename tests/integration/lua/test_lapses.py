"""Holds that lapse: how many, from one address, begin a pause, and for how long."""

from typing import Final

from holds.store import Budget, Reply, ScriptAnswer, Settlement
from kernel.ids import AppointmentId, HoldId
from persistence import keys
from tests.support.holds import NOA, TENANT, TTL_MS, Board, either, span, wanted

_MINUTE: Final = 60_000
_ADDRESS: Final = Budget(name="address:ab12", most=6)
_OTHER: Final = Budget(name="address:cd34", most=6)
_LAPSES: Final = 2
_SLACK_MS: Final = 5000
_COOLING: Final = f"{keys.prefix(TENANT)}cooling:{_ADDRESS.name}"


async def _hold(
    board: Board, number: int, address: Budget = _ADDRESS, as_id: HoldId | None = None, **changes: object
) -> ScriptAnswer:
    """Place a hold on a time of its own."""
    when = span(f"{number // 2:02}:{number % 2 * 30:02}", f"{(number + 1) // 2:02}:{(number + 1) % 2 * 30:02}")
    limits = {"budgets": [address], "lapses": Budget(name=address.name, most=_LAPSES)}
    return await board.place(either(wanted(NOA, when)), as_id or _id(number), **{**limits, **changes})


def _id(number: int) -> HoldId:
    return HoldId(f"hld_{number}")


async def _lapse(board: Board, first: int, address: Budget = _ADDRESS, ago_ms: int = 0) -> None:
    """Let as many holds lapse as begin a pause."""
    for number in range(first, first + _LAPSES):
        assert (await _hold(board, number, address)).reply is Reply.PLACED
    for number in range(first, first + _LAPSES):
        await board.let_pass(TTL_MS + ago_ms, _id(number))


async def _wait_out(board: Board) -> None:
    """Let the pause of the address end."""
    cooling = await board.redis.get(_COOLING)
    assert isinstance(cooling, bytes)
    ends, length = cooling.decode().split(":")
    await board.redis.set(_COOLING, f"{int(ends) - int(length)}:{length}", keepttl=True)


async def test_lapses_begin_a_pause(board: Board) -> None:
    await _lapse(board, 0)

    answer = await _hold(board, 10)

    assert (answer.reply, answer.used_up) == (Reply.LIMIT, Budget(name="lapses", most=_LAPSES))
    assert 5 * _MINUTE - _SLACK_MS < answer.retry_after_ms <= 5 * _MINUTE


async def test_pause_refuses_until_it_ends(board: Board) -> None:
    await _lapse(board, 0)
    during = [await _hold(board, 10), await _hold(board, 10)]
    await _wait_out(board)

    after = await _hold(board, 10)

    assert [one.reply for one in during] == [Reply.LIMIT, Reply.LIMIT]
    assert after.reply is Reply.PLACED


async def test_pauses_double_up_to_an_hour(board: Board) -> None:
    minutes = []
    for number in range(6):
        await _lapse(board, 10 * number % 40)
        minutes.append(round((await _hold(board, 46)).retry_after_ms / _MINUTE))
        await _wait_out(board)

    assert minutes == [5, 10, 20, 40, 60, 60]


async def test_pause_counts_from_the_last_lapse_and_the_next_one_is_longer_all_the_same(board: Board) -> None:
    await _lapse(board, 0, ago_ms=6 * _MINUTE)
    late = await _hold(board, 10)
    await board.store.release(TENANT, _id(10))
    await _lapse(board, 20)

    again = await _hold(board, 30)

    assert late.reply is Reply.PLACED
    assert round(again.retry_after_ms / _MINUTE) == 10


async def test_lapses_of_half_an_hour_ago_count_no_more(board: Board) -> None:
    await _lapse(board, 0, ago_ms=31 * _MINUTE)

    assert (await _hold(board, 10)).reply is Reply.PLACED
    assert await board.redis.get(_COOLING) is None


async def test_addresses_pause_apart(board: Board) -> None:
    await _lapse(board, 0)

    assert (await _hold(board, 10, _OTHER)).reply is Reply.PLACED


async def test_without_an_address_nobody_pauses(board: Board) -> None:
    await _lapse(board, 0)

    assert (await _hold(board, 10, budgets=(), lapses=None)).reply is Reply.PLACED


async def test_client_gets_its_hold_back_during_a_pause(board: Board) -> None:
    await _hold(board, 40, client="tab", fingerprint="eight")
    await _lapse(board, 0)

    same, other = await _hold(board, 40, client="tab", fingerprint="eight"), await _hold(board, 10, client="tab")

    assert (same.reply, other.reply) == (Reply.SAME, Reply.LIMIT)


class TestEndedOtherwise:
    """A hold that ended before its deadline is no lapse."""

    async def test_released(self, board: Board) -> None:
        for number in range(_LAPSES):
            await _hold(board, number)
            await board.store.release(TENANT, _id(number))

        assert (await _hold(board, 10)).reply is Reply.PLACED

    async def test_confirmed(self, board: Board) -> None:
        for number in range(_LAPSES):
            await _hold(board, number)
            await board.store.pin(TENANT, _id(number), 8000)
            booked = Settlement(
                hold_id=_id(number), appointment_id=AppointmentId("apt_1"), claims="", bitmap_versions=""
            )
            await board.store.settle(TENANT, [booked], commit_id=None)
            await board.let_pass(2 * TTL_MS, _id(number))

        assert (await _hold(board, 10)).reply is Reply.PLACED

    async def test_replaced(self, board: Board) -> None:
        await _hold(board, 0)
        for number in range(1, _LAPSES + 2):
            assert (await _hold(board, number, replaces=_id(number - 1))).reply is Reply.REPLACED

        assert (await _hold(board, 10)).reply is Reply.PLACED

    async def test_overridden(self, board: Board) -> None:
        for number in range(_LAPSES):
            await _hold(board, number)
            owners = await _hold(board, number, budgets=(), lapses=None, overrides_held=True, as_id=_id(100 + number))
            assert owners.reply is Reply.PLACED

        assert (await _hold(board, 10)).reply is Reply.PLACED


async def test_lapses_are_kept_for_half_an_hour_and_the_pause_for_an_hour_more(board: Board) -> None:
    await _hold(board, 0)
    kept_ms = await board.redis.pttl(f"{keys.prefix(TENANT)}budget:{_ADDRESS.name}")
    await board.store.release(TENANT, _id(0))
    await _lapse(board, 0)
    await _hold(board, 10)

    cooling_ms = await board.redis.pttl(_COOLING)

    assert TTL_MS + 30 * _MINUTE - _SLACK_MS < kept_ms <= TTL_MS + 30 * _MINUTE
    assert 65 * _MINUTE - _SLACK_MS < cooling_ms <= 65 * _MINUTE
