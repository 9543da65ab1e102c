"""A script that meets a full memory does all it has to do or nothing, and those that end something do it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from availability.state.bitmap_cache import BitmapCache
from availability.state.encoding import encode_day
from holds.code_store import HoldCodeStore
from holds.store import HoldStore, Reply, Settlement
from kernel.ids import AppointmentId, CommitId
from persistence import keys, lua
from persistence.errors import RedisUnavailable
from persistence.metrics import Batch, MetricsStore
from persistence.rate_counts import RateAmount, RateCountStore
from persistence.redis import RedisLimits, create_redis
from tests.support.full_redis import OwnRedis, running_redis
from tests.support.holds import DAN, DAY, MINE, NOA, TENANT, YOURS, Board, either, span, wanted

_LIMITS: Final = RedisLimits(pool_size=4, command_seconds=5, connect_seconds=5)
_TEN: Final = span("10:00", "10:30")
_NOON: Final = span("12:00", "12:30")
_READERS: Final = {"hold_lists", "hold_observe", "hold_page", "hold_read"}
_APPOINTMENT: Final = AppointmentId("apt_1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def board(server: OwnRedis) -> AsyncIterator[Board]:
    """Noa and Dan, free all day, and Noa's ten o'clock held."""
    server.free()
    server.ask("FLUSHALL")
    client = create_redis(server.url, _LIMITS)
    await lua.load_all(client)
    cache = BitmapCache(client)
    board = Board(client, HoldStore(client), cache, (await cache.versions(TENANT)).catalogue)
    await board.fill(NOA)
    await board.fill(DAN)
    assert (await board.place(either(wanted(NOA, _TEN)))).reply is Reply.PLACED
    yield board
    server.free()
    await client.aclose()


@dataclass(frozen=True)
class _Case:
    script: str
    prepare: Callable[[Board], Awaitable[object]]
    run: Callable[[Board], Awaitable[object]]


async def _nothing(_board: Board) -> None:
    return


async def _fill(board: Board) -> None:
    staff_day = (NOA, DAY)
    versions = await board.cache.versions(TENANT, [staff_day])
    await board.cache.fill(TENANT, versions, {staff_day: encode_day(DAY, (), ((_TEN,),))})


async def _expire(board: Board) -> None:
    await board.let_pass(3_000_000)


async def _lose_list(board: Board) -> None:
    await board.redis.delete(keys.held(TENANT, NOA, DAY))


async def _lose_live(board: Board) -> None:
    await board.redis.delete(keys.live(TENANT))


async def _replace(board: Board) -> object:
    return await board.place(either(wanted(DAN, _NOON)), YOURS, replaces=MINE)


async def _place(board: Board) -> object:
    return await board.place(either(wanted(DAN, _NOON)), YOURS, client="c" * 32)


async def _settle(board: Board) -> None:
    start, end = _TEN.start, _TEN.end
    settlement = Settlement(
        hold_id=MINE, appointment_id=_APPOINTMENT, claims=f"{NOA}:1:{start}:{end}", bitmap_versions=""
    )
    await board.store.settle(TENANT, [settlement], commit_id=CommitId("op_1"))


async def _report(board: Board) -> None:
    found = await board.store.find_overdue(TENANT, "worker")
    await board.store.note_reported(TENANT, "worker", [one.member for one in found.holds])


async def _pin(board: Board) -> None:
    assert (await board.store.pin(TENANT, MINE, 10_000)).reply is Reply.PINNED


async def _unpin(board: Board) -> object:
    until = await board.redis.hget(keys.hold(TENANT, MINE), "pinned_until")
    assert until is not None
    return await board.store.unpin(TENANT, MINE, int(until))


async def _ask_code(board: Board) -> object:
    return await HoldCodeStore(board.redis).ask(TENANT, MINE, contact="c", sealed="s")


async def _put_code(board: Board) -> None:
    await _ask_code(board)
    assert await HoldCodeStore(board.redis).put(TENANT, MINE, "d") == "s"


async def _count(board: Board) -> None:
    await MetricsStore(board.redis).add(Batch(process="p", number=1, minute=1, counts={"holds_placed": 1}))


async def _show(board: Board) -> object:
    return await lua.call(board.redis, "metrics_show", [keys.metrics_process("p")], [10_000, "elected", "1"])


_REFUSED: Final = [
    _Case("day_versions", _nothing, lambda board: board.cache.versions(TENANT, [(NOA, DAY + 1), (NOA, DAY + 2)])),
    _Case("day_fill", _nothing, _fill),
    _Case("hold_place", _nothing, _place),
    _Case("hold_place", _nothing, _replace),
    _Case("hold_place", _expire, lambda board: board.place(either(wanted(DAN, _NOON)), MINE)),
    _Case("hold_extend", _nothing, lambda board: board.store.extend(TENANT, MINE, 600_000)),
    _Case("hold_mend", _lose_list, lambda board: board.store.mend(TENANT, MINE, [])),
    _Case(
        "rate_count",
        _nothing,
        lambda board: RateCountStore(board.redis).count(TENANT, [RateAmount(60, "business::list", 1)]),
    ),
    _Case("hold_code_ask", _nothing, _ask_code),
    _Case("hold_code_put", _ask_code, lambda board: HoldCodeStore(board.redis).put(TENANT, MINE, "d")),
    _Case("hold_code_check", _put_code, lambda board: HoldCodeStore(board.redis).check(TENANT, MINE, "d")),
    _Case("hold_relist", _lose_live, lambda board: board.store.relist(TENANT, [MINE])),
]
_DONE: Final = [
    _Case("day_invalidate", _nothing, lambda board: board.cache.invalidate(
        TENANT, None, catalogue=True, staff_days=[(NOA, DAY)]
    )),
    _Case("day_invalidate", _nothing, lambda board: board.cache.settle(
        TENANT, CommitId("op_2"), catalogue=True, staff_days=[(NOA, DAY)]
    )),
    _Case("hold_expire", _expire, lambda board: board.store.find_overdue(TENANT, "worker")),
    _Case("hold_mend", _expire, lambda board: board.store.mend(TENANT, MINE, [f"held:{NOA}:{DAY}"])),
    _Case("hold_pin", _nothing, lambda board: board.store.pin(TENANT, MINE, 600_000)),
    _Case("hold_release", _nothing, lambda board: board.store.release(TENANT, MINE)),
    _Case("hold_report", _expire, _report),
    _Case("hold_settle", _nothing, _settle),
    _Case("hold_settle", _pin, _settle),
    _Case("hold_unpin", _pin, _unpin),
    _Case("metrics_add", _nothing, _count),
    _Case("metrics_show", _nothing, _show),
]  # fmt: skip


def _named(case: _Case) -> str:
    return case.script


@pytest.mark.parametrize("case", _REFUSED, ids=_named)
async def test_script_that_keeps_something_new_writes_nothing_without_memory(
    server: OwnRedis, board: Board, case: _Case
) -> None:
    await case.prepare(board)
    before = server.contents()
    server.fill()

    with pytest.raises(RedisUnavailable, match="used memory"):
        await case.run(board)

    assert server.contents() == before
    server.free()
    await case.run(board)
    assert server.contents() != before


@pytest.mark.parametrize("case", _DONE, ids=_named)
async def test_script_that_ends_something_does_so_without_memory(server: OwnRedis, board: Board, case: _Case) -> None:
    await case.prepare(board)
    before = server.contents()
    server.fill()

    await case.run(board)

    assert server.contents() != before
    server.free()


async def test_settled_time_is_taken_although_there_was_no_memory(server: OwnRedis, board: Board) -> None:
    pinned = await board.store.pin(TENANT, MINE, 10_000)
    assert pinned.record is not None
    server.fill()

    await _settle(board)

    server.free()
    answer = await board.place(either(wanted(NOA, _TEN)), YOURS)
    # The bitmap was dropped, or shows the time as taken.
    assert answer.reply in {Reply.MISS, Reply.TAKEN}


def test_every_script_is_tried_without_memory() -> None:
    """Those that only read aside."""
    tried = {case.script for case in (*_REFUSED, *_DONE)}

    assert {case.script for case in _DONE} - {"hold_mend"} == lua.WITHOUT_MEMORY - _READERS
    assert set(lua.names()) - tried == _READERS | {"day_read"}
