"""Mail servers that tests send to: a real one, and some that misbehave."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class MailServer:
    """What a server was sent, and how it answers."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    receiver_answer: str | None = None
    data_answer: str | None = None
    password: bytes = b"secret"
    connections: int = 0
    open_ones: list[SMTP] = field(default_factory=list)

    def cut_all(self) -> None:
        """End all conversations, as a server does that is started anew."""
        for one in self.open_ones:
            if one.transport is not None:
                one.transport.close()

    async def have_ended(self) -> bool:
        """True once all conversations have ended."""
        return all(one.transport is None for one in self.open_ones)

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a receiver, or answer what was set."""
        if self.receiver_answer is not None:
            return self.receiver_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail, or answer what was set."""
        if self.data_answer is not None:
            return self.data_answer
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.receivers += envelope.rcpt_tos
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Judge a login."""
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.password, handled=False)


@asynccontextmanager
async def mail_server(
    *, tls: ssl.SSLContext | None = None, is_tls_from_start: bool = False, asks_login: bool = False
) -> AsyncIterator[MailServer]:
    """A server of aiosmtpd in this event loop."""
    kept = MailServer()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # It warns of logins without TLS, which some tests want to see refused by the other side.
            warnings.simplefilter("ignore")
            kept.connections += 1
            conversation = SMTP(
                kept,
                hostname="mail.test",
                tls_context=None if is_tls_from_start else tls,
                authenticator=kept.authenticate if asks_login else None,
                auth_required=asks_login,
                auth_require_tls=False,
                enable_SMTPUTF8=True,
                loop=asyncio.get_running_loop(),
            )
            kept.open_ones.append(conversation)
            return conversation

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=tls if is_tls_from_start else None
    )
    async with server:
        kept.port = server.sockets[0].getsockname()[1]
        yield kept


@asynccontextmanager
async def misbehaving_server(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """The port of a server that converses as it likes."""
    conversations: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            await converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
