from pathlib import Path

import pytest

from bootstrap.store_restarts import RestartPauses, last_line


def test_pauses_double_until_the_longest() -> None:
    pauses = RestartPauses(first=0.1, longest=5.0)

    assert [pauses.after(deaths) for deaths in (1, 2, 3, 6, 7, 1_000_000)] == [0.1, 0.2, 0.4, 3.2, 5.0, 5.0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("first\nlast\n\n", "last"),
        ("FATAL:  why\nLOG:  database system is shut down\n", "FATAL:  why"),
        ("PANIC:  why\nlater\n", "PANIC:  why"),
        ("ERROR:  what\nDETAIL:  Key (email)=(ana@example.com)\nSTATEMENT:  INSERT …\n", "ERROR:  what"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_last_line_is_the_last_that_tells_why_and_nothing_personal(tmp_path: Path, text: str, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)

    assert last_line(log) == line


def test_last_line_of_a_long_log_is_read_without_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        # A hole: it takes no disk, and no memory has room for it.
        file.seek(2**40)
        file.write(b"\nFATAL:  why\n")

    assert last_line(log) == "FATAL:  why"


def test_last_line_of_no_log_is_empty(tmp_path: Path) -> None:
    assert last_line(tmp_path / "absent") == ""
