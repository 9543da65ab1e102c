from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import orjson
import pytest

from benchmark.crowds import CrowdResult
from benchmark.findings import ClientCeiling, Machine, Memory, Report
from benchmark.measures import Ratio, Summary
from benchmark.page import FIGURES, generated, plots, read_report, write
from benchmark.plots import Bar, bar_chart
from benchmark.rounds import Check, Plan, Result
from benchmark.tables import Table, as_markdown, as_text, tables

_SUMMARY: Final = Summary(
    requests=1000,
    rate=1234.5,
    p50_ms=9.96,
    p95_ms=20.0,
    p99_ms=123.4,
    client_share=0.2,
    used_us={"server": 810.4, "Redis": 95.0},
)
_RESULT: Final = Result(
    name="place",
    title="Place a hold",
    connections=64,
    answer_bytes=332,
    engine=_SUMMARY,
    other=replace(_SUMMARY, rate=2469.0, used_us={"server": 90.0}),
    ratio=Ratio(median=0.5, lowest=0.4, highest=0.6),
    checks=(Check(sentence="≥ 0.6 × bare", bound=0.6, met=False),),
    half=_SUMMARY,
    half_checks=(Check(sentence="p99 ≤ 200 ms", bound=200.0, met=True),),
)
_CROWD: Final = CrowdResult(
    name="herd",
    title="3 bookings of one slot",
    slots=1,
    connections=3,
    answers={"slot_taken": 2, "booked": 1},
    seconds=1.0,
    summary=_SUMMARY,
    inserts={"claims": 1},
    sold=1,
    sold_twice=0,
)
_REPORT: Final = Report(
    measured_at=datetime(2026, 12, 1, tzinfo=UTC),
    machine=Machine(
        processor="Some CPU",
        cores=2,
        memory_bytes=2**33,
        system="Linux",
        python="3.11",
        stores=("Postgres",),
        load_before=0,
    ),
    plan=Plan(rounds=7, seconds=10.0, warm_up_seconds=3.0),
    log_requests=False,
    client=ClientCeiling(rate=50_000.0, client_share=1.0),
    results=(_RESULT,),
    crowds=(_CROWD,),
    memory=Memory(first_requests=1, first_bytes=2**20, all_requests=9, all_bytes=2**21, bound=1.2),
    workers=1,
    workers_results=(),
    growth_results=(),
)


def test_tables_have_figures_ratio_and_verdict() -> None:
    requests, half, processors, crowds, memory = tables(_REPORT)

    assert requests.rows == (
        (
            "Place a hold", "64", "332 B", "1,234", "10.0", "20.0", "123", "810", "2,469", "90", "0.50 (0.40 to 0.60)",
            "≥ 0.6 × bare", "NO",
        ),
    )  # fmt: skip
    assert processors.rows == (("Place a hold", "810", "95", ""),)
    assert half.rows[0][-1] == "yes"
    assert crowds.rows[0][-1] == "yes"
    assert memory.rows[0][-3:] == ("2.00", "≤ 1.2 ×", "NO")


def test_tables_without_rows_are_left_out() -> None:
    nothing = replace(_REPORT, results=(), crowds=(), memory=None)

    assert list(tables(nothing)) == []


def test_text_lines_columns_up() -> None:
    text = as_text(Table(heading="T", columns=("", "n"), rows=(("a", "1"), ("bcd", "100"))))

    assert text.splitlines() == ["T", "         n", "  a      1", "  bcd  100"]


def test_markdown_has_a_rule_below_its_head() -> None:
    markdown = as_markdown(Table(heading="T", columns=("", "n"), rows=(("a", "1"),)))

    assert markdown.splitlines() == ["|  | n |", "| --- | --: |", "| a | 1 |"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": {"booked": 2}},
        {"answers": {"booked": 1, "slot_taken": 1, "internal": 1}},
        {"sold": 2},
        {"sold": 0},
        {"sold_twice": 1},
    ],
)
def test_crowd_is_not_right_when_anything_is_wrong(wrong: dict[str, object]) -> None:
    assert _CROWD.is_right
    assert replace(_CROWD, sold=None, sold_twice=None, inserts=None).is_right
    assert not replace(_CROWD, **wrong).is_right  # type: ignore[arg-type]


def test_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / FIGURES
    file.write_bytes(orjson.dumps(_REPORT))

    assert read_report(file) == _REPORT


def test_page_keeps_what_is_not_generated_and_can_be_written_again(tmp_path: Path) -> None:
    page, folder = tmp_path / "performance.md", tmp_path / "performance"
    folder.mkdir()
    (folder / FIGURES).write_bytes(orjson.dumps(_REPORT))
    page.write_text("# Before\n\n<!-- requests: generated -->\nof last year\n<!-- requests: end -->\n\nAfter\n")

    write(page)
    first = page.read_text()
    write(page)

    assert first.startswith("# Before\n")
    assert first.endswith("\nAfter\n")
    assert generated(_REPORT, "performance") in first
    assert "of last year" not in first
    assert page.read_text() == first
    assert {file.name for file in folder.iterdir()} == {FIGURES, *plots(_REPORT)}


def test_bars_are_on_one_scale_and_their_labels_are_text() -> None:
    bars = [
        Bar(label="a < b", value=1.0, text="1", mark=None, met=True),
        Bar(label="c", value=2.0, text="2", mark=4.0, met=False),
    ]

    chart = ET.fromstring(bar_chart("A & B", bars))  # noqa: S314 - our own

    first, second = chart.findall("{*}rect")
    assert float(second.get("width", "")) == 2 * float(first.get("width", ""))
    assert (first.get("class"), second.get("class")) == ("bar", "over")
    assert [text.text for text in chart.findall("{*}text")] == ["A & B", "a < b", "1", "c", "2"]
    (mark,) = chart.findall("{*}line")
    assert float(mark.get("x1", "")) - float(first.get("x", "")) == 4 * float(first.get("width", ""))
