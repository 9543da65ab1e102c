"""Channels by which a business sends: its own, else those that all businesses share."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from kernel.clock import Clock
from kernel.ids import TenantId
from messages.channels.endpoint import EndpointChannel
from messages.channels.mime import MailSender
from messages.channels.smtp import SmtpMailChannel
from messages.channels.smtp_connections import SmtpConnections
from messages.channels.text_messages import HttpTextMessages, TextMessageAccount
from messages.channels.web_push import PushSender, WebPushChannel
from messages.model import Channel, ChannelName, HttpMessage, Mail, PushMessage, SendFailed, SendFault, TextMessage
from notifications.credentials.model import (
    SECRET_PURPOSE,
    ChannelSettings,
    EmailChannel,
    HttpChannel,
    PushChannel,
    SmsChannel,
    from_secret,
)
from notifications.credentials.repository import ChannelRepository
from outbound.client import OutboundClient
from outbound.signing import read_secret
from outbound.targets import read_target
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import UnitOfWork

FRESH_SECONDS: Final = 5.0
"""A process goes by a change of channels within so long."""
_MOST_BUSINESSES: Final = 1_000
"""Businesses whose channels a process remembers, about a kilobyte each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedChannels:
    """Channels of the engine, for businesses that have none of their own."""

    mail: Channel[Mail]
    text_messages: Channel[TextMessage]
    mail_sender: MailSender
    """The sender of mails by a server of a business that names no address itself."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    channels: dict[ChannelName, Channel[Any]] = field(repr=False)
    until: float


class NoChannel:
    """Stands where a business has set nothing up, and the engine has nothing to share."""

    def __init__(self, name: ChannelName) -> None:
        self._name = name

    async def send(self, _message: object) -> Any:  # noqa: ANN401 - it gives nothing
        """Send nothing. Raises SendFailed."""
        detail = f"The business has set no channel: PUT /v1/notification-channels/{self._name.value}."
        raise SendFailed(SendFault.NO_CHANNEL, detail)


class Channels:
    """The channels of all businesses, for a process and its event loop. Connections of mails are kept."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        keys: MasterKeys,
        outbound: OutboundClient,
        shared: SharedChannels,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._outbound = outbound
        self._shared = shared
        self._clock = clock
        self._connections = SmtpConnections(outbound.open_socket)
        self._remembered: OrderedDict[TenantId, _Remembered] = OrderedDict()

    def close(self) -> None:
        """Close the connections that wait."""
        self._connections.close()

    async def mail(self, tenant_id: TenantId) -> Channel[Mail]:
        """The channel of mails."""
        return await self.for_business(tenant_id, ChannelName.EMAIL)

    async def text_messages(self, tenant_id: TenantId) -> Channel[TextMessage]:
        """The channel of text messages."""
        return await self.for_business(tenant_id, ChannelName.SMS)

    async def push(self, tenant_id: TenantId) -> Channel[PushMessage]:
        """The channel of messages to browsers."""
        return await self.for_business(tenant_id, ChannelName.PUSH)

    async def http(self, tenant_id: TenantId) -> Channel[HttpMessage]:
        """The endpoint that carries messages on."""
        return await self.for_business(tenant_id, ChannelName.HTTP)

    async def for_business(self, tenant_id: TenantId, name: ChannelName) -> Channel[Any]:
        """The channel of that name: the business's own, else the shared one, else one that sends nothing.

        Raises SecretUnreadable, StoreUnavailable.
        """
        remembered = self._remembered.get(tenant_id)
        if remembered is None or time.monotonic() >= remembered.until:
            remembered = _Remembered(await self._read(tenant_id), time.monotonic() + FRESH_SECONDS)
            self._remembered[tenant_id] = remembered
            self._remembered.move_to_end(tenant_id)
            if len(self._remembered) > _MOST_BUSINESSES:
                self._remembered.popitem(last=False)
        return remembered.channels.get(name) or self._shared_channel(name)

    def _shared_channel(self, name: ChannelName) -> Channel[Any]:
        shared: dict[ChannelName, Channel[Any]] = {
            ChannelName.EMAIL: self._shared.mail,
            ChannelName.SMS: self._shared.text_messages,
        }
        return shared.get(name) or NoChannel(name)

    async def _read(self, tenant_id: TenantId) -> dict[ChannelName, Channel[Any]]:
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            rows = await ChannelRepository(connection, tenant_id).find_all()
            if not rows:
                return {}
            secrets = SecretStore(connection, tenant_id, self._keys)
            opened = await secrets.open_all(SECRET_PURPOSE, [row.secret_id for row in rows])
        settings = {row.name: from_secret(row.name, opened[row.secret_id]) for row in rows}
        return {name: self._made(one) for name, one in settings.items()}

    def _made(self, settings: ChannelSettings) -> Channel[Any]:
        match settings:
            case EmailChannel():
                shared = self._shared.mail_sender
                mail_sender = MailSender(address=settings.sender or shared.address, name=shared.name, is_own=True)
                return SmtpMailChannel(
                    settings.server, sender=mail_sender, clock=self._clock, connections=self._connections
                )
            case SmsChannel():
                return HttpTextMessages(self._outbound, _account(settings))
            case PushChannel():
                sender = PushSender(
                    subject=settings.subject, public_key=settings.public_key, private_key=settings.private_key
                )
                return WebPushChannel(self._outbound, sender, self._clock)
            case HttpChannel():
                secret, target = read_secret(settings.secret), read_target(settings.url)
                return EndpointChannel(self._outbound, target, secret=secret, clock=self._clock)
            case _:
                assert_never(settings)


def _account(settings: SmsChannel) -> TextMessageAccount:
    return TextMessageAccount.of(
        base=settings.base_url,
        user=settings.account,
        token=settings.token,
        from_=settings.from_,
        messaging_service=settings.messaging_service,
    )
