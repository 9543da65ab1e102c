"""Without a mail server, mails are files that only the engine's account reads, and not without end."""

import stat
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Final

import pytest

from messages.channels.files import MOST_FILES
from messages.channels.mail_files import MailFiles, NoMailChannel
from messages.channels.mime import MailSender
from messages.channels.smtp_server import Tls, read_smtp_url
from messages.model import Mail, SendFailed, SendFault
from tests.support.engine import FixedClock

_CLOCK: Final = FixedClock(datetime(2026, 11, 30, 12, 0, tzinfo=UTC))


def _mail(number: int = 1) -> Mail:
    return Mail(id=f"ml_{number:06}", to="noa@fade.example", subject="Hello", text="text", html="<p>html</p>")


def _channel(folder: Path) -> MailFiles:
    return MailFiles(folder, sender=MailSender(address="no-reply@localhost", name="Holdfast"), clock=_CLOCK)


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_mail_is_a_file_of_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "below" / "mail"

    await _channel(folder).send(_mail())

    (file,) = folder.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("ml_000001.eml", 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["To"] == "noa@fade.example"


async def test_oldest_mails_make_room(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        await _channel(tmp_path).send(_mail(number))

    names = _names(tmp_path)
    assert (len(names), names[0], names[-1]) == (MOST_FILES, "ml_000005.eml", f"ml_{MOST_FILES + 4:06}.eml")


async def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")

    with pytest.raises(SendFailed) as failed:
        await _channel(tmp_path / "mail").send(_mail())

    assert failed.value.fault is SendFault.NOT_WRITTEN


async def test_engine_without_a_channel_says_which_setting_lacks() -> None:
    with pytest.raises(SendFailed, match="HOLDFAST_SMTP_URL") as failed:
        await NoMailChannel().send(_mail())

    assert failed.value.fault is SendFault.NO_CHANNEL


def test_url_of_a_server_is_read() -> None:
    plain, secure = read_smtp_url("smtp://mail.example"), read_smtp_url("smtps://me%40x:p%3Aw@mail.example:2465/")

    assert (plain.host, plain.port, plain.user, plain.password) == ("mail.example", 587, None, None)
    assert (secure.port, secure.user, secure.password, secure.tls) == (2465, "me@x", "p:w", Tls.FROM_START)
    assert read_smtp_url("smtps://mail.example").port == 465
    assert (plain.is_local, read_smtp_url("smtp://127.0.0.1:25").is_local) == (False, True)
    assert read_smtp_url("smtp://localhost:25").is_local


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://h:port", "smtp://h/path", "smtp://u:p@h?x=1"]
)
def test_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be smtp://user:password@host:port") as refused:
        read_smtp_url(url)

    assert "u:p" not in str(refused.value)
