"""How a hold lives on, is pinned, and ends."""

import pytest

from holds.store import Reply, ScriptAnswer
from kernel.ids import HoldId
from persistence import keys
from tests.support.holds import DAN, DAY, MINE, NOA, TENANT, TTL_MS, YOURS, Board, both, either, span, wanted

_TEN = span("10:00", "10:30")
_NIGHT = span("23:30", "00:30")
_GRACE_MS = 8000
_THEIRS = HoldId("hld_theirs")
_LIMIT_MS = 4 * TTL_MS


@pytest.fixture
async def board(board: Board) -> Board:
    """A hold of Noa and Dan that runs past midnight, one of a client that has another."""
    await board.fill(NOA, DAY, DAY + 1)
    await board.fill(DAN, DAY, DAY + 1)
    await board.place(either(wanted(NOA, _TEN)), YOURS, client="tab")
    await board.place(both(wanted(NOA, _NIGHT), wanted(DAN, _NIGHT)), client="tab")
    return board


async def _become_appointment(board: Board) -> None:
    await board.redis.hset(keys.hold(TENANT, MINE), "state", "confirmed")


def _left_ms(answer: ScriptAnswer) -> int:
    assert answer.record is not None
    return answer.record.deadline_ms - answer.record.now_ms


def _seen(answer: ScriptAnswer) -> dict[str, str]:
    """When the bitmaps of each staff-day were last dropped."""
    assert answer.record is not None
    return {
        staff_day: instant
        for staff_day, _, instant in (seen.rpartition(":") for seen in answer.record.bitmap_versions.split())
    }


async def _deadlines_in_lists(board: Board) -> set[int]:
    """The deadlines under which the hold stands in the lists of both resources on both days, and of its client."""
    cached = await board.cache.read(TENANT, [(name, day) for name in (NOA, DAN) for day in (DAY, DAY + 1)])
    held = [entry.deadline_ms for entries in cached.held.values() for entry in entries if entry.hold_id == MINE]
    assert len(held) == 4
    (name,) = [key async for key in board.redis.scan_iter(f"{keys.prefix(TENANT)}client:*")]
    text = await board.redis.get(name)
    assert isinstance(text, bytes)
    entries = [entry for entry in text.decode().split() if entry.startswith(f"{MINE}:")]
    assert len(entries) == 1
    return {*held, int(entries[0].rsplit(":", 1)[1])}


class TestRead:
    async def test_read_tells_a_hold_as_it_was_placed(self, board: Board) -> None:
        record = await board.record()

        assert (record.id, record.state, record.body, record.choice) == (
            MINE,
            "held",
            '{"service": "svc_any"}',
            "together",
        )
        assert record.catalogue_version == board.version
        assert record.claims == " ".join(f"{name}:1:{_NIGHT.start}:{_NIGHT.end}" for name in (NOA, DAN))

    async def test_read_tells_expired_from_never_was(self, board: Board) -> None:
        await board.let_pass(TTL_MS)

        record = await board.record()
        unknown = await board.store.read(TENANT, YOURS)

        assert record.deadline_ms <= record.now_ms
        assert unknown.reply is Reply.HOLD
        assert (await board.store.read(TENANT, HoldId("hld_never"))).reply is Reply.MISSING

    async def test_record_goes_some_time_after_its_hold(self, board: Board) -> None:
        await board.let_pass(TTL_MS + 3_600_000)

        answer = await board.store.read(TENANT, MINE)

        assert answer.reply is Reply.MISSING


