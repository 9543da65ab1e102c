"""An HTTP/1.1 client of one connection at a time, without limits of its own that could hide the engine's."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

PATIENCE_SECONDS: Final = 60.0
"""The longest wait for an answer; longer is as good as none."""
_NO_BODY: Final = frozenset({204, 304})
_MOST_HEADER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, and what it took; status 0 is none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name; the last of a repeated one."""
    body: bytes = b""
    seconds: float = 0.0

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the server said
        """The body as JSON; an empty object where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def code(self) -> str:
        """The code of a problem; empty for any other response."""
        found = self.json
        return str(found.get("code", "")) if isinstance(found, dict) and self.status >= 400 else ""  # noqa: PLR2004


class Client:
    """Sends requests over one connection, which is opened again when the server has closed it."""

    def __init__(self, url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._patience_seconds = patience_seconds
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        """The connection is opened by the first request."""
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connection at once."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read its answer; status 0 where the server gives none in time."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        all_headers = {"Host": f"{self._host}:{self._port}", **(headers or {})}
        if key is not None:
            all_headers["Authorization"] = f"Bearer {key}"
        if body is not None:
            all_headers.setdefault("Content-Type", "application/json")
            all_headers["Content-Length"] = str(len(content))
        head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        sent = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._patience_seconds):
                status, found, answered = await self._exchange(sent, has_answer_body=method != "HEAD")
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            self.close()
            return Answer(status=0, seconds=time.perf_counter() - started)
        if found.get("connection", "").lower() == "close":
            self.close()
        return Answer(status=status, headers=found, body=answered, seconds=time.perf_counter() - started)

    async def _exchange(self, sent: bytes, *, has_answer_body: bool) -> tuple[int, dict[str, str], bytes]:
        was_open = self._writer is not None
        try:
            await self._send(sent)
            assert self._reader is not None
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (OSError, EOFError):
            if not was_open:
                raise
            # The server closed an idle connection just as this request left.
            self.close()
            return await self._exchange(sent, has_answer_body=has_answer_body)
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(status_line.split(" ", 2)[1])
        if status in _NO_BODY or not has_answer_body:
            return status, headers, b""
        if "content-length" in headers:
            return status, headers, await self._reader.readexactly(int(headers["content-length"]))
        return status, headers, await self._read_chunks(self._reader)

    async def _send(self, sent: bytes) -> None:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=_MOST_HEADER_BYTES)
        self._writer.write(sent)
        await self._writer.drain()

    @staticmethod
    async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body
