"""Codes beside a hold: asked for, put, checked, and what they do to it."""

import asyncio
from collections import Counter

import pytest

from holds.code_store import CODE_SECONDS, MOST_CODES, MOST_TRIES, HoldCodeStore
from holds.store import Reply
from persistence import keys
from tests.support.holds import DAN, MINE, NOA, TENANT, YOURS, Board, either, span, wanted

_TEN = span("10:00", "10:30")
_NOON = span("12:00", "12:30")


@pytest.fixture
async def codes(board: Board) -> HoldCodeStore:
    """The codes of a hold of Noa's."""
    assert (await board.place(either(wanted(NOA, _TEN)))).reply is Reply.PLACED
    return HoldCodeStore(board.redis)


async def _ask(codes: HoldCodeStore, contact: str = "dana") -> Reply:
    return (await codes.ask(TENANT, MINE, contact=contact, sealed=f"sealed {contact}")).reply


async def _let_pause_pass(board: Board) -> None:
    await board.redis.hset(keys.hold(TENANT, MINE), "code_asked_at", "1")


async def _proof(board: Board) -> str:
    record = (await board.store.read(TENANT, MINE)).record
    assert record is not None
    return record.proof


async def test_right_code_proves_the_contact_and_the_pin_tells(board: Board, codes: HoldCodeStore) -> None:
    assert await _ask(codes) is Reply.ASKED
    assert await codes.put(TENANT, MINE, "right") == "sealed dana"

    wrong = await codes.check(TENANT, MINE, "wrong")
    right, again = [await codes.check(TENANT, MINE, "right") for _ in range(2)]
    pinned = await board.store.pin(TENANT, MINE, 8000)

    assert (wrong.reply, wrong.tries_left) == (Reply.WRONG, MOST_TRIES - 1)
    assert (right.reply, right.sealed_contact) == (again.reply, again.sealed_contact) == (Reply.PROVED, "sealed dana")
    assert pinned.record is not None
    assert (pinned.record.proof, pinned.record.bitmap_versions != "") == ("dana", True)


async def test_first_code_alone_lets_the_hold_live_as_long(board: Board, codes: HoldCodeStore) -> None:
    first = await codes.ask(TENANT, MINE, contact="c", sealed="s")
    await _let_pause_pass(board)
    second = await codes.ask(TENANT, MINE, contact="c", sealed="s")

    assert first.record is not None
    assert second.record is not None
    limit = first.record.limit_ms
    assert first.record.deadline_ms == min(first.record.now_ms + CODE_SECONDS * 1000, limit)
    assert second.record.deadline_ms == first.record.deadline_ms
    assert (first.codes_left, second.codes_left) == (MOST_CODES - 1, MOST_CODES - 2)


async def test_codes_are_few_and_apart(board: Board, codes: HoldCodeStore) -> None:
    replies = []
    for _ in range(MOST_CODES):
        replies += [await _ask(codes), await _ask(codes)]
        await _let_pause_pass(board)

    assert Counter(replies) == {Reply.ASKED: MOST_CODES, Reply.WAIT: MOST_CODES - 1, Reply.SPENT: 1}
    assert await _ask(codes) is Reply.SPENT


async def test_new_request_ends_the_code_before_and_its_proof_is_of_the_new_contact(
    board: Board, codes: HoldCodeStore
) -> None:
    await _ask(codes)
    await codes.put(TENANT, MINE, "first")
    await codes.check(TENANT, MINE, "first")
    await _let_pause_pass(board)
    await _ask(codes, "noa")

    assert (await codes.check(TENANT, MINE, "first")).reply is Reply.VOID
    assert await _proof(board) == "dana"
    await codes.put(TENANT, MINE, "second")
    await codes.check(TENANT, MINE, "second")
    assert await _proof(board) == "noa"


async def test_a_code_that_is_sent_once_more_has_no_more_tries(codes: HoldCodeStore) -> None:
    await _ask(codes)
    for number in range(MOST_TRIES):
        await codes.put(TENANT, MINE, f"right {number}")
        await codes.check(TENANT, MINE, "wrong")
    await codes.put(TENANT, MINE, "right")

    assert (await codes.check(TENANT, MINE, "right")).reply is Reply.VOID


async def test_many_tries_at_once_are_five(codes: HoldCodeStore) -> None:
    await _ask(codes)
    await codes.put(TENANT, MINE, "right")

    answers = await asyncio.gather(*(codes.check(TENANT, MINE, "wrong") for _ in range(20)))

    assert Counter(one.reply for one in answers) == {Reply.WRONG: MOST_TRIES, Reply.VOID: 20 - MOST_TRIES}


async def test_hold_that_replaces_another_takes_its_proof_over(board: Board, codes: HoldCodeStore) -> None:
    await _ask(codes)
    await codes.put(TENANT, MINE, "right")
    await codes.check(TENANT, MINE, "right")

    replaced = await board.place(either(wanted(DAN, _NOON)), YOURS, replaces=MINE)

    assert replaced.reply is Reply.REPLACED
    assert replaced.record is not None
    assert replaced.record.proof == "dana"


async def test_ended_hold_has_no_codes(board: Board, codes: HoldCodeStore) -> None:
    await board.let_pass(3_000_000)
    assert await _ask(codes) is Reply.EXPIRED
    assert await codes.put(TENANT, MINE, "right") is None
    assert (await codes.check(TENANT, MINE, "right")).reply is Reply.EXPIRED

    await board.redis.delete(keys.hold(TENANT, MINE))
    assert await _ask(codes) is Reply.MISSING
    assert (await codes.check(TENANT, MINE, "right")).reply is Reply.MISSING


async def test_hold_that_is_being_confirmed_has_no_new_code(board: Board, codes: HoldCodeStore) -> None:
    await board.store.pin(TENANT, MINE, 8000)
    assert await _ask(codes) is Reply.PINNED

    await board.redis.hset(keys.hold(TENANT, MINE), "state", "confirmed")
    assert await _ask(codes) is Reply.CONFIRMED
