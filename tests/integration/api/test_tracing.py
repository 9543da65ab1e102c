"""What a request leaves as spans, and where they are sent."""

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Final

import httpx
import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from telemetry import logs, tracing
from tests.support.documents import example
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.server import running_server

_PARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def exporter() -> AsyncIterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    async with tracing.running(SimpleSpanProcessor(kept)):
        yield kept


@pytest.fixture
async def shop(database_url: str, redis_url: str, exporter: InMemorySpanExporter) -> AsyncIterator[Door]:
    """The example barbershop, traced; nothing is left of the spans it took to set it up."""
    settings = patient_settings(database_url, redis_url).model_copy(update={"tracing": True})
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as opened:
        document = example("barbershop")
        # What has a limit is booked in a transaction of its own.
        del document["business"]["rules"]["customer_limit"]
        for resource in document["resources"]:
            resource.get("rules", {}).pop("daily_limit", None)
        await opened.send("PUT", "/v1/business", content=orjson.dumps(document), status=200)
        exporter.clear()
        yield opened


def _named(spans: Sequence[ReadableSpan], name: str) -> ReadableSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


def _parent_of(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> ReadableSpan | None:
    snapshot = {other.context.span_id: other for other in spans if other.context is not None}
    return snapshot.get(span.parent.span_id) if span.parent is not None else None


async def test_request_has_a_span_by_its_route_below_that_of_its_caller(
    shop: Door, exporter: InMemorySpanExporter
) -> None:
    hold = await shop.hold("haircut", "2026-11-30T09:00:00+02:00", resource="noa")
    exporter.clear()

    await shop.send("GET", f"/v1/holds/{hold['id']}", headers={"traceparent": _PARENT}, status=200)

    spans = exporter.get_finished_spans()
    request = _named(spans, "GET /v1/holds/{hold_id}")
    assert request.kind is SpanKind.SERVER
    assert request.context is not None
    assert request.parent is not None
    assert f"00-{request.context.trace_id:032x}-{request.parent.span_id:016x}-01" == _PARENT
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["holdfast.business"]
    assert len(str(request.attributes["holdfast.request_id"])) == 32
    assert request.attributes["holdfast.actor"] == "business"
    assert _parent_of(_named(spans, "hold_read"), spans) is request


async def test_hold_and_confirmation_show_their_scripts_and_their_transaction(
    shop: Door, exporter: InMemorySpanExporter
) -> None:
    # The first booking of a business in a process makes the key of the business, or reads it.
    await shop.book("haircut", "2026-11-30T17:00:00+02:00", resource="noa")
    exporter.clear()

    await shop.book("haircut", "2026-11-30T09:00:00+02:00", resource="noa")

    spans = exporter.get_finished_spans()
    place, confirm = _named(spans, "POST /v1/holds"), _named(spans, "POST /v1/holds/{hold_id}/confirm")
    placed = [span for span in spans if span.name == "hold_place"]
    assert {_parent_of(span, spans) for span in placed} == {place}
    assert _parent_of(_named(spans, "hold_pin"), spans) is confirm
    written = _named(spans, "write bookings")
    assert _parent_of(written, spans) is confirm
    assert [_parent_of(_named(spans, name), spans) for name in ("transaction", "hold_settle")] == [written, written]
    assert all(span.kind is SpanKind.CLIENT for span in [*placed, _named(spans, "transaction")])


async def test_bookings_that_share_a_transaction_are_linked_to_it(shop: Door, exporter: InMemorySpanExporter) -> None:
    starts = [f"2026-11-30T{hour:02}:00:00+02:00" for hour in (10, 11, 15)]
    holds = [await shop.hold("haircut", start, resource="noa") for start in starts]
    exporter.clear()

    await asyncio.gather(*(shop.confirm(hold) for hold in holds))

    spans = exporter.get_finished_spans()
    requests = {span.context.span_id for span in spans if span.kind is SpanKind.SERVER if span.context}
    groups = [span for span in spans if span.name == "write bookings"]
    below = {span.parent.span_id for span in groups if span.parent}
    linked = {link.context.span_id for span in groups for link in span.links}
    assert len(requests) == 3
    assert below | linked == requests
    assert len(below) + len(linked) == 3
    assert len(linked) >= 1


async def test_only_failures_of_the_server_are_errors(shop: Door, exporter: InMemorySpanExporter) -> None:
    await shop.send("GET", "/v1/holds/hld_nobody", status=404)
    await shop.http.get("/no/such/path")
    await shop.http.get("/healthz")

    refused, unmatched = (span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER)
    assert (refused.name, refused.status.status_code) == ("GET /v1/holds/{hold_id}", StatusCode.UNSET)
    # The path itself may name somebody.
    assert unmatched.name == "GET unmatched"


async def test_loops_and_what_is_not_traced_leave_nothing(
    shop: Door, exporter: InMemorySpanExporter, database_url: str, redis_url: str
) -> None:
    with tracing.script("day_read"), tracing.transaction("transaction"):
        pass
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY)) as untraced:
        await untraced.set_up("barbershop")

    assert exporter.get_finished_spans() == ()


async def test_log_lines_of_a_traced_request_name_the_trace(
    shop: Door, exporter: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json")

    await shop.send("GET", "/v1/services", status=200)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    request = _named(exporter.get_finished_spans(), "GET /v1/services")
    assert request.context is not None
    assert line["trace_id"] == f"{request.context.trace_id:032x}"
    assert logging.getLogger().handlers


@asynccontextmanager
async def _collecting() -> AsyncIterator[tuple[str, "Queue[ExportTraceServiceRequest]"]]:
    """A collector of OTLP over HTTP: where it is, and what it was sent."""
    received: Queue[ExportTraceServiceRequest] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


async def test_server_sends_what_it_has_before_it_ends(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with _collecting() as (collector, received):
        settings = {
            "HOLDFAST_TRACING": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            # Only the end is to send them.
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
        }
        async with running_server(database_url, redis_url, tmp_path, **settings) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
                assert (await http.get("/v1/services")).status_code == 401
            server.process.send_signal(signal.SIGTERM)
            assert await server.process.wait() == 0

    sent = received.get_nowait()
    assert received.empty()
    (of_resource,) = sent.resource_spans
    assert {one.key: one.value.string_value for one in of_resource.resource.attributes}["service.name"] == "holdfast"
    assert [span.name for scope in of_resource.scope_spans for span in scope.spans] == ["GET /v1/services"]


class _Hanging(SpanProcessor):
    """Of a collector that takes what it is sent, and never answers."""

    def __init__(self) -> None:
        self.let_go = Event()

    def shutdown(self) -> None:
        self.let_go.wait()


async def test_collector_that_hangs_does_not_keep_the_process_from_ending(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracing, "LAST_SPANS_SECONDS", 0.05)
    logs.configure("info", "json")
    processor = _Hanging()

    try:
        async with asyncio.timeout(5), tracing.running(processor):
            pass
    finally:
        processor.let_go.set()

    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["level"]) == ("tracing.end_not_sent", "warning")


@pytest.mark.parametrize("absent", ["nothing", "nothing.of.it", "json.nothing", "json.nothing.of.it"])
def test_what_is_half_installed_is_not_installed(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    monkeypatch.setattr(tracing, "_LIBRARIES", ("opentelemetry", absent))

    assert not tracing.is_installed()
