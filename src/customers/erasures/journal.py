"""Journal of erasures beside the database: what a restored backup has forgotten, with ids only."""

import asyncio
import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from kernel.ids import CustomerId, TenantId, is_id

NAME: Final = "erasures.jsonl"
"""The file below the data directory of embedded stores."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A customer who was to be erased, or a business that was to be deleted."""

    tenant_id: TenantId
    customer_id: CustomerId | None
    """None: the whole business."""


class ErasureJournal:
    """A file that is only ever added to, one line for each erasure. Without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def add(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries, and wait until the disk has them. Raises OSError."""
        if self._path is not None:
            await asyncio.to_thread(_append, self._path, entries)


def read_entries(lines: Iterable[str]) -> Iterator[JournalEntry]:
    """The entries in lines of a journal; a line that was cut off when the disk was full is passed over.

    Whoever is in such a line was not erased then: the task erases them once a whole line is written. Raises ValueError
    for a line that is whole, and no entry.
    """
    for line in map(str.strip, lines):
        if not line or (line.startswith("{") and not line.endswith("}")):
            continue
        document = json.loads(line)
        if "customer" not in document:
            yield JournalEntry(TenantId(UUID(document["business"])), None)
            continue
        if not is_id(document["customer"]):
            message = f"{document['customer']} is no id of a customer"
            raise ValueError(message)
        yield JournalEntry(TenantId(UUID(document["business"])), CustomerId(document["customer"]))


def _append(path: Path, entries: Sequence[JournalEntry]) -> None:
    lines = "".join(f"{json.dumps(_document(entry))}\n" for entry in entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In one write: processes that share the file do not mix their lines. One before may have been cut off.
    written = f"\n{lines}".encode()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(file, written) < len(written):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file)
    finally:
        os.close(file)


def _document(entry: JournalEntry) -> dict[str, str]:
    named = {} if entry.customer_id is None else {"customer": str(entry.customer_id)}
    return {"business": str(entry.tenant_id), **named}
