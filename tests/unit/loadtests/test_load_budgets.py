"""The budgets of a load run: what exceeds them is told, line by line."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtests.verify.budgets import (
    BUDGETS,
    OF_SCENARIO,
    Budget,
    Line,
    Report,
    check_budgets,
    check_crashes,
    check_failures,
    parse_budget,
    read_report,
    write_report,
)
from loadtests.visitors.answers import KINDS

TABLE = {"place hold": Budget(p95_ms=100, p99_ms=200)}


def line(
    name: str = "place hold", *, requests: int = 1000, failures: int = 0, p95: float = 50, p99: float = 90
) -> Line:
    return Line(name=name, requests=requests, failures=failures, p95_ms=p95, p99_ms=p99)


def test_every_kind_of_request_has_a_budget() -> None:
    assert BUDGETS.keys() == KINDS.keys()
    assert all(table.keys() <= KINDS.keys() for table in OF_SCENARIO.values())


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(line(), id="fast"),
        pytest.param(line(p95=100, p99=200), id="just within"),
        pytest.param(line(requests=99, p99=900), id="too few for a p99"),
        pytest.param(line(requests=19, p95=900, p99=900), id="too few for a p95"),
        pytest.param(line("place hold: slot_taken"), id="refused"),
    ],
)
def test_line_within_its_budget_is_kept(found: Line) -> None:
    assert check_budgets([found], TABLE).kept


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (line(p95=101), "place hold: p95 was 101 ms, and may be 100 ms"),
        (line(p99=201), "place hold: p99 was 201 ms, and may be 200 ms"),
        (line("place hold: slot_held", p95=101), "place hold: slot_held: p95 was 101 ms, and may be 100 ms"),
        (line("dance"), "dance has no budget"),
    ],
)
def test_line_beyond_its_budget_is_told(found: Line, sentence: str) -> None:
    assert check_budgets([line(), found], TABLE).complaints == (sentence,)


def test_run_without_requests_has_shown_nothing() -> None:
    assert not check_budgets([], TABLE).kept
    assert not check_failures([], [], most=1.0).kept


def test_failures_are_counted_against_all_answers_to_the_request() -> None:
    lines = [line(requests=10, failures=1), line("place hold: slot_taken", requests=90)]

    assert check_failures(lines, ["place hold failed once"], most=0.01).kept
    broken = check_failures(lines, ["place hold failed once"], most=0.009)
    assert broken.complaints == ("place hold: 1 of 100 failed, which is more than 0.90%", "place hold failed once")


def report(*, crashes: Sequence[str] = ()) -> Report:
    return Report(lines=[line()], failures=["a sentence"], crashes=list(crashes))


def test_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_report(tmp_path / "made" / "requests.json", report(crashes=["a bug"]))

    assert read_report(tmp_path / "made" / "requests.json") == report(crashes=["a bug"])


def test_crash_of_a_visitor_is_told() -> None:
    assert check_crashes(report()).kept
    assert check_crashes(report(crashes=["1 times: oh"])).complaints == ["1 times: oh"]


def test_budget_is_read_from_the_command_line() -> None:
    assert parse_budget("list day=20,50.5") == ("list day", Budget(p95_ms=20, p99_ms=50.5))


@pytest.mark.parametrize("text", ["list day", "list day=20", "dance=20,50", "list day=a,b"])
def test_budget_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=P95,P99"):
        parse_budget(text)


def test_slack_gives_a_slower_machine_more() -> None:
    assert Budget(p95_ms=100, p99_ms=200).times(1.5) == Budget(p95_ms=150, p99_ms=300)
