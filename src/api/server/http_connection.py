"""One HTTP connection: uvicorn's, with limits on everything that a client may send or leave.

uvicorn promises none of the parts that are overridden here. `pyproject.toml` bounds its version, and
`tests/contract/test_library_internals.py` names each part.
"""

import asyncio
from typing import Any, Final, cast

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.server.connections import Connections, Queue
from api.shell.early_refusal import EarlyRefusal, refuse

MAX_HEADER_BYTES: Final = 32_768
"""Limit of the header of a request, with its first line. Browsers send 1 to 4 kB, and most servers take 8 to 64."""
MAX_TARGET_BYTES: Final = 8_192
"""Limit of the path and query of a request. The longest that the API has a use for is about 4 kB."""
MAX_HEADERS: Final = 128
"""Limit of the headers of a request. Each costs ten times its bytes of memory."""
MAX_PIPELINED: Final = 32
"""Requests of one connection that wait for the answer to an earlier one."""
_MAX_BYTES_PER_BODY_BYTE: Final = 6
"""A chunk of one byte has five bytes around it."""
_DISCARDED_BYTES: Final = 1_048_576
"""Bytes of a refused request that are read so that the client comes to read its answer."""


class HttpConnection(HttpToolsProtocol):
    """A connection that waits in one of the process's queues whenever it is the client's turn."""

    def __init__(self, *arguments: Any, connections: Connections, **options: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **options)
        self.headers = []
        self.queue: Queue | None = None
        self.body_bytes = 0
        self._all = connections
        self._has_ended = False
        """True once nothing more is read of requests."""
        self._awaited: RequestResponseCycle | None = None
        """uvicorn's state of a request whose body is not complete."""
        self._running: RequestResponseCycle | None = None
        """The answer to the request that the application works on: the latest one, unless others wait behind it."""
        self._header_bytes = 0
        """Received of the header that is being read; too few where it began amid what was received."""
        self._began_amid = False
        self._has_begun = False
        """True while the parser is amid a header, behind its method."""
        self._raw_bytes = 0
        """Received of the body that is being read, with what is around its chunks."""
        self._keep_alive = True
        self._discarded_bytes = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Begin to wait for the first byte."""
        super().connection_made(transport)
        self._all.admit(self, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """End whatever waits for the client."""
        self._all.discard(self)
        running = self._running
        if running is not None and running is not self.cycle and not running.response_complete:
            # uvicorn tells the latest request alone.
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what follows a refusal is dropped."""
        # In pieces, so that a header never has more than its limit before somebody looks.
        while len(data) > (room := MAX_HEADER_BYTES - self._header_bytes) and not self._has_ended:
            self._read(data[:room])
            data = data[room:]
        self._read(data)

    def pause_writing(self) -> None:
        """Give the client a limited time to take its answer."""
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._settle()

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        """Read on in the request's target."""
        if not self._has_begun:
            self._has_begun = True
            self._began_amid = not self._header_bytes
            if self._began_amid:
                self._header_bytes = 1
        self.url += url
        if len(self.url) > MAX_TARGET_BYTES:
            raise self._ended("uri_too_long", f"The path and query have more than {MAX_TARGET_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        """Hand the request over, unless it has too many headers or too many requests wait before it."""
        if len(self.headers) > MAX_HEADERS or (self._began_amid and self._length_of_headers() > MAX_HEADER_BYTES):
            raise self._headers_too_large()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise self._ended("overloaded", f"More than {MAX_PIPELINED} requests wait on this connection.")
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":
            # Such a client takes the interim response for the final one (RFC 9110, 10.1.1).
            self.expect_100_continue = False
        HttpToolsProtocol.on_headers_complete(self)
        self._has_begun = False
        self._header_bytes = self.body_bytes = 0
        if self.scope["http_version"] != "1.1" and self._is_ambiguous():
            self._refuse(EarlyRefusal("malformed_request", "Use HTTP/1.1, or HTTP/1.0 without Transfer-Encoding."))
        elif self.parser.should_upgrade() and self._has_body():
            # The parser would take the body for the other protocol.
            detail = "This server speaks HTTP/1.1 alone: send a request that has a body without Upgrade."
            self._refuse(EarlyRefusal("malformed_request", detail))
        # Trailers are no headers: what follows the body is not part of the request that is being served.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body over."""
        self.body_bytes += len(body)
        super().on_body(body)

    # What uvicorn calls.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's
        """Let the application work on a request."""
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Serve the next request that has come, or wait for it."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
        self._settle()

    def shutdown(self) -> None:
        """Close once the running request is answered, or now."""
        self._keep_alive = False
        super().shutdown()

    def _unsupported_upgrade_warning(self) -> None:
        """Serve the request as it is. The parser reads nothing behind it, so it is the last one."""
        self.cycle.keep_alive = False
        self._has_ended = True

    # What the queues of the process call.

    def abort(self) -> None:
        """Close at once; what runs finds its client gone."""
        self._has_ended = True
        self.transport.abort()

    def refuse_slow(self, detail: str) -> None:
        """Answer that the request came too slowly, and close."""
        self._refuse(EarlyRefusal("request_timeout", detail))

    # Reading.

    def _read(self, piece: bytes) -> None:
        if self._has_ended:
            self._discard(piece)
            return
        if self._awaited is None:
            self._header_bytes += len(piece)
        else:
            self._raw_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        except httptools.HttpParserError:
            # A callback of ours has said what is wrong, or else the parser does not understand it.
            if not self._has_ended:
                self._refuse(EarlyRefusal("malformed_request", "This is not a valid HTTP/1.1 request."))
        self._go_on()

    def _go_on(self) -> None:
        """Wait for what the client has to send next."""
        if self._has_ended:
            return
        if self._header_bytes or self._awaited is not None or self.cycle.more_body or self.flow.write_paused:
            self._judge()
            self._settle()
        elif self.queue is not None:
            # The usual case, without questions: a whole request has come.
            self._all.move(self, None)

    def _judge(self) -> None:
        """Look at a request that is not complete."""
        awaited = self._awaited
        if awaited is not None and not awaited.more_body:
            self._end_body(awaited)
        if self._header_bytes:
            if self._header_bytes >= MAX_HEADER_BYTES or (self._has_begun and len(self.headers) > MAX_HEADERS):
                self._headers_too_large()
        elif self._awaited is None:
            if self.cycle.more_body:
                self._await_body(self.cycle)
        elif self._raw_bytes > MAX_HEADER_BYTES + _MAX_BYTES_PER_BODY_BYTE * self.body_bytes:
            self._refuse(EarlyRefusal("malformed_request", "The body has more around its chunks than in them."))

    def _await_body(self, cycle: RequestResponseCycle) -> None:
        """Let an answer before the end of the body end the connection, since what follows is not worth reading."""
        self._awaited = cycle
        self._raw_bytes = 0
        self._keep_alive = cycle.keep_alive
        cycle.keep_alive = False
        cycle.transport = _lingering(self)

    def _end_body(self, cycle: RequestResponseCycle) -> None:
        """Let the answer to a request that has come whole leave the connection open."""
        self._awaited = None
        self._all.move(self, None)
        if not cycle.response_started:
            cycle.keep_alive = self._keep_alive
            cycle.transport = self.transport

    def _settle(self) -> None:
        """Enter the queue of what the connection waits for."""
        if self.queue is self._all.closing:
            return
        queue = self._queue_now()
        if queue is self.queue:
            return
        self._all.move(self, queue)
        if queue is not None and queue is not self._all.idle:
            self._all.bound(queue)

    def _queue_now(self) -> Queue | None:
        if self.flow.write_paused or self.transport.is_closing():
            return self._all.unread
        if self._awaited is not None and not self._has_ended:
            return self._all.bodies
        if self._header_bytes and not self._has_ended:
            return self._all.headers
        cycle = self._latest_cycle()
        if cycle is None:
            return self._all.silent
        return self._all.idle if cycle.response_complete else None

    def _latest_cycle(self) -> RequestResponseCycle | None:
        """State of the latest request; None if there was none."""
        return self.cycle

    # Refusing.

    def _headers_too_large(self) -> EarlyRefusal:
        return self._ended(
            "headers_too_large",
            f"The headers have more than {MAX_HEADER_BYTES} bytes, or there are more than {MAX_HEADERS}.",
        )

    def _ended(self, code: str, detail: str) -> EarlyRefusal:
        """Refuse the request; to be raised where the parser has to be stopped."""
        refusal = EarlyRefusal(code, detail)
        self._refuse(refusal)
        return refusal

    def _refuse(self, refusal: EarlyRefusal) -> None:
        """Let the application answer so, and read nothing more."""
        self._has_ended = True
        self._all.move(self, None)
        cycle = self._latest_cycle()
        if cycle is not None and cycle.more_body and not self._header_bytes:
            self._await_body(cycle)
            refuse(cast("Scope", cycle.scope), refusal)
            # The application gets an empty part of the body, and asks why (api.shell.request_body).
            cycle.message_event.set()
            return
        self._keep_what_is_known()
        new = self._new_cycle()
        refuse(cast("Scope", new.scope), refusal)
        latest, self.cycle = cycle, new
        if latest is None or latest.response_complete:
            self._start_asgi_task(new, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((new, self.app))

    def _keep_what_is_known(self) -> None:
        """Complete the scope of a request whose header is not complete."""
        if not self._has_begun:
            # Nothing of it came but empty lines.
            self.on_message_begin()
        method = self.parser.get_method() if self.url else b"GET"
        self.scope["method"] = method.decode("ascii")
        path, _, query = self.url.partition(b"?")
        self.scope |= {"path": path.decode("latin-1"), "raw_path": path, "query_string": query}

    def _new_cycle(self) -> RequestResponseCycle:
        cycle = RequestResponseCycle(
            scope=self.scope,
            transport=_lingering(self),
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        return cycle

    def linger(self) -> None:
        """Send no more, and close when the client has done so too, or a moment later."""
        self._has_ended = True
        if self.transport.is_closing():
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        has_sent_all = self.transport.get_write_buffer_size() == 0
        self._all.move(self, self._all.closing if has_sent_all else self._all.unread)

    def _discard(self, piece: bytes) -> None:
        self._discarded_bytes += len(piece)
        if self._discarded_bytes > _DISCARDED_BYTES and self.queue is self._all.closing:
            self.abort()

    def _length_of_headers(self) -> int:
        # A colon, a blank and the end of the line.
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.scope["headers"]
        )

    def _is_ambiguous(self) -> bool:
        if self.scope["http_version"] != "1.0":
            return True
        return any(name == b"transfer-encoding" for name, _ in self.scope["headers"])


def _lingering(connection: HttpConnection) -> asyncio.Transport:
    """The part of a transport that uvicorn needs for an answer."""
    return cast("asyncio.Transport", _LingeringTransport(connection))


class _LingeringTransport:
    """The transport for the answer to a request that was not read to its end."""

    __slots__ = ("_connection",)

    def __init__(self, connection: HttpConnection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.linger()
