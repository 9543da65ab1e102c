"""Mails over SMTP: what a real server is sent, and what becomes of a mail when a server misbehaves."""

import asyncio
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import pytest

from messages.channels.mime import MailSender
from messages.channels.smtp import GREYLIST_SECONDS, SmtpMailChannel
from messages.channels.smtp_connections import SmtpConnections
from messages.channels.smtp_server import read_smtp_url
from messages.model import Mail, SendFailed, SendFault
from tests.support.certificates import client_context, server_context
from tests.support.engine import FixedClock
from tests.support.smtp import mail_server, misbehaving_server

_NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
_MAIL: Final = Mail(
    id="ml_1",
    to="noa@fade.example",
    subject="Sign in to Fade & Co, מספרה",
    text="Open this link:\n\nhttps://book.example/sign-in#" + "x" * 120 + "\n\nמתג",
    html="<p>Open <a href='https://book.example/sign-in#x'>this link</a>: מתג</p>",
)


def _channel(
    port: int,
    *,
    url: str = "smtp://127.0.0.1:{port}",
    total_seconds: float = 30,
    tls: ssl.SSLContext | None = None,
    **more: Any,
) -> SmtpMailChannel:
    return SmtpMailChannel(
        read_smtp_url(url.format(port=port)),
        sender=MailSender(address="no-reply@book.example", name="Holdfast"),
        clock=FixedClock(_NOW),
        total_seconds=total_seconds,
        connections=SmtpConnections(tls=tls, **more),
    )


async def _failure(channel: SmtpMailChannel) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.send(_MAIL)
    # What an operator reads names no person.
    assert "noa" not in failed.value.reason
    return failed.value


async def test_server_gets_text_and_html_with_all_that_they_say() -> None:
    async with mail_server() as server:
        await _channel(server.port).send(_MAIL)

    (mail,) = server.mails
    assert server.receivers == ["noa@fade.example"]
    assert mail["From"] == "Holdfast <no-reply@book.example>"
    assert (mail["To"], mail["Subject"]) == ("noa@fade.example", _MAIL.subject)
    assert mail["Message-ID"] == "<ml_1@book.example>"
    assert parsedate_to_datetime(mail["Date"]) == _NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    parts = {
        part.get_content_type(): part.get_content().replace("\r\n", "\n").strip()
        for part in mail.walk()
        if not part.is_multipart()
    }
    assert parts == {"text/plain": _MAIL.text, "text/html": _MAIL.html}


