"""Invitations to visits, as iCalendar (RFC 5545, RFC 5546)."""

from datetime import datetime

from messages.content.model import MessageFacts
from messages.model import CalendarPart, Sender


def calendar_part(
    facts: MessageFacts,
    *,
    locale: str,
    sender: Sender,
    to: str,
    name: str | None,
    cancelled: bool,
    now: datetime,
) -> CalendarPart:
    """The visit as an event for the calendar of one person, or its removal: the same UID, a SEQUENCE that grows."""
    raise NotImplementedError(facts, locale, sender, to, name, cancelled, now)
