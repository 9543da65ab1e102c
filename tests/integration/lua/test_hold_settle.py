"""A hold becomes taken minutes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from availability.rules.bitmaps import to_spans
from availability.state.bitmap_cache import BitmapCache
from availability.state.encoding import decode_days
from holds.store import CandidateClaim, HoldRecord, HoldStore, Reply, Settlement
from kernel.ids import AppointmentId, CommitId, ResourceId
from kernel.spans import MINUTES_PER_DAY, Span
from persistence import keys
from persistence.redis import RedisLimits, create_redis
from tests.support.full_redis import running_redis
from tests.support.holds import DAN, DAY, MINE, NOA, TENANT, TTL_MS, YOURS, Board, at, both, either, span, wanted

_TEN = span("10:00", "10:30")
_APPOINTMENT = AppointmentId("apt_1")
_OPERATION = CommitId("op_1")
_OTHER = CommitId("op_2")
_WHOLE_DAY = Span(DAY * MINUTES_PER_DAY, (DAY + 1) * MINUTES_PER_DAY)


async def _settle(board: Board, pinned: HoldRecord) -> None:
    await board.store.settle(TENANT, [_settlement(pinned)], commit_id=_OPERATION)


def _settlement(pinned: HoldRecord, appointment_id: AppointmentId = _APPOINTMENT) -> Settlement:
    return Settlement(
        hold_id=pinned.id, appointment_id=appointment_id, claims=pinned.claims, bitmap_versions=pinned.bitmap_versions
    )


async def _pin(board: Board, *claims: CandidateClaim) -> HoldRecord:
    """Hold all of them as a confirmation does that follows at once."""
    answer = await board.place(both(*claims or [wanted(NOA, _TEN)]), pinned=True, client="tab")
    assert answer.reply is Reply.PLACED
    assert answer.record is not None
    return answer.record


async def _dropped_and_changed(board: Board) -> tuple[int, int]:
    """The two instants that make up the version of Noa's day."""
    versions = await board.cache.versions(TENANT, [(NOA, DAY)])
    dropped, changed = versions.days[NOA, DAY].split(".")
    return int(dropped), int(changed)


