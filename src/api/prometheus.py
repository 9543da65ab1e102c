"""Metrics of all processes in the text format of Prometheus."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from persistence.metrics import Stored
from telemetry.measures import (
    BUCKETS,
    BUCKETS_MS,
    COUNTERS,
    GAUGES,
    LATENCY_BUCKET,
    LATENCY_SUM,
    REQUESTS,
    Counter,
)

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
PREFIX: Final = "holdfast_"
STORE_UP: Final = f"{PREFIX}metrics_store_up"
STORE_UP_HELP: Final = "1 if Redis answered; 0 if not, and then there are no counters, and gauges of this process only."
DURATION: Final = f"{PREFIX}request_duration_seconds"
DURATION_HELP: Final = "Duration of requests by route."


def metrics_page(stored: Stored, *, is_up: bool) -> bytes:
    """The page behind /metrics."""
    registry = CollectorRegistry()
    registry.register(_Page(stored, is_up=is_up))
    return generate_latest(registry)


class _Page(Collector):
    """A collector over metrics read beforehand, since the library collects synchronously."""

    def __init__(self, stored: Stored, *, is_up: bool) -> None:
        self._stored = stored
        self._is_up = is_up

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        yield GaugeMetricFamily(STORE_UP, STORE_UP_HELP, value=float(self._is_up))
        if self._is_up:
            yield from (_counter(counter, self._stored.counts) for counter in COUNTERS)
            yield from _routes(self._stored.counts)
        yield from _gauges(self._stored.processes)


def _counter(counter: Counter, counts: Mapping[str, int]) -> Metric:
    if counter.label is None:
        return CounterMetricFamily(f"{PREFIX}{counter.name}", counter.help, value=counts.get(counter.name, 0))
    family = CounterMetricFamily(f"{PREFIX}{counter.name}", counter.help, labels=[counter.label])
    for (label,), amount in _labelled(counter, counts, 1):
        family.add_metric([label], amount)
    return family


def _routes(counts: Mapping[str, int]) -> Iterator[Metric]:
    requests = CounterMetricFamily(f"{PREFIX}{REQUESTS.name}", REQUESTS.help, labels=["method", "route", "status"])
    for (operation, status), amount in _labelled(REQUESTS, counts, 2):
        requests.add_metric([*_method_and_route(operation), status], amount)
    yield requests
    buckets: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (operation, bucket), amount in _labelled(LATENCY_BUCKET, counts, 2):
        buckets[operation][bucket] = amount
    durations = HistogramMetricFamily(DURATION, DURATION_HELP, labels=["method", "route"])
    for (operation,), microseconds in _labelled(LATENCY_SUM, counts, 1):
        durations.add_metric(
            _method_and_route(operation), _cumulated(buckets[operation]), sum_value=microseconds / 1_000_000
        )
    yield durations


def _gauges(processes: Mapping[str, Mapping[str, str]]) -> Iterator[Metric]:
    for gauge in GAUGES:
        labels = ["process", "role"] if gauge.label is None else ["process", "role", gauge.label]
        family = GaugeMetricFamily(f"{PREFIX}{gauge.name}", gauge.help, labels=labels)
        for process, values in sorted(processes.items()):
            of_process = [process, values.get("role", "")]
            for field, value in sorted(values.items()):
                name, _, label = field.partition(":")
                if name == gauge.name:
                    family.add_metric([*of_process, label] if gauge.label else of_process, float(value))
        yield family


def _labelled(counter: Counter, counts: Mapping[str, int], labels: int) -> Iterable[tuple[list[str], int]]:
    """Each count of a counter with its labels; a route template may contain colons, the last label never does."""
    prefix = f"{counter.name}:"
    for field, amount in sorted(counts.items()):
        if field.startswith(prefix):
            yield field.removeprefix(prefix).rsplit(":", labels - 1), amount


def _method_and_route(operation: str) -> list[str]:
    method, _, route = operation.rpartition(" ")
    return [method, route]


def _cumulated(buckets: Mapping[str, int]) -> list[tuple[str, float]]:
    """Cumulative buckets, as Prometheus wants them; Redis counts each bucket by itself."""
    bounds = (*(f"{bound / 1000:g}" for bound in BUCKETS_MS), "+Inf")
    amounts = accumulate(buckets.get(bucket, 0) for bucket in BUCKETS)
    return list(zip(bounds, map(float, amounts), strict=True))
