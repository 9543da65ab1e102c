"""Cursors of lists of holds: the deadline and the id of the last one given."""

import base64
import binascii
from typing import Final

from kernel.errors import ValidationFailed
from kernel.ids import is_id

START: Final = (0, "")
"""The position before the first hold."""
# Later than any deadline: Redis keeps larger numbers less precisely.
_LATEST_MS: Final = 2**53


def cursor_after(position: tuple[int, str]) -> str:
    """Encode the position of a hold."""
    deadline_ms, hold_id = position
    return base64.urlsafe_b64encode(f"{deadline_ms}|{hold_id}".encode()).decode().rstrip("=")


def position_of(cursor: str) -> tuple[int, str]:
    """Decode a cursor into the deadline and the id to go on from. Raises ValidationFailed."""
    try:
        deadline, hold_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        deadline_ms = int(deadline)
    except (binascii.Error, ValueError):
        raise _unusable() from None
    if not 0 < deadline_ms < _LATEST_MS or not is_id(hold_id):
        raise _unusable()
    return deadline_ms, hold_id


def _unusable() -> ValidationFailed:
    return ValidationFailed.of("cursor", "must be the next_cursor of an earlier answer")
