"""Files that messages are written into, where nothing is set up that sends them."""

import asyncio
import os
from pathlib import Path
from typing import Final

MOST_FILES: Final = 200
"""Messages of one kind that are kept: the oldest make room."""


async def write_file(folder: Path, name: str, content: bytes) -> Path:
    """Write a file that its owner alone may read, whole or not at all. Raises OSError."""
    return await asyncio.to_thread(_write, folder, name, content)


def _write(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob(f"*{Path(name).suffix}"))[: -MOST_FILES + 1]:
        old.unlink(missing_ok=True)
    file, unfinished = folder / name, folder / f".{name}"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
    unfinished.replace(file)
    return file.resolve()
