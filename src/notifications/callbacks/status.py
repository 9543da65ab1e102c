"""Statuses of a text message, which arrive in any order."""

from enum import StrEnum
from typing import Final


class TextMessageStatus(StrEnum):
    """The way of a text message, as the service tells it."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"


_ORDER: Final = tuple(TextMessageStatus)


def advanced(known: TextMessageStatus | None, told: TextMessageStatus) -> TextMessageStatus:
    """The later one of the status that is known and of one that was just told, perhaps late."""
    return told if known is None or _ORDER.index(told) > _ORDER.index(known) else known


def read_status(text: str) -> TextMessageStatus | None:
    """Read a status; None for one that says nothing of the way."""
    try:
        return TextMessageStatus(text)
    except ValueError:
        return None
