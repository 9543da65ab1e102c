"""Channels of a business as values: by what its messages go, and what opens it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

import orjson

from kernel.ids import SecretId
from messages.channels.smtp_server import SmtpServer, Tls
from messages.model import ChannelName

SECRET_PURPOSE: Final = "notification_channel"  # noqa: S105 - a name, by which secrets are bound to their place
"""The purpose of their secrets in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChannel:
    """A mail server of the business's own."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str | None = None
    """The address that mails come from, where a message names none; None: the engine's."""

    @property
    def server(self) -> SmtpServer:
        """The server as the channel of mails takes it."""
        return SmtpServer(host=self.host, port=self.port, user=self.user, password=self.password, tls=self.tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsChannel:
    """An account at a service for text messages in the form of Twilio."""

    account: str
    token: str = field(repr=False)
    from_: str | None
    messaging_service: str | None
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushChannel:
    """A key pair by which push services know the business (RFC 8292)."""

    subject: str
    """The address at which a push service reaches the business: mailto: or https:."""
    public_key: str
    """Uncompressed P-256 point, base64url: what browsers subscribe with."""
    private_key: str = field(repr=False)
    """The scalar, base64url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpChannel:
    """An endpoint of the business, which carries messages on."""

    url: str
    secret: str = field(repr=False)
    """The signing secret, as its owner gets it."""


ChannelSettings: TypeAlias = EmailChannel | SmsChannel | PushChannel | HttpChannel
_KINDS: Final[Mapping[ChannelName, type[ChannelSettings]]] = {
    ChannelName.EMAIL: EmailChannel,
    ChannelName.SMS: SmsChannel,
    ChannelName.PUSH: PushChannel,
    ChannelName.HTTP: HttpChannel,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """A channel of a business as it is stored: all of its settings are sealed."""

    name: ChannelName
    secret_id: SecretId
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessChannel:
    """A channel of a business, opened."""

    row: ChannelRow
    settings: ChannelSettings


def name_of(settings: ChannelSettings) -> ChannelName:
    """The name of the channel that the settings are of."""
    return next(name for name, kind in _KINDS.items() if isinstance(settings, kind))


def to_secret(settings: ChannelSettings) -> bytes:
    """All settings as they are sealed: addresses of people may be among them."""
    return orjson.dumps(asdict(settings))


def from_secret(name: ChannelName, secret: bytes) -> ChannelSettings:
    """Read settings as they were sealed."""
    members: dict[str, Any] = orjson.loads(secret)
    if name is ChannelName.EMAIL:
        members["tls"] = Tls(members["tls"])
    return _KINDS[name](**members)
