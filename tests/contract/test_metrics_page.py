"""Whether the page on metrics lists what is counted, and the page for Prometheus has what is listed."""

import re
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from api.prometheus import DURATION, DURATION_HELP, PREFIX, STORE_UP, STORE_UP_HELP, metrics_page
from persistence.metrics import Stored
from telemetry.measures import BUCKETS, COUNTERS, GAUGES, OF_ROUTES, REQUESTS, Counter

_PAGE: Final = (Path(__file__).resolve().parents[2] / "docs/reference/metrics.md").read_text()


def _rows(heading: str) -> list[list[str]]:
    section = _PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def _field(counter: Counter) -> str:
    return f"`{counter.name}:<{counter.label}>`" if counter.label else f"`{counter.name}`"


def test_page_lists_every_counter_once_with_label_field_and_meaning() -> None:
    assert _rows("Counters") == [
        [f"`{PREFIX}{one.name}_total`", f"`{one.label}`" if one.label else "", _field(one), one.help]
        for one in COUNTERS
    ]


def test_page_lists_every_gauge_once_with_label_and_meaning() -> None:
    listed = [[f"`{PREFIX}{one.name}`", f"`{one.label}`" if one.label else "", one.help] for one in GAUGES]

    assert _rows("Gauges") == [[f"`{STORE_UP}`", "", STORE_UP_HELP], *listed]


def test_page_tells_how_requests_are_counted() -> None:
    requests, durations = _rows("Requests")

    assert (requests[0], requests[-1]) == (f"`{PREFIX}{REQUESTS.name}_total`", REQUESTS.help)
    assert (durations[0], durations[-1]) == (f"`{DURATION}`", DURATION_HELP)
    fields = re.findall(r"`(\w+):", requests[2] + durations[2])
    assert fields == [counter.name for counter in OF_ROUTES]
    assert re.findall(r"`([^`]+)`", _PAGE.split("Buckets, in milliseconds:")[1].split(". In")[0]) == list(BUCKETS)


def test_metrics_page_has_what_the_page_lists_and_nothing_else() -> None:
    counts = {_sample(counter): 1 for counter in COUNTERS}
    counts |= {"requests:GET /healthz:200": 1, "latency_us_sum:GET /healthz": 900, "latency_count:GET /healthz": 1}
    gauges = {f"{gauge.name}:one" if gauge.label else gauge.name: "1" for gauge in GAUGES}
    stored = Stored(counts=counts, processes={"host:1": {"role": "server", **gauges}})

    families = text_string_to_metric_families(metrics_page(stored, is_up=True).decode())

    shown = {f"{one.name}_total" if one.type == "counter" else one.name for one in families if one.samples}
    listed = {row[0].strip("`") for heading in ("Counters", "Requests", "Gauges") for row in _rows(heading)}
    assert shown == listed


def _sample(counter: Counter) -> str:
    return f"{counter.name}:some" if counter.label else counter.name