async def _taken(board: Board, resource_id: ResourceId = NOA, day: int = DAY) -> list[Sequence[Span]] | None:
    """The minutes of each lane that are not clear; None where nothing is cached."""
    value = (await board.cache.read(TENANT, [(resource_id, day)])).bitmaps[resource_id, day]
    if value is None:
        return None
    window = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
    _, lanes = decode_days([value])
    return [to_spans(lane ^ ((1 << MINUTES_PER_DAY) - 1), window) for lane in lanes]


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(_TEN, id="half an hour"),
        pytest.param(span("10:00", "10:01"), id="one minute"),
        pytest.param(span("09:57", "11:00"), id="as many bits as one command can set"),
        pytest.param(span("09:56", "11:00"), id="one more"),
        pytest.param(span("00:00", "00:07"), id="first minutes of the day"),
        pytest.param(span("23:53", "00:00"), id="last minutes of the day"),
        pytest.param(_WHOLE_DAY, id="whole day"),
    ],
)
@pytest.mark.parametrize("lane", [1, 2, 3])
async def test_settle_takes_exactly_the_minutes_of_the_claim(empty_board: Board, when: Span, lane: int) -> None:
    # The lanes before it are taken, so that the hold gets this one.
    await empty_board.fill(NOA, taken=[[when] if number < lane else [] for number in (1, 2, 3)])
    pinned = await _pin(empty_board, wanted(NOA, when, lanes=3))

    await _settle(empty_board, pinned)

    assert await _taken(empty_board) == [(when,) if number <= lane else () for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(_TEN, id="bits"),
        pytest.param(span("09:03", "19:10"), id="bytes with bits at both ends"),
        pytest.param(span("21:01", "05:59"), id="on both sides of midnight"),
        pytest.param(Span(_WHOLE_DAY.start, _WHOLE_DAY.end + 24 * 60), id="two whole days"),
    ],
)
async def test_settle_takes_exactly_the_minutes_of_a_party(empty_board: Board, when: Span) -> None:
    lanes = 40
    # One lane in the middle is taken before, so that the lanes of the party are not all neighbours.
    taken = [[_WHOLE_DAY] if lane == lanes // 2 else [] for lane in range(lanes + 1)]
    await empty_board.fill(NOA, DAY, DAY + 1, taken=taken)
    pinned = await _pin(empty_board, wanted(NOA, when, lanes=lanes + 1, count=lanes))

    await _settle(empty_board, pinned)

    for day in (DAY, DAY + 1):
        whole = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
        start, end = max(when.start, whole.start), min(when.end, whole.end)
        theirs = (Span(start, end),) if start < end else ()
        before = (whole,) if day == DAY else ()
        expected = [before if lane == lanes // 2 else theirs for lane in range(lanes + 1)]
        assert await _taken(empty_board, day=day) == expected
    assert await empty_board.held((NOA, DAY), (NOA, DAY + 1)) == set()


async def test_settle_takes_a_party_by_few_commands(tmp_path: Path) -> None:
    # A server of its own: the counts are those of the whole server, on which other tests run at the same time.
    with running_redis(tmp_path) as server:
        assert await _commands_of_a_party(server.url) < 40


async def _commands_of_a_party(redis_url: str) -> int:
    redis = create_redis(redis_url, RedisLimits(pool_size=4, command_seconds=5, connect_seconds=5))
    cache = BitmapCache(redis)
    board = Board(redis, HoldStore(redis), cache, (await cache.versions(TENANT)).catalogue)
    await board.fill(NOA, taken=[[]] * 1000)
    pinned = await _pin(board, wanted(NOA, _TEN, lanes=1000, count=1000))
    await redis.config_resetstat()

    await _settle(board, pinned)

    commands = await redis.info("commandstats")
    await redis.aclose()
    return sum(int(figures["calls"]) for figures in commands.values())


async def test_settle_takes_the_minutes_on_both_sides_of_midnight(board: Board) -> None:
    await board.fill(NOA, DAY, DAY + 1)
    midnight = at("00:00", DAY + 1)
    pinned = await _pin(board, wanted(NOA, Span(midnight - 20, midnight + 10)))

    await _settle(board, pinned)

    assert await _taken(board) == [(Span(midnight - 20, midnight),)]
    assert await _taken(board, day=DAY + 1) == [(Span(midnight, midnight + 10),)]


async def test_settle_takes_every_claim(board: Board) -> None:
    later = span("11:00", "11:20")
    pinned = await _pin(board, wanted(NOA, _TEN), wanted(NOA, later), wanted(DAN, _TEN))

    await _settle(board, pinned)

    assert await _taken(board) == [(_TEN, later)]
    assert await _taken(board, DAN) == [(_TEN,)]


async def test_settle_keeps_the_bitmaps_when_other_minutes_were_taken_meanwhile(empty_board: Board) -> None:
    await empty_board.fill(NOA, taken=[[], []])
    pinned = await _pin(empty_board, wanted(NOA, _TEN, lanes=2))
    other = await empty_board.place(either(wanted(NOA, _TEN, lanes=2)), YOURS, pinned=True)
    assert other.record is not None
    await empty_board.store.settle(TENANT, [_settlement(other.record, AppointmentId("apt_2"))], commit_id=_OTHER)

    await _settle(empty_board, pinned)

    assert await _taken(empty_board) == [(_TEN,), (_TEN,)]


async def test_settle_keeps_the_expiry_of_bitmaps(board: Board) -> None:
    key = keys.clear(TENANT, NOA, DAY)
    await board.redis.pexpire(key, 60_000)
    pinned = await _pin(board)

    await _settle(board, pinned)

    assert 0 < await board.redis.pttl(key) <= 60_000


@pytest.mark.parametrize("ending", ["released", "expired"])
async def test_settle_takes_the_minutes_of_a_hold_that_has_ended(board: Board, ending: str) -> None:
    pinned = await _pin(board)
    if ending == "released":
        await board.store.release(TENANT, MINE, pinned_too=True)
    else:
        await board.let_pass(TTL_MS)

    await _settle(board, pinned)

    assert await _taken(board) == [(_TEN,)]


async def test_settle_takes_the_minutes_by_what_the_second_of_two_pins_has_seen(board: Board) -> None:
    await _pin(board)
    await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[(NOA, DAY)])
    await board.fill(NOA)
    again = await board.store.pin(TENANT, MINE, 8000)
    assert again.record is not None

    await _settle(board, again.record)

    assert await _taken(board) == [(_TEN,)]


async def test_settle_says_that_the_bitmaps_changed_and_were_not_dropped(board: Board) -> None:
    pinned = await _pin(board)
    dropped, changed = await _dropped_and_changed(board)

    await _settle(board, pinned)

    now_dropped, now_changed = await _dropped_and_changed(board)
    assert now_dropped == dropped
    assert now_changed > changed


class TestDropping:
    """Where clearing bits might be wrong, the bitmaps are dropped, to be read from Postgres again."""

    async def test_settle_drops_bitmaps_that_were_dropped_since_the_pin(self, board: Board) -> None:
        pinned = await _pin(board)
        # The appointment was cancelled before it could be settled.
        await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[(NOA, DAY)])
        await board.fill(NOA)
        versions = await board.cache.versions(TENANT, [(NOA, DAY)])

        await _settle(board, pinned)

        report = await board.cache.fill(TENANT, versions, {(NOA, DAY): bytes(360)})
        assert report.refused == 1
        assert await _taken(board) is None

    async def test_settle_drops_bitmaps_when_it_is_repeated_after_a_cancellation(self, board: Board) -> None:
        pinned = await _pin(board)
        await _settle(board, pinned)
        await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[(NOA, DAY)])
        await board.fill(NOA)

        await _settle(board, pinned)

        assert await _taken(board) is None

    @pytest.mark.parametrize("again", ["pinned", "placed"])
    async def test_settle_drops_bitmaps_when_another_attempt_pinned_after_a_cancellation(
        self, board: Board, again: str
    ) -> None:
        pinned = await _pin(board)
        # The first attempt committed, and the appointment was cancelled; now the client asks again.
        await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[(NOA, DAY)])
        await board.fill(NOA)
        if again == "pinned":
            await board.store.pin(TENANT, MINE, 8000)
        else:
            await board.store.release(TENANT, MINE, pinned_too=True)
            await _pin(board)

        await _settle(board, pinned)

        assert await _taken(board) is None

    async def test_settle_drops_bitmaps_that_lack_the_lane(self, board: Board) -> None:
        pinned = await _pin(board)
        await board.fill(NOA, taken=[])

        await _settle(board, pinned)

        assert await _taken(board) is None

    async def test_settle_drops_bitmaps_when_nothing_was_seen(self, board: Board) -> None:
        answer = await board.place(either(wanted(NOA, _TEN)), client="tab")
        assert answer.record is not None
        assert answer.record.bitmap_versions == ""

        await _settle(board, answer.record)

        assert await _taken(board) is None
        assert await _taken(board, DAN) == [()]

    async def test_settle_makes_no_bitmaps_where_there_are_none(self, board: Board) -> None:
        pinned = await _pin(board)
        await board.redis.delete(keys.clear(TENANT, NOA, DAY))

        await _settle(board, pinned)

        assert await _taken(board) is None


