"""Shares of a business's time that visitors take: what counts, for how long, and what is given back."""

from typing import Final

from holds.store import Budget, Reply, ScriptAnswer, Settlement, Share
from kernel.ids import AppointmentId, HoldId
from persistence import keys
from tests.support.holds import DAN, NOA, TENANT, TTL_MS, Board, either, span, wanted

_SPAN_MS: Final = 300_000
_DAY_OF_ONE: Final = Share(name="share:ab12:20261201", most=90, least=2)
_ANOTHER: Final = Share(name="share:cd34:20261201", most=90, least=2)
_ALL: Final = Share(name="unproven", most=150, least=0)


async def _hold(board: Board, number: int, **changes: object) -> ScriptAnswer:
    """Place a hold of half an hour on a time of its own."""
    when = span(f"{number // 2:02}:{number % 2 * 30:02}", f"{(number + 1) // 2:02}:{(number + 1) % 2 * 30:02}")
    return await board.place(either(wanted(NOA, when)), _id(number), **{"shares": [_DAY_OF_ONE, _ALL], **changes})


def _id(number: int) -> HoldId:
    return HoldId(f"hld_{number}")


def _key(share: Share) -> str:
    return f"{keys.prefix(TENANT)}taken:{share.name}"


async def _fill(board: Board, count: int = 3, **changes: object) -> None:
    for number in range(count):
        assert (await _hold(board, number, **changes)).reply is Reply.PLACED


async def _fields(board: Board, share: Share) -> dict[str, int]:
    found: dict[str, int] = {}
    for field, amount in (await board.redis.hgetall(_key(share))).items():
        assert isinstance(field, bytes)
        found[field.decode()] = int(amount)
    return found


async def _earlier(board: Board, share: Share, spans: int) -> None:
    """What was taken under the name was taken earlier."""
    fields = await _fields(board, share)
    await board.redis.delete(_key(share))
    for field, amount in fields.items():
        number, *rest = field.split(":")
        await board.redis.hset(_key(share), ":".join([str(int(number) - spans), *rest]), str(amount))


async def _taken(board: Board, share: Share) -> tuple[int, int]:
    """Minutes and visits under the name."""
    fields = await _fields(board, share)
    visits = sum(amount for field, amount in fields.items() if field.endswith(":visits"))
    return sum(fields.values()) - visits, visits


async def test_place_is_refused_beyond_a_share(board: Board) -> None:
    await _fill(board)

    answer = await _hold(board, 3)

    assert (answer.reply, answer.used_up) == (Reply.LIMIT, Budget(name=_DAY_OF_ONE.name, most=90))
    assert 11 * _SPAN_MS < answer.retry_after_ms <= 12 * _SPAN_MS
    assert len(await board.held()) == 3


async def test_names_count_apart_and_in_the_share_of_all(board: Board) -> None:
    await _fill(board)
    others = [await _hold(board, number, shares=[_ANOTHER, _ALL]) for number in (3, 4, 5)]

    assert [answer.reply for answer in others] == [Reply.PLACED, Reply.PLACED, Reply.LIMIT]
    assert others[-1].used_up == Budget(name="unproven", most=150)


async def test_some_visits_are_possible_however_small_the_share_is(board: Board) -> None:
    tiny = [Share(name="share:ab12:20261201", most=10, least=2)]

    replies = [(await _hold(board, number, shares=tiny)).reply for number in range(3)]

    assert replies == [Reply.PLACED, Reply.PLACED, Reply.LIMIT]


async def test_lanes_count_each(board: Board) -> None:
    wide = Share(name="share:ab12:20261201", most=100, least=0)
    await board.fill(DAN, taken=((), ()))

    answer = await board.place(either(wanted(DAN, span("08:00", "09:00"), lanes=2, count=2)), _id(0), shares=[wide])

    assert (answer.reply, answer.used_up) == (Reply.LIMIT, Budget(name=wide.name, most=100))


async def test_what_was_taken_an_hour_ago_counts_no_more(board: Board) -> None:
    await _fill(board)
    await _earlier(board, _DAY_OF_ONE, 11)
    within = await _hold(board, 3)
    await _earlier(board, _DAY_OF_ONE, 1)

    after = await _hold(board, 3)

    assert (within.reply, after.reply) == (Reply.LIMIT, Reply.PLACED)
    assert await _taken(board, _DAY_OF_ONE) == (30, 1)


async def test_lapsed_and_confirmed_holds_go_on_to_count(board: Board) -> None:
    await _fill(board)
    await board.let_pass(TTL_MS, _id(0))
    await board.store.pin(TENANT, _id(1), 8000)
    booked = Settlement(hold_id=_id(1), appointment_id=AppointmentId("apt_1"), claims="", bitmap_versions="")
    await board.store.settle(TENANT, [booked], commit_id=None)

    assert (await _hold(board, 3)).reply is Reply.LIMIT


class TestGivenBack:
    """Time that was given back was not taken."""

    async def test_released(self, board: Board) -> None:
        await _fill(board)
        await board.store.release(TENANT, _id(0))
        await board.store.release(TENANT, _id(0))

        assert (await _hold(board, 3)).reply is Reply.PLACED
        assert await _taken(board, _DAY_OF_ONE) == (90, 3)
        assert await _taken(board, _ALL) == (90, 3)

    async def test_replaced(self, board: Board) -> None:
        await _fill(board)

        answer = await _hold(board, 3, replaces=_id(0))

        assert answer.reply is Reply.REPLACED
        assert await _taken(board, _DAY_OF_ONE) == (90, 3)

    async def test_overridden(self, board: Board) -> None:
        await _fill(board)
        when = span("00:00", "00:30")
        await board.place(either(wanted(NOA, when)), HoldId("hld_owner"), overrides_held=True)

        assert (await _hold(board, 3)).reply is Reply.PLACED

    async def test_confirmation_that_failed(self, board: Board) -> None:
        await _fill(board, pinned=True)
        await board.store.release(TENANT, _id(0), pinned_too=True)

        assert (await _hold(board, 3)).reply is Reply.PLACED

    async def test_booked_with_a_contact_that_was_proved(self, board: Board) -> None:
        await _fill(board)
        await board.redis.hset(keys.hold(TENANT, _id(0)), "proof", "digest")
        await board.store.pin(TENANT, _id(0), 8000)
        booked = Settlement(hold_id=_id(0), appointment_id=AppointmentId("apt_1"), claims="", bitmap_versions="")
        await board.store.settle(TENANT, [booked], commit_id=None)
        await board.store.settle(TENANT, [booked], commit_id=None)

        assert await _taken(board, _DAY_OF_ONE) == (60, 2)
        assert (await _hold(board, 3)).reply is Reply.PLACED

    async def test_placed_anew_under_its_id(self, board: Board) -> None:
        await _fill(board, 1)
        await board.let_pass(TTL_MS, _id(0))

        assert (await _hold(board, 0)).reply is Reply.PLACED
        assert await _taken(board, _DAY_OF_ONE) == (30, 1)


async def test_shares_are_kept_for_the_hour_in_which_they_count(board: Board) -> None:
    await _fill(board, 1)

    assert 12 * _SPAN_MS < await board.redis.pttl(_key(_DAY_OF_ONE)) <= 13 * _SPAN_MS


async def test_hold_without_shares_counts_nowhere(board: Board) -> None:
    await _fill(board, 3, shares=())

    assert [key async for key in board.redis.scan_iter("*taken*")] == []
