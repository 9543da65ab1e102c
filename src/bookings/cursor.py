"""Cursors of lists of appointments: the start and the id of the last one given."""

from datetime import datetime
from typing import Final

from bookings.model import Appointment
from kernel.ids import is_id
from kernel.pages import decode_cursor, encode_cursor, unusable_cursor
from kernel.spans import to_datetime

# Wider than any appointment's: far enough from the ends of the calendar for every zone.
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2300


def cursor_after(last: Appointment) -> str:
    """Encode the position after an appointment."""
    return encode_cursor(f"{to_datetime(last.span.start).isoformat()}|{last.id}")


def position_of(cursor: str) -> tuple[datetime, str]:
    """Decode a cursor into the start and the id to go on from. Raises ValidationFailed."""
    try:
        start, appointment_id = decode_cursor(cursor).split("|")
        position = datetime.fromisoformat(start)
    except ValueError:
        raise unusable_cursor() from None
    if position.tzinfo is None or not _FIRST_YEAR <= position.year <= _LAST_YEAR or not is_id(appointment_id):
        raise unusable_cursor()
    return position, appointment_id
