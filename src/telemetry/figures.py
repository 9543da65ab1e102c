"""Figures made from counts: percentiles of a histogram, and sums by label. Pure arithmetic."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from telemetry.measures import BUCKETS, BUCKETS_MS, LATENCY_BUCKET, REQUESTS, Counter

_FAILED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The requests of a route, as they were counted."""

    name: str
    """Method and template."""
    requests: int
    failed: int
    """Answered from 500 on, or not at all."""
    buckets: Mapping[str, int]


def percentile(buckets: Mapping[str, int], share: float) -> float | None:
    """The milliseconds within which that share of the requests ended; None if there were none.

    Within a bucket they are taken to lie evenly, as Prometheus does (histogram_quantile). Of what took longer than the
    last bound it is only known that it did: then that bound is the answer.
    """
    target = share * sum(buckets.values())
    if not target:
        return None
    counted, lower = 0, 0.0
    for bucket, bound in zip(BUCKETS, BUCKETS_MS, strict=False):
        amount = buckets.get(bucket, 0)
        if amount and counted + amount >= target:
            return lower + (bound - lower) * (target - counted) / amount
        counted += amount
        lower = float(bound)
    return float(BUCKETS_MS[-1])


def routes_of(counts: Mapping[str, int]) -> list[Route]:
    """Every route that was asked, the most often asked first."""
    requests: defaultdict[str, int] = defaultdict(int)
    failed: defaultdict[str, int] = defaultdict(int)
    buckets: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, status, amount in _of_routes(REQUESTS, counts):
        requests[name] += amount
        if not 0 < int(status) < _FAILED:
            failed[name] += amount
    for name, bucket, amount in _of_routes(LATENCY_BUCKET, counts):
        buckets[name][bucket] = amount
    found = (
        Route(name=name, requests=amount, failed=failed[name], buckets=buckets[name])
        for name, amount in requests.items()
    )
    return sorted(found, key=lambda route: (-route.requests, route.name))


def by_label(counter: Counter, counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of a counter that has a label, the highest first."""
    prefix = f"{counter.name}:"
    found = {name.removeprefix(prefix): amount for name, amount in counts.items() if name.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def fields_of(counter: Counter, counts: Iterable[str]) -> list[str]:
    """The fields of a counter: of one with a label, those that were ever counted."""
    if counter.label is None:
        return [counter.name]
    return sorted(name for name in counts if name.startswith(f"{counter.name}:"))


def summed(counter: Counter, counts: Mapping[str, int]) -> int:
    """The count of a counter, whatever its label."""
    return sum(counts.get(field, 0) for field in fields_of(counter, counts))


def added(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums, field by field."""
    sums: defaultdict[str, int] = defaultdict(int)
    for counts in several:
        for field, amount in counts.items():
            sums[field] += amount
    return dict(sums)


def _of_routes(counter: Counter, counts: Mapping[str, int]) -> Iterable[tuple[str, str, int]]:
    """Route, last label and amount; a template may have colons, the last label has none."""
    prefix = f"{counter.name}:"
    for field, amount in counts.items():
        if field.startswith(prefix):
            name, _, label = field.removeprefix(prefix).rpartition(":")
            yield name, label, amount