class TestExtend:
    async def test_extend_counts_from_now(self, board: Board) -> None:
        await board.let_pass(TTL_MS - 1000)

        answer = await board.store.extend(TENANT, MINE, TTL_MS)

        assert answer.reply is Reply.EXTENDED
        assert _left_ms(answer) == TTL_MS

    async def test_extend_moves_the_deadline_everywhere(self, board: Board) -> None:
        answer = await board.store.extend(TENANT, MINE, 2 * TTL_MS)

        assert answer.record is not None
        assert await _deadlines_in_lists(board) == {answer.record.deadline_ms}
        assert (await board.record()).deadline_ms == answer.record.deadline_ms

    async def test_extend_leaves_other_holds_alone(self, board: Board) -> None:
        before = await board.record(YOURS)

        await board.store.extend(TENANT, MINE, 2 * TTL_MS)

        assert (await board.record(YOURS)).deadline_ms == before.deadline_ms
        assert (YOURS, 1, _TEN) in await board.held()

    async def test_extend_never_shortens(self, board: Board) -> None:
        before = await board.record()

        answer = await board.store.extend(TENANT, MINE, 1000)

        assert answer.reply is Reply.EXTENDED
        assert answer.record is not None
        assert answer.record.deadline_ms == before.deadline_ms

    async def test_extend_is_exhausted_when_it_would_pass_the_limit(self, board: Board) -> None:
        before = await board.record()
        await board.let_pass(TTL_MS - 10_000)

        answer = await board.store.extend(TENANT, MINE, _LIMIT_MS - TTL_MS + 60_000)

        assert answer.reply is Reply.EXHAUSTED
        assert (await board.record()).deadline_ms == before.deadline_ms - TTL_MS + 10_000

    async def test_extend_again_and_again_ends_at_the_limit(self, board: Board) -> None:
        replies = []
        for _ in range(6):
            replies.append((await board.store.extend(TENANT, MINE, TTL_MS)).reply)
            await board.let_pass(TTL_MS - 60_000)

        assert replies == [*[Reply.EXTENDED] * 4, Reply.EXHAUSTED, Reply.EXPIRED]

    async def test_extend_refuses_an_expired_hold(self, board: Board) -> None:
        await board.let_pass(TTL_MS)

        answer = await board.store.extend(TENANT, MINE, TTL_MS)

        assert answer.reply is Reply.EXPIRED
        assert await board.held() == {(YOURS, 1, _TEN)}

    async def test_extend_refuses_a_hold_that_is_being_confirmed(self, board: Board) -> None:
        await board.store.pin(TENANT, MINE, _GRACE_MS)

        answer = await board.store.extend(TENANT, MINE, 2 * TTL_MS)

        assert answer.reply is Reply.PINNED
        assert _left_ms(answer) <= TTL_MS

    async def test_extend_refuses_an_appointment(self, board: Board) -> None:
        await _become_appointment(board)

        assert (await board.store.extend(TENANT, MINE, TTL_MS)).reply is Reply.CONFIRMED

    async def test_extend_knows_no_released_hold(self, board: Board) -> None:
        await board.store.release(TENANT, MINE)

        assert (await board.store.extend(TENANT, MINE, TTL_MS)).reply is Reply.MISSING


