"""Cursors of lists of holds: the deadline and the id of the last one given."""

from typing import Final

from kernel.ids import is_id
from kernel.pages import decode_cursor, encode_cursor, unusable_cursor

START: Final = (0, "")
"""The position before the first hold."""
# Later than any deadline: Redis keeps larger numbers less precisely.
_LATEST_MS: Final = 2**53


def cursor_after(position: tuple[int, str]) -> str:
    """Encode the position of a hold."""
    deadline_ms, hold_id = position
    return encode_cursor(f"{deadline_ms}|{hold_id}")


def position_of(cursor: str) -> tuple[int, str]:
    """Decode a cursor into the deadline and the id to go on from. Raises ValidationFailed."""
    try:
        deadline, hold_id = decode_cursor(cursor).split("|")
        deadline_ms = int(deadline)
    except ValueError:
        raise unusable_cursor() from None
    if not 0 < deadline_ms < _LATEST_MS or not is_id(hold_id):
        raise unusable_cursor()
    return deadline_ms, hold_id
