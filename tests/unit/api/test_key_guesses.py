"""Whoever guesses the operator's key has to wait."""

import pytest

from access.rates.model import RateLimited
from api.key_guesses import FORGOTTEN_SECONDS, FREE, LONGEST_SECONDS, MOST_ADDRESSES, KeyGuesses


class Time:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def guesses(time: Time) -> KeyGuesses:
    return KeyGuesses(time)


def _guess(guesses: KeyGuesses, count: int, address: str = "192.0.2.1") -> None:
    for _ in range(count):
        guesses.note_wrong(address)


def _wait(guesses: KeyGuesses, address: str = "192.0.2.1") -> int:
    try:
        guesses.check(address)
    except RateLimited as refusal:
        return int(str(refusal.facts["retry_after_seconds"]))
    return 0


def test_first_wrong_keys_cost_nothing(guesses: KeyGuesses) -> None:
    _guess(guesses, FREE)

    assert _wait(guesses) == 0


@pytest.mark.parametrize(("more", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (5000, 60)])
def test_each_further_one_doubles_the_wait_up_to_the_longest(guesses: KeyGuesses, more: int, seconds: int) -> None:
    _guess(guesses, FREE + more)

    assert _wait(guesses) == seconds <= LONGEST_SECONDS


def test_wait_ends(guesses: KeyGuesses, time: Time) -> None:
    _guess(guesses, FREE + 3)

    time.now += 3.5
    assert _wait(guesses) == 1
    time.now += 0.5
    assert _wait(guesses) == 0


def test_others_need_not_wait(guesses: KeyGuesses) -> None:
    _guess(guesses, FREE + 3)

    assert _wait(guesses, "192.0.2.2") == 0


def test_right_key_is_a_new_beginning(guesses: KeyGuesses) -> None:
    _guess(guesses, FREE)
    guesses.note_right("192.0.2.1")

    _guess(guesses, FREE)

    assert _wait(guesses) == 0


def test_address_that_stops_is_forgotten(guesses: KeyGuesses, time: Time) -> None:
    _guess(guesses, FREE)
    time.now += FORGOTTEN_SECONDS + 1

    _guess(guesses, 1)

    assert _wait(guesses) == 0


def test_memory_is_bounded(guesses: KeyGuesses) -> None:
    _guess(guesses, FREE + 1)

    for number in range(MOST_ADDRESSES):
        guesses.note_wrong(f"address {number}")

    assert _wait(guesses) == 0
    assert len(guesses) == MOST_ADDRESSES
