"""Invitations, as two readers that share no code understand them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from icalendar import Calendar

from kernel.zones import zone
from messages.content.calendar import calendar_part
from messages.content.faults import sample_facts
from messages.content.model import LANGUAGES, MessageFacts, MessageKind
from messages.model import CalendarPart, Sender
from tests.support.calendars import read_by_vobject

_NOW: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
_SENDER: Final = Sender(address="hello@fade.example", name="Fade & Co")
# East and west, both hemispheres, half hours, a change of half an hour, no changes, and ones that follow the moon.
_ZONES: Final = (
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Asia/Tokyo",
)


def _facts(**changes: Any) -> MessageFacts:
    facts = sample_facts(MessageKind.CONFIRMED)
    assert facts.visit is not None
    return replace(facts, visit=replace(facts.visit, **changes))


def _part(facts: MessageFacts, *, cancelled: bool = False, **changes: Any) -> CalendarPart:
    given: dict[str, Any] = {"locale": "en", "sender": _SENDER, "to": "dana@example.com", "name": "Dana Levi"}
    return calendar_part(facts, cancelled=cancelled, now=_NOW, **{**given, **changes})


def _component(content: bytes, name: str) -> Any:
    (found,) = Calendar.from_ical(content).walk(name)
    return found


def _event(content: bytes) -> Any:
    return _component(content, "VEVENT")


def _lines(content: bytes) -> list[str]:
    return content.decode().replace("\r\n ", "").split("\r\n")


class _Diary:
    """Someone's calendar: it keeps the newest of each event, as RFC 5546 (2.1.5) says."""

    def __init__(self) -> None:
        self.events: dict[str, tuple[int, datetime]] = {}
        self._last: dict[str, int] = {}

    def take(self, content: bytes) -> None:
        calendar = read_by_vobject(content)
        event = calendar.vevent
        uid, sequence = event.uid.value, int(event.sequence.value)
        if sequence <= self._last.get(uid, -1):
            return
        self._last[uid] = sequence
        if calendar.method.value == "CANCEL":
            self.events.pop(uid, None)
        else:
            self.events[uid] = (sequence, event.dtstart.value.astimezone(UTC))


def test_move_updates_and_a_cancellation_removes_the_same_event() -> None:
    diary = _Diary()
    moved_to = datetime(2026, 12, 2, 15, 0, tzinfo=UTC)
    first = _part(_facts(version=1))
    moved = _part(_facts(version=2, start=moved_to, end=moved_to + timedelta(minutes=45)))
    gone = _part(_facts(version=3, start=moved_to, end=moved_to + timedelta(minutes=45)), cancelled=True)

    diary.take(first.content)
    assert list(diary.events.values()) == [(1, datetime(2026, 12, 1, 9, 0, tzinfo=UTC))]
    diary.take(moved.content)
    assert list(diary.events.values()) == [(2, moved_to)]
    # One that was delayed changes nothing.
    diary.take(first.content)
    assert list(diary.events.values()) == [(2, moved_to)]
    diary.take(gone.content)
    assert diary.events == {}
    uids = {str(_event(part.content)["UID"]) for part in (first, moved, gone)}
    assert uids == {"apt_01KDSAMPLE@holdfast"}
    assert (first.method, moved.method, gone.method) == ("REQUEST", "REQUEST", "CANCEL")
    assert str(_event(gone.content)["STATUS"]) == "CANCELLED"


def test_method_is_that_of_the_calendar() -> None:
    for cancelled in (False, True):
        part = _part(_facts(), cancelled=cancelled)

        assert str(Calendar.from_ical(part.content)["METHOD"]) == part.method


def test_invitation_names_its_sender_and_its_receiver_and_nobody_else() -> None:
    content = _part(_facts(customer_name="Zebulon")).content

    people = [line for line in _lines(content) if "mailto:" in line.lower()]
    assert sorted(line.partition(";")[0] for line in people) == ["ATTENDEE", "ORGANIZER"]
    event = _event(content)
    assert str(event["ORGANIZER"]) == "mailto:hello@fade.example"
    assert str(event["ATTENDEE"]) == "mailto:dana@example.com"
    assert event["ATTENDEE"].params["CN"] == "Dana Levi"
    assert b"Zebulon" not in content


