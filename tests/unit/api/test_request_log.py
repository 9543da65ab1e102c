import json
from typing import Any

import pytest
from starlette.types import Scope

from api.shell import request_log
from telemetry import logs
from telemetry.metrics import Metrics
from tests.support.application import SECRET, TENANT, application, client

_IDS = [f"request-{number}" for number in range(10_000)]


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def _end(
    request_id: str, *, status: int = 200, seconds: float = 0.01, sample: float = 1.0, path: str = "/v1/services"
) -> None:
    scope: Scope = {"method": "GET", "path": path, "state": {"request_id": request_id}}
    request_log.end(scope, status, seconds, metrics=Metrics(), sample=sample)


def test_share_of_requests_gets_a_line_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    for request_id in _IDS:
        _end(request_id, sample=0.01)

    lines = _lines(capsys)
    assert 60 < len(lines) < 140
    assert {line["sample"] for line in lines} == {0.01}


def test_same_requests_are_chosen_everywhere_and_of_a_larger_share_too() -> None:
    few = {one for one in _IDS if request_log.is_sampled(one, 0.01)}
    many = {one for one in _IDS if request_log.is_sampled(one, 0.1)}

    assert few < many
    assert few == {one for one in _IDS if request_log.is_sampled(one, 0.01)}


@pytest.mark.parametrize(("share", "chosen"), [(0.0, 0), (1.0, len(_IDS))])
def test_none_and_all_are_shares_as_well(share: float, chosen: int) -> None:
    assert sum(request_log.is_sampled(one, share) for one in _IDS) == chosen


@pytest.mark.parametrize(("status", "seconds"), [(500, 0.01), (503, 0.01), (0, 0.01), (200, 1.0), (409, 2.0)])
def test_failed_and_slow_requests_always_have_a_line(
    capsys: pytest.CaptureFixture[str], status: int, seconds: float
) -> None:
    logs.configure("info", "json")

    _end("anything", status=status, seconds=seconds, sample=0.0)

    assert [(line["status"], line["sample"]) for line in _lines(capsys)] == [(status, 1.0)]


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (503, 1), (500, 1)])
def test_probes_have_a_line_when_they_fail(capsys: pytest.CaptureFixture[str], status: int, lines: int) -> None:
    logs.configure("info", "json")

    _end("anything", status=status, path="/readyz")

    assert len(_lines(capsys)) == lines


async def test_line_has_the_business_and_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    async with client(application()) as http:
        await http.get("/v1/holds/hld_1", headers={**SECRET, "X-Request-Id": "mine"})

    line = next(line for line in _lines(capsys) if line["event"] == "request")
    assert (line["business"], line["request_id"], line["route"]) == (str(TENANT), "mine", "/v1/holds/{hold_id}")
    assert {"status", "duration_ms", "sample"} <= line.keys()
