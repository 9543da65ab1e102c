"""Prometheus' own checker, and what it makes of the alert rules when it is given pages of /metrics."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "deploy/prometheus/alerts.yml"
_STEP_SECONDS: Final = 15
"""As often as deploy/prometheus/prometheus.yml scrapes."""
_STEPS: Final = 13
"""Scrapes of each page: longer than any rule wants its condition to last."""
_FIRING: Final = 'group by (alertname) (ALERTS{alertstate="firing"})'


@dataclass(frozen=True, slots=True)
class Page:
    """What /metrics said at one moment, and which alerts are to fire when it has said so for a while."""

    text: str | None
    """None: there was no answer."""
    firing: frozenset[str]


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it."""
    path = shutil.which("promtool") or shutil.which(ROOT / ".venv/bin/promtool")
    if path is None:
        pytest.fail("These tests need promtool, of Prometheus: `make promtool`, or install it.", pytrace=False)
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=False)


def check_alerts(pages: Sequence[Page], directory: Path) -> None:
    """Have Prometheus read the pages one after the other; at the end of each, just its alerts have to fire."""
    ends = [(number + 1) * _STEPS * _STEP_SECONDS - 1 for number in range(len(pages))]
    test = {
        "interval": f"{_STEP_SECONDS}s",
        "input_series": [
            {"series": name, "values": values} for name, values in _series([page.text for page in pages]).items()
        ],
        "promql_expr_test": [
            {"expr": _FIRING, "eval_time": f"{end}s", "exp_samples": _samples(page.firing)}
            for page, end in zip(pages, ends, strict=True)
        ],
    }
    document = {"rule_files": [str(RULES)], "evaluation_interval": f"{_STEP_SECONDS}s", "tests": [test]}
    file = directory / "alerts-test.yml"
    file.write_text(yaml.safe_dump(document))

    ended = promtool("test", "rules", str(file))

    assert ended.returncode == 0, ended.stdout + ended.stderr


def check_expressions(expressions: Iterable[str], directory: Path) -> None:
    """Have Prometheus read each of them as a rule."""
    recorded = [{"record": f"number_{number}", "expr": one} for number, one in enumerate(expressions)]
    file = directory / "expressions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": recorded}]}))

    ended = promtool("check", "rules", str(file))

    assert ended.returncode == 0, ended.stdout + ended.stderr


def rules() -> list[dict[str, Any]]:
    """The alert rules as they are written."""
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _samples(alerts: Iterable[str]) -> list[dict[str, object]]:
    return [{"labels": f"{{alertname={json.dumps(alert)}}}", "value": 1} for alert in sorted(alerts)]


def _series(pages: Sequence[str | None]) -> Mapping[str, str]:
    """Each series with its values, in promtool's notation; where a page lacks it, it ends as in Prometheus."""
    read = [dict(_read(page)) for page in pages]
    return {name: " ".join(_values([page.get(name) for page in read])) for name in sorted({*_flat(read)})}


def _flat(read: Iterable[Mapping[str, float]]) -> Iterator[str]:
    for page in read:
        yield from page


def _values(found: Sequence[float | None]) -> Iterator[str]:
    before: float | None = None
    for value in found:
        if value is not None:
            yield f"{value:f}+0x{_STEPS - 1}"
        elif before is not None:
            yield f"stale _x{_STEPS - 1}"
        else:
            yield f"_x{_STEPS}"
        before = value


def _read(page: str | None) -> Iterator[tuple[str, float]]:
    if page is None:
        return
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            # What Prometheus adds at the scrape.
            labels = {**sample.labels, "instance": "engine:8080", "job": "holdfast"}
            spelled = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
            yield f"{sample.name}{{{spelled}}}", sample.value
