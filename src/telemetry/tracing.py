"""Spans of requests, scripts and transactions for OpenTelemetry, and nothing at all unless tracing was begun.

Names and attributes follow OpenTelemetry's semantic conventions for HTTP servers and database clients, as far as they
have some.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Link, Span, SpanKind, Tracer

    TraceContext = Context
    """A point in a trace, for spans that begin elsewhere."""

SERVICE: Final = "holdfast"
# Reusable, so being off costs a comparison.
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()
_SERVER_ERROR: Final = 500
_LIBRARIES: Final = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
# What the last spans are waited for when the process ends. A collector that lives takes some milliseconds; the library
# itself would wait half a minute for one that hangs, and whoever stops the process kills it before that.
LAST_SPANS_SECONDS: Final = 2.0
_log: Final = structlog.get_logger(__name__)
_tracer: Tracer | None = None


def is_installed() -> bool:
    """True if the extra `tracing` is installed."""
    try:
        return all(find_spec(name) is not None for name in _LIBRARIES)
    except ModuleNotFoundError:
        # Of a package in a package that is not there.
        return False


@asynccontextmanager
async def running(processor: SpanProcessor | None = None) -> AsyncIterator[None]:
    """Trace what happens in the process while the block lasts, and send the rest of it at the end, if that is quick.

    Where to, how, and how much of it is said by OpenTelemetry's own variables, OTEL_EXPORTER_OTLP_ENDPOINT and
    OTEL_TRACES_SAMPLER among them; `processor`: to this one instead.
    """
    global _tracer  # noqa: PLW0603 - of the process, as what the library keeps is
    provider = _provider(processor)
    _tracer = provider.get_tracer(SERVICE)
    try:
        yield
    finally:
        _tracer = None
        await _send_the_rest(provider)


def request(method: str, headers: Mapping[bytes, bytes]) -> AbstractContextManager[Request | None]:
    """The span of an HTTP request, below the caller's if the headers name one; None while tracing is off."""
    return _NOTHING if _tracer is None else _request(_tracer, method, headers)


def script(name: str) -> AbstractContextManager[object]:
    """The span of a call to Redis, on behalf of a request."""
    if _tracer is None:
        return _NOTHING
    return _client(_tracer, name, {"db.system.name": "redis", "db.stored_procedure.name": name})


def transaction(name: str) -> AbstractContextManager[object]:
    """The span of a transaction in Postgres on behalf of a request, from taking a connection to the commit."""
    if _tracer is None:
        return _NOTHING
    return _client(_tracer, name, {"db.system.name": "postgresql"})


def here() -> TraceContext | None:
    """The current point of the trace; None while tracing is off."""
    if _tracer is None:
        return None
    from opentelemetry import context  # noqa: PLC0415 - only who traces needs it

    return context.get_current()


def trace_id() -> str | None:
    """By which a trace is found; None outside of any."""
    if _tracer is None:
        return None
    from opentelemetry.trace import INVALID_SPAN, format_trace_id, get_current_span  # noqa: PLC0415 - as above

    span = get_current_span()
    return None if span is INVALID_SPAN else format_trace_id(span.get_span_context().trace_id)


def shared(name: str, contexts: Iterable[TraceContext | None]) -> AbstractContextManager[object]:
    """The span of work that is done for several requests at once: it is the first one's, and linked to the others."""
    existing = [place for place in contexts if place is not None]
    return _NOTHING if _tracer is None or not existing else _shared(_tracer, name, existing)


class Request:
    """The span of a request that is being answered."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, method: str, route: str, status: int, attributes: Mapping[str, str]) -> None:
        """Record the outcome. Names in `attributes` get the prefix `holdfast.`."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes({"http.route": route, "http.response.status_code": status})
        self._span.set_attributes({f"holdfast.{name}": value for name, value in attributes.items()})
        if status >= _SERVER_ERROR:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

            # What the client did wrong is no error of the server (HTTP semantic conventions, Status).
            self._span.set_status(StatusCode.ERROR)


@contextmanager
def _request(tracer: Tracer, method: str, headers: Mapping[bytes, bytes]) -> Iterator[Request]:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - as above
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier = {
        name: headers[name.encode()].decode("latin-1")
        for name in ("traceparent", "tracestate")
        if name.encode() in headers
    }
    with _span(
        tracer,
        method,
        context=TraceContextTextMapPropagator().extract(carrier),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method},
    ) as span:
        yield Request(span)


def _client(tracer: Tracer, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]:
    from opentelemetry.trace import INVALID_SPAN, SpanKind, get_current_span  # noqa: PLC0415 - as above

    if get_current_span() is INVALID_SPAN:
        # The background loops ask several times a second, which is no story to be told.
        return _NOTHING
    return _span(tracer, name, kind=SpanKind.CLIENT, attributes=attributes)


def _shared(tracer: Tracer, name: str, contexts: list[TraceContext]) -> AbstractContextManager[object]:
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415 - as above

    first, *others = contexts
    links = [Link(get_current_span(place).get_span_context()) for place in others]
    return _span(tracer, name, context=first, links=links)


@contextmanager
def _span(
    tracer: Tracer,
    name: str,
    *,
    kind: SpanKind | None = None,
    context: Context | None = None,
    attributes: Mapping[str, str] | None = None,
    links: Sequence[Link] = (),
) -> Iterator[Span]:
    """A span that names the type of an error alone: its text may quote what a client sent, and with it a person."""
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - as above

    with tracer.start_as_current_span(
        name,
        context,
        kind or SpanKind.INTERNAL,
        attributes,
        links,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise


async def _send_the_rest(provider: TracerProvider) -> None:
    """Wait for the network, but not for ever; a thread of the loop's would be waited for when the loop is closed."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def shut_down() -> None:
        try:
            provider.shutdown()
        finally:
            # Nobody waits any more where the loop is closed.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

    Thread(target=shut_down, name="tracing-end", daemon=True).start()
    try:
        async with asyncio.timeout(LAST_SPANS_SECONDS):
            await done.wait()
    except TimeoutError:
        _log.warning("tracing.end_not_sent", waited_seconds=LAST_SPANS_SECONDS)


def _provider(processor: SpanProcessor | None) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    # Resource.create lets OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    return provider