async def test_settled_time_is_taken_and_no_longer_held(board: Board) -> None:
    pinned = await _pin(board)
    before = await board.place(either(wanted(NOA, _TEN)), YOURS)

    await _settle(board, pinned)

    after = await board.place(either(wanted(NOA, _TEN)), YOURS)
    assert (before.reply, after.reply) == (Reply.HELD, Reply.TAKEN)
    assert await board.held() == set()


async def test_settled_hold_names_its_appointment(board: Board) -> None:
    pinned = await _pin(board)

    await _settle(board, pinned)

    record = await board.record()
    assert (record.state, record.appointment_id) == ("confirmed", _APPOINTMENT)


async def test_settled_hold_does_not_count_for_its_client(board: Board) -> None:
    pinned = await _pin(board)
    await _settle(board, pinned)

    answer = await board.place(either(wanted(DAN, _TEN)), YOURS, client="tab", most_per_client=1)

    assert answer.reply is Reply.PLACED


async def test_settled_hold_is_the_same_when_placed_again(board: Board) -> None:
    pinned = await _pin(board)
    await _settle(board, pinned)

    answer = await board.place(either(wanted(DAN, _TEN)), pinned=True)

    assert answer.reply is Reply.SAME
    assert answer.record is not None
    assert answer.record.state == "confirmed"
    assert await board.held((DAN, DAY)) == set()


