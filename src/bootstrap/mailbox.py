"""Mail server of the demo, which keeps what it is sent as files and sends nothing on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bootstrap.processes import free_port
from kernel.ids import new_ulid
from messages.channels.files import write_file

_HOST: Final = "127.0.0.1"
_MOST_BYTES: Final = 5_000_000
"""The largest mail: an invitation with its HTML has about thirty thousand."""
_TAKEN: Final = "250 OK"
_NOT_KEPT: Final = "452 The mail cannot be written"


class _Keeper:
    """Keeps each mail as a file that its owner alone may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - of aiosmtpd
        content = envelope.original_content or b""
        try:
            await write_file(self._folder, f"ml_{new_ulid()}.eml", content)
        except OSError:
            return _NOT_KEPT
        return _TAKEN


@contextmanager
def mailbox(folder: Path) -> Iterator[str]:
    """The URL of a mail server on this machine, for as long as the block runs; its mails are files in `folder`."""
    controller = Controller(_Keeper(folder), hostname=_HOST, port=free_port(), data_size_limit=_MOST_BYTES)
    # It tells of each connection and each command.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    controller.start()
    try:
        yield f"smtp://{_HOST}:{controller.port}"
    finally:
        controller.stop()
