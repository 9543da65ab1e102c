"""What a run has shown, as a table and as JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from loadtests.faults.checks import Check
from loadtests.faults.history import Exchange, FaultSpan, History

_COLUMNS: Final = ("fault", "s", "sent", "2xx", "409", "503", "other", "none", "longest", "recovered")
_CALM: Final = "(no fault)"
_SHOWN: Final = 10
"""Complaints of one check; all are in the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What clients saw between the beginning of a fault and bookings succeeding again."""

    fault: str
    seconds: float
    sent: int
    answers: Mapping[str, int]
    """By class."""
    longest_seconds: float
    recovery_seconds: float | None
    """From the end of the fault; None: never, or nothing to recover from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All of a run."""

    seed: int
    clients: int
    seconds: float
    lines: Sequence[Line]
    checks: Sequence[Check]
    audits: Sequence[Mapping[str, Any]]
    drained_seconds: float | None
    """How long the invalidator needed once all was at rest; None: too long."""
    longest_silent_seconds: float
    """The longest request that met a store which had gone silent."""

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return all(check.kept for check in self.checks)

    def as_document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"kept": self.kept}


def lines(history: History) -> list[Line]:
    """One for each fault, and one for the rest of the time."""
    spans = [(fault, _end(fault)) for fault in history.faults]

    def in_calm(one: Exchange) -> bool:
        return not any(fault.started_at <= one.ended_at and one.sent_at <= end for fault, end in spans)

    found = [_line(fault, [one for one in history.exchanges if _meets(one, fault)]) for fault, _ in spans]
    calm = [one for one in history.exchanges if in_calm(one)]
    clients = [one for one in history.exchanges if one.client]
    first, last = min(one.sent_at for one in clients), max(one.ended_at for one in clients)
    seconds = last - first - sum(end - fault.started_at for fault, end in spans)
    return [*found, _counted(_CALM, seconds, calm, None)]


def longest(history: History, is_met: Callable[[FaultSpan], bool]) -> float:
    """The longest request that was under way while such a fault lasted; what is slow after its end does not count."""
    spans = [(fault.started_at, fault.ended_at) for fault in history.faults if is_met(fault)]
    met = (one.seconds for one in history.exchanges if any(a <= one.ended_at and one.sent_at <= b for a, b in spans))
    return max(met, default=0.0)


def render(outcome: Outcome) -> Iterable[str]:
    """For people."""
    rows = [_COLUMNS, *(_cells(line) for line in outcome.lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join([row[0].ljust(widths[0]), *cells])
    yield ""
    yield f"Longest request while a store was silent: {outcome.longest_silent_seconds:.2f} s"
    if outcome.drained_seconds is not None:
        yield f"Invalidations were worked off {outcome.drained_seconds:.2f} s after the last request."
    for number, report in enumerate(outcome.audits, 1):
        yield f"Audit {number}: {report['total']} differences {report['found'] or ''}, {report['repaired']} repaired."
    yield ""
    yield from verdicts(outcome.checks)


def verdicts(checks: Iterable[Check]) -> Iterable[str]:
    """A line per promise, and below it what there is to complain about."""
    for check in checks:
        verdict = "kept  " if check.kept else "EMPTY " if not check.complaints else "BROKEN"
        yield f"{verdict}  {check.promise} ({check.examined} looked at, {len(check.complaints)} complaints)"
        yield from (f"        {complaint}" for complaint in check.complaints[:_SHOWN])
        if len(check.complaints) > _SHOWN:
            yield f"        … and {len(check.complaints) - _SHOWN} more"


def _meets(one: Exchange, fault: FaultSpan) -> bool:
    return fault.started_at <= one.ended_at and one.sent_at <= _end(fault)


def _end(fault: FaultSpan) -> float:
    return fault.ended_at if fault.recovered_at is None else fault.recovered_at


def _line(fault: FaultSpan, met: Sequence[Exchange]) -> Line:
    recovery = None if fault.recovered_at is None else fault.recovered_at - fault.ended_at
    return _counted(fault.name, fault.ended_at - fault.started_at, met, recovery)


def _counted(name: str, seconds: float, met: Sequence[Exchange], recovery_seconds: float | None) -> Line:
    answers = dict.fromkeys(_COLUMNS[3:8], 0)
    for one in met:
        answers[_class(one.status)] += 1
    return Line(
        fault=name,
        seconds=seconds,
        sent=len(met),
        answers=answers,
        longest_seconds=max((one.seconds for one in met), default=0.0),
        recovery_seconds=recovery_seconds,
    )


def _class(status: int | None) -> str:
    match status:
        case None:
            return "none"
        case 409 | 503:
            return str(status)
        case _:
            return "2xx" if status < 300 else "other"  # noqa: PLR2004 - HTTP


def _cells(line: Line) -> tuple[str, ...]:
    recovered = "-" if line.recovery_seconds is None else f"{line.recovery_seconds:.2f}"
    counts = (str(count) for count in line.answers.values())
    return line.fault, f"{line.seconds:.1f}", str(line.sent), *counts, f"{line.longest_seconds:.2f}", recovered
