"""Cursors of lists of appointments: the start and the id of the last one given."""

import base64
import binascii
from datetime import datetime
from typing import Final

from bookings.model import Appointment
from kernel.errors import ValidationFailed
from kernel.ids import is_id
from kernel.spans import to_datetime

# Wider than any appointment's: far enough from the ends of the calendar for every zone.
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2300


def cursor_after(last: Appointment) -> str:
    """Encode the position after an appointment."""
    position = f"{to_datetime(last.span.start).isoformat()}|{last.id}"
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def position_of(cursor: str) -> tuple[datetime, str]:
    """Decode a cursor into the start and the id to go on from. Raises ValidationFailed."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        start, appointment_id = base64.urlsafe_b64decode(padded).decode().split("|")
        position = datetime.fromisoformat(start)
    except (binascii.Error, ValueError):
        raise _unusable() from None
    if position.tzinfo is None or not _FIRST_YEAR <= position.year <= _LAST_YEAR or not is_id(appointment_id):
        raise _unusable()
    return position, appointment_id


def _unusable() -> ValidationFailed:
    return ValidationFailed.of("cursor", "must be the next_cursor of an earlier answer")
