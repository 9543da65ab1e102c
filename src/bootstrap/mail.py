"""The channels by which messages leave the engine, by the settings."""

from typing import Final

from bootstrap.context import Context
from bootstrap.settings import Settings
from kernel.clock import SystemClock
from messages.channels.mail_files import MailFiles, NoMailChannel
from messages.channels.mime import MailSender
from messages.channels.smtp import SmtpMailChannel
from messages.channels.smtp_server import read_smtp_url
from messages.channels.text_messages import (
    HttpTextMessages,
    NoTextMessages,
    TextMessageFiles,
    read_sms_url,
)
from messages.model import Channel, Mail, TextMessage
from notifications.credentials.channels import Channels, SharedChannels
from outbound.client import OutboundClient
from persistence.unit_of_work import UnitOfWork

SENDER_NAME: Final = "Holdfast"


def mail_channel(settings: Settings) -> Channel[Mail]:
    """Build the channel of mails: a server, else files, else nothing."""
    sender, clock = _sender(settings), SystemClock()
    if settings.smtp_url is not None:
        return SmtpMailChannel(read_smtp_url(settings.smtp_url), sender=sender, clock=clock)
    if settings.mail_dir is not None:
        return MailFiles(settings.mail_dir, sender=sender, clock=clock)
    return NoMailChannel()


def text_message_channel(settings: Settings, client: OutboundClient) -> Channel[TextMessage]:
    """Build the channel of text messages: a service, else files beside the mails, else nothing."""
    if settings.sms_url is not None:
        return HttpTextMessages(client, read_sms_url(settings.sms_url))
    return NoTextMessages() if settings.mail_dir is None else TextMessageFiles(settings.mail_dir)


def build_channels(
    context: Context, *, mails: Channel[Mail] | None = None, text_messages: Channel[TextMessage] | None = None
) -> Channels:
    """The channels of all businesses: their own, else these, or those of the settings.

    Whoever opens them closes them.
    """
    settings = context.settings
    return Channels(
        unit_of_work=UnitOfWork(context.engine),
        keys=settings.master_keys,
        outbound=context.outbound,
        shared=SharedChannels(
            mail=mails or mail_channel(settings),
            text_messages=text_messages or text_message_channel(settings, context.outbound),
            mail_sender=_sender(settings),
        ),
        clock=SystemClock(),
    )


def _sender(settings: Settings) -> MailSender:
    return MailSender(address=settings.mail_sender, name=SENDER_NAME)
