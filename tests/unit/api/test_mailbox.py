"""The mailbox reads what channels write."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from api.mailbox.reading import MOST_SHOWN, list_messages
from messages.channels.mime import MailSender, mime_of
from messages.model import Mail

_NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def _keep(folder: Path, name: str, content: bytes, *, at: int) -> None:
    file = folder / name
    file.write_bytes(content)
    os.utime(file, (at, at))


def _mail(subject: str) -> bytes:
    mail = Mail(id="ml_1", to="noa@fade.example", subject=subject, text="Hello נועה", html="<p>Hello נועה</p>")
    return mime_of(mail, sender=MailSender(address="no-reply@fade.example", name="Fade & Co"), now=_NOW).as_bytes()


def test_messages_of_all_channels_are_listed_the_newest_first(tmp_path: Path) -> None:
    _keep(tmp_path, "ml_1.eml", _mail("Your visit, מספרה"), at=100)
    _keep(tmp_path, "sms_1.txt", b"To: +15551234567\n\nYour code: 123456\n", at=300)
    _keep(tmp_path, "push_1.json", b'{"title": "Tomorrow", "body": "At nine", "url": "https://x.example/a"}', at=200)

    text_message, push, mail = list_messages(tmp_path)

    assert (text_message.channel, text_message.to) == ("sms", "+15551234567")
    assert text_message.subject == text_message.text == "Your code: 123456"
    assert (push.channel, push.subject, push.text) == ("push", "Tomorrow", "Tomorrow\nAt nine\n\nhttps://x.example/a")
    assert (mail.channel, mail.subject, mail.to) == ("email", "Your visit, מספרה", "noa@fade.example")
    assert mail.sender == "Fade & Co <no-reply@fade.example>"
    assert (mail.text.strip(), (mail.html or "").strip()) == ("Hello נועה", "<p>Hello נועה</p>")
    assert mail.sent_at == datetime.fromtimestamp(100, UTC)


def test_files_that_are_no_messages_are_left_out(tmp_path: Path) -> None:
    _keep(tmp_path, "push_1.json", b"no json", at=1)
    _keep(tmp_path, "push_2.json", b"[]", at=1)
    _keep(tmp_path, ".ml_1.eml", _mail("unfinished"), at=1)
    _keep(tmp_path, "notes.md", b"mine", at=1)
    _keep(tmp_path, "ml_2.eml", b"\xff\x00no mail", at=1)

    assert [message.id for message in list_messages(tmp_path)] == ["ml_2"]


def test_latest_messages_alone_are_listed(tmp_path: Path) -> None:
    for number in range(MOST_SHOWN + 3):
        _keep(tmp_path, f"sms_{number}.txt", b"To: +1555\n\nhello", at=1000 + number)

    ids = [message.id for message in list_messages(tmp_path)]

    assert (len(ids), ids[0], ids[-1]) == (MOST_SHOWN, f"sms_{MOST_SHOWN + 2}", "sms_3")


def test_folder_that_is_not_there_has_no_messages(tmp_path: Path) -> None:
    assert list_messages(tmp_path / "mail") == []
