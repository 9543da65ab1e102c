"""Finding out that a store is silent: by a store that answers when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Final

import pytest

from persistence.breaker import BreakerState
from persistence.liveness import LivenessLimits, LivenessWatch, StoreSilent
from tests.support.waiting import eventually

_LIMITS: Final = LivenessLimits(silence_seconds=0.15, retry_seconds=0.02)


class Full(Exception):
    """The answer of a store that takes no writes."""


class Store:
    """Answers a question when it is allowed to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0
        self.made_good = 0
        self.cannot_make_good = False
        self.is_full = False

    async def ask(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.is_full:
            raise Full

    async def make_good(self) -> None:
        if self.cannot_make_good:
            raise LookupError
        self.made_good += 1


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def watch(store: Store) -> AsyncIterator[LivenessWatch]:
    watch = LivenessWatch("store", _LIMITS, store.ask, losses=(OSError, TimeoutError))
    watch.before_recovery(store.make_good)
    async with watch.running():
        yield watch


async def reaches(watch: LivenessWatch, state: BreakerState) -> None:
    async def reached() -> bool:
        return watch.state is state

    await eventually(reached)


async def ask(watch: LivenessWatch, answer: Awaitable[object]) -> None:
    async with watch.request():
        await answer


async def silenced(watch: LivenessWatch, store: Store) -> None:
    """Somebody has found out that the store is silent."""
    store.answers.clear()
    with pytest.raises(StoreSilent):
        await ask(watch, asyncio.Event().wait())


async def test_all_who_wait_are_released_when_the_store_is_silent(watch: LivenessWatch, store: Store) -> None:
    store.answers.clear()

    outcomes = await asyncio.gather(*(ask(watch, asyncio.Event().wait()) for _ in range(5)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StoreSilent] * 5


async def test_nobody_asks_a_store_that_is_known_to_be_silent(watch: LivenessWatch, store: Store) -> None:
    await silenced(watch, store)
    reached = asyncio.Event()

    with pytest.raises(StoreSilent):
        async with watch.request():
            reached.set()

    assert not reached.is_set()


async def test_whoever_waits_goes_on_waiting_when_the_store_is_only_slow(watch: LivenessWatch, store: Store) -> None:
    answer = asyncio.Event()
    waiting = asyncio.create_task(ask(watch, answer.wait()))

    async def asked_again_and_again() -> bool:
        return store.asked >= 3

    await eventually(asked_again_and_again)
    answer.set()
    await waiting

    assert watch.state is BreakerState.CLOSED


async def test_store_is_not_asked_while_others_are_answered(watch: LivenessWatch, store: Store) -> None:
    enough = asyncio.Event()
    waiting = asyncio.create_task(ask(watch, enough.wait()))

    for _ in range(20):
        await ask(watch, asyncio.sleep(_LIMITS.probe_after_seconds / 5))
    asked = store.asked
    enough.set()
    await waiting

    assert asked == 0


async def test_lost_connection_has_the_store_asked_at_once(watch: LivenessWatch, store: Store) -> None:
    async def lose() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await ask(watch, lose())

    async def asked() -> bool:
        return store.asked == 1

    await eventually(asked)
    assert watch.state is BreakerState.CLOSED


async def test_refusal_of_the_store_is_an_answer(watch: LivenessWatch, store: Store) -> None:
    async def refuse() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await ask(watch, refuse())
    await asyncio.sleep(0)

    assert (store.asked, watch.state) == (0, BreakerState.CLOSED)


async def test_store_is_back_with_its_first_answer(watch: LivenessWatch, store: Store) -> None:
    await silenced(watch, store)

    store.answers.set()
    await reaches(watch, BreakerState.CLOSED)

    assert store.made_good == 1
    await ask(watch, asyncio.sleep(0))


async def test_store_is_not_back_before_what_was_missed_is_made_good(watch: LivenessWatch, store: Store) -> None:
    store.cannot_make_good = True
    await silenced(watch, store)
    store.answers.set()
    asked = store.asked

    async def tried_repeatedly() -> bool:
        return store.asked > asked + 3

    await eventually(tried_repeatedly)
    still_away = watch.state is not BreakerState.CLOSED
    store.cannot_make_good = False
    await reaches(watch, BreakerState.CLOSED)

    assert still_away


async def test_distrusted_store_is_lost_until_what_was_missed_is_made_good(watch: LivenessWatch, store: Store) -> None:
    lost: list[bool] = []
    watch.on_lost(lambda: lost.append(True))

    watch.declare_lost()

    async def made_good() -> bool:
        return store.made_good == 1

    await eventually(made_good)
    await reaches(watch, BreakerState.CLOSED)
    assert lost == [True]


async def test_cancelled_request_stays_cancelled(watch: LivenessWatch) -> None:
    waiting = asyncio.create_task(ask(watch, asyncio.Event().wait()))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()


async def test_watch_ends_also_when_its_question_loses_the_cancellation() -> None:
    """As `asyncio.wait_for` of Python 3.11 does, when what it waits for ends in the same turn."""
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def answer_when_cancelled() -> None:
        asked.set()
        if not cancelled.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            cancelled.set()

    watch = LivenessWatch("store", LivenessLimits(silence_seconds=60), answer_when_cancelled, losses=(ConnectionError,))
    async with asyncio.timeout(20), watch.running():
        watch.probe_soon()
        await asked.wait()

    assert cancelled.is_set()


@pytest.fixture
async def checking(store: Store) -> AsyncIterator[LivenessWatch]:
    """A watch that asks by itself whether the store takes writes."""
    watch = LivenessWatch(
        "store",
        _LIMITS,
        store.ask,
        losses=(OSError, TimeoutError),
        refuses_writes=lambda error: isinstance(error, Full),
        check_seconds=0.01,
    )
    watch.before_recovery(store.make_good)
    async with watch.running():
        yield watch


async def test_store_that_refuses_a_write_is_lost_at_once_and_back_when_it_takes_one(
    checking: LivenessWatch, store: Store
) -> None:
    store.is_full = True
    lost: list[bool] = []
    checking.on_lost(lambda: lost.append(True))

    checking.note_answer(Full())

    assert (checking.is_alive, checking.refuses_writes, lost) == (False, True, [True])
    with pytest.raises(StoreSilent, match="takes no writes"):
        checking.require_alive()
    store.is_full = False
    await reaches(checking, BreakerState.CLOSED)
    assert (store.made_good, checking.refuses_writes) == (1, False)


async def test_other_answers_of_the_store_are_no_refusal(checking: LivenessWatch) -> None:
    checking.note_answer(LookupError())

    assert checking.is_alive


async def test_store_that_takes_no_writes_is_found_though_others_are_answered(
    checking: LivenessWatch, store: Store
) -> None:
    store.is_full = True

    async def found_while_answered() -> bool:
        if checking.is_alive:
            await ask(checking, asyncio.sleep(0))
        return checking.refuses_writes

    await eventually(found_while_answered)


async def test_what_needs_no_room_is_sent_to_a_store_that_takes_no_writes_and_to_no_silent_one(
    checking: LivenessWatch, store: Store
) -> None:
    store.is_full = True
    checking.note_answer(Full())

    async with checking.request(needs_room=False):
        reached = True
    waiting = asyncio.create_task(_wait_without_room(checking))
    await asyncio.sleep(0)
    store.answers.clear()

    with pytest.raises(StoreSilent):
        await waiting
    assert reached
    assert not checking.refuses_writes
    with pytest.raises(StoreSilent):
        async with checking.request(needs_room=False):
            pass


async def _wait_without_room(watch: LivenessWatch) -> None:
    async with watch.request(needs_room=False):
        await asyncio.Event().wait()


async def test_store_is_not_lost_by_a_check_that_took_long_alone(checking: LivenessWatch, store: Store) -> None:
    store.answers.clear()

    async def asked_again() -> bool:
        return store.asked >= 2

    await eventually(asked_again)
    was_alive = checking.is_alive
    store.answers.set()

    assert was_alive
    await reaches(checking, BreakerState.CLOSED)
