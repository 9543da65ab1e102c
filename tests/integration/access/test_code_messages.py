"""Messages with codes, on a real mail server and on peers that misbehave like services for text messages do."""

import asyncio
import base64
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import asyncpg
import pytest
import structlog

from kernel.clock import SystemClock
from messages.channels.mail_files import NoMailChannel
from messages.channels.mime import MailSender
from messages.channels.smtp import SmtpMailChannel
from messages.channels.smtp_server import read_smtp_url
from messages.channels.text_messages import HttpTextMessages, NoTextMessages, TextMessageFiles, read_sms_url
from outbound.client import OutboundClient
from tasks.model import TaskFailed
from tests.support.codes import Codes, code_in
from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock
from tests.support.peers import PeerRequest, Respond, answering, running_peer
from tests.support.smtp import mail_server, misbehaving_server

_ALWAYS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
_PHONE: Final = "+972521234567"
_EMAIL: Final = "dana@example.com"


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=MovingClock()) as opened:
        document = small_document()
        document["business"]["name"] = "Fade & Co"
        document["resources"] = [resource | {"hours": _ALWAYS} for resource in document["resources"]]
        await opened.send("PUT", "/v1/business", json=document, status=200)
        yield opened


@pytest.fixture
def codes(door: Door, outside: "asyncpg.Connection[Any]") -> Codes:
    return Codes(door, outside)


async def _asked(codes: Codes, **contact: Any) -> Any:
    hold = await codes.door.hold("haircut", "2026-12-01T10:00:00+02:00")
    await codes.ask(hold, **contact)
    return hold


def _smtp(port: int, *, total_seconds: float = 5.0) -> SmtpMailChannel:
    return SmtpMailChannel(
        read_smtp_url(f"smtp://127.0.0.1:{port}"),
        sender=MailSender(address="no-reply@fade.example", name="Holdfast"),
        clock=SystemClock(),
        total_seconds=total_seconds,
    )


def _service(port: int, *, total_seconds: float = 5.0) -> HttpTextMessages:
    client = OutboundClient([ip_network("127.0.0.0/8")], total_seconds=total_seconds)
    return HttpTextMessages(client, read_sms_url(f"http://AC1:to%40ken@127.0.0.1:{port}?from=+15551234567"))


async def test_code_arrives_by_mail(codes: Codes) -> None:
    hold = await _asked(codes, email=_EMAIL)
    (task,) = await codes.tasks()

    async with mail_server() as server:
        await codes.handler(mails=_smtp(server.port)).run(task)

    (mail,) = server.mails
    code = code_in(str(mail["Subject"]))
    assert server.receivers == [_EMAIL]
    assert str(mail["Subject"]) == f"{code} is your code for Fade & Co"
    await codes.check(hold, code)


async def test_mail_server_that_defers_or_hangs_is_asked_again_and_one_that_refuses_is_not(codes: Codes) -> None:
    hold = await _asked(codes, email=_EMAIL)
    (task,) = await codes.tasks()

    async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with mail_server() as server:
        server.data_answer = "451 later"
        with pytest.raises(TaskFailed):
            await codes.handler(mails=_smtp(server.port)).run(task)
        server.data_answer, server.receiver_answer = None, "550 no such mailbox"
        assert await codes.handler(mails=_smtp(server.port)).run(task) is None
    async with misbehaving_server(hang) as port:
        with pytest.raises(TaskFailed):
            await codes.handler(mails=_smtp(port, total_seconds=0.1)).run(task)

    await codes.check(hold, await codes.deliver())


