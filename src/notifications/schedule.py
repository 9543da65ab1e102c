"""Times of the attempts at one notification."""

from datetime import datetime, timedelta
from typing import Final

from messages.content.model import MessageKind
from messages.model import SendFailed, SendFault
from notifications.model import Notification

GIVEN_UP_AFTER: Final = timedelta(hours=24)
"""A notice that was not taken for so long is given up; a reminder, when its visit begins."""
_PAUSES: Final = (30, 60, 120, 300, 600, 900, 1800, 3600)
_LONGEST_SILENCE: Final = 60
"""A server that cannot be reached is tried again so soon: what waits is sent within two minutes of its return."""
_JITTER: Final = 0.2
_UNREACHABLE: Final = frozenset({SendFault.NO_CONNECTION, SendFault.TIMEOUT, SendFault.NO_ANSWER})


def deadline(notification: Notification) -> datetime:
    """The instant at which a notification is given up."""
    if notification.kind is MessageKind.REMINDER and notification.visit_start is not None:
        return notification.visit_start
    return notification.created_at + GIVEN_UP_AFTER


def next_attempt(
    failure: SendFailed, attempt: int, *, now: datetime, until: datetime, chance: float
) -> datetime | None:
    """The instant of the next attempt after that many; None: there is none. `chance`, from 0 to 1, spreads them."""
    if failure.is_final:
        return None
    seconds = float(_PAUSES[min(attempt, len(_PAUSES)) - 1])
    if failure.fault in _UNREACHABLE:
        seconds = min(seconds, _LONGEST_SILENCE)
    if failure.retry_seconds is not None:
        seconds = min(max(failure.retry_seconds, 1.0), float(_PAUSES[-1]))
    due_at = now + timedelta(seconds=seconds * (1 - _JITTER + 2 * _JITTER * chance))
    return due_at if due_at < until else None
