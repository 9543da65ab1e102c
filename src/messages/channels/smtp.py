"""Channel over SMTP."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from kernel.clock import Clock
from messages.channels.mime import mime_of
from messages.model import Mail, SendFailed, SendFault, Sent

STEP_SECONDS: Final = 10.0
"""Limit of each step of a conversation with the server."""
TOTAL_SECONDS: Final = 30.0
"""Limit of the whole conversation."""
_TEMPORARY: Final = 400
_PERMANENT: Final = 500
# What the library says of a server without TLS; it has no class of its own for it.
_NO_TLS: Final = "STARTTLS extension not supported"
_SENTENCES: Final[Mapping[SendFault, str]] = {
    SendFault.TIMEOUT: "The SMTP server did not answer in time.",
    SendFault.TLS: "There is no TLS connection to the SMTP server whose certificate is good; a password needs one.",
    SendFault.NO_CONNECTION: "The SMTP server cannot be reached.",
    SendFault.NO_ANSWER: "The connection to the SMTP server ended early.",
}
_PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """A server that takes mails, by its URL."""

    host: str
    port: int
    user: str | None
    password: str | None
    is_tls_from_start: bool

    @property
    def is_local(self) -> bool:
        """True if the server is on this machine, where nobody can listen."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:587`, or `smtps://…:465`. Raises ValueError, which repeats no part of it."""
    message = "must be smtp://user:password@host:port, or smtps://…; in a user or a password write @ as %40"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(message) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(message)
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        is_tls_from_start=parts.scheme == "smtps",
    )


class SmtpMailChannel:
    """Sends each mail over a connection of its own, within TOTAL_SECONDS.

    A password goes over TLS, or to this machine. The certificate of the server is checked.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        sender: str,
        sender_name: str,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._sender_name = sender_name
        self._clock = clock
        self._tls = tls
        self._total_seconds = total_seconds

    async def send(self, mail: Mail) -> Sent:
        """Hand the mail to the server. Raises SendFailed."""
        message = mime_of(mail, sender=self._sender, sender_name=self._sender_name, now=self._clock.now())
        try:
            async with asyncio.timeout(self._total_seconds):
                await self._converse(message)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _failure(error) from None
        return Sent(mail.id)

    async def _converse(self, message: EmailMessage) -> None:
        server = self._server
        # Without a password there is nothing to steal but the mail, which goes on in the clear elsewhere anyway.
        start_tls = None if server.password is None else True
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_tls_from_start,
            start_tls=False if server.is_tls_from_start or server.is_local else start_tls,
            tls_context=self._tls,
            timeout=STEP_SECONDS,
        )
        try:
            await client.connect()
            await client.send_message(message)
        finally:
            # Without a word of parting, for which a server that hangs would be waited for once more.
            client.close()


def _failure(error: aiosmtplib.SMTPException | OSError) -> SendFailed:
    """The sentence that tells an operator of an error of the library."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return SendFailed(SendFault.LOGIN, f"The SMTP server refuses the login ({error.code}).")
        case aiosmtplib.SMTPRecipientsRefused():
            return _refusal(max(one.code for one in error.recipients))
        case aiosmtplib.SMTPResponseException():
            return _refusal(error.code)
        case _:
            fault = _fault_of(error)
            return SendFailed(fault, _SENTENCES[fault])


def _fault_of(error: aiosmtplib.SMTPException | OSError) -> SendFault:
    """The fault of a conversation that brought no answer."""
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        return SendFault.TIMEOUT
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError) or _NO_TLS in str(error):
        return SendFault.TLS
    return SendFault.NO_CONNECTION if isinstance(error, aiosmtplib.SMTPConnectError) else SendFault.NO_ANSWER


def _refusal(code: int) -> SendFailed:
    """The fate of a mail by a code of SMTP."""
    if code < _TEMPORARY:
        return SendFailed(SendFault.NO_ANSWER, "The server does not speak SMTP.")
    if code >= _PERMANENT:
        return SendFailed(SendFault.REFUSED, f"The SMTP server refuses the mail ({code}).")
    return SendFailed(SendFault.DEFERRED, f"The SMTP server takes no mail now ({code}).")