async def test_code_arrives_by_text_message(codes: Codes) -> None:
    hold = await _asked(codes, phone="052-123-4567")
    (task,) = await codes.tasks()

    async with running_peer(answering(201, b'{"sid": "SM1", "status": "queued"}')) as peer:
        await codes.handler(text_messages=_service(peer.port)).run(task)

    (request,) = peer.requests
    form = {name: value for name, (value,) in parse_qs(request.body.decode()).items()}
    assert request.line == "POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1"
    assert request.headers["authorization"] == f"Basic {base64.b64encode(b'AC1:to@ken').decode()}"
    assert (form["To"], form["From"]) == (_PHONE, "+15551234567")
    assert "Fade & Co" in form["Body"]
    assert len(form["Body"]) <= 160
    await codes.check(hold, code_in(form["Body"]))


@pytest.mark.parametrize("status", [429, 500, 503, 401, 302])
async def test_service_that_takes_nothing_now_is_asked_again(codes: Codes, status: int) -> None:
    await _asked(codes, phone=_PHONE)
    (task,) = await codes.tasks()

    async with running_peer(answering(status)) as peer:
        with pytest.raises(TaskFailed, match=str(status)):
            await codes.handler(text_messages=_service(peer.port)).run(task)


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_service_that_refuses_a_number_is_not_asked_again(codes: Codes, status: int) -> None:
    await _asked(codes, phone=_PHONE)
    (task,) = await codes.tasks()

    async with running_peer(answering(status, b'{"code": 21211}')) as peer:
        assert await codes.handler(text_messages=_service(peer.port)).run(task) is None


async def _hang(_request: PeerRequest, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _end(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("respond", [_hang, _end])
async def test_service_that_does_not_answer_is_asked_again(codes: Codes, respond: Respond) -> None:
    await _asked(codes, phone=_PHONE)
    (task,) = await codes.tasks()

    async with running_peer(respond) as peer:
        with pytest.raises(TaskFailed, match="no answer"):
            await codes.handler(text_messages=_service(peer.port, total_seconds=0.2)).run(task)


async def test_without_a_channel_the_task_fails_and_says_which_setting_is_missing(codes: Codes) -> None:
    await _asked(codes, email=_EMAIL)
    (task,) = await codes.tasks()
    with pytest.raises(TaskFailed, match="HOLDFAST_SMTP_URL"):
        await codes.handler(mails=NoMailChannel()).run(task)

    await codes.outside.execute("DELETE FROM tasks")
    hold = await codes.door.hold("haircut", "2026-12-01T15:00:00+02:00")
    await codes.ask(hold, phone=_PHONE)
    (task,) = await codes.tasks()
    with pytest.raises(TaskFailed, match="HOLDFAST_SMS_URL"):
        await codes.handler(text_messages=NoTextMessages()).run(task)


async def test_text_message_is_written_into_a_file_that_its_owner_reads(codes: Codes, tmp_path: Path) -> None:
    hold = await _asked(codes, phone=_PHONE)
    (task,) = await codes.tasks()

    await codes.handler(text_messages=TextMessageFiles(tmp_path)).run(task)

    ((name, mode, content),) = await asyncio.to_thread(_files, tmp_path)
    assert name.endswith(".txt")
    assert mode & 0o077 == 0
    to, _, text = content.partition("\n\n")
    assert to == f"To: {_PHONE}"
    await codes.check(hold, code_in(text))


def _files(folder: Path) -> list[tuple[str, int, str]]:
    return [(file.name, file.stat().st_mode, file.read_text()) for file in folder.iterdir()]


async def test_log_has_neither_code_nor_contact(codes: Codes) -> None:
    with structlog.testing.capture_logs() as lines:
        hold = await _asked(codes, email=_EMAIL)
        code = await codes.deliver()
        await codes.check(hold, f"{(int(code) + 1) % 1_000_000:06}", status=422)
        await codes.check(hold, code)
        await codes.let_pause_pass(hold)
        await codes.ask(hold, phone=_PHONE)
        (task,) = await codes.tasks()
        async with running_peer(answering(400)) as peer:
            await codes.handler(text_messages=_service(peer.port)).run(task)

    told = repr(lines)
    assert lines
    assert not any(secret in told for secret in (code, "dana", _PHONE, _PHONE[-7:]))
