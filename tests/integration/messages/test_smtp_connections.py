"""Connections to mail servers: each carries several mails, and one that has ended costs nobody a mail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final

import pytest

from messages.channels import smtp_connections
from messages.channels.mime import MailSender
from messages.channels.smtp import SmtpMailChannel
from messages.channels.smtp_connections import SmtpConnections
from messages.channels.smtp_server import read_smtp_url
from messages.model import Mail, SendFailed, SendFault
from outbound.addresses import Network
from outbound.client import OutboundClient
from tests.support.engine import FixedClock
from tests.support.smtp import mail_server, misbehaving_server
from tests.support.waiting import eventually

_NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def _mail(number: int = 1) -> Mail:
    return Mail(id=f"ntf_{number}", to="noa@fade.example", subject="Hello", text="text", html="<p>html</p>")


def _channel(port: int, connections: SmtpConnections, *, host: str = "127.0.0.1") -> SmtpMailChannel:
    return SmtpMailChannel(
        read_smtp_url(f"smtp://{host}:{port}"),
        sender=MailSender(address="no-reply@book.example", name="Holdfast"),
        clock=FixedClock(_NOW),
        connections=connections,
    )


@asynccontextmanager
async def _guarded(*, resolved: str, allowed: tuple[Network, ...] = ()) -> AsyncIterator[SmtpConnections]:
    """Connections that reach public addresses and the allowed ones, where every host has this one address."""

    async def resolve(_host: str) -> list[str]:
        return [resolved]

    client = OutboundClient(allowed, resolve=resolve)
    connections = SmtpConnections(client.open_socket)
    yield connections
    connections.close()
    await client.aclose()


@pytest.fixture
async def connections() -> AsyncIterator[SmtpConnections]:
    kept = SmtpConnections()
    yield kept
    kept.close()


async def test_mails_one_after_another_share_a_connection(connections: SmtpConnections) -> None:
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        for number in range(5):
            await channel.send(_mail(number))
        waiting = connections.idle
        connections.close()

    assert (len(server.mails), server.connections, waiting) == (5, 1, 1)
    assert connections.idle == 0


async def test_mails_at_once_have_a_connection_each(connections: SmtpConnections) -> None:
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        await asyncio.gather(*(channel.send(_mail(number)) for number in range(4)))
        connections.close()

    assert (len(server.mails), server.connections) == (4, 4)


async def test_connection_that_the_server_has_ended_is_replaced_and_the_mail_goes_once(
    connections: SmtpConnections,
) -> None:
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        await channel.send(_mail(1))
        server.cut_all()
        await channel.send(_mail(2))
        connections.close()

    assert [mail["Message-ID"] for mail in server.mails] == ["<ntf_1@book.example>", "<ntf_2@book.example>"]
    assert server.connections == 2


async def test_connection_outlives_a_refusal(connections: SmtpConnections) -> None:
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        server.receiver_answer = "550 5.1.1 nobody"
        with pytest.raises(SendFailed):
            await channel.send(_mail(1))
        server.receiver_answer = None
        await channel.send(_mail(2))
        connections.close()

    assert (len(server.mails), server.connections) == (1, 1)


async def test_mail_whose_end_was_not_answered_is_not_handed_over_again(connections: SmtpConnections) -> None:
    taken = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"220 mail.test\r\n")
        while line := await reader.readline():
            if not line.upper().startswith(b"DATA"):
                writer.write(b"250 OK\r\n")
                continue
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            taken += 1
            if taken == 2:
                return
            writer.write(b"250 taken\r\n")

    async with misbehaving_server(converse) as port:
        channel = _channel(port, connections)
        await channel.send(_mail(1))
        with pytest.raises(SendFailed) as failed:
            await channel.send(_mail(2))

    assert (failed.value.fault, taken) == (SendFault.NO_ANSWER, 2)


async def test_connection_that_waits_for_long_is_closed() -> None:
    connections = SmtpConnections(idle_seconds=0)
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        await channel.send(_mail(1))
        await eventually(server.have_ended)

    assert connections.idle == 0


async def test_connection_carries_so_many_mails(connections: SmtpConnections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_connections, "MOST_MAILS", 2)
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        for number in range(4):
            await channel.send(_mail(number))

    assert (len(server.mails), server.connections) == (4, 2)


async def test_process_keeps_so_many(connections: SmtpConnections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_connections, "MOST_IDLE", 2)
    async with mail_server() as server:
        channel = _channel(server.port, connections)
        await asyncio.gather(*(channel.send(_mail(number)) for number in range(4)))
        waiting = connections.idle
        connections.close()

    assert waiting == 2


async def test_host_of_a_business_is_reached_at_the_address_that_was_judged() -> None:
    allowed = (ip_network("127.0.0.0/8"),)
    async with mail_server() as server, _guarded(resolved="127.0.0.1", allowed=allowed) as connections:
        await _channel(server.port, connections, host="mail.fade.example").send(_mail())

    assert len(server.mails) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "::1", "169.254.169.254"])
async def test_host_of_a_business_inside_the_network_is_not_reached(address: str) -> None:
    async with mail_server() as server, _guarded(resolved=address) as connections:
        with pytest.raises(SendFailed) as failed:
            await _channel(server.port, connections, host="mail.fade.example").send(_mail())

    assert failed.value.fault is SendFault.NO_CONNECTION
    assert "HOLDFAST_OUTBOUND_ALLOW" in failed.value.reason
    assert server.connections == 0


async def test_cancelled_mail_leaves_no_connection(connections: SmtpConnections) -> None:
    greeted = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        greeted.set()
        await asyncio.Event().wait()

    async with misbehaving_server(hang) as port:
        sending = asyncio.create_task(_channel(port, connections).send(_mail()))
        await greeted.wait()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    assert sending.cancelled()
    assert connections.idle == 0
