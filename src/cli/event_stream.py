"""Client of the stream of events: server-sent events, read line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult

import orjson

# The server sends something every fifteen seconds.
_SILENCE_SECONDS: Final = 45.0
# An event is some hundreds of bytes.
_MOST_BYTES: Final = 1_000_000
_MOST_OF_A_REFUSAL: Final = 10_000
_OK: Final = 200
_FATAL: Final = range(400, 500)
_BUSY: Final = 429


class StreamRefusal(Exception):
    """The server refuses the stream, or sends something else, and would again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One message of a stream."""

    id: str | None
    data: str


def connect(url: SplitResult, *, seconds: float) -> HTTPConnection:
    """A connection to the host of a URL, whose steps take no longer than that."""
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    return kind(url.hostname or "", url.port, timeout=seconds)


def path_of(url: SplitResult) -> str:
    """Path and query of a URL."""
    return f"{url.path or '/'}{'?' + url.query if url.query else ''}"


def follow(url: SplitResult, key: str, after: str | None) -> Iterator[StreamEvent]:
    """Read messages until the stream ends. Raises StreamRefusal, OSError, HTTPException."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = after
    connection = connect(url, seconds=_SILENCE_SECONDS)
    try:
        connection.request("GET", path_of(url), headers=headers)
        response = connection.getresponse()
        if response.status == _OK:
            yield from read_messages(iter(lambda: _read_line(response), b""))
        elif response.status in _FATAL and response.status != _BUSY:
            raise StreamRefusal(
                f"the server answers {response.status}: {refusal_text(response.read(_MOST_OF_A_REFUSAL))}"
            )
        else:
            raise HTTPException(f"the server answers {response.status}")
    finally:
        connection.close()


def refusal_text(body: bytes) -> str:
    """The words of a refusal for a terminal: its detail, or what else the server sends."""
    try:
        detail = orjson.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    return printable(detail if isinstance(detail, str) else body.decode(errors="replace")[:500])


def printable(text: str) -> str:
    """The text without what would command a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _read_line(response: HTTPResponse) -> bytes:
    line = response.readline(_MOST_BYTES)
    if len(line) == _MOST_BYTES:
        raise no_stream()
    return line


def no_stream() -> StreamRefusal:
    """The refusal of what is no stream of events."""
    return StreamRefusal("what the server sends are no events of Holdfast")


def read_messages(lines: Iterable[bytes]) -> Iterator[StreamEvent]:
    """Read messages from the lines of a stream. Comments, and messages without data, are none."""
    event_id: str | None = None
    data: list[str] = []
    for line in lines:
        name, colon, value = line.decode(errors="replace").rstrip("\r\n").partition(":")
        if not name and not colon:
            if data:
                yield StreamEvent(id=event_id, data="\n".join(data))
            data = []
        elif name == "id":
            event_id = value.removeprefix(" ")
        elif name == "data":
            data.append(value.removeprefix(" "))
