"""What was measured, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from loadtests.invalidation.latency import Write
from loadtests.invalidation.throughput import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Of latencies, in milliseconds. Below zero: Redis was told before the writer had its answer."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One kind of writers."""

    writers: str
    writes_per_second: float
    after_commit: Distribution
    """From the answer to COMMIT on."""
    after_sending: Distribution
    """From sending it on: an upper limit, which a writer that was late to hear of its commit does not shorten."""


def latency(writers: str, writes: Sequence[Write], seconds: float) -> Latency:
    """What the writes add up to."""
    return Latency(
        writers=writers,
        writes_per_second=len(writes) / seconds,
        after_commit=_distribution([write.told - write.committed for write in writes]),
        after_sending=_distribution([write.told - write.sent for write in writes]),
    )


def table(latencies: Sequence[Latency]) -> str:
    """A line for each kind of writers."""
    head = f"{'commit to bitmap dropped, ms':44} {'count':>7} {'per s':>6} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}"
    lines = [head]
    for found in latencies:
        for name, one in (("", found.after_commit), (" (from COMMIT sent)", found.after_sending)):
            lines.append(
                f"{found.writers + name:44} {one.count:7} {found.writes_per_second:6.0f}"
                f" {one.p50:8.1f} {one.p95:8.1f} {one.p99:8.1f} {one.max:8.1f}"
            )
    return "\n".join(lines)


def comparison_table(comparison: Comparison) -> str:
    """A line for each pair of rounds, and what they come to."""
    columns = f"{'with':>8} {'without':>8} {'ratio':>7}"
    lines = [f"{'bookings per':8} {'second':>25} {'second of a core':>25}", f"{'':12} {columns} {columns}"]
    for number, pair in enumerate(comparison.pairs, 1):
        ours, theirs = pair.invalidating, pair.without
        lines.append(
            f"{f'pair {number}':12} {ours.per_second:8.1f} {theirs.per_second:8.1f} {pair.ratio:7.3f}"
            f" {ours.per_processor_second:8.1f} {theirs.per_processor_second:8.1f} {pair.processor_ratio:7.3f}"
        )
    for name, found in (("second", comparison.ratio), ("second of a core", comparison.processor_ratio)):
        between = f"half of the pairs between {found.lower:.3f} and {found.upper:.3f}"
        lines.append(f"ratio per {name}: {found.middle:.3f}, {between}")
    return "\n".join(lines)


def to_json(machine: dict[str, Any], latencies: Sequence[Latency], comparison: Comparison | None) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "machine": machine,
        "latency_ms": [asdict(one) for one in latencies],
        "throughput": None
        if comparison is None
        else {
            "ratio": asdict(comparison.ratio),
            "processor_ratio": asdict(comparison.processor_ratio),
            "pairs": [asdict(pair) for pair in comparison.pairs],
        },
    }


def _distribution(microseconds: Sequence[int]) -> Distribution:
    ordered = sorted(microseconds)

    def percentile(percent: float) -> float:
        """The smallest that so many are not above."""
        return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)] / 1000

    return Distribution(
        count=len(ordered),
        p50=percentile(50),
        p95=percentile(95),
        p99=percentile(99),
        max=ordered[-1] / 1000,
    )
