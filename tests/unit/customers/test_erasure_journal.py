import os
from pathlib import Path
from uuid import UUID

import pytest

from customers.erasures.journal import ErasureJournal, JournalEntry, read_entries
from kernel.ids import CustomerId, TenantId

_ENTRIES = [
    JournalEntry(TenantId(UUID(int=1)), CustomerId(f"cus_01kbc9x3v4h5m6n7p8q9r0s1t{number}")) for number in (2, 3)
]


def _read(path: Path) -> list[JournalEntry]:
    return list(read_entries(path.read_text().splitlines(keepends=True)))


async def test_entries_are_read_in_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "erasures.jsonl"
    journal = ErasureJournal(path)

    await journal.add(_ENTRIES[:1])
    await journal.add(_ENTRIES[1:])

    assert _read(path) == _ENTRIES


async def test_entry_after_a_line_that_was_cut_off_is_read(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    path.write_text('{"business": "00000000-0000')

    await ErasureJournal(path).add(_ENTRIES)

    assert _read(path) == _ENTRIES


async def test_write_that_the_disk_takes_a_part_of_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", lambda _file, content: len(content) - 1)

    with pytest.raises(OSError, match="No space left"):
        await ErasureJournal(tmp_path / "erasures.jsonl").add(_ENTRIES)


def test_file_that_is_no_journal_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        list(read_entries(["nonsense\n"]))


def test_whole_line_that_is_no_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody is no id of a customer"):
        list(read_entries(['{"business": "00000000-0000-0000-0000-000000000001", "customer": "nobody"}\n']))
