"""The demo's mail server keeps what it is sent."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from api.mailbox.reading import list_messages
from bootstrap.mailbox import mailbox
from messages.channels.mime import MailSender
from messages.channels.smtp import SmtpMailChannel
from messages.channels.smtp_server import read_smtp_url
from messages.model import Mail, SendFailed, SendFault
from tests.support.engine import FixedClock

_NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
_MAIL: Final = Mail(id="ml_1", to="נועה@fade.example", subject="Your visit", text="Hello", html="<p>Hello</p>")


def _channel(url: str) -> SmtpMailChannel:
    return SmtpMailChannel(
        read_smtp_url(url), sender=MailSender(address="no-reply@fade.example", name="Fade & Co"), clock=FixedClock(_NOW)
    )


async def test_mail_is_kept_as_the_channel_sends_it(tmp_path: Path) -> None:
    with mailbox(tmp_path / "mail") as url:
        await _channel(url).send(_MAIL)

    (kept,) = list_messages(tmp_path / "mail")
    assert (kept.to, kept.subject) == (_MAIL.to, _MAIL.subject)
    assert (kept.text.strip(), (kept.html or "").strip()) == (_MAIL.text, _MAIL.html)


async def test_mail_that_cannot_be_kept_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")

    with mailbox(tmp_path / "mail") as url, pytest.raises(SendFailed) as failed:
        await _channel(url).send(_MAIL)

    assert failed.value.fault is SendFault.DEFERRED


async def test_server_ends_with_the_block(tmp_path: Path) -> None:
    with mailbox(tmp_path) as url:
        pass

    with pytest.raises(SendFailed) as failed:
        await _channel(url).send(_MAIL)
    assert failed.value.fault is SendFault.NO_CONNECTION
