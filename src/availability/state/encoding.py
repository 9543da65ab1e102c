"""The value that Redis caches for one resource and UTC day, as bitmaps and back."""

from collections.abc import Iterable, Sequence
from typing import Final

from availability.rules.bitmaps import every_minute, from_spans
from kernel.spans import MINUTES_PER_DAY, Span

DAY_BYTES: Final = MINUTES_PER_DAY // 8


def encode_day(day: int, time_off: Iterable[Span], claims_by_lane: Sequence[Iterable[Span]]) -> bytes:
    """The cached value of a resource and UTC day: its minutes that are not time off, then the clear ones of each lane.

    Each is a block of DAY_BYTES; lanes come in their order. A minute is clear when it is neither claimed nor time off.
    """
    window = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
    on = every_minute(window) & ~from_spans(time_off, window)
    lanes = (on & ~from_spans(claims, window) for claims in claims_by_lane)
    return b"".join(block.to_bytes(DAY_BYTES, "big") for block in (on, *lanes))


def decode_days(values: Sequence[bytes]) -> tuple[int, tuple[int, ...]]:
    """The cached values of consecutive days (see encode_day) as bitmaps of all of those days."""
    assert len({len(value) for value in values}) == 1, "every day has the same lanes"
    on, *lanes = (
        int.from_bytes(b"".join([value[block : block + DAY_BYTES] for value in values]), "big")
        for block in range(0, len(values[0]), DAY_BYTES)
    )
    return on, tuple(lanes)