async def test_record_of_a_settled_hold_is_kept_to_answer_again(board: Board) -> None:
    pinned = await _pin(board)
    await board.redis.pexpire(keys.hold(TENANT, MINE), 1000)

    await _settle(board, pinned)

    assert await board.redis.pttl(keys.hold(TENANT, MINE)) > TTL_MS


async def test_settle_refuses_fills_that_were_read_before(board: Board) -> None:
    days = [(NOA, DAY), (DAN, DAY)]
    versions = await board.cache.versions(TENANT, days)
    pinned = await _pin(board)

    await _settle(board, pinned)

    report = await board.cache.fill(TENANT, versions, dict.fromkeys(days, bytes(360)))
    assert (report.stored, report.refused) == (1, 1)
    assert await _taken(board) == [(_TEN,)]


@pytest.mark.parametrize("gone", [True, False])
async def test_fill_is_refused_when_it_was_read_before_a_settle_without_a_hold(board: Board, *, gone: bool) -> None:
    versions = await board.cache.versions(TENANT, [(NOA, DAY)])
    pinned = await _pin(board)
    if gone:
        await board.store.release(TENANT, MINE, pinned_too=True)

    await _settle(board, pinned)

    report = await board.cache.fill(TENANT, versions, {(NOA, DAY): bytes(360)})
    assert report.refused == 1


async def test_settle_of_a_hold_that_is_gone_leaves_no_record(board: Board) -> None:
    pinned = await _pin(board)
    await board.store.release(TENANT, MINE, pinned_too=True)

    await _settle(board, pinned)

    assert (await board.store.read(TENANT, MINE)).reply is Reply.MISSING


async def test_settle_may_be_repeated(board: Board) -> None:
    pinned = await _pin(board)
    await _settle(board, pinned)

    await _settle(board, pinned)

    assert await _taken(board) == [(_TEN,)]
    assert (await board.record()).state == "confirmed"
    assert await board.held() == set()


async def test_settle_leaves_other_holds_alone(board: Board) -> None:
    later = span("10:30", "11:00")
    await board.place(either(wanted(NOA, later)), YOURS)
    pinned = await _pin(board)

    await _settle(board, pinned)

    assert await board.held() == {(YOURS, 1, later)}


async def test_invalidator_passes_over_a_settled_operation(board: Board) -> None:
    pinned = await _pin(board)
    await _settle(board, pinned)

    done = await board.cache.invalidate(TENANT, _OPERATION, catalogue=False, staff_days=[(NOA, DAY)])

    assert done is False
    assert await _taken(board) == [(_TEN,)]


async def test_settle_of_several_holds_is_one_step_for_each_and_one_operation(board: Board) -> None:
    mine = await _pin(board)
    his = await board.place(either(wanted(DAN, _TEN)), YOURS, pinned=True)
    assert his.record is not None

    await board.store.settle(
        TENANT, [_settlement(mine), _settlement(his.record, AppointmentId("apt_2"))], commit_id=_OPERATION
    )

    assert (await _taken(board), await _taken(board, DAN)) == ([(_TEN,)], [(_TEN,)])
    assert [(await board.record(hold_id)).appointment_id for hold_id in (MINE, YOURS)] == ["apt_1", "apt_2"]
    assert await board.held((NOA, DAY), (DAN, DAY)) == set()
    assert await board.cache.settled_commits(TENANT, [_OPERATION, _OTHER]) == {_OPERATION}
