"""What is worked out from measured times: rates, percentiles, ratios, and whether a target is met."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal

_MS: Final = 1000.0
_US: Final = 1_000_000.0

SERVER: Final = "server"
"""The name of the server's own process among those that use processor time."""

Measure = Literal["ratio", "p50_ms", "p99_ms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One round as the client saw it."""

    latencies: "array[float]"
    """Seconds, in the order of the answers."""
    statuses: Mapping[int, int]
    seconds: float
    """From the first request to the last answer."""
    client_seconds: float
    """Of processor time that the client used meanwhile."""
    used_seconds: Mapping[str, float] = field(default_factory=dict)
    """The same of whatever serves, by name, where it is on this machine and known to us."""
    bodies: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """The first answer of each status."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Rounds of one kind, taken together."""

    requests: int
    rate: float
    """Answers per second, of the median round."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    """Of all rounds' answers."""
    client_share: float
    """Of one processor, used by the client."""
    used_us: Mapping[str, float] = field(default_factory=dict)
    """Of processor time for one request, by who used it: hardly different on a machine that does other things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Rates compared pair by pair, each pair measured one right after the other."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound that one measure of a scenario is to keep."""

    measure: Measure
    bound: float
    beside: str = "bare"
    """What a ratio is of."""

    @property
    def sentence(self) -> str:
        """As people write it."""
        if self.measure == "ratio":
            return f"≥ {self.bound:g} × {self.beside}"
        return f"{self.measure.removesuffix('_ms')} ≤ {self.bound:g} ms"

    def is_met(self, summary: Summary, ratio: Ratio | None) -> bool | None:
        """None where nothing was measured that could tell."""
        match self.measure:
            case "ratio":
                return None if ratio is None else ratio.median >= self.bound
            case "p50_ms":
                return summary.p50_ms <= self.bound
            case "p99_ms":
                return summary.p99_ms <= self.bound


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the ordered values does not exceed (the nearest rank)."""
    assert ordered, "of nothing there is no percentile"
    assert 0 < share <= 1
    return ordered[math.ceil(share * len(ordered)) - 1]


def summarise(samples: Sequence[Sample]) -> Summary:
    """The rounds as one: latencies are pooled, and of the rates the median counts."""
    ordered = sorted(latency for sample in samples for latency in sample.latencies)
    return Summary(
        requests=len(ordered),
        rate=median(sample.rate for sample in samples),
        p50_ms=percentile(ordered, 0.50) * _MS,
        p95_ms=percentile(ordered, 0.95) * _MS,
        p99_ms=percentile(ordered, 0.99) * _MS,
        client_share=sum(sample.client_seconds for sample in samples) / sum(sample.seconds for sample in samples),
        used_us=_each(samples),
    )


def _each(samples: Sequence[Sample]) -> Mapping[str, float]:
    """Microseconds of processor time per request, of those of which all rounds know it."""
    known = set.intersection(*(set(sample.used_seconds) for sample in samples))
    requests = sum(len(sample.latencies) for sample in samples)
    return {name: sum(sample.used_seconds[name] for sample in samples) / requests * _US for name in sorted(known)}


def compare(pairs: Iterable[tuple[float, float]]) -> Ratio:
    """How the first of each pair compares with the second."""
    ratios = [first / second for first, second in pairs]
    return Ratio(median=median(ratios), lowest=min(ratios), highest=max(ratios))


def due_before(elapsed: float, *, rate: float) -> int:
    """How many requests of an even schedule are due by now."""
    return math.floor(elapsed * rate) + 1 if elapsed >= 0 else 0


def due_at(number: int, *, rate: float) -> float:
    """When request `number` (from 0) of an even schedule is to be sent, in seconds after the start."""
    return number / rate
