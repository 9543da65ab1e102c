"""How long requests may take and how many may fail, and whether a report of Locust stays within that."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from loadtests.faults.checks import Check

REPORT: Final = "requests.json"
"""Where a run leaves its lines, in the folder of its journal."""
# Below so many answers a percentile is one answer, and says what happened to that one.
_ENOUGH_FOR_P95: Final = 20
_ENOUGH_FOR_P99: Final = 100
_BUDGET: Final = re.compile(r"(?P<name>[^=]+)=(?P<p95>\d+(?:\.\d+)?),(?P<p99>\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The longest a request may take, waiting for the network included."""

    p95_ms: float
    p99_ms: float

    def times(self, slack: float) -> "Budget":
        """For a slower machine."""
        return replace(self, p95_ms=self.p95_ms * slack, p99_ms=self.p99_ms * slack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the report."""

    name: str
    requests: int
    failures: int
    p95_ms: float
    p99_ms: float

    @property
    def request(self) -> str:
        """The kind of request; a refusal is counted by a line of its own, `<request>: <code>`."""
        return self.name.partition(":")[0]


# What a person takes for "at once", when engine, stores and Locust share two cores, with as many visitors and at the
# pace of locust.conf. How fast the engine is by itself, `holdfast bench` measures.
_PAGE: Final = Budget(p95_ms=300, p99_ms=800)
# With an Idempotency-Key a booking is three commits, and each waits for the disk.
_COMMITS: Final = Budget(p95_ms=500, p99_ms=1500)
BUDGETS: Final[Mapping[str, Budget]] = {
    "list month": _PAGE,
    "list day": _PAGE,
    "list next": _PAGE,
    "read appointment": _PAGE,
    "place hold": _PAGE,
    "extend hold": _PAGE,
    "release hold": _PAGE,
    "confirm hold": _COMMITS,
    "confirm late": _COMMITS,
    "book": _COMMITS,
    "reschedule": _COMMITS,
    "cancel": _COMMITS,
    "add time off": _COMMITS,
    "end time off": _COMMITS,
    "set hours": _COMMITS,
    "reset hours": _COMMITS,
}


# Everybody comes within a quarter of a second, and stands in line: the last one waits for all the others.
_RUSH: Final = Budget(p95_ms=1000, p99_ms=1500)
OF_SCENARIO: Final[Mapping[str, Mapping[str, Budget]]] = {
    "flash-sale": {"list day": _RUSH, "place hold": _RUSH, "confirm hold": _RUSH}
}
"""Where a scenario asks for something else."""


def parse_budget(text: str) -> tuple[str, Budget]:
    """`place hold=150,400`: p95 and p99 in milliseconds. Raises ValueError."""
    match = _BUDGET.fullmatch(text)
    if match is None or match["name"] not in BUDGETS:
        message = f"{text!r} is not NAME=P95,P99 in milliseconds, with a NAME of: {', '.join(BUDGETS)}"
        raise ValueError(message)
    return match["name"], Budget(p95_ms=float(match["p95"]), p99_ms=float(match["p99"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run leaves of its requests."""

    lines: Sequence[Line]
    failures: Sequence[str]
    """A sentence for each kind of failure."""
    crashes: Sequence[str]
    """Bugs of visitors, each with where it happened: Locust sends them home, and goes on."""


def write_report(path: Path, report: Report) -> None:
    """For `read_report`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(report), indent=1) + "\n")


def read_report(path: Path) -> Report:
    """As it was written. Raises OSError, ValueError, TypeError, KeyError."""
    found = json.loads(path.read_text())
    return Report(lines=[Line(**line) for line in found["lines"]], failures=found["failures"], crashes=found["crashes"])


def check_crashes(report: Report) -> Check:
    """Who crashes asks for nothing more, and the run shows less than it seems to."""
    return Check(promise="no visitor crashed", examined=len(report.lines), complaints=report.crashes)


def check_budgets(lines: Sequence[Line], budgets: Mapping[str, Budget]) -> Check:
    """Every line within the budget of its request."""
    return Check(
        promise="requests were answered within their budgets",
        examined=sum(line.requests for line in lines),
        complaints=tuple(_exceeded(lines, budgets)),
        essential=True,
    )


def check_failures(lines: Sequence[Line], failures: Iterable[str], *, most: float) -> Check:
    """Of each kind of request at most that share failed. Refusals that belong to the business are no failures."""
    sent: defaultdict[str, int] = defaultdict(int)
    failed: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        sent[line.request] += line.requests
        failed[line.request] += line.failures
    worst = [
        f"{name}: {failed[name]} of {sent[name]} failed, which is more than {most:.2%}"
        for name in sent
        if failed[name] > most * sent[name]
    ]
    return Check(
        promise="requests were answered as documented",
        examined=sum(sent.values()),
        complaints=(*worst, *(failures if worst else ())),
        essential=True,
    )


def _exceeded(lines: Sequence[Line], budgets: Mapping[str, Budget]) -> Iterator[str]:
    for line in lines:
        budget = budgets.get(line.request)
        if budget is None:
            yield f"{line.name} has no budget"
            continue
        measured = (
            ("p95", line.p95_ms, budget.p95_ms, _ENOUGH_FOR_P95),
            ("p99", line.p99_ms, budget.p99_ms, _ENOUGH_FOR_P99),
        )
        for name, found_ms, allowed_ms, enough in measured:
            if line.requests >= enough and found_ms > allowed_ms:
                yield f"{line.name}: {name} was {found_ms:.0f} ms, and may be {allowed_ms:.0f} ms"
