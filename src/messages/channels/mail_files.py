"""Channel that writes mails into files, where nothing is set up that sends them."""

from pathlib import Path

import structlog

from kernel.clock import Clock
from messages.channels.files import write_file
from messages.channels.mime import MailSender, mime_of
from messages.model import Mail, SendFailed, SendFault, Sent

_log = structlog.get_logger(__name__)


class MailFiles:
    """Writes each mail as an .eml file that its owner alone may read, and says where."""

    def __init__(self, folder: Path, *, sender: MailSender, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> Sent:
        """Write the mail. Raises SendFailed."""
        content = mime_of(mail, sender=self._sender, now=self._clock.now()).as_bytes()
        try:
            file = await write_file(self._folder, f"{mail.id}.eml", content)
        except OSError as error:
            detail = f"The mail cannot be written: {error.strerror}."
            raise SendFailed(SendFault.NOT_WRITTEN, detail) from None
        # Of the mail itself nothing is told: its subject and its receiver may be personal.
        _log.info("mail.written", file=str(file))
        return Sent(mail.id)


class NoMailChannel:
    """Stands where nothing is set up."""

    async def send(self, _mail: Mail) -> Sent:
        """Send nothing. Raises SendFailed."""
        raise SendFailed(SendFault.NO_CHANNEL, "HOLDFAST_SMTP_URL is not set, so no mail can be sent.")
