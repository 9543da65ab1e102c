"""Invitations to visits, as iCalendar (RFC 5545, RFC 5546)."""

import unicodedata
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vCalAddress, vText

from kernel.spans import Span, to_datetime, to_minute
from kernel.zones import constant_offsets, zone
from messages.content.language import default_language, find_language, without_isolates
from messages.content.letters import line, main_link, visit_name
from messages.content.model import MessageFacts, MessageKind, VisitFacts
from messages.model import CalendarPart, Sender

_PRODUCT: Final = "-//Holdfast//Booking engine//EN"
# Programs that repeat or move an event look at the clock changes near it.
_AROUND: Final = timedelta(days=400)


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
    visit = facts.visit
    assert visit is not None, "an invitation is one to a visit"
    method = "CANCEL" if cancelled else "REQUEST"
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    if _clock(visit) is not UTC:
        calendar.add_component(_timezone(visit))
    calendar.add_component(_event(facts, visit, locale, sender, _attendee(to, name), cancelled=cancelled, now=now))
    return CalendarPart(method=method, content=calendar.to_ical())


def _event(
    facts: MessageFacts,
    visit: VisitFacts,
    locale: str,
    sender: Sender,
    attendee: vCalAddress,
    *,
    cancelled: bool,
    now: datetime,
) -> Event:
    language = find_language(locale) or default_language()
    event = Event()
    event.add("uid", f"{visit.appointment_id}@holdfast")
    event.add("sequence", visit.version)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", visit.start.astimezone(_clock(visit)))
    event.add("dtend", visit.end.astimezone(_clock(visit)))
    name = visit_name(visit, language)
    summary = language.say("event", visit=name, business=line(facts.business.name))
    event.add("summary", _clean(without_isolates(summary)))
    if place := language.place(_clean(visit.location or ""), _clean(visit.address or "")):
        event.add("location", without_isolates(place))
    if link := main_link(facts):
        event.add("description", f"{_clean(language.say('button.manage'))}: {_clean(link)}")
        event.add("url", _clean(link))
    is_pending = facts.kind is MessageKind.PENDING
    event.add("status", "CANCELLED" if cancelled else "TENTATIVE" if is_pending else "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("organizer", _organizer(sender))
    event.add("attendee", attendee)
    return event


def _clock(visit: VisitFacts) -> tzinfo:
    """The zone of the visit; UTC where an hour is repeated, whose second reading a local time cannot tell (3.3.5)."""
    local = zone(visit.timezone)
    is_repeated = visit.start.astimezone(local).fold or visit.end.astimezone(local).fold
    return UTC if visit.timezone == "UTC" or is_repeated else local


def _organizer(sender: Sender) -> vCalAddress:
    organizer = vCalAddress(f"mailto:{_clean(sender.address)}")
    if sender.name:
        organizer.params["CN"] = vText(_parameter(sender.name))
    return organizer


def _attendee(to: str, name: str | None) -> vCalAddress:
    """The person who gets the invitation: nobody else is named in it (N11)."""
    attendee = vCalAddress(f"mailto:{_clean(to)}")
    attendee.params["CN"] = vText(_parameter(name or to))
    attendee.params["CUTYPE"] = vText("INDIVIDUAL")
    attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
    # They booked it themselves: there is nothing to be answered.
    attendee.params["PARTSTAT"] = vText("ACCEPTED")
    attendee.params["RSVP"] = vText("FALSE")
    return attendee


def _timezone(visit: VisitFacts) -> Timezone:
    """The clock of the zone around the visit, change by change as the zone data have them."""
    timezone = Timezone()
    timezone.add("tzid", visit.timezone)
    span = Span(to_minute(visit.start - _AROUND), to_minute(visit.end + _AROUND))
    before: int | None = None
    for piece, offset in constant_offsets(visit.timezone, span):
        at = to_datetime(piece.start).astimezone(zone(visit.timezone))
        part = TimezoneDaylight() if at.dst() else TimezoneStandard()
        earlier = timedelta(minutes=offset if before is None else before)
        # A change is told by the wall clock of before it.
        part.add("dtstart", (to_datetime(piece.start) + earlier).replace(tzinfo=None))
        part.add("tzoffsetfrom", earlier)
        part.add("tzoffsetto", timedelta(minutes=offset))
        part.add("tzname", at.tzname() or visit.timezone)
        timezone.add_component(part)
        before = offset
    return timezone


def _clean(value: str) -> str:
    """A value without characters that control something: none of them begins a line of its own (I3)."""
    return line("".join(" " if unicodedata.category(one).startswith("C") else one for one in value))


def _parameter(value: str) -> str:
    """A value of a parameter, which cannot hold quotation marks."""
    return _clean(value).replace('"', "'")
