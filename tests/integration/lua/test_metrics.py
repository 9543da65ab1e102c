"""What the engine tells of itself: added once, shown for a while, and holds counted when they expire."""

from typing import Any, Final

import pytest
from redis.asyncio import Redis

from holds.store import Reply, Settlement
from kernel.ids import AppointmentId, HoldId
from persistence import keys, lua
from persistence.metrics import Batch, MetricsStore
from tests.support.holds import MINE, NOA, TENANT, TTL_MS, YOURS, Board, either, span, wanted

_TEN: Final = span("10:00", "10:30")
_EVENING: Final = span("18:00", "18:30")
_THIRD: Final = HoldId("hld_third")
_NOON: Final = span("12:00", "12:30")
_COUNTS: Final = keys.metrics_minute(29_000_000)
_KEPT_MS: Final = 60_000


async def _add(redis: Redis, process: str, number: int, **counts: int) -> str:
    words = [word for pair in counts.items() for word in pair]
    (reply,) = await lua.call(redis, "metrics_add", [_COUNTS], [process, number, _KEPT_MS, _KEPT_MS, *words])
    return reply


async def _counts(redis: Redis) -> dict[Any, Any]:
    return dict(await redis.hgetall(_COUNTS))


class TestAdd:
    async def test_counts_of_all_processes_add_up(self, redis: Redis) -> None:
        replies = [await _add(redis, process, 1, holds_placed=2, drift=1) for process in ("one", "other")]

        assert replies == ["ADDED", "ADDED"]
        assert await _counts(redis) == {b"holds_placed": b"4", b"drift": b"2"}

    async def test_what_is_said_again_is_not_added_again(self, redis: Redis) -> None:
        await _add(redis, "one", 1, holds_placed=2)
        await _add(redis, "one", 2, holds_placed=3)

        again = [await _add(redis, "one", number, holds_placed=3) for number in (2, 1)]

        assert again == ["REPEATED", "REPEATED"]
        assert await _counts(redis) == {b"holds_placed": b"5"}

    async def test_counts_of_a_minute_expire(self, redis: Redis) -> None:
        await _add(redis, "one", 1, holds_placed=2)

        assert 0 < await redis.pttl(_COUNTS) <= _KEPT_MS

    async def test_total_stays_and_its_marks_go(self, redis: Redis) -> None:
        batch = Batch(process="one", number=1, minute=29_000_000, counts={"holds_placed": 2})

        await MetricsStore(redis).add(batch)
        lasting = [key async for key in redis.scan_iter("*") if await redis.pttl(key) == -1]
        stored = await MetricsStore(redis).read()
        await redis.delete(keys.METRICS_TOTAL)

        assert lasting == [keys.METRICS_TOTAL.encode()]
        assert stored.counts == {"holds_placed": 2}
        assert await _counts(redis) == {b"holds_placed": b"2"}


class TestShow:
    async def test_gauges_replace_those_before_and_go(self, redis: Redis) -> None:
        name = keys.metrics_process("host:1")
        await lua.call(redis, "metrics_show", [name], [_KEPT_MS, "role", "server", "pool_used:redis", "3"])

        await lua.call(redis, "metrics_show", [name], [_KEPT_MS, "role", "server"])

        assert await redis.hgetall(name) == {b"role": b"server"}
        assert 0 < await redis.pttl(name) <= _KEPT_MS


class TestExpire:
    async def _expired(self, board: Board, *, who: str = "one", number: int = 1) -> tuple[int, int]:
        counted = await board.store.count_expired(TENANT, who, number)
        return counted.expired, counted.live

    async def _place_two(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)), client="tab")
        await board.place(either(wanted(NOA, _NOON)), YOURS, client="tab")

    async def test_each_is_counted_once_whoever_asks(self, board: Board) -> None:
        await self._place_two(board)
        await board.let_pass(TTL_MS)

        counted = [await self._expired(board, who=who, number=1) for who in ("one", "other")]

        assert counted == [(1, 1), (0, 1)]

    async def test_who_asks_again_is_told_the_same(self, board: Board) -> None:
        await self._place_two(board)
        await board.let_pass(TTL_MS)

        counted = [await self._expired(board, number=number) for number in (7, 7, 8)]

        assert counted == [(1, 1), (1, 1), (0, 1)]

    async def test_released_replaced_and_settled_holds_have_not_expired(self, board: Board) -> None:
        await self._place_two(board)
        third = await board.place(either(wanted(NOA, _TEN)), _THIRD, client="tab", replaces=MINE)
        await board.place(either(wanted(NOA, _EVENING)))
        claims = f"{NOA}:1:{_NOON.start}:{_NOON.end}"
        settlement = Settlement(hold_id=YOURS, appointment_id=AppointmentId("apt_1"), claims=claims, bitmap_versions="")
        await board.store.settle(TENANT, [settlement], commit_id=None)
        released = await board.store.release(TENANT, MINE)

        assert (third.reply, released.reply) == (Reply.REPLACED, Reply.RELEASED)
        assert await self._expired(board) == (0, 1)

    @pytest.mark.parametrize("counted_before", [True, False])
    async def test_hold_released_after_its_end_has_expired(self, board: Board, counted_before: bool) -> None:  # noqa: FBT001
        await self._place_two(board)
        await board.let_pass(TTL_MS)

        before = (await self._expired(board))[0] if counted_before else 0
        released = await board.store.release(TENANT, MINE)
        after, _ = await self._expired(board, number=2)

        assert released.reply is Reply.MISSING
        assert before + after == 1

    @pytest.mark.parametrize("counted_before", [True, False])
    async def test_hold_that_expired_and_is_placed_anew_has_expired_once(
        self,
        board: Board,
        counted_before: bool,  # noqa: FBT001
    ) -> None:
        await self._place_two(board)
        await board.let_pass(TTL_MS)

        before = (await self._expired(board))[0] if counted_before else 0
        placed = await board.place(either(wanted(NOA, _TEN)), MINE)
        after, live = await self._expired(board, number=2)

        assert placed.reply is Reply.PLACED
        assert (before + after, live) == (1, 2)

    async def test_hold_that_was_given_more_time_expires_later(self, board: Board) -> None:
        await self._place_two(board)
        await board.store.extend(TENANT, MINE, 2 * TTL_MS)
        await board.let_pass(TTL_MS)

        assert await self._expired(board) == (0, 2)

    async def test_what_nobody_counted_for_an_hour_is_forgotten_by_the_next_hold(self, board: Board) -> None:
        await board.place(either(wanted(NOA, _TEN)))
        await board.redis.zadd(keys.live(TENANT), {MINE: 1})

        await board.place(either(wanted(NOA, _NOON)), YOURS)

        assert await board.redis.zrange(keys.live(TENANT), 0, -1) == [YOURS.encode()]
