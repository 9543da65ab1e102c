"""Channel over SMTP."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Final

import aiosmtplib

from kernel.clock import Clock
from messages.channels.mime import MailSender, mime_of
from messages.channels.smtp_connections import SmtpConnections
from messages.channels.smtp_server import SmtpServer
from messages.model import Mail, SendFailed, SendFault, Sent
from outbound.client import OutboundFailed, OutboundFault, TargetNotAllowed

TOTAL_SECONDS: Final = 30.0
"""Limit of the whole conversation."""
MOST_BYTES: Final = 1_000_000
"""Far more than any mail of ours has, and less than any server refuses."""
GREYLIST_SECONDS: Final = 300.0
"""A server that takes no mail of a stranger at once takes it after this, where it does not say when."""
_TEMPORARY: Final = 400
_PERMANENT: Final = 500
# Of the answers to a receiver's name, those that say there is nobody (RFC 5321, 3463): others speak of the sender.
_NOBODY: Final = frozenset({550, 551, 553})
_ABOUT_ADDRESS: Final = "5.1."
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_GREYLISTED: Final = re.compile(r"gr[ae]y-?list", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\b(\d{1,4}) ?s(?:ec|econds)?\b", re.IGNORECASE)
# What the library says of a server without TLS; it has no class of its own for it.
_NO_TLS: Final = "STARTTLS extension not supported"
_SENTENCES: Final[Mapping[SendFault, str]] = {
    SendFault.TIMEOUT: "The SMTP server did not answer in time.",
    SendFault.TLS: "There is no TLS connection to the SMTP server whose certificate is good; a password needs one.",
    SendFault.NO_CONNECTION: "The SMTP server cannot be reached.",
    SendFault.NO_ANSWER: "The connection to the SMTP server ended early.",
}
_OUTBOUND: Final[Mapping[OutboundFault, SendFault]] = {OutboundFault.TIMEOUT: SendFault.TIMEOUT}


class SmtpMailChannel:
    """Hands each mail to a server within TOTAL_SECONDS, over a connection that may have carried another one before.

    A password goes over TLS, or to this machine. The certificate of the server is checked.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        sender: MailSender,
        clock: Clock,
        connections: SmtpConnections | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._clock = clock
        self._connections = connections or SmtpConnections()
        self._total_seconds = total_seconds

    async def send(self, mail: Mail) -> Sent:
        """Hand the mail to the server. Raises SendFailed."""
        message = mime_of(mail, sender=self._sender, now=self._clock.now())
        if len(message.as_bytes()) > MOST_BYTES:
            raise SendFailed(SendFault.REFUSED, f"The mail has more than {MOST_BYTES} bytes.")
        try:
            async with asyncio.timeout(self._total_seconds), self._connections.lease(self._server) as client:
                await client.send_message(message)
        except (aiosmtplib.SMTPException, OSError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # The library takes a cancellation for a server that is late.
                raise asyncio.CancelledError from None
            raise _failure(error) from None
        except OutboundFailed as failure:
            fault = _OUTBOUND.get(failure.fault, SendFault.NO_CONNECTION)
            raise SendFailed(fault, _SENTENCES[fault]) from None
        except TargetNotAllowed as refusal:
            raise SendFailed(SendFault.NO_CONNECTION, str(refusal)) from None
        return Sent(mail.id)


def _failure(error: aiosmtplib.SMTPException | OSError) -> SendFailed:
    """The sentence that tells an operator of an error of the library."""
    match error:
        case aiosmtplib.SMTPAuthenticationError() if error.code >= _PERMANENT:
            return SendFailed(SendFault.LOGIN, f"The SMTP server refuses the login ({error.code}).")
        case aiosmtplib.SMTPRecipientsRefused():
            one = max(error.recipients, key=lambda recipient: recipient.code)
            return _refusal(one.code, one.message, is_about_receiver=True)
        case aiosmtplib.SMTPResponseException():
            return _refusal(error.code, error.message)
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


def _refusal(code: int, message: str, *, is_about_receiver: bool = False) -> SendFailed:
    """The fate of a mail by a code of SMTP, and what was said with it, of which nothing is repeated."""
    if code < _TEMPORARY:
        return SendFailed(SendFault.NO_ANSWER, "The server does not speak SMTP.")
    if code < _PERMANENT:
        return SendFailed(
            SendFault.DEFERRED, f"The SMTP server takes no mail now ({code}).", retry_seconds=_pause(message)
        )
    enhanced = _ENHANCED.match(message)
    is_nobody = code in _NOBODY and (enhanced is None or enhanced[1].startswith(_ABOUT_ADDRESS))
    if is_about_receiver and is_nobody:
        return SendFailed(SendFault.GONE, f"The SMTP server knows no such receiver ({code}).")
    return SendFailed(SendFault.REFUSED, f"The SMTP server refuses the mail ({code}).")


def _pause(message: str) -> float | None:
    """The pause that a server asks for which takes no mail of a stranger at once; None: it says nothing of it."""
    if _GREYLISTED.search(message) is None:
        return None
    seconds = _SECONDS.search(message)
    return GREYLIST_SECONDS if seconds is None else float(seconds[1])