class TestPin:
    async def test_pin_gives_a_hold_that_ends_soon_its_grace(self, board: Board) -> None:
        await board.let_pass(TTL_MS - 1000)

        answer = await board.store.pin(TENANT, MINE, _GRACE_MS)

        assert answer.reply is Reply.PINNED
        assert answer.record is not None
        assert answer.record.state == "pinned"
        assert _left_ms(answer) == _GRACE_MS
        assert await _deadlines_in_lists(board) == {answer.record.deadline_ms}

    async def test_pin_takes_nothing_from_a_hold_that_lives_longer(self, board: Board) -> None:
        before = await board.record()

        answer = await board.store.pin(TENANT, MINE, _GRACE_MS)

        assert answer.record is not None
        assert answer.record.deadline_ms == before.deadline_ms

    async def test_pin_is_over_when_its_grace_has_passed(self, board: Board) -> None:
        await board.store.pin(TENANT, MINE, _GRACE_MS)
        await board.let_pass(_GRACE_MS)

        state = (await board.record()).state
        extended = await board.store.extend(TENANT, MINE, 2 * TTL_MS)
        released = await board.store.release(TENANT, MINE)

        assert (state, extended.reply, released.reply) == ("held", Reply.EXTENDED, Reply.RELEASED)

    async def test_hold_is_free_when_grace_and_life_are_over(self, board: Board) -> None:
        await board.let_pass(TTL_MS - 1000)
        await board.store.pin(TENANT, MINE, _GRACE_MS)
        await board.let_pass(_GRACE_MS)

        answer = await board.store.pin(TENANT, MINE, _GRACE_MS)

        assert answer.reply is Reply.EXPIRED
        assert await board.held((NOA, DAY), (DAN, DAY + 1)) == {(YOURS, 1, _TEN)}

    async def test_pin_may_be_repeated(self, board: Board) -> None:
        await board.store.pin(TENANT, MINE, _GRACE_MS)

        again = await board.store.pin(TENANT, MINE, _GRACE_MS)

        assert again.reply is Reply.PINNED

    async def test_each_pin_tells_what_it_has_seen_itself(self, board: Board) -> None:
        first = _seen(await board.store.pin(TENANT, MINE, _GRACE_MS))
        await board.cache.invalidate(TENANT, None, catalogue=False, staff_days=[(DAN, DAY + 1)])

        again = _seen(await board.store.pin(TENANT, MINE, _GRACE_MS))

        assert first.keys() == again.keys() == {f"{name}:{day}" for name in (NOA, DAN) for day in (DAY, DAY + 1)}
        assert {staff_day for staff_day in first if first[staff_day] != again[staff_day]} == {f"{DAN}:{DAY + 1}"}

    async def test_pin_refuses_an_expired_hold(self, board: Board) -> None:
        await board.let_pass(TTL_MS)

        answer = await board.store.pin(TENANT, MINE, _GRACE_MS)

        assert answer.reply is Reply.EXPIRED
        assert answer.record is not None
        assert answer.record.state == "held"

    async def test_pin_names_the_appointment_of_a_confirmed_hold(self, board: Board) -> None:
        await _become_appointment(board)
        await board.redis.hset(keys.hold(TENANT, MINE), "appointment", "apt_1")

        answer = await board.store.pin(TENANT, MINE, _GRACE_MS)

        assert answer.reply is Reply.CONFIRMED
        assert answer.record is not None
        assert answer.record.appointment_id == "apt_1"

    async def test_pin_knows_no_released_hold(self, board: Board) -> None:
        await board.store.release(TENANT, MINE)

        assert (await board.store.pin(TENANT, MINE, _GRACE_MS)).reply is Reply.MISSING

    async def test_hold_may_be_placed_pinned(self, board: Board) -> None:
        await board.store.release(TENANT, MINE)

        placed = await board.place(either(wanted(DAN, _TEN)), pinned=True, ttl_ms=_GRACE_MS)
        released = await board.store.release(TENANT, MINE)
        await board.let_pass(_GRACE_MS)

        assert (placed.reply, released.reply) == (Reply.PLACED, Reply.PINNED)
        assert placed.record is not None
        assert placed.record.state == "pinned"
        assert await board.held((DAN, DAY)) == set()


class TestRelease:
    async def test_release_frees_every_minute_at_once(self, board: Board) -> None:
        answer = await board.store.release(TENANT, MINE)
        taken = await board.place(both(wanted(NOA, _NIGHT), wanted(DAN, _NIGHT)), HoldId("hld_next"))

        assert answer.reply is Reply.RELEASED
        assert taken.reply is Reply.PLACED

    async def test_release_leaves_nothing_of_a_hold_behind(self, board: Board) -> None:
        await board.store.release(TENANT, YOURS)
        await board.store.release(TENANT, MINE)

        names = [key.decode() async for key in board.redis.scan_iter("*")]

        assert [name for name in names if any(part in name for part in (":held:", ":hold:", ":client:"))] == []

    async def test_release_leaves_other_holds_alone(self, board: Board) -> None:
        await board.store.release(TENANT, MINE)

        assert await board.held() == {(YOURS, 1, _TEN)}
        assert (await board.record(YOURS)).state == "held"

    async def test_release_finds_nothing_the_second_time(self, board: Board) -> None:
        await board.store.release(TENANT, MINE)

        assert (await board.store.release(TENANT, MINE)).reply is Reply.MISSING

    @pytest.mark.parametrize(("pinned_too", "reply"), [(False, Reply.PINNED), (True, Reply.RELEASED)])
    async def test_release_of_a_pinned_hold_is_for_its_confirmation(
        self, board: Board, *, pinned_too: bool, reply: Reply
    ) -> None:
        await board.store.pin(TENANT, MINE, _GRACE_MS)

        answer = await board.store.release(TENANT, MINE, pinned_too=pinned_too)

        assert answer.reply is reply
        assert (MINE in {hold for hold, _, _ in await board.held((DAN, DAY))}) is not pinned_too

    async def test_release_refuses_an_appointment(self, board: Board) -> None:
        await _become_appointment(board)

        assert (await board.store.release(TENANT, MINE, pinned_too=True)).reply is Reply.CONFIRMED

    async def test_release_of_an_expired_hold_says_that_there_is_none_any_more(self, board: Board) -> None:
        await board.let_pass(TTL_MS)

        assert (await board.store.release(TENANT, MINE)).reply is Reply.MISSING


