"""Bitmaps: one bit per minute of a window, kept in one big integer.

The first minute of the window is the most significant bit, as Redis counts bits, so that the days of a window are
joined by joining their bytes. Each operation here works on every minute of the window at once.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from kernel.spans import Minute, Span

_ONE: Final = re.compile("1")


def every_minute(window: Span) -> int:
    """All bits of the window set."""
    return (1 << window.minutes) - 1


def from_spans(spans: Iterable[Span], window: Span) -> int:
    """Set: the minutes of the spans that lie in the window."""
    bits = 0
    for span in spans:
        start, end = max(span.start, window.start), min(span.end, window.end)
        if start < end:
            bits |= ((1 << (end - start)) - 1) << (window.end - end)
    return bits


def from_minutes(minutes: Iterable[Minute], window: Span) -> int:
    """Set: the minutes, each of which lies in the window."""
    return sum(1 << (window.end - 1 - minute) for minute in set(minutes))


def to_spans(bits: int, window: Span) -> tuple[Span, ...]:
    """The maximal runs of set minutes, in order."""
    starts = set_minutes(bits & ~(bits >> 1), window)
    lasts = set_minutes(bits & ~(bits << 1), window)
    return tuple(Span(start, last + 1) for start, last in zip(starts, lasts, strict=True))


def set_minutes(bits: int, window: Span) -> list[Minute]:
    """Every set minute, in order."""
    if not bits:
        return []
    # One more bit in front keeps the leading zeros; "0b1" is then cut off.
    digits = bin(bits | 1 << window.minutes)[3:]
    return [window.start + found.start() for found in _ONE.finditer(digits)]


def is_set(bits: int, minute: Minute, window: Span) -> bool:
    """True if one minute of the window is set."""
    return bool(bits >> (window.end - 1 - minute) & 1)


def as_bytes(bits: int, window: Span) -> bytes:
    """The window's minutes eight to a byte, for asking about many minutes one by one."""
    return (bits << (-window.minutes % 8)).to_bytes((window.minutes + 7) // 8, "big")


def from_bytes(marks: bytes | bytearray, window: Span) -> int:
    """The bitmap that `as_bytes` spelled so."""
    return int.from_bytes(marks, "big") >> (-window.minutes % 8)


def fits(bits: int, length: int, covered: int = 1) -> int:
    """Set: each minute at which a run of `length` set minutes starts. Minutes after the window count as not set.

    `bits` may be what fits a shorter length already, `covered`.
    """
    while covered < length:
        step = min(covered, length - covered)
        bits &= bits << step
        covered += step
    return bits


def ahead(bits: int, minutes: int, window: Span) -> int:
    """Set: each minute for which the minute that many later (earlier, if negative) is set in `bits`."""
    if minutes < 0:
        return bits >> -minutes
    return bits << minutes & every_minute(window)


@lru_cache(maxsize=4096)
def comb(length: int, offset: int, step: int) -> int:
    """Set, in a window of `length` minutes: the minute `offset` and every `step` minutes from there on."""
    if offset >= length:
        return 0
    count = (length - offset - 1) // step + 1
    teeth = ((1 << count * step) - 1) // ((1 << step) - 1)
    return teeth << (length - 1 - offset - (count - 1) * step)


def shifted_into(pattern: int, span: Span, window: Span) -> int:
    """A bitmap of the span as one of the window; what lies outside is cut off."""
    shift = window.end - span.end
    bits = pattern << shift if shift >= 0 else pattern >> -shift
    return bits & every_minute(window)


Numbers = tuple[int, ...]
"""A number for each minute: one bitmap for each binary digit, the lowest first."""


def tally(bitmaps: Iterable[int]) -> Numbers:
    """In how many of the bitmaps each minute is set."""
    return total((bitmap,) for bitmap in bitmaps)


def total(addends: Iterable[Numbers]) -> Numbers:
    """The sums."""
    digits: list[int] = []
    for addend in addends:
        carry = 0
        for place in range(max(len(digits), len(addend))):
            if place >= len(addend) and not carry:
                break
            if place == len(digits):
                digits.append(0)
            one, other = digits[place], addend[place] if place < len(addend) else 0
            digits[place] = one ^ other ^ carry
            carry = one & other | carry & (one ^ other)
        if carry:
            digits.append(carry)
    return tuple(digits)


def lesser(one: Numbers, other: Numbers) -> Numbers:
    """The smaller of two numbers, minute by minute."""
    pairs = list(zip_longest(one, other, fillvalue=0))
    below, equal = 0, -1
    for first, second in reversed(pairs):
        below |= equal & second & ~first
        equal &= ~(first ^ second)
    return tuple(first & below | second & ~below for first, second in pairs)


def at_least(digits: Numbers, count: int) -> int:
    """Set: each minute whose number is `count` (one or more) or higher."""
    assert count > 0, "every minute has none or more"
    if count.bit_length() > len(digits):
        return 0
    higher, equal = 0, -1  # So far: surely higher, and not lower.
    for place in range(len(digits) - 1, -1, -1):
        if count >> place & 1:
            equal &= digits[place]
        else:
            higher |= equal & digits[place]
    return higher | equal
