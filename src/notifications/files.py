"""Channel that writes mails into files, where nothing is set up that sends them."""

import asyncio
import os
from pathlib import Path
from typing import Final

import structlog

from kernel.clock import Clock
from notifications.mime import mime_of
from notifications.model import Mail, MailFailed, MailFault

MOST_FILES: Final = 200
"""Mails that are kept: the oldest make room."""
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
            file = await asyncio.to_thread(self._write, f"{mail.id}.eml", content)
        except OSError as error:
            detail = f"The mail cannot be written: {error.strerror}."
            raise MailFailed(MailFault.NOT_WRITTEN, detail) from None
        # Of the mail itself nothing is told: its subject and its receiver may be personal.
        _log.info("mail.written", file=str(file))

    def _write(self, name: str, content: bytes) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(self._folder.glob("*.eml"))[: -MOST_FILES + 1]:
            old.unlink(missing_ok=True)
        file, unfinished = self._folder / name, self._folder / f".{name}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(content)
        unfinished.replace(file)
        return file.resolve()


class NoMailChannel:
    """Stands where nothing is set up."""

    async def send(self, _mail: Mail) -> None:
        """Send nothing. Raises MailFailed."""
        raise MailFailed(MailFault.NO_CHANNEL, "HOLDFAST_SMTP_URL is not set, so no mail can be sent.")
