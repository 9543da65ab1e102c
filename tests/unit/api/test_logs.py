import json
import logging
import subprocess
import sys

import pytest
import structlog

from kernel.operation import Actor, ActorKind
from telemetry import logs


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_line_has_event_fields_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logs.begin_request(request_id="r1")

    structlog.get_logger("holdfast.test").info("hold_placed", ttl_seconds=300)

    (line,) = map(json.loads, _lines(capsys))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "hold_placed",
        "ttl_seconds": 300,
        "request_id": "r1",
        "level": "info",
        "logger": "holdfast.test",
    }


@pytest.mark.parametrize("line_format", ["json", "console"])
def test_fields_of_a_request_become_text(line_format: logs.Format, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", line_format)
    logs.begin_request()

    logs.note(actor=Actor(ActorKind.BUSINESS, "key_1"))
    structlog.get_logger("holdfast.test").info("hold_placed")

    (line,) = _lines(capsys)
    assert "business:key_1" in line


@pytest.mark.parametrize("line_format", ["json", "console"])
def test_line_tells_an_exception_without_local_variables(
    line_format: logs.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", line_format)
    address = f"dana{1}@example.com"

    try:
        int(address[:0])
    except ValueError:
        structlog.get_logger().exception("crashed")

    printed = capsys.readouterr().err
    assert "ValueError" in printed
    assert address not in printed


def test_line_before_anything_is_configured_has_no_local_variables() -> None:
    script = (
        "import structlog\nfrom telemetry import logs\n"
        "try:\n    address = 'dana' + str(1)\n    int(address)\n"
        "except ValueError as error:\n    error.args = ()\n    structlog.get_logger().exception('crashed')\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "ValueError" in done.stdout
    assert "dana1" not in done.stdout


@pytest.mark.parametrize("line_format", ["json", "console"])
def test_line_is_bounded_by_value_and_in_all(line_format: logs.Format, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", line_format)
    huge = "x" * 1_000_000

    nothing: dict[str, object] = {}
    try:
        nothing[huge]
    except KeyError:
        fields: dict[str, object] = {f"field_{number}": [huge] for number in range(50)}
        structlog.get_logger().exception("crashed", number=1, detail=huge, **fields)

    printed = capsys.readouterr().err
    assert "KeyError" in printed
    assert "crashed" in printed
    assert "characters are left out" in printed
    assert len(printed) < 50_000


def test_short_line_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    structlog.get_logger().info("told", names=["a", "b"], count=3)

    (line,) = map(json.loads, _lines(capsys))
    assert (line["names"], line["count"]) == (["a", "b"], 3)


@pytest.mark.parametrize("line_format", ["json", "console"])
def test_library_lines_take_the_same_form(line_format: logs.Format, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", line_format)

    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET /?token=secret")

    (line,) = _lines(capsys)
    assert "started" in line


def test_debug_lines_are_left_out_at_info(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    structlog.get_logger().debug("detail")

    assert _lines(capsys) == []
