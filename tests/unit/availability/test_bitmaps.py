"""Operations on bitmaps say of every minute what a loop over the minutes says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from availability.rules.bitmaps import (
    Numbers,
    ahead,
    as_bytes,
    at_least,
    comb,
    every_minute,
    fits,
    from_bytes,
    from_spans,
    is_set,
    lesser,
    set_minutes,
    shifted_into,
    tally,
    to_spans,
    total,
)
from availability.rules.sessions import Session, SessionMinutes
from availability.state.encoding import (
    DAY_BYTES,
    bitmaps_of,
    decode_days,
    decode_sessions,
    encode_day,
    is_whole,
    sessions_to_text,
)
from kernel.ids import ServiceId
from kernel.spans import MINUTES_PER_DAY, Span

_WINDOW = Span(1000, 1040)
_bitmaps = st.integers(0, every_minute(_WINDOW))
_numbers = st.lists(_bitmaps, max_size=4).map(tuple)


def _set(bits: int) -> set[int]:
    return {minute for minute in range(_WINDOW.start, _WINDOW.end) if bits >> (_WINDOW.end - 1 - minute) & 1}


def _number(numbers: Numbers, minute: int) -> int:
    return sum((minute in _set(digit)) << power for power, digit in enumerate(numbers))


def test_from_spans_cuts_spans_at_the_window() -> None:
    bits = from_spans([Span(990, 1002), Span(1010, 1012), Span(1039, 1050), Span(1, 2)], _WINDOW)

    assert _set(bits) == {1000, 1001, 1010, 1011, 1039}


@given(_bitmaps)
def test_spans_and_minutes_say_the_same_as_the_bits(bits: int) -> None:
    assert set(set_minutes(bits, _WINDOW)) == _set(bits)
    assert from_spans(to_spans(bits, _WINDOW), _WINDOW) == bits
    assert all(is_set(bits, minute, _WINDOW) == (minute in _set(bits)) for minute in range(1000, 1040))


@given(_bitmaps, st.integers(1, 45))
def test_fits_finds_every_start_of_a_long_enough_run(bits: int, length: int) -> None:
    found = _set(fits(bits, length))

    assert found == {m for m in range(1000, 1040) if set(range(m, m + length)) <= _set(bits)}


@given(_bitmaps, st.integers(-45, 45))
def test_ahead_looks_that_many_minutes_further(bits: int, minutes: int) -> None:
    found = _set(ahead(bits, minutes, _WINDOW))

    assert found == {m for m in range(1000, 1040) if m + minutes in _set(bits)}


@given(st.integers(1, 40), st.integers(0, 45), st.integers(1, 45))
def test_comb_sets_the_offset_and_every_step_after_it(length: int, offset: int, step: int) -> None:
    bits = shifted_into(comb(length, offset, step), Span(1000, 1000 + length), _WINDOW)

    assert _set(bits) == set(range(1000 + offset, 1000 + length, step))


@pytest.mark.parametrize("span", [Span(995, 1003), Span(1037, 1045), Span(1010, 1013), Span(990, 1050), Span(900, 910)])
def test_placed_cuts_a_pattern_at_the_window(span: Span) -> None:
    assert shifted_into(every_minute(span), span, _WINDOW) == from_spans([span], _WINDOW)


@given(st.lists(_bitmaps, max_size=9), st.integers(1, 10))
def test_tally_counts_bitmaps(bitmaps: list[int], count: int) -> None:
    numbers = tally(bitmaps)

    expected = {m: sum(m in _set(bits) for bits in bitmaps) for m in range(1000, 1040)}
    assert {m: _number(numbers, m) for m in range(1000, 1040)} == expected
    assert _set(at_least(numbers, count)) == {m for m, number in expected.items() if number >= count}


@given(st.lists(_numbers, max_size=5))
def test_total_adds_numbers(addends: list[Numbers]) -> None:
    numbers = total(addends)

    assert all(_number(numbers, m) == sum(_number(addend, m) for addend in addends) for m in range(1000, 1040))


@given(_numbers, _numbers)
def test_lesser_takes_the_smaller_number(one: Numbers, other: Numbers) -> None:
    numbers = lesser(one, other)

    assert all(_number(numbers, m) == min(_number(one, m), _number(other, m)) for m in range(1000, 1040))


@pytest.mark.parametrize("length", [1, 7, 8, 9, 40])
def test_bytes_begin_with_the_first_minute_when_the_window_is_not_whole_bytes(length: int) -> None:
    window = Span(0, length)
    first = from_spans([Span(0, 1)], window)

    marks = as_bytes(first, window)

    assert marks == b"\x80" + bytes((length - 1) // 8)
    assert from_bytes(marks, window) == first


def test_day_is_a_block_of_minutes_on_and_one_of_clear_minutes_per_lane() -> None:
    midnight = 2 * MINUTES_PER_DAY

    value = encode_day(2, [Span(midnight - 5, midnight + 1)], [[Span(midnight + 7, midnight + 9)], []])

    on, first, second = (value[block : block + DAY_BYTES] for block in range(0, len(value), DAY_BYTES))
    full = b"\xff" * (DAY_BYTES - 2)
    assert (on, first, second) == (b"\x7f\xff" + full, b"\x7e\x7f" + full, b"\x7f\xff" + full)


def test_days_are_read_back_as_one_window() -> None:
    window = Span(2 * MINUTES_PER_DAY, 4 * MINUTES_PER_DAY)
    off, claim = [Span(window.start + 10, window.start + 2000)], [Span(window.start + 1400, window.start + 1500)]

    on, lanes = decode_days([encode_day(day, off, [claim, []]) for day in (2, 3)])

    assert on == every_minute(window) & ~from_spans(off, window)
    assert lanes == (on & ~from_spans(claim, window), on)


@pytest.mark.parametrize("count", [0, 1, 4, 40])
def test_sessions_follow_the_bitmaps_and_are_read_back(count: int) -> None:
    midnight = 2 * MINUTES_PER_DAY
    session = Session(ServiceId("svc_1"), midnight)
    sessions = [SessionMinutes(session, Span(midnight + number, midnight + number + 5)) for number in range(count)]

    value = encode_day(2, [], [[], []], sessions)

    assert bitmaps_of(value) == encode_day(2, [], [[], []])
    assert decode_days([value]) == decode_days([bitmaps_of(value)])
    assert decode_sessions([value, value]) == tuple(sessions)


def test_value_with_sessions_is_never_whole_blocks() -> None:
    lengths = {length: len(sessions_to_text([_session_of(length)])) for length in range(1, 300)}

    assert {length for length, found in lengths.items() if found % DAY_BYTES == 0} == set()
    assert {found - length for length, found in lengths.items()} == {min(lengths.values()) - 1, min(lengths.values())}


def _session_of(length: int) -> SessionMinutes:
    return SessionMinutes(Session(ServiceId("s" * length), 1), Span(1, 2))


@pytest.mark.parametrize(
    ("sessions", "lane_count", "exclusive", "whole"),
    [
        (None, 2, False, True),
        ([], 2, True, True),
        # It was cached before the resource became exclusive, or after; or when it had another number of lanes.
        (None, 2, True, False),
        ([], 2, False, False),
        (None, 1, False, False),
        ([], 3, True, False),
        ([_session_of(400)], 4, True, False),
    ],
)
def test_value_of_another_kind_of_resource_counts_as_absent(
    sessions: list[SessionMinutes] | None, lane_count: int, *, exclusive: bool, whole: bool
) -> None:
    assert is_whole(encode_day(2, [], [[], []], sessions), lane_count, exclusive=exclusive) is whole
