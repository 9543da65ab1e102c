"""Counts of one process that Redis has not heard of, and its gauges."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from telemetry.measures import (
    BUCKETS,
    BUCKETS_MS,
    LATENCY_BUCKET,
    LATENCY_COUNT,
    LATENCY_SUM,
    REQUESTS,
    Counter,
    Gauge,
)

_BOUNDS: Final = tuple(bound / 1000 for bound in BUCKETS_MS)


class Metrics:
    """Written by whoever does something worth counting: an addition in memory, of one thread. Read once a second."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[Counter, str], int] = defaultdict(int)
        self._routes: dict[tuple[str, str], _Route] = {}
        self._gauges: dict[tuple[Gauge, str], float] = {}

    def add(self, counter: Counter, amount: int = 1, *, label: str = "") -> None:
        """Count something."""
        self._counts[counter, label] += amount

    def request(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        route = self._routes.get((method, template))
        if route is None:
            route = self._routes[method, template] = _Route()
        route.statuses[status] += 1
        route.buckets[bisect_left(_BOUNDS, seconds)] += 1
        route.seconds += seconds

    def set(self, gauge: Gauge, value: float, *, label: str = "") -> None:
        """Show a value from now on."""
        self._gauges[gauge, label] = value

    def unset(self, gauge: Gauge) -> None:
        """Show it no longer: this process does not know."""
        for entry in [entry for entry in self._gauges if entry[0] is gauge]:
            del self._gauges[entry]

    @property
    def gauges(self) -> Mapping[str, float]:
        """The gauges by name, with `:<label>` after it if there is one."""
        return {_field(gauge.name, label): value for (gauge, label), value in self._gauges.items()}

    def take_counts(self) -> Mapping[str, int]:
        """Take the counts since the last call, by field; the caller keeps them."""
        counts, self._counts = self._counts, defaultdict(int)
        routes, self._routes = self._routes, {}
        fields = {_field(counter.name, label): amount for (counter, label), amount in counts.items() if amount}
        for (method, template), route in routes.items():
            name = f"{method} {template}".strip()
            fields |= {f"{REQUESTS.name}:{name}:{status}": count for status, count in route.statuses.items()}
            fields[f"{LATENCY_SUM.name}:{name}"] = round(route.seconds * 1_000_000)
            fields[f"{LATENCY_COUNT.name}:{name}"] = sum(route.buckets)
            for bucket, count in zip(BUCKETS, route.buckets, strict=True):
                if count:
                    fields[f"{LATENCY_BUCKET.name}:{name}:{bucket}"] = count
        return fields


class NoMetrics(Metrics):
    """Counts nothing: what counting costs is the difference."""

    def add(self, counter: Counter, amount: int = 1, *, label: str = "") -> None:
        """Do nothing."""

    def request(self, method: str, template: str, status: int, seconds: float) -> None:
        """Do nothing."""


class _Route:
    """The requests of one route."""

    __slots__ = ("buckets", "seconds", "statuses")

    def __init__(self) -> None:
        self.buckets = [0] * len(BUCKETS)
        self.seconds = 0.0
        self.statuses: defaultdict[int, int] = defaultdict(int)


def _field(name: str, label: str) -> str:
    return f"{name}:{label}" if label else name
