"""The journal of a load run: what is written is read again, and what is missing is told."""

import json
from pathlib import Path

from loadtests.faults.history import Exchange, Operation
from loadtests.journal import Journal, Opening, are_closed, read


def opening(process: int = 0) -> Opening:
    return Opening(seed=7, host="http://engine", process=process, began_at=100.0, capacities={"ann": 1})


def exchange(ended_at: float) -> Exchange:
    return Exchange(
        client=1,
        server="http://engine",
        operation=Operation.HOLD,
        attempt="1-1",
        subject=None,
        sent={"start": "2026-12-01T09:00:00Z"},
        sent_at=1.0,
        ended_at=ended_at,
        status=201,
        answer={"id": "hld_1"},
    )


def test_journals_of_all_processes_are_read_in_the_order_of_the_answers(tmp_path: Path) -> None:
    journals = [Journal(tmp_path, opening(process)) for process in (0, 1)]

    journals[0].note(exchange(3.0))
    journals[1].note(exchange(2.0))
    for one in journals:
        one.close()

    found = read(tmp_path)
    assert found.exchanges == [exchange(2.0), exchange(3.0)]
    assert [one.process for one in found.openings] == [0, 1]
    assert found.capacities == {"ann": 1}
    assert found.torn == []


def test_line_is_in_the_file_before_the_journal_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, opening())

    journal.note(exchange(3.0))

    assert read(tmp_path).exchanges == [exchange(3.0)]
    assert not are_closed(tmp_path)
    journal.close()
    assert are_closed(tmp_path)


def test_journal_without_an_end_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path, opening())
    journal.close()
    lines = journal.path.read_text().splitlines()

    journal.path.write_text("\n".join(lines[:-1]) + "\n")

    (sentence,) = read(tmp_path).torn
    assert "has no end" in sentence


def test_line_that_was_cut_off_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path, opening())
    journal.close()

    with journal.path.open("a") as file:
        file.write(json.dumps({"client": 1})[:-3] + "\n")

    (sentence,) = read(tmp_path).torn
    assert ":3 is not a line of a journal" in sentence
