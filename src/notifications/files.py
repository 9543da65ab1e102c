"""Channel that writes mails into files, where nothing is set up that sends them."""

from pathlib import Path

import structlog

from kernel.clock import Clock
from notifications.mail_files import write_file
from notifications.mime import mime_of
from notifications.model import Mail, MailFailed, MailFault

_log = structlog.get_logger(__name__)


class MailFiles:
    """Writes each mail as an .eml file that its owner alone may read, and says where."""

    def __init__(self, folder: Path, *, sender: str, sender_name: str, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._sender_name = sender_name
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Write the mail. Raises MailFailed."""
        content = mime_of(mail, sender=self._sender, sender_name=self._sender_name, now=self._clock.now()).as_bytes()
        try:
            file = await write_file(self._folder, f"{mail.id}.eml", content)
        except OSError as error:
            detail = f"The mail cannot be written: {error.strerror}."
            raise MailFailed(MailFault.NOT_WRITTEN, detail) from None
        # Of the mail itself nothing is told: its subject and its receiver may be personal.
        _log.info("mail.written", file=str(file))


class NoMailChannel:
    """Stands where nothing is set up."""

    async def send(self, _mail: Mail) -> None:
        """Send nothing. Raises MailFailed."""
        raise MailFailed(MailFault.NO_CHANNEL, "HOLDFAST_SMTP_URL is not set, so no mail can be sent.")
