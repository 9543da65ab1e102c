"""Messages of the mailbox, read from the files that they are kept as."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import orjson

MOST_SHOWN: Final = 100
"""Messages that are listed: the latest."""
_MOST_BYTES: Final = 5_000_000
_MOST_PREVIEW_CHARACTERS: Final = 140
_NAME: Final = re.compile(r"[a-z]{1,10}_[0-9A-Za-z]{1,40}")
_MAIL, _SMS, _PUSH = ".eml", ".txt", ".json"
_CHANNELS: Final = {_MAIL: "email", _SMS: "sms", _PUSH: "push"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxMessage:
    """A message as the page shows it."""

    id: str
    channel: str
    to: str
    sender: str
    subject: str
    """Subject of a mail, title of a push message, beginning of a text message."""
    sent_at: datetime
    text: str
    html: str | None
    attachments: Sequence[str]
    """Names of files, with their types."""


def list_messages(folder: Path) -> list[MailboxMessage]:
    """The latest messages, the newest first; one that disappears meanwhile is left out."""
    files = [file for file in folder.glob("*") if file.suffix in _CHANNELS and _NAME.fullmatch(file.stem)]
    dated = sorted(((_written_at(file), file) for file in files), reverse=True)[:MOST_SHOWN]
    return [message for at, file in dated if at and (message := _read(file, at)) is not None]


def _written_at(file: Path) -> float:
    """Seconds since the epoch; 0 where the file is gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _read(file: Path, written_at: float) -> MailboxMessage | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES)
    except OSError:
        return None
    at = datetime.fromtimestamp(written_at, UTC)
    match file.suffix:
        case ".eml":
            return _mail(file.stem, at, content)
        case ".txt":
            return _text_message(file.stem, at, content.decode(errors="replace"))
        case _:
            return _push_message(file.stem, at, content)


def _mail(message_id: str, at: datetime, content: bytes) -> MailboxMessage:
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return MailboxMessage(
        id=message_id,
        channel=_CHANNELS[_MAIL],
        to=str(mail["To"] or ""),
        sender=str(mail["From"] or ""),
        subject=str(mail["Subject"] or ""),
        sent_at=at,
        text="" if text is None else str(text.get_content()),
        html=None if html is None else str(html.get_content()),
        attachments=[
            f"{part.get_filename() or 'unnamed'} ({part.get_content_type()})" for part in mail.iter_attachments()
        ],
    )


def _text_message(message_id: str, at: datetime, content: str) -> MailboxMessage:
    head, _, text = content.partition("\n\n")
    text = text.rstrip("\n")
    return MailboxMessage(
        id=message_id,
        channel=_CHANNELS[_SMS],
        to=head.removeprefix("To: "),
        sender="",
        subject=_beginning(text),
        sent_at=at,
        text=text,
        html=None,
        attachments=(),
    )


def _push_message(message_id: str, at: datetime, content: bytes) -> MailboxMessage | None:
    try:
        members = orjson.loads(content)
        title, body, url = (str(members[name]) for name in ("title", "body", "url"))
    except (ValueError, KeyError, TypeError):
        return None
    return MailboxMessage(
        id=message_id,
        channel=_CHANNELS[_PUSH],
        to=str(members.get("to", "")),
        sender="",
        subject=title,
        sent_at=at,
        text=f"{title}\n{body}\n\n{url}",
        html=None,
        attachments=(),
    )


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    is_long = len(line) > _MOST_PREVIEW_CHARACTERS
    return f"{line[: _MOST_PREVIEW_CHARACTERS - 1]}…" if is_long else line
