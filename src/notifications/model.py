"""Mails, and the channel that carries them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one person."""

    id: str
    """The same for every attempt, so that a receiver may tell that two of them are one."""
    to: str
    subject: str
    text: str
    html: str


class MailFault(StrEnum):
    """The reason why a mail was not taken."""

    NO_CONNECTION = "no_connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    LOGIN = "login"
    DEFERRED = "deferred"
    """The server said: not now."""
    REFUSED = "refused"
    """The server said: never."""
    NO_ANSWER = "no_answer"
    """The connection ended before the server had said anything; it may have taken the mail."""
    NO_CHANNEL = "no_channel"
    """Nothing is set up that sends mails."""
    NOT_WRITTEN = "not_written"


class MailFailed(Exception):
    """A mail was not taken, as far as is known."""

    def __init__(self, fault: MailFault, reason: str) -> None:
        """`reason` is a sentence for the operator, which names no person."""
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


class MailChannel(Protocol):
    """Carries mails. A task calls it, never a request."""

    async def send(self, mail: Mail) -> None:
        """Hand the mail over, within a time that is limited. Raises MailFailed."""