async def test_address_beyond_ascii_is_reached() -> None:
    async with mail_server() as server:
        await _channel(server.port).send(Mail(id="ml_2", to="נועה@fade.example", subject="s", text="t", html="h"))

    assert server.receivers == ["נועה@fade.example"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_password_is_sent_over_tls_that_is_checked(
    tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To this test the machine is another one.
    monkeypatch.setattr("messages.channels.smtp_server.SmtpServer.is_local", property(lambda _server: False))
    url = f"{scheme}://holdfast%40book.example:s%2Fecret@localhost:{{port}}"
    tls = server_context(tmp_path, ["localhost"])
    async with mail_server(tls=tls, is_tls_from_start=scheme == "smtps", asks_login=True) as server:
        server.password = b"s/ecret"
        await _channel(server.port, url=url, tls=client_context(tmp_path)).send(_MAIL)
        logins = list(server.logins)
        unknown = await _failure(_channel(server.port, url=url, tls=ssl.create_default_context()))

    assert logins == server.logins == [(b"holdfast@book.example", b"s/ecret")]
    assert len(server.mails) == 1
    assert unknown.fault is SendFault.TLS


async def test_password_is_never_sent_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messages.channels.smtp_server.SmtpServer.is_local", property(lambda _server: False))
    async with mail_server(asks_login=True) as server:
        failure = await _failure(_channel(server.port, url="smtp://user:secret@127.0.0.1:{port}"))

    assert failure.fault is SendFault.TLS
    assert server.logins == []
    assert server.mails == []


async def test_login_that_is_refused_is_told() -> None:
    async with mail_server(asks_login=True) as server:
        failure = await _failure(_channel(server.port, url="smtp://user:wrong@127.0.0.1:{port}"))

    assert failure.fault is SendFault.LOGIN
    assert server.mails == []


@pytest.mark.parametrize(
    ("stage", "code", "fault"),
    [
        ("receiver_answer", "450 busy noa@fade.example", SendFault.DEFERRED),
        ("receiver_answer", "550 no noa@fade.example", SendFault.GONE),
        ("receiver_answer", "550 5.1.1 no noa@fade.example", SendFault.GONE),
        ("receiver_answer", "550 5.7.1 you are on a list, noa@fade.example", SendFault.REFUSED),
        ("receiver_answer", "554 5.7.1 no noa@fade.example", SendFault.REFUSED),
        ("data_answer", "450 busy noa@fade.example", SendFault.DEFERRED),
        ("data_answer", "550 5.1.1 no noa@fade.example", SendFault.REFUSED),
        ("data_answer", "552 too much", SendFault.REFUSED),
    ],
)
async def test_refusal_is_for_now_or_for_good(stage: str, code: str, fault: SendFault) -> None:
    async with mail_server() as server:
        setattr(server, stage, code)
        failure = await _failure(_channel(server.port))

    assert failure.fault is fault
    assert code[:3] in failure.reason


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("451 4.7.1 Greylisted, see https://mail.test/help", GREYLIST_SECONDS),
        ("450 4.2.0 noa@fade.example: Recipient address rejected: Greylisted, try again in 60 seconds", 60),
        ("451 4.3.0 try again in 60 seconds", None),
    ],
)
async def test_server_that_greylists_is_given_the_time_that_it_asks_for(said: str, seconds: float | None) -> None:
    async with mail_server() as server:
        server.receiver_answer = said
        channel = _channel(server.port)
        failure = await _failure(channel)
        server.receiver_answer = None
        await channel.send(_MAIL)

    assert (failure.fault, failure.retry_seconds) == (SendFault.DEFERRED, seconds)
    assert len(server.mails) == 1


@pytest.mark.parametrize("greeting", [b"", b"220 mail.test\r\n"])
async def test_server_that_hangs_is_given_up_in_time(greeting: bytes) -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await asyncio.Event().wait()

    async with misbehaving_server(hang) as port:
        begun = time.monotonic()
        failure = await _failure(_channel(port, total_seconds=0.5))
        seconds = time.monotonic() - begun

    assert failure.fault is SendFault.TIMEOUT
    assert 0.5 <= seconds < 10


async def test_server_that_never_ends_its_greeting_is_given_up_in_time() -> None:
    async def dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"220-still here\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    async with misbehaving_server(dribble) as port:
        begun = time.monotonic()
        failure = await _failure(_channel(port, total_seconds=0.5))
        seconds = time.monotonic() - begun

    assert failure.fault in {SendFault.TIMEOUT, SendFault.NO_ANSWER, SendFault.NO_CONNECTION}
    assert seconds < 10


@pytest.mark.parametrize("said", [b"", b"220 mail.test\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff\x00"])
async def test_connection_that_is_cut_off_is_tried_again(said: bytes) -> None:
    async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        if said.startswith(b"220"):
            await reader.readline()

    async with misbehaving_server(cut_off) as port:
        failure = await _failure(_channel(port))

    assert failure.fault in {SendFault.NO_CONNECTION, SendFault.NO_ANSWER}


async def test_server_that_is_cut_off_after_the_mail_may_have_taken_it() -> None:
    async def cut_off_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while not (line := await reader.readline()).upper().startswith(b"DATA"):
            assert line
            writer.write(b"250 OK\r\n")
        writer.write(b"354 go on\r\n")
        await reader.readuntil(b"\r\n.\r\n")

    async with misbehaving_server(cut_off_at_the_end) as port:
        failure = await _failure(_channel(port))

    assert failure.fault is SendFault.NO_ANSWER


async def test_server_that_is_not_there_is_told() -> None:
    async with mail_server() as server:
        port = server.port

    failure = await _failure(_channel(port))

    assert failure.fault is SendFault.NO_CONNECTION