@pytest.mark.parametrize("name", _ZONES)
@pytest.mark.parametrize("days", range(0, 365, 13))
def test_start_is_the_same_instant_across_clock_changes(name: str, days: int) -> None:
    start = datetime(2026, 3, 1, 0, 30, tzinfo=UTC) + timedelta(days=days)
    part = _part(_facts(timezone=name, start=start, end=start + timedelta(minutes=45)))

    read = read_by_vobject(part.content)
    event = _event(part.content)
    assert event["DTSTART"].params["TZID"] == name
    # By the pinned data: those of the machine, which icalendar reads, may be older.
    assert event["DTSTART"].dt.replace(tzinfo=zone(name)).astimezone(UTC) == start
    # vobject believes the VTIMEZONE that came along, not the name of the zone.
    assert read.vevent.dtstart.value.astimezone(UTC) == start
    assert read.vevent.dtend.value.astimezone(UTC) == start + timedelta(minutes=45)


@pytest.mark.parametrize("name", _ZONES)
def test_clock_that_comes_along_is_that_of_the_zone_around_the_visit(name: str) -> None:
    start = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    part = _part(_facts(timezone=name, start=start, end=start + timedelta(hours=1)))

    clock = _component(part.content, "VTIMEZONE")
    changes = sorted(
        ((one["DTSTART"].dt - one["TZOFFSETFROM"].td).replace(tzinfo=UTC), one["TZOFFSETTO"].td)
        for one in clock.subcomponents
    )
    for day in range(-360, 360):
        at = start + timedelta(days=day)
        offset = [after for since, after in changes if since <= at][-1]
        assert offset == at.astimezone(zone(name)).utcoffset(), at


def test_visit_in_utc_has_no_clock() -> None:
    lines = _lines(_part(_facts(timezone="UTC")).content)

    assert "DTSTART:20261201T090000Z" in lines
    assert "BEGIN:VTIMEZONE" not in lines


@pytest.mark.parametrize(
    ("hour", "start"), [(0, "DTSTART;TZID=Europe/London:20261025T013000"), (1, "DTSTART:20261025T013000Z")]
)
def test_hour_that_is_repeated_is_told_by_a_clock_that_repeats_none(hour: int, start: str) -> None:
    at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    content = _part(_facts(timezone="Europe/London", start=at, end=at + timedelta(minutes=20))).content

    assert start in _lines(content)
    assert read_by_vobject(content).vevent.dtstart.value.astimezone(UTC) == at


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_lines_are_folded_between_characters(language: str) -> None:
    service = "تصفيف الشعر תספורת 🎉 Größe " * 2
    part = _part(_facts(service=service, address="רחוב הרצל 1, תל אביב " * 20), locale=language)

    for line in part.content.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    assert "🎉" in str(_event(part.content)["SUMMARY"])
    assert read_by_vobject(part.content).vevent.summary.value == str(_event(part.content)["SUMMARY"])


_EVIL: Final = 'x\r\nATTENDEE:mailto:all@example.com\r\nX-EVIL:1\n\x0b"\u2028;:,\\'


@pytest.mark.parametrize("field", ["service", "location", "address", "resources", "name", "to", "sender", "business"])
def test_line_ends_in_a_value_add_no_property(field: str) -> None:
    facts = _facts()
    assert facts.visit is not None
    changes: dict[str, Any] = {}
    match field:
        case "name" | "to":
            changes[field] = _EVIL
        case "sender":
            changes[field] = Sender(address=_EVIL, name=_EVIL)
        case "business":
            facts = replace(facts, business=replace(facts.business, name=_EVIL))
        case "resources":
            facts = _facts(resources=(_EVIL,))
        case _:
            facts = _facts(**{field: _EVIL})

    content = _part(facts, **changes).content

    good = [line.partition(":")[0].partition(";")[0] for line in _lines(_part(_facts()).content)]
    assert [line.partition(":")[0].partition(";")[0] for line in _lines(content)] == good
    assert not [one for one in _event(content) if one.startswith("X-")]
    assert read_by_vobject(content).vevent.uid.value == "apt_01KDSAMPLE@holdfast"


def test_request_that_awaits_approval_is_tentative() -> None:
    facts = replace(_facts(), kind=MessageKind.PENDING)

    assert str(_event(_part(facts).content)["STATUS"]) == "TENTATIVE"
