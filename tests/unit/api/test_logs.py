import json
import logging

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


def test_json_line_tells_an_exception_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    address = f"dana{1}@example.com"

    try:
        int(address[:0])
    except ValueError:
        structlog.get_logger().exception("crashed")

    (line,) = _lines(capsys)
    assert "ValueError" in json.loads(line)["exception"]
    assert address not in line


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
