"""Messages to one person, and the protocol of the channels that carry them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar


class ChannelName(StrEnum):
    """The ways by which a message reaches a person."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    HTTP = "http"
    """An endpoint of the business's own, which carries the message on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sender of a mail, as its receiver reads it."""

    address: str
    name: str = ""
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPart:
    """An invitation that a mail carries, as iCalendar."""

    method: str
    """REQUEST or CANCEL, as its METHOD says."""
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one person."""

    id: str
    """Name of the mail, the same for every attempt: a receiver may tell that two of them are one."""
    to: str
    subject: str
    text: str
    html: str
    sender: Sender | None = None
    """None: the sender of the channel."""
    calendar: CalendarPart | None = None
    unsubscribe_url: str | None = None
    """The address that ends such mails by a POST (RFC 8058)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """A text message to one telephone."""

    id: str
    to: str
    """In E.164."""
    text: str
    status_url: str | None = None
    """The address that the service tells what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage:
    """A message to one browser (RFC 8030)."""

    id: str
    endpoint: str
    """The address of the browser's push service."""
    public_key: str
    """The browser's key `p256dh`, base64url."""
    auth_secret: str
    """The browser's secret `auth`, base64url."""
    title: str
    body: str
    url: str
    """The page that a click opens."""
    expires_in_seconds: int
    """The time for which the push service keeps it for a browser that is away."""
    topic: str | None = None
    """A later message of one topic replaces an earlier one that was not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpMessage:
    """A message that an endpoint of the business carries on."""

    id: str
    to: Mapping[str, str]
    """The addresses of the receiver, by kind, as far as they are known."""
    subject: str
    text: str
    data: Mapping[str, object] = field(default_factory=dict)
    """Facts: ids, times, and the event."""


class SendFault(StrEnum):
    """The reason why a message was not taken."""

    NO_CONNECTION = "no_connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    LOGIN = "login"
    DEFERRED = "deferred"
    """The other side said: not now."""
    REFUSED = "refused"
    """The other side said: never."""
    GONE = "gone"
    """There is no such receiver any more, or the receiver has opted out: later messages are refused likewise."""
    NO_ANSWER = "no_answer"
    """The connection ended before anything was said; the message may have been taken."""
    NO_CHANNEL = "no_channel"
    """Nothing is set up that sends such messages."""
    NOT_WRITTEN = "not_written"


class SendFailed(Exception):
    """A message was not taken, as far as is known."""

    def __init__(self, fault: SendFault, reason: str, *, retry_seconds: float | None = None) -> None:
        """`reason` is a sentence for the operator, which names no person; `retry_seconds` is the other side's wish."""
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
        self.retry_seconds = retry_seconds

    @property
    def is_final(self) -> bool:
        """True if no later attempt can go better."""
        return self.fault in {SendFault.REFUSED, SendFault.GONE}


@dataclass(frozen=True, slots=True)
class Sent:
    """The receipt for a message that was taken."""

    reference: str | None = None
    """The name by which the other side knows it."""


M_contra = TypeVar("M_contra", contravariant=True)


class Channel(Protocol[M_contra]):
    """Carries messages of one kind. A task calls it, never a request."""

    async def send(self, message: M_contra) -> Sent:
        """Hand the message over, within a time that is limited. Raises SendFailed."""
