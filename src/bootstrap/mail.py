"""The channel of mails, by the settings."""

from typing import Final

from bootstrap.settings import Settings
from kernel.clock import SystemClock
from notifications.files import MailFiles, NoMailChannel
from notifications.model import MailChannel
from notifications.smtp import SmtpMailChannel, read_smtp_url

_SENDER_NAME: Final = "Holdfast"


def mail_channel(settings: Settings) -> MailChannel:
    """Build the channel of mails: a server, else files, else nothing."""
    sender, clock = settings.mail_sender, SystemClock()
    if settings.smtp_url is not None:
        return SmtpMailChannel(read_smtp_url(settings.smtp_url), sender=sender, sender_name=_SENDER_NAME, clock=clock)
    if settings.mail_dir is not None:
        return MailFiles(settings.mail_dir, sender=sender, sender_name=_SENDER_NAME, clock=clock)
    return NoMailChannel()
