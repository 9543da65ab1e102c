"""Messages and invitations are whole, and templates end, whatever businesses and customers write."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from messages.content.calendar import calendar_part
from messages.content.faults import check_template, sample_facts
from messages.content.model import LANGUAGES, Audience, MessageFacts, MessageKind, TemplateText
from messages.content.text_length import as_text_message, parts_of_text_message
from messages.content.write import write
from messages.model import Sender
from tests.support.calendars import read_by_vobject

_TEXT: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
_NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)
_WORDS: Final = "{{ }} {% %} {# #} if endif for in visit . service | upper ( ) ' ~ * 9 code customer.name safe"
_SENTENCES: Final = ("{% if code %}", "{% endif %}", "{{ visit.price }}", "\n", " ")
_PIECES: Final = st.sampled_from(_WORDS.split()) | st.sampled_from(_SENTENCES)


@st.composite
def _facts(draw: st.DrawFn) -> MessageFacts:
    facts = sample_facts(draw(st.sampled_from(MessageKind)), draw(st.sampled_from(Audience)))
    facts = replace(facts, business=replace(facts.business, name=draw(_TEXT), phone=draw(st.none() | _TEXT)))
    if facts.visit is None:
        return facts
    start = _NOW + timedelta(minutes=draw(st.integers(0, 2_000_000)))
    visit = replace(
        facts.visit,
        service=draw(_TEXT),
        resources=tuple(draw(st.lists(_TEXT, max_size=3))),
        location=draw(st.none() | _TEXT),
        address=draw(st.none() | _TEXT),
        add_ons=tuple(draw(st.lists(_TEXT, max_size=3))),
        customer_name=draw(st.none() | _TEXT),
        party=draw(st.integers(1, 1_000_000)),
        start=start,
        end=start + timedelta(minutes=draw(st.integers(1, 10_000))),
        timezone=draw(st.sampled_from(["UTC", "Asia/Jerusalem", "America/St_Johns", "Australia/Lord_Howe"])),
    )
    return replace(facts, visit=visit)


@given(_facts(), st.sampled_from(LANGUAGES))
def test_message_is_whole_whatever_things_are_named(facts: MessageFacts, language: str) -> None:
    written = write(facts, languages=[language], templates={})

    for one_line in (written.subject, written.sms, written.push_title, written.push_body):
        assert one_line.strip()
        assert len(one_line.splitlines()) == 1
    assert len(written.subject) <= 300
    assert len(written.text) < 10_000
    assert written.html.count("<h1") == 1
    assert written.html.count("<a ") <= 3


@given(facts=_facts(), language=st.sampled_from(LANGUAGES), name=_TEXT, cancelled=st.booleans())
def test_invitation_is_one_event_whatever_things_are_named(
    facts: MessageFacts, language: str, name: str, *, cancelled: bool
) -> None:
    if facts.visit is None:
        return

    content = calendar_part(
        facts,
        locale=language,
        sender=Sender(address="hello@fade.example", name=name),
        to="dana@example.com",
        name=name,
        cancelled=cancelled,
        now=_NOW,
    ).content

    (event,) = Calendar.from_ical(content).walk("VEVENT")
    read = read_by_vobject(content).vevent
    assert read.uid.value == str(event["UID"])
    assert read.dtstart.value.astimezone(UTC) == facts.visit.start
    assert content.count(b"mailto:") == 2
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))


@given(st.lists(_PIECES, max_size=40).map("".join) | _TEXT)
def test_template_is_good_or_has_a_fault_and_never_breaks_a_message(source: str) -> None:
    own = TemplateText(text=source, subject=source, html=source)

    found = check_template("confirmed", "email", "en", own)
    written = write(
        sample_facts(MessageKind.CONFIRMED), languages=["en"], templates={"confirmed": {"email": {"en": own}}}
    )

    assert written.refused == () or found
    assert len(written.html) < 100_000


@given(_TEXT)
def test_text_message_costs_no_more_when_it_is_written_plainly(text: str) -> None:
    plain = as_text_message(text)

    # Three dots stand in the place of one character.
    assert parts_of_text_message(plain) <= max(
        parts_of_text_message(text), parts_of_text_message(text.replace("…", "..."))
    )
