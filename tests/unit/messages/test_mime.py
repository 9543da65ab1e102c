"""Mails as they are sent: their parts, their sender, and the ways out of them."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final

import pytest
from icalendar import Calendar

from messages.channels.mime import MailSender, mime_of
from messages.content.calendar import calendar_part
from messages.content.faults import sample_facts
from messages.content.model import LANGUAGES, MessageKind
from messages.content.write import write
from messages.model import Mail, Sender

_NOW: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
_CHANNEL: Final = MailSender(address="no-reply@holdfast.example", name="Holdfast")
_BUSINESS: Final = Sender(address="hello@fade.example", name="Fade & Co", reply_to="owner@fade.example")


def _mail(language: str = "en", *, cancelled: bool = False) -> Mail:
    facts = sample_facts(MessageKind.CANCELLED if cancelled else MessageKind.CONFIRMED)
    words = write(facts, languages=[language], templates={})
    return Mail(
        id="ntf_1",
        to="dana@example.com",
        subject=words.subject,
        text=words.text,
        html=words.html,
        sender=_BUSINESS,
        calendar=calendar_part(
            facts,
            locale=language,
            sender=_BUSINESS,
            to="dana@example.com",
            name="Dana Levi",
            cancelled=cancelled,
            now=_NOW,
        ),
        unsubscribe_url=f"https://book.example/u/{'x' * 120}",
    )


def _sent(mail: Mail, sender: MailSender = _CHANNEL) -> Any:
    """The mail as its receiver reads it."""
    sent = mime_of(mail, sender=sender, now=_NOW).as_bytes()
    return message_from_bytes(sent, _class=EmailMessage, policy=policy.default)


def _tree(part: Any, depth: int = 0) -> list[str]:
    lines = [f"{'  ' * depth}{part.get_content_type()}"]
    if part.is_multipart():
        return lines + [line for one in part.iter_parts() for line in _tree(one, depth + 1)]
    return lines


@pytest.mark.parametrize(("cancelled", "method"), [(False, "REQUEST"), (True, "CANCEL")])
@pytest.mark.parametrize("language", LANGUAGES)
def test_invitation_is_an_alternative_and_an_attachment_of_the_same_bytes(
    language: str, method: str, *, cancelled: bool
) -> None:
    mail = _mail(language, cancelled=cancelled)
    assert mail.calendar is not None

    message = _sent(mail)

    assert _tree(message) == [
        "multipart/mixed",
        "  multipart/alternative",
        "    text/plain",
        "    text/html",
        "    text/calendar",
        "  application/ics",
    ]
    alternative, attached = [one for one in message.walk() if one.get_content_subtype() in {"calendar", "ics"}]
    assert alternative.get_payload(decode=True) == attached.get_payload(decode=True) == mail.calendar.content
    assert alternative["Content-Type"].params == {"method": method, "charset": "utf-8"}
    assert str(Calendar.from_ical(mail.calendar.content)["METHOD"]) == method
    assert not alternative.is_attachment()
    assert (attached.get_content_disposition(), attached.get_filename()) == ("attachment", "invite.ics")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_arrive_as_they_were_written(language: str) -> None:
    mail = _mail(language)

    message = _sent(mail)

    assert message["Subject"] == mail.subject
    assert message.get_body(("plain",)).get_content().splitlines() == mail.text.splitlines()
    assert message.get_body(("html",)).get_content().splitlines() == mail.html.splitlines()


def test_mail_without_an_invitation_has_two_alternatives() -> None:
    assert _tree(_sent(replace(_mail(), calendar=None))) == ["multipart/alternative", "  text/plain", "  text/html"]


def test_unsubscribing_is_one_click_and_its_link_is_in_one_piece() -> None:
    mail = _mail()
    lines = mime_of(mail, sender=_CHANNEL, now=_NOW).as_bytes().split(b"\r\n")

    assert f"List-Unsubscribe: <{mail.unsubscribe_url}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert "List-Unsubscribe" not in _sent(replace(mail, unsubscribe_url=None))


def test_answers_go_to_the_business_from_whatever_address_a_mail_comes() -> None:
    shared, own = _sent(_mail()), _sent(_mail(), replace(_CHANNEL, is_own=True))

    assert (str(shared["From"]), str(own["From"])) == (
        "Fade & Co <no-reply@holdfast.example>",
        "Fade & Co <hello@fade.example>",
    )
    assert str(shared["Reply-To"]) == str(own["Reply-To"]) == "owner@fade.example"
    assert [str(one["Message-ID"]) for one in (shared, own)] == ["<ntf_1@holdfast.example>", "<ntf_1@fade.example>"]
