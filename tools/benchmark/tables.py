"""The findings as tables, for a terminal and for a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.crowds import CrowdResult
from benchmark.findings import Memory, Report
from benchmark.measures import SERVER, Ratio, Summary
from benchmark.processors import POSTGRES, REDIS
from benchmark.rounds import Check, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a heading; the first column is text, the others are lined up on the right."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(report: Report) -> Iterator[Table]:
    """Those that have rows."""
    made = (
        _requests(report.results),
        _half_load(report.results),
        _processors(report.results),
        _crowds(report.crowds),
        _compared(
            f"{report.workers} workers beside one", f"{report.workers} workers", "1 worker", report.workers_results
        ),
        _compared("Many past claims beside few", "many", "few", report.growth_results),
        _compared("With metrics and logs, beside neither", "with", "without", report.telemetry_results),
        _memory(report.memory),
    )
    return (table for table in made if table.rows)


def as_text(table: Table) -> str:
    """For a terminal."""
    grid = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in grid) for column in range(len(table.columns))]
    lines = (
        "  ".join(cell.rjust(width) if number else cell.ljust(width) for number, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in grid)
    )
    return "\n".join([table.heading, *(f"  {line.rstrip()}" for line in lines)])


def as_markdown(table: Table) -> str:
    """For a page."""
    rule = ("---", *("--:" for _ in table.columns[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.columns, rule, *table.rows))


def _requests(results: Sequence[Result]) -> Table:
    return Table(
        heading="Rates and latencies",
        columns=(
            "",
            "conn.",
            "answer",
            "req/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "CPU µs",
            "bare req/s",
            "CPU µs",
            "of bare",
            "target",
            "met",
        ),
        rows=tuple(
            (
                result.title,
                str(result.connections),
                _bytes(result.answer_bytes),
                _rate(result.engine.rate),
                _ms(result.engine.p50_ms),
                _ms(result.engine.p95_ms),
                _ms(result.engine.p99_ms),
                _us(result.engine, SERVER),
                _rate(result.other.rate) if result.other else "",
                _us(result.other, SERVER),
                _ratio(result.ratio),
                *_verdict(result.checks),
            )
            for result in results
        ),
    )


def _half_load(results: Sequence[Result]) -> Table:
    return Table(
        heading="At half of the highest rate",
        columns=("", "req/s", "p50 ms", "p95 ms", "p99 ms", "target", "met"),
        rows=tuple(
            (
                result.title,
                _rate(half.rate),
                _ms(half.p50_ms),
                _ms(half.p95_ms),
                _ms(half.p99_ms),
                *_verdict(result.half_checks),
            )
            for result in results
            if (half := result.half) is not None
        ),
    )


def _processors(results: Sequence[Result]) -> Table:
    """Of the stores as well; nothing where they are not known, since the server's own time stands with its rates."""
    return Table(
        heading="Processor time for one request",
        columns=("", "server µs", "Redis µs", "Postgres µs"),
        rows=tuple(
            (result.title, *(_us(result.engine, name) for name in (SERVER, REDIS, POSTGRES)))
            for result in results
            if result.engine.used_us.keys() - {SERVER}
        ),
    )


def _crowds(crowds: Sequence[CrowdResult]) -> Table:
    return Table(
        heading="Crowds",
        columns=("", "conn.", "all answered", "p50 ms", "p99 ms", "answers", "rows inserted", "sold", "twice", "right"),
        rows=tuple(
            (
                crowd.title,
                str(crowd.connections),
                f"{crowd.seconds:.1f} s",
                _ms(crowd.summary.p50_ms),
                _ms(crowd.summary.p99_ms),
                ", ".join(f"{number:,} {code}" for code, number in crowd.answers.items()),
                ", ".join(f"{number:,} {table}" for table, number in sorted((crowd.inserts or {}).items())),
                "" if crowd.sold is None else f"{crowd.sold:,}",
                "" if crowd.sold_twice is None else str(crowd.sold_twice),
                "yes" if crowd.is_right else "NO",
            )
            for crowd in crowds
        ),
    )


def _compared(heading: str, this: str, that: str, results: Sequence[Result]) -> Table:
    return Table(
        heading=heading,
        columns=("", f"{this}, req/s", "p99 ms", f"{that}, req/s", "p99 ms", "ratio", "target", "met"),
        rows=tuple(
            (
                result.title,
                _rate(result.engine.rate),
                _ms(result.engine.p99_ms),
                _rate(other.rate),
                _ms(other.p99_ms),
                _ratio(result.ratio),
                *_verdict(result.checks),
            )
            for result in results
            if (other := result.other) is not None
        ),
    )


def _memory(memory: Memory | None) -> Table:
    rows: tuple[tuple[str, ...], ...] = ()
    if memory is not None:
        met = _verdict((Check(sentence=f"≤ {memory.bound:g} ×", bound=memory.bound, met=memory.ratio <= memory.bound),))
        first, last = (f"{number / 2**20:.1f} MiB" for number in (memory.first_bytes, memory.all_bytes))
        rows = (
            (f"after {memory.first_requests:,}, and {memory.all_requests:,}", first, last, f"{memory.ratio:.2f}", *met),
        )
    return Table(heading="Memory of a worker", columns=("", "first", "then", "ratio", "target", "met"), rows=rows)


def _verdict(checks: Sequence[Check]) -> tuple[str, str]:
    words = {True: "yes", False: "NO", None: "?"}
    return ", ".join(check.sentence for check in checks), ", ".join(words[check.met] for check in checks)


def _ratio(ratio: Ratio | None) -> str:
    return "" if ratio is None else f"{ratio.median:.2f} ({ratio.lowest:.2f} to {ratio.highest:.2f})"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"  # noqa: PLR2004 - three digits are enough


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 100 else f"{milliseconds:,.0f}"  # noqa: PLR2004 - the same


def _us(summary: Summary | None, name: str) -> str:
    return f"{summary.used_us[name]:,.0f}" if summary is not None and name in summary.used_us else ""


def _bytes(number: int) -> str:
    return f"{number} B" if number < 10_000 else f"{number / 1000:,.0f} kB"  # noqa: PLR2004 - the same
