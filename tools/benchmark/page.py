"""The findings on a page: `python -m benchmark.page PAGE` writes the generated parts of PAGE anew.

They stand between comments that name them. The figures come from `requests.json`, in a folder beside the page that has
the page's name; the plots go there too.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from benchmark.findings import Report
from benchmark.plots import Bar, bar_chart
from benchmark.tables import as_markdown, tables

FIGURES: Final = "requests.json"
_GENERATED: Final = re.compile(r"(<!-- requests: generated -->\n).*?(<!-- requests: end -->)", re.DOTALL)


def read_report(file: Path) -> Report:
    """The findings that were written as JSON."""
    return TypeAdapter(Report).validate_json(file.read_bytes())


def generated(report: Report, folder: str) -> str:
    """The generated part of the page; plots are linked to in the folder."""
    parts = [_circumstances(report)]
    for table in tables(report):
        parts += [f"### {table.heading}", as_markdown(table)]
        parts += [f"![{table.heading}]({folder}/{name})" for name in plots(report) if name == _plot_of(table.heading)]
    return "\n\n".join(parts) + "\n"


def plots(report: Report) -> Mapping[str, str]:
    """The plots by file name."""
    ratios = [
        Bar(
            label=result.title,
            value=result.ratio.median,
            text=f"{result.ratio.median:.2f}",
            mark=result.checks[0].bound if result.checks else None,
            met=all(one.met is not False for one in result.checks),
        )
        for result in report.results
        if result.ratio is not None and result.connections > 1
    ]
    tails = [
        Bar(
            label=result.title,
            value=result.half.p99_ms,
            text=f"{result.half.p99_ms:.1f} ms",
            mark=result.half_checks[0].bound,
            met=all(one.met is not False for one in result.half_checks),
        )
        for result in report.results
        if result.half is not None
    ]
    made = {
        _plot_of("Rates and latencies"): (
            "Requests per second, as a share of the bare route's; marked: the target",
            ratios,
        ),
        _plot_of("At half of the highest rate"): ("p99 at half of the highest rate; marked: the target", tails),
    }
    return {name: bar_chart(title, bars) for name, (title, bars) in made.items() if bars}


def write(page: Path) -> None:
    """Write the generated part and the plots anew."""
    folder = page.with_suffix("")
    report = read_report(folder / FIGURES)
    before = page.read_text(encoding="utf-8")
    after, places = _GENERATED.subn(lambda found: f"{found[1]}\n{generated(report, folder.name)}\n{found[2]}", before)
    assert places == 1, f"{page} must have one place for what is generated"
    page.write_text(after, encoding="utf-8")
    for name, plot in plots(report).items():
        (folder / name).write_text(plot, encoding="utf-8")


def _circumstances(report: Report) -> str:
    return "\n".join(_facts(report))


def _facts(report: Report) -> Iterator[str]:
    machine = report.machine
    yield f"- Measured on {report.measured_at:%Y-%m-%d}: {report.plan.rounds} rounds of {report.plan.seconds:g} s each."
    yield (
        f"- Machine: {machine.processor}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB, "
        f"{machine.system}, Python {machine.python}. It had a load of {machine.load_before:.2f} before the run."
    )
    if machine.stores:
        yield f"- Stores, on the same machine: {', '.join(machine.stores)}."
    yield f"- Log lines for requests: {'written by both servers' if report.log_requests else 'off in both servers'}."
    if report.client is not None:
        yield (
            f"- The client sends {report.client.rate:,.0f} requests a second to a server that does nothing, with "
            f"{report.client.client_share:.0%} of a processor; in the rounds below it used at most "
            f"{_largest_share(report):.0%}."
        )


def _largest_share(report: Report) -> float:
    summaries = [summary for result in report.results for summary in (result.engine, result.other) if summary]
    return max((summary.client_share for summary in summaries), default=0.0)


def _plot_of(heading: str) -> str:
    return f"requests-{heading.lower().replace(' ', '-')}.svg"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
