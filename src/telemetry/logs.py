"""Log lines: an event name and fields, with the fields that the request has bound to the context."""

import logging
import sys
from contextvars import ContextVar
from typing import Final, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from telemetry import tracing

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]

# One for all fields, and changed in place: a request has few lines, and most have none.
_request: Final[ContextVar[dict[str, object]]] = ContextVar("request")
_VALUE_CHARACTERS: Final = 2_000
"""The part of a field that a line has."""
_LINE_CHARACTERS: Final = 16_000
"""The part of all fields together."""
_ALWAYS: Final = frozenset({"event", "level", "logger", "timestamp"})
"""Fields that each line has, whatever else it has."""
_TRACE_CHARACTERS: Final = 16_000
"""The part of a traceback, of which the beginning and the end are kept."""
_CUT: Final = "\n… {} characters are left out …\n"
# Libraries that tell each step at "info" are heard from "warning" on.
_QUIET: Final = ("alembic", "asyncio", "sqlalchemy", "uvicorn.access")


def begin_request(**fields: object) -> None:
    """From here on all lines have these fields: of this task, and of those it starts."""
    _request.set(fields)


def note(**fields: object) -> None:
    """Give the lines of the request more fields, where there is a request; they become text in each line."""
    request = _request.get(None)
    if request is not None:
        request.update(fields)


def configure(level: Level, line_format: Format) -> None:
    """Send every log line of the process, those of the libraries too, to standard error in one form.

    Standard output belongs to what commands print. Calling it again replaces what was set before.
    """
    shared: list[Processor] = [
        _with_request,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(line_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _rendering(line_format: Format) -> list[Processor]:
    # As text: the structured form lists local variables, and so personal data.
    bounded: list[Processor] = [structlog.processors.format_exc_info, _bounded]
    match line_format:
        case "json":
            return [*bounded, _json]
        case "console":
            plain = structlog.dev.plain_traceback
            return [*bounded, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _bounded(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The line with no more of its fields than somebody reads: one fault fills no disk."""
    left, bounded = _LINE_CHARACTERS, dict(event)
    for name, value in event.items():
        if value is None or isinstance(value, bool | int | float):
            continue
        text = value if isinstance(value, str) else str(value)
        if name == "exception":
            most = _TRACE_CHARACTERS
        elif name in _ALWAYS:
            most = _VALUE_CHARACTERS
        else:
            most = min(_VALUE_CHARACTERS, left)
            left -= min(len(text), most)
        if len(text) > most:
            bounded[name] = _shortened(text, most)
    return bounded


def _shortened(text: str, most: int) -> str:
    """Beginning and end of a text, with the number of characters between."""
    half = most // 2
    return text[:half] + _CUT.format(len(text) - 2 * half) + text[len(text) - half :]


# Before anything is configured, as in a tool or a test, structlog would print the local variables of each frame.
if not structlog.is_configured():
    structlog.configure(
        processors=[
            *structlog.get_config()["processors"][:-1],
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


def _with_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # Most requests have no line: only those that have one pay for the text.
    fields = {name: str(value) for name, value in _request.get({}).items()}
    trace_id = tracing.trace_id()
    return {**fields, **({} if trace_id is None else {"trace_id": trace_id}), **event}


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()