class TestUnpin:
    async def _pinned_until(self, board: Board) -> int:
        answer = await board.store.pin(TENANT, MINE, _GRACE_MS)
        assert answer.record is not None
        return answer.record.now_ms + _GRACE_MS

    async def test_unpinned_hold_lives_on_and_can_be_given_up(self, board: Board) -> None:
        pinned_until = await self._pinned_until(board)
        before = await board.store.release(TENANT, MINE)

        answer = await board.store.unpin(TENANT, MINE, pinned_until)

        assert (before.reply, answer.reply) == (Reply.PINNED, Reply.UNPINNED)
        assert (await board.record()).state == "held"
        assert (await board.store.release(TENANT, MINE)).reply is Reply.RELEASED

    async def test_pin_of_a_later_attempt_is_left_alone(self, board: Board) -> None:
        first = await self._pinned_until(board)
        await board.let_pass(10)
        await self._pinned_until(board)

        answer = await board.store.unpin(TENANT, MINE, first)

        assert answer.reply is Reply.PINNED
        assert (await board.record()).state == "pinned"

    async def test_appointment_stays_one(self, board: Board) -> None:
        pinned_until = await self._pinned_until(board)
        await _become_appointment(board)

        answer = await board.store.unpin(TENANT, MINE, pinned_until)

        assert answer.reply is Reply.CONFIRMED
        assert (await board.record()).state == "confirmed"

    async def test_unknown_hold_is_missing(self, board: Board) -> None:
        answer = await board.store.unpin(TENANT, HoldId("hld_" + "0" * 26), 1)

        assert answer.reply is Reply.MISSING


class TestEntriesThatAreNone:
    async def test_scripts_pass_over_what_is_no_entry(self, board: Board) -> None:
        for name in (keys.held(TENANT, NOA, DAY), f"{keys.prefix(TENANT)}client:{keys.client_digest('tab')}"):
            await board.redis.append(name, " x x:1 x:y:1:2:9999999999999 :::")
            await board.redis.pexpire(name, TTL_MS)

        extended = await board.store.extend(TENANT, MINE, TTL_MS)
        placed = await board.place(
            either(wanted(NOA, span("18:00", "18:30"))), _THEIRS, client="tab", most_per_client=9
        )
        pinned = await board.store.pin(TENANT, MINE, TTL_MS)
        released = await board.store.release(TENANT, MINE, pinned_too=True)

        replies = [answer.reply for answer in (extended, placed, pinned, released)]
        assert replies == [Reply.EXTENDED, Reply.PLACED, Reply.PINNED, Reply.RELEASED]
        assert {hold_id for hold_id, _, _ in await board.held()} == {YOURS, _THEIRS}

    async def test_record_that_lacks_a_field_is_none(self, board: Board) -> None:
        await board.redis.hdel(keys.hold(TENANT, MINE), "claims")

        assert (await board.store.read(TENANT, MINE)).reply is Reply.MISSING
