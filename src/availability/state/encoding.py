"""The value that Redis caches for one resource and UTC day, as bitmaps and back."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from availability.rules.bitmaps import every_minute, from_spans
from availability.rules.sessions import Session, SessionMinutes
from kernel.spans import MINUTES_PER_DAY, Span

DAY_BYTES: Final = MINUTES_PER_DAY // 8
# Nothing in the sessions contains it, so the last one in a value is where they begin.
_SESSIONS: Final = b"["
_ENTRY: Final = re.compile(rb"(\S+):(\d+):(\d+) ")


def encode_day(
    day: int,
    time_off: Iterable[Span],
    claims_by_lane: Sequence[Iterable[Span]],
    sessions: Iterable[SessionMinutes] | None = None,
) -> bytes:
    """The cached value of a resource and UTC day: its minutes that are not time off, then the clear ones of each lane.

    Each is a block of DAY_BYTES; lanes come in their order. A minute is clear when it is neither claimed nor time off.
    Of an exclusive resource, `sessions` are what is claimed for whom; they follow as text, "[" even if there are none.
    """
    window = Span(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
    on = every_minute(window) & ~from_spans(time_off, window)
    lanes = (on & ~from_spans(claims, window) for claims in claims_by_lane)
    return b"".join(block.to_bytes(DAY_BYTES, "big") for block in (on, *lanes)) + sessions_to_text(sessions)


def sessions_to_text(sessions: Iterable[SessionMinutes] | None) -> bytes:
    """The end of a cached value; never whole blocks, so that its length tells whether a value has one."""
    if sessions is None:
        return b""
    entries = {f"{session.name}:{span.start}:{span.end} " for session, span in sessions if session is not None}
    text = _SESSIONS + "".join(sorted(entries)).encode()
    return text if len(text) % DAY_BYTES else text + b" "


def has_sessions(value: bytes) -> bool:
    """True if a cached value is that of an exclusive resource."""
    return len(value) % DAY_BYTES != 0


def bitmaps_of(value: bytes) -> bytes:
    """The bitmaps of a cached value."""
    end = value.rfind(_SESSIONS) if has_sessions(value) else -1
    return value if end < 0 else value[:end]


def is_whole(value: bytes, lane_count: int, *, exclusive: bool) -> bool:
    """True if a cached value is that of a resource with so many lanes; any other one counts as absent."""
    if not exclusive:
        return len(value) == (lane_count + 1) * DAY_BYTES
    return has_sessions(value) and len(bitmaps_of(value)) == (lane_count + 1) * DAY_BYTES


def decode_days(values: Sequence[bytes]) -> tuple[int, tuple[int, ...]]:
    """The cached values of consecutive days (see encode_day) as bitmaps of all of those days."""
    if any(map(has_sessions, values)):
        values = list(map(bitmaps_of, values))
    assert len({len(value) for value in values}) == 1, "every day has the same lanes"
    on, *lanes = (
        int.from_bytes(b"".join([value[block : block + DAY_BYTES] for value in values]), "big")
        for block in range(0, len(values[0]), DAY_BYTES)
    )
    return on, tuple(lanes)


def decode_sessions(values: Iterable[bytes]) -> tuple[SessionMinutes, ...]:
    """The sessions in the cached values, each span once, in order."""
    found = {
        SessionMinutes(Session.from_name(name.decode()), Span(int(start), int(end)))
        for value in values
        if has_sessions(value)
        for name, start, end in _ENTRY.findall(value[value.rfind(_SESSIONS) + 1 :])
    }
    return tuple(sorted(found))
