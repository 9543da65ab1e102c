"""The section `notifications` of the document: its defaults, and what it refuses."""

from datetime import time
from typing import Any

import pytest

from catalogue.limits import MAX_REMINDERS, MAX_TEMPLATE_CHARACTERS
from catalogue.model.notifications.audiences import TOLD_KINDS
from catalogue.model.notifications.rules import (
    DEFAULT_RULES,
    NotificationRules,
    NotificationsSection,
    desired_notifications,
    notifications_document,
    notifications_record,
    stored_notifications,
)
from catalogue.reading import read_document
from kernel.errors import ValidationFailed
from messages.content.model import MessageKind
from messages.model import ChannelName
from tests.support.documents import desired_by, small_document

_FIRST = "customer.reminders[0]"


def _rules(section: dict[str, Any]) -> NotificationRules:
    return desired_notifications(read_document(NotificationsSection, section))


def _faults(section: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        read_document(NotificationsSection, section)
    return {error.pointer: error.detail for error in caught.value.errors}


def _reminding(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"customer": {"reminders": entries}}


def _saying(text: str, kind: str, channel: str, language: str) -> dict[str, Any]:
    return {"templates": {kind: {channel: {language: {"text": text}}}}}


def test_business_without_the_section_tells_by_mail() -> None:
    rules = desired_by(small_document()).business.notifications

    assert rules == DEFAULT_RULES
    assert rules.customer.by_kind[MessageKind.CONFIRMED] == (ChannelName.EMAIL,)
    assert [reminder.minutes_before for reminder in rules.customer.reminders] == [1440, 60]
    assert notifications_document(rules) is None


def test_section_of_the_document_becomes_rules_of_the_business() -> None:
    document = small_document(
        notifications={"languages": ["he", "en"], "quiet_hours": {"from": "21:00", "until": "08:00"}}
    )

    rules = desired_by(document).business.notifications

    assert rules.languages == ("he", "en")
    assert rules.quiet_hours is not None
    assert (rules.quiet_hours.begin, rules.quiet_hours.end) == (time(21), time(8))
    assert rules.customer == DEFAULT_RULES.customer


def test_audience_that_is_given_is_told_exactly_what_is_named() -> None:
    rules = _rules({"customer": {"confirmed": ["email", "sms"], "cancelled": []}})

    assert rules.customer.by_kind == {MessageKind.CONFIRMED: (ChannelName.EMAIL, ChannelName.SMS)}
    assert rules.customer.reminders == ()
    assert rules.staff == DEFAULT_RULES.staff


def test_reminders_are_kept_in_the_order_in_which_they_are_due() -> None:
    entries = [{"before_minutes": minutes, "channels": ["email"]} for minutes in (60, 86_400, 1440)]

    rules = _rules({"customer": {"reminders": entries}})

    assert [reminder.minutes_before for reminder in rules.customer.reminders] == [86_400, 1440, 60]


def test_kinds_that_somebody_asked_for_cannot_be_switched_off() -> None:
    others = set(MessageKind) - set(TOLD_KINDS)

    assert others == {MessageKind.REMINDER, MessageKind.SIGN_IN_LINK, MessageKind.CODE, MessageKind.FOLLOW_UP}


@pytest.mark.parametrize(
    ("section", "pointer", "detail"),
    [
        ({"sender": {"name": "Fade", "email": "fade.example"}}, "sender.email", "must be an e-mail address"),
        ({"sender": {"name": "Fade", "email": "a@fade.example", "reply_to": "a"}}, "sender.reply_to", "e-mail address"),
        ({"sender": {"name": "A\nBcc: b", "email": "a@fade.example"}}, "sender.name", ""),
        ({"languages": []}, "languages", "at least 1 item"),
        ({"languages": ["xx"]}, "languages[0]", "en, he, ar, fr, de, es"),
        ({"languages": ["he", "he"]}, "languages", "each language once"),
        ({"quiet_hours": {"from": "21:00", "until": "21:00"}}, "quiet_hours.until", "must differ from `from`"),
        ({"quiet_hours": {"from": "24:00", "until": "08:00"}}, "quiet_hours.from", 'before "24:00"'),
        ({"quiet_hours": {"from": "21:00"}}, "quiet_hours.until", "required"),
        ({"customer": {"confirmd": ["email"]}}, "customer.confirmd", 'did you mean "confirmed"?'),
        ({"customer": {"code": ["email"]}}, "customer.code", "no such field"),
        ({"customer": {"confirmed": ["fax"]}}, "customer.confirmed[0]", "'email', 'sms', 'push' or 'http'"),
        ({"staff": {"confirmed": ["sms", "sms"]}}, "staff.confirmed", "each channel once"),
        (
            _reminding([{"before_minutes": 0, "channels": ["sms"]}]),
            f"{_FIRST}.before_minutes",
            "greater than or equal to 1",
        ),
        (
            _reminding([{"before_minutes": 86_401, "channels": ["sms"]}]),
            f"{_FIRST}.before_minutes",
            "less than or equal to 86400",
        ),
        (_reminding([{"before_minutes": 60, "channels": []}]), f"{_FIRST}.channels", "at least 1 item"),
        (
            _reminding([{"before_minutes": 60, "channels": ["sms"]}] * 2),
            "customer.reminders[1].before_minutes",
            "another reminder is 60 minutes before",
        ),
        (
            _reminding([{"before_minutes": 60 + n, "channels": ["sms"]} for n in range(MAX_REMINDERS + 1)]),
            "customer.reminders",
            "at most 5 items",
        ),
        (_saying("Soon", "remindr", "sms", "en"), "templates.remindr", 'did you mean "reminder"?'),
        (_saying("Soon", "reminder", "http", "en"), "templates.reminder.http.en", "has no templates"),
        (_saying("Soon", "reminder", "sms", "xx"), "templates.reminder.sms.xx", "none that messages are written in"),
        (
            _saying("{{ visit.servise }}", "reminder", "sms", "en"),
            "templates.reminder.sms.en.text",
            "line 1: unknown variable visit.servise: did",
        ),
        (
            _saying("{% for a in b %}", "reminder", "sms", "en"),
            "templates.reminder.sms.en.text",
            "line 1: is not well formed",
        ),
        ({"templates": {"reminder": {"sms": {"en": {}}}}}, "templates.reminder.sms.en.text", "required"),
    ],
)
def test_fault_is_told_at_its_place(section: dict[str, Any], pointer: str, detail: str) -> None:
    faults = _faults(section)

    assert list(faults) == [pointer]
    assert detail in faults[pointer]


def test_templates_are_bounded_together() -> None:
    text = "x" * 19_000
    kinds = [kind for kind in TOLD_KINDS if kind is not MessageKind.WAITLIST_OFFER]
    templates = {kind.value: {"email": {tag: {"text": text} for tag in ("en", "he", "ar")}} for kind in kinds}

    assert _faults({"templates": templates}) == {
        "templates": f"must have at most {MAX_TEMPLATE_CHARACTERS} characters in all"
    }


def test_record_of_a_newer_version_is_read_without_what_is_new() -> None:
    rules = _rules({"customer": {"confirmed": ["email"]}})
    record: dict[str, Any] = dict(notifications_record(rules))
    record["customer"] = record["customer"] | {
        "applauded": ["email"],
        "cancelled": ["telex"],
        "pending": ["telex", "sms"],
    }

    read = stored_notifications(record | {"mood": "calm"})

    assert read.customer.by_kind == {
        MessageKind.CONFIRMED: (ChannelName.EMAIL,),
        MessageKind.PENDING: (ChannelName.SMS,),
    }
