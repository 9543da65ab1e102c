"""Whether the dashboard and the alert rules ask for what the engine tells, and nothing else."""

import json
import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from api.prometheus import DURATION, PREFIX, STORE_UP
from persistence import keys
from telemetry.measures import COUNTERS, GAUGES, LATENCY_BUCKET, LATENCY_COUNT, LATENCY_SUM, OF_ROUTES, REQUESTS
from tests.support.prometheus import RULES, check_expressions, rules

_ROOT: Final = Path(__file__).resolve().parents[2]
_GRAFANA: Final = _ROOT / "deploy/grafana"
_DASHBOARD: Final[dict[str, Any]] = json.loads((_GRAFANA / "dashboards/holdfast.json").read_text())
_PANELS: Final[list[dict[str, Any]]] = [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]
_UIDS: Final = {"prometheus": "prometheus", "redis-datasource": "redis"}
_OF_DURATIONS: Final = {f"{DURATION}_{part}" for part in ("bucket", "count", "sum")}
_LABELS: Final = (
    {f"{PREFIX}{counter.name}_total": {counter.label} - {None} for counter in COUNTERS}
    | {f"{PREFIX}{gauge.name}": {gauge.label, "process", "role"} - {None} for gauge in GAUGES}
    | {f"{PREFIX}{REQUESTS.name}_total": {"method", "route", "status"}, STORE_UP: set()}
    | {name: {"method", "route", "le"} for name in _OF_DURATIONS}
)
"""Every metric of /metrics, with its labels."""
_FIELDS: Final = {counter.name for counter in (*COUNTERS, *OF_ROUTES)}
_METRIC: Final = re.compile(rf"\b{PREFIX}\w+")
_SELECTOR: Final = re.compile(r"\{([^}]*)\}")
_LABEL: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def _targets(kind: str) -> Iterator[dict[str, Any]]:
    for panel in _PANELS:
        for target in panel["targets"]:
            if target["datasource"]["type"] == kind:
                yield target


def _expressions() -> list[str]:
    return [target["expr"] for target in _targets("prometheus")] + [rule["expr"] for rule in rules()]


@pytest.mark.parametrize("expression", _expressions())
def test_expression_names_metrics_and_labels_that_there_are(expression: str) -> None:
    names = _METRIC.findall(expression)
    selected = {label for selector in _SELECTOR.findall(expression) for label in _LABEL.findall(selector)}

    assert names
    assert [name for name in names if name not in _LABELS] == []
    snapshot = {label for name in names for label in _LABELS[name]}
    assert selected <= snapshot


def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    # What Grafana puts in before it asks.
    filled = [one.replace("$__rate_interval", "1m").replace("$route", "/v1/.*") for one in _expressions()]

    check_expressions(filled, tmp_path)


@pytest.mark.parametrize("expression", _expressions())
def test_no_expression_adds_up_what_every_target_tells(expression: str) -> None:
    # Each server tells the counts of all: `max` over them first, whatever is summed then.
    totals = re.findall(rf"(?:rate|increase)\({PREFIX}", expression)

    assert len(totals) == len(re.findall(rf"max without \(instance\) \((?:rate|increase)\({PREFIX}", expression))
    assert not re.search(rf"sum(?: by \([^)]*\))? \(?{PREFIX}", expression)


def test_fields_of_redis_are_those_that_the_engine_counts() -> None:
    targets = list(_targets("redis-datasource"))

    assert {target["command"] for target in targets} == {"hmget", "hgetall"}
    for target in targets:
        assert target["keyName"] in {keys.METRICS_TOTAL, keys.metrics_minute(0).replace(":0", ":$minute")}
        assert [name for name in shlex.split(target.get("field", "")) if name not in _FIELDS] == []
    # `requests:…` and the like are told by HGETALL alone: their fields are not known beforehand.
    asked = {name for target in targets for name in shlex.split(target.get("field", ""))}
    assert not asked & {REQUESTS.name, LATENCY_SUM.name, LATENCY_COUNT.name, LATENCY_BUCKET.name}


def test_data_sources_are_the_provisioned_ones() -> None:
    used = {(panel["datasource"]["type"], panel["datasource"]["uid"]) for panel in _PANELS}
    used |= {
        (target["datasource"]["type"], target["datasource"]["uid"]) for panel in _PANELS for target in panel["targets"]
    }
    used |= {(one["datasource"]["type"], one["datasource"]["uid"]) for one in _DASHBOARD["templating"]["list"]}

    assert used == set(_UIDS.items())
    provisioned = yaml.safe_load((_GRAFANA / "provisioning/datasources/stores.yml").read_text())["datasources"]
    assert {source["type"]: source["uid"] for source in provisioned} == _UIDS


def test_panels_have_titles_units_places_and_ids_of_their_own() -> None:
    everything = _DASHBOARD["panels"]
    cells = [
        (x, y)
        for panel in everything
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len({panel["title"] for panel in everything}) == len(everything)
    assert [panel["title"] for panel in _PANELS if not panel["fieldConfig"]["defaults"].get("unit")] == []
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_every_counter_and_gauge_is_shown_somewhere() -> None:
    shown = {name for expression in _expressions() for name in _METRIC.findall(expression)}

    # These two tell of no trouble and of no success: they are in the tables of what Redis has.
    left_out = {"holdfast_holds_repeated_total", "holdfast_holds_extended_total"}
    assert {name for name in _LABELS if name not in shown} == left_out | (_OF_DURATIONS - {f"{DURATION}_bucket"})


def test_prometheus_is_told_of_the_rules_and_scrapes_as_their_tests_assume() -> None:
    prometheus = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())

    assert any(fnmatch(RULES.name, pattern) for pattern in prometheus["rule_files"])
    assert prometheus["global"]["scrape_interval"] == "15s"


def test_every_alert_is_explained_where_it_says() -> None:
    pages = {rule["alert"]: _ROOT / rule["annotations"]["runbook"] for rule in rules()}

    assert [alert for alert, page in pages.items() if alert not in page.read_text()] == []
