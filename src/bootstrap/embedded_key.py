"""Master key of embedded stores: made once, and kept beside them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from persistence.sealing import new_master_key

NAME: Final = "master.key"
"""The file below the data directory. Whoever has it and the database can read every secret of every business."""


def master_key_in(data_dir: Path) -> str:
    """Read the master key of a data directory that is there; the first who asks makes it."""
    path = data_dir / NAME
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{new_master_key()}\n")
        file.flush()
        os.fsync(file.fileno())
    # Of two who make one at once, one wins: the key that has sealed something stays.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return path.read_text().strip()
